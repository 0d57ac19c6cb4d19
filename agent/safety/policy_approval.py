"""An approval that keeps to a policy, in every mode: what it refuses is refused, what it wants confirmed is asked or ends the run.

    auto       allowed actions happen; those to be confirmed are asked about, and where nobody can be asked the run ends: the user is needed
    confirm    every action that is not refused is asked about, with the rules that have something to say
    dry-run    nothing happens; what the policy would have said is noted

The policy speaks once more at the last moment (`admit`), since what an action reaches may have changed. A person's word holds for the
rules that were shown to them, and for no others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actions.space import Action
from actions.wire import action_to_json
from agent.approval import MODES, Answer, Approval, Approve, Ask, Modify, Reject, Stop, Verdict, describe
from agent.endings import Stopped, UserNeeded
from agent.safety.judge import Judge, Ruling
from agent.screenshot import Screenshot

AskBecause = Callable[[str], Ask]
Note = Callable[..., None]  # writes an event to the audit log


class PolicyApproval(Approval):
    """Judges by `judge` in `mode`; `ask_because` gives who is asked, told why, and is `None` where nobody can be."""

    def __init__(self, judge: Judge, mode: str, ask_because: AskBecause | None, note: Note) -> None:
        if mode not in MODES:
            raise ValueError(f"approval is {mode!r}: it must be one of {', '.join(MODES)}")
        self._judge = judge
        self._mode = mode
        self._ask_because = ask_because
        self._note = note
        self._granted: list[tuple[Action, frozenset[str]]] = []  # what a person allowed in this step, and past which rules
        self._theirs: list[Action] = []  # what a person wrote in this step: the model's thought says nothing of it

    @property
    def performs(self) -> bool:
        return self._mode != "dry-run"

    def judge(self, actions: Sequence[Action], seen: Screenshot, thought: str = "") -> Verdict:
        self._granted, self._theirs = [], []
        if self._mode == "auto":
            return Verdict(actions=tuple(actions))  # each is judged when its turn comes
        if self._mode == "dry-run":
            return Verdict(actions=(), notes=tuple(note for action in actions if (note := self._rehearsed(action, thought))))
        allowed: list[Action] = []
        feedback: list[str] = []
        for action in actions:
            verdict = self._heard(action, seen, self._rule_on(action, thought))
            allowed += verdict.actions
            feedback += verdict.feedback
            if not verdict.actions:
                break
        return Verdict(actions=tuple(allowed), feedback=tuple(feedback))

    def admit(self, action: Action, seen: Screenshot, thought: str = "") -> Verdict:
        ruling = self._rule_on(action, "" if any(action is theirs for theirs in self._theirs) else thought)
        granted = {rules for allowed, rules in self._granted if allowed is action}
        if ruling.verdict != "refuse" and any(rules >= frozenset(ruling.rules) for rules in granted):
            return Verdict(actions=(action,))
        if ruling.verdict == "allow":
            return Verdict(actions=(action,))
        return self._heard(action, seen, ruling)

    def did(self, action: Action) -> None:
        self._judge.hands.did(action)

    def _rule_on(self, action: Action, thought: str) -> Ruling:
        ruling = self._judge.rule_on(action, thought)
        self._note("verdict", action=action_to_json(action), verdict=ruling.verdict, rules=list(ruling.rules), reason=ruling.reason)
        return ruling

    def _rehearsed(self, action: Action, thought: str) -> str:
        ruling = self._rule_on(action, thought)
        would = {"refuse": "refuse", "confirm": "ask before"}.get(ruling.verdict)
        return f"the policy would {would} {describe(action)} by {ruling.words}" if would else ""

    def _heard(self, action: Action, seen: Screenshot, ruling: Ruling) -> Verdict:
        """What becomes of `action` once whoever has to has been asked."""
        if ruling.verdict == "refuse":
            return Verdict(actions=(), feedback=(f"{action.type} was refused by {ruling.words}",))
        if self._ask_because is None:
            raise UserNeeded(f"may I do this? {describe(action)}. It needs your word by {ruling.words}")
        why = ruling.words if ruling.verdict == "confirm" else ""
        answer = self._ask_because(why)(action, seen)
        self._note("answer", by="user", answer=type(answer).__name__.lower(), action=action_to_json(action), **_told(answer))
        return self._followed(answer, action, ruling)

    def _followed(self, answer: Answer, action: Action, ruling: Ruling) -> Verdict:
        match answer:
            case Approve():
                self._granted.append((action, frozenset(ruling.rules)))
                return Verdict(actions=(action,))
            case Modify(changed):
                return self._changed(action, changed)
            case Reject(reason):
                return Verdict(actions=(), feedback=(f"The user rejected {describe(action)}" + (f": {reason}" if reason else "."),))
            case Stop(reason):
                raise Stopped(reason or "stopped by the user instead of approving an action")

    def _changed(self, action: Action, changed: Action) -> Verdict:
        """What a person wrote needs no further word of theirs, but nobody goes past a refusal. The model's thought was not about it."""
        ruling = self._rule_on(changed, "")
        if ruling.verdict == "refuse":
            return Verdict(actions=(), feedback=(f"{changed.type} was refused by {ruling.words}",))
        self._granted.append((changed, frozenset(ruling.rules)))
        self._theirs.append(changed)
        return Verdict(actions=(changed,), feedback=(f"The user changed {describe(action)} to {describe(changed)}.",))


def _told(answer: Answer) -> dict[str, object]:
    match answer:
        case Modify(changed):
            return {"changed": action_to_json(changed)}
        case Reject(reason) | Stop(reason):
            return {"reason": reason}
    return {}
