"""What a run order says of safety: its policy, its secrets, and who can be asked."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deftly.run_order import MiniWobTask, RunOrder

if TYPE_CHECKING:
    from agent.computers.base import Computer
    from agent.safety.policy_approval import AskBecause
    from agent.safety.rules import SafetyPolicy
    from agent.safety.safeguards import Safeguards
    from agent.safety.secrets import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """A policy and secrets, read before anything is started."""

    policy: SafetyPolicy
    vault: Vault

    def of(self, computer: Computer, order: RunOrder, *, may_ask: bool = True) -> Safeguards:
        """The safeguards of a run on `computer`; without `may_ask` nobody is at the terminal, whatever it looks like.

        Raises:
            SecretError: there are secrets, and this computer cannot type them.
        """
        from agent.safety.safeguards import guard

        return guard(computer, self.policy, mode=order.mode, ask_because=_who_is_asked(order.mode) if may_ask else None, vault=self.vault)


def read_protection(order: RunOrder) -> Protection:
    """The policy that `order` names, or the user's own, or the built-in default; and its secrets.

    Raises:
        PolicyError, SecretError: one of them cannot be used.
    """
    from agent.safety.policy_file import load_policy
    from agent.safety.secrets import read_secrets

    # A MiniWoB++ page is a file of this machine in a browser of its own: there is nothing to lose, and "delete" is what it is about.
    name = order.policy or ("none" if isinstance(order.where, MiniWobTask) else None)
    return Protection(policy=load_policy(name), vault=read_secrets(order.secrets))


def _who_is_asked(mode: str) -> AskBecause | None:
    """Whoever sits at the terminal. `confirm` was told to ask, and hears from its input that nobody is there."""
    from agent.approval import TerminalAsk

    return TerminalAsk().because if mode == "confirm" or sys.stdin.isatty() else None
