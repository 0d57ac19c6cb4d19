"""Everything that keeps a run safe, in one place: its policy, who is asked, its secrets, what is hidden, and the audit log."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agent.approval import Approval, Auto
from agent.computers.screen import ScreenComputer
from agent.endings import RecordingFailed

if TYPE_CHECKING:
    from agent.computers.base import Computer
    from agent.episode import Episode
    from agent.policy import Policy
    from agent.safety.audit import AuditLog
    from agent.safety.place import Scene
    from agent.safety.policy_approval import AskBecause
    from agent.safety.redaction import Redactor, Views
    from agent.safety.rules import SafetyPolicy
    from agent.safety.secrets import Vault
    from agent.screenshot import Screenshot


class Safeguards:
    """None at all, until `guard` makes them for a computer and a policy."""

    def __init__(self, approval: Approval | None = None, redactor: Redactor | None = None, vault: Vault | None = None) -> None:
        self.approval = approval or Auto()
        self.policy_name: str | None = None
        self._redactor = redactor
        self._vault = vault
        self._log: AuditLog | None = None
        self._scene: Scene | None = None

    def clean(self, text: str) -> str:
        """`text` without secrets."""
        return self._vault.clean(text) if self._vault else text

    def views_of(self, seen: Screenshot) -> Views:
        """`seen` as the model and the recording may have it."""
        from agent.safety.redaction import Views

        return self._redactor.views_of(seen) if self._redactor else Views(model=seen, recording=seen)

    def about(self) -> dict[str, Any]:
        """For the episode's meta."""
        return {} if self.policy_name is None else {"policy": self.policy_name, "secrets": list(self._vault.names if self._vault else ())}

    def begin(self, episode: Episode) -> None:
        """Start the audit log of `episode`.

        Raises:
            RecordingFailed: it cannot be written.
        """
        if self.policy_name is None:
            return
        from agent.safety.audit import AuditLog

        self._log = AuditLog(episode.path, self.clean)
        self.note("start", task=episode.task, **self.about())

    def note(self, event: str, **told: object) -> None:
        """Write `event` to the audit log, where there is one.

        Raises:
            RecordingFailed: it cannot be written.
        """
        if self._log:
            self._log.write(event, **told)

    def end(self, episode: Episode) -> None:
        """Close the audit log of `episode`."""
        end = episode.ended
        with suppress(RecordingFailed):  # how the run ended has been told already
            if end:
                self.note("end", status=end.status, exit_code=end.exit_code, message=end.message)
        self._log = None
        if self._scene:
            self._scene.close()


def guard(
    computer: Computer, policy: SafetyPolicy, *, mode: str = "auto", ask_because: AskBecause | None = None, vault: Vault | None = None
) -> Safeguards:
    """The safeguards of `policy` on `computer`, whose hands can type the secrets in `vault` from now on.

    Raises:
        SecretError: there are secrets, and this computer cannot type them.
    """
    from agent.safety.judge import Judge
    from agent.safety.place import scene_of
    from agent.safety.policy_approval import PolicyApproval
    from agent.safety.redaction import Redactor
    from agent.safety.secrets import SecretError, SecretHands

    scene = scene_of(computer)
    safeguards = Safeguards(redactor=Redactor(policy, scene), vault=vault)
    safeguards.policy_name, safeguards._scene = policy.name, scene
    safeguards.approval = PolicyApproval(Judge(policy, scene), mode, ask_because, safeguards.note)
    if vault and vault.names:
        if not isinstance(computer, ScreenComputer):
            raise SecretError(f"secrets cannot be typed on {type(computer).__name__}: type them on the machine that serves it")
        computer.wrap_hands(lambda hands: SecretHands(hands, vault, policy, scene, safeguards.note))
    return safeguards


def told_of_secrets(policy: Policy, vault: Vault | None) -> Policy:
    """`policy`, told the names of the secrets in `vault`."""
    from agent.safety.secrets import ToldOfSecrets

    return ToldOfSecrets(policy, vault) if vault and vault.names else policy
