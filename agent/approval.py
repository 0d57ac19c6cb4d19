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
    """The actions that may happen, and what the model is told when they are not the ones it decided."""

    actions: tuple[Action, ...]
    feedback: tuple[str, ...] = ()


class Approval(Protocol):
    """Judges actions before they happen."""

    @property
    def performs(self) -> bool:
        """Whether anything is ever performed."""
        ...

    def judge(self, actions: Sequence[Action], seen: Screenshot) -> Verdict:
        """Which of `actions` may happen.

        Raises:
            Stopped: none, and the run is over.
        """
        ...


class Auto:
    """Everything may happen."""

    performs = True

    def judge(self, actions: Sequence[Action], seen: Screenshot) -> Verdict:
        return Verdict(actions=tuple(actions))


class DryRun:
    """Nothing happens; what would have is in the episode."""

    performs = False

    def judge(self, actions: Sequence[Action], seen: Screenshot) -> Verdict:
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


class Confirm:
    """`ask` is called for each action: in the terminal, or wherever a person can answer."""

    performs = True

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def judge(self, actions: Sequence[Action], seen: Screenshot) -> Verdict:
        allowed: list[Action] = []
        feedback: list[str] = []
        for action in actions:
            match self._ask(action, seen):
                case Approve():
                    allowed.append(action)
                case Modify(changed):
                    allowed.append(changed)
                    feedback.append(f"The user changed {_words(action)} to {_words(changed)}.")
                case Reject(reason):
                    feedback.append(f"The user rejected {_words(action)}" + (f": {reason}" if reason else "."))
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

    def __call__(self, action: Action, seen: Screenshot) -> Answer:
        self._say(f"about to: {json.dumps(action_to_json(action), ensure_ascii=False)}\n")
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


def _words(action: Action) -> str:
    return json.dumps(action_to_json(action), ensure_ascii=False)
