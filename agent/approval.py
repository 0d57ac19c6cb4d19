"""Who may say no: every action is judged before it happens. `auto` allows all, `confirm` asks a person, `dry-run` performs none."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from actions.space import Action
from actions.wire import action_from_json, action_to_json
from agent.endings import Stopped
from agent.screenshot import Screenshot

MODES = ("auto", "confirm", "dry-run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The actions that may happen, what the model is told when they are not the ones it decided, and notes for people."""

    actions: tuple[Action, ...]
    feedback: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Approval(Protocol):
    """Judges actions before they happen."""

    @property
    def performs(self) -> bool:
        """Whether anything is ever performed."""
        ...

    def judge(self, actions: Sequence[Action], seen: Screenshot, thought: str = "") -> Verdict:
        """Which of `actions`, decided with `thought` on `seen`, may happen.

        Raises:
            Stopped: none, and the run is over.
            UserNeeded: only the user can say, and is not there.
        """
        ...

    def admit(self, action: Action, seen: Screenshot, thought: str = "") -> Verdict:
        """Whether `action` may still happen, asked just before it does: those before it may have changed what it would reach.

        Raises:
            Stopped, UserNeeded: as `judge`.
        """
        return Verdict(actions=(action,))

    def did(self, action: Action) -> None:
        """`action` has happened."""
        return


class Auto(Approval):
    """Everything may happen."""

    performs = True

    def judge(self, actions: Sequence[Action], seen: Screenshot, thought: str = "") -> Verdict:
        return Verdict(actions=tuple(actions))


class DryRun(Approval):
    """Nothing happens; what would have is in the episode."""

    performs = False

    def judge(self, actions: Sequence[Action], seen: Screenshot, thought: str = "") -> Verdict:
        return Verdict(actions=())


@dataclass(frozen=True, slots=True)
class Approve:
    """The action may happen."""


@dataclass(frozen=True, slots=True)
class Modify:
    """`action` happens instead."""

    action: Action


@dataclass(frozen=True, slots=True)
class Reject:
    """The action does not happen, nor those after it; the model is told `reason`."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """The run is over."""

    reason: str = ""


Answer = Approve | Modify | Reject | Stop
Ask = Callable[[Action, Screenshot], Answer]


class Confirm(Approval):
    """`ask` is called for each action: in the terminal, or wherever a person can answer."""

    performs = True

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def judge(self, actions: Sequence[Action], seen: Screenshot, thought: str = "") -> Verdict:
        allowed: list[Action] = []
        feedback: list[str] = []
        for action in actions:
            match self._ask(action, seen):
                case Approve():
                    allowed.append(action)
                case Modify(changed):
                    allowed.append(changed)
                    feedback.append(f"The user changed {describe(action)} to {describe(changed)}.")
                case Reject(reason):
                    feedback.append(f"The user rejected {describe(action)}" + (f": {reason}" if reason else "."))
                    break
                case Stop(reason):
                    raise Stopped(reason or "stopped by the user instead of approving an action")
        return Verdict(actions=tuple(allowed), feedback=tuple(feedback))


class TerminalAsk:
    """Asks on a terminal, one action at a time: y, n with a reason, m with the action's JSON, or q."""

    PROMPT = "  [y]es  [n]o REASON  [m]odify JSON  [q]uit > "

    def __init__(self, source: TextIO | None = None, sink: TextIO | None = None) -> None:
        self._source = source or sys.stdin
        self._sink = sink or sys.stderr

    def because(self, why: str) -> Ask:
        """The same, with a word on why somebody is asked."""
        return lambda action, seen: self._ask(action, why)

    def __call__(self, action: Action, seen: Screenshot) -> Answer:
        return self._ask(action, "")

    def _ask(self, action: Action, why: str) -> Answer:
        self._say(f"about to: {describe(action)}\n" + (f"  because of {_plain(why)}\n" if why else ""))
        while True:
            self._say(self.PROMPT)
            line = self._source.readline()
            if not line:
                return Stop("nobody is at the terminal to approve an action")
            answer = self._read(line.strip())
            if answer is not None:
                return answer

    def _read(self, line: str) -> Answer | None:
        word, _, rest = line.partition(" ")
        match word.lower():
            case "y" | "yes":
                return Approve()
            case "n" | "no":
                return Reject(rest.strip())
            case "q" | "quit":
                return Stop(rest.strip())
            case "m" | "modify":
                return self._read_modified(rest)
        self._say("  answer y, n, m or q\n")
        return None

    def _read_modified(self, text: str) -> Answer | None:
        try:
            return Modify(action_from_json(json.loads(text)))
        except ValueError as error:
            self._say(f"  not an action: {error}\n")
            return None

    def _say(self, text: str) -> None:
        self._sink.write(text)
        self._sink.flush()


def open_approval(mode: str, ask: Ask | None = None) -> Approval:
    """The approval called `mode`; `confirm` asks by `ask`, in the terminal when there is none.

    Raises:
        ValueError: there is no such mode.
    """
    match mode:
        case "auto":
            return Auto()
        case "confirm":
            return Confirm(ask or TerminalAsk())
        case "dry-run":
            return DryRun()
    raise ValueError(f"approval is {mode!r}: it must be one of {', '.join(MODES)}")


def describe(action: Action) -> str:
    """`action` as JSON, safe for a terminal."""
    return _plain(json.dumps(action_to_json(action), ensure_ascii=False))


def _plain(text: str) -> str:
    """`text` without what would move a cursor, or turn the direction of what is read: it may hold words of a page."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
