"""How a run ends: each ending is an exception with the exit code and the status word that the episode keeps.

RunEnded
├── Done               0   the task is done
├── GaveUp             1   the model says that it cannot be done
├── LimitReached       3   steps, seconds or tokens ran out
├── Stuck              4   the same thing again and again
├── UserNeeded         5   only the user can go on
├── ModelUnreachable   6   the model cannot be reached, or died
├── DisplayLost        1   the screen is gone and did not come back
├── RecordingFailed    1   the episode cannot be written: disk full, folder gone
└── Stopped          130   Ctrl-C, the kill switch, or the approver

ActionRefused is not an ending: one action cannot be done here, and the model is told why.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import ClassVar

from actions.space import Action, CallUser, Failed, Finished


class RunEnded(Exception):
    """A run is over; the message says why in words for the user."""

    exit_code: ClassVar[int]
    status: ClassVar[str]

    @property
    def message(self) -> str:
        return str(self)


class Done(RunEnded):
    """The task is done."""

    exit_code = 0
    status = "done"


class GaveUp(RunEnded):
    """The model says that the task cannot be done."""

    exit_code = 1
    status = "gave_up"


class LimitReached(RunEnded):
    """A limit on steps, seconds or tokens was reached."""

    exit_code = 3
    status = "limit_reached"


class Stuck(RunEnded):
    """The same actions change nothing, again and again."""

    exit_code = 4
    status = "stuck"


class UserNeeded(RunEnded):
    """Only the user can go on; the message is the question."""

    exit_code = 5
    status = "user_needed"


class ModelUnreachable(RunEnded):
    """The model cannot be reached, or died."""

    exit_code = 6
    status = "model_unreachable"


class DisplayLost(RunEnded):
    """The screen is gone and did not come back."""

    exit_code = 1
    status = "display_lost"


class RecordingFailed(RunEnded):
    """The episode cannot be written."""

    exit_code = 1
    status = "recording_failed"


class Stopped(RunEnded):
    """The user stopped the run."""

    exit_code = 130
    status = "stopped"


class ActionRefused(Exception):
    """One action cannot be done on this computer; the message says why."""


def performable(actions: Sequence[Action]) -> tuple[Action, ...]:
    """The actions before the first that ends the task."""
    return tuple(takewhile(lambda action: not isinstance(action, Finished | Failed | CallUser), actions))


def raise_ending(actions: Sequence[Action]) -> None:
    """End the run when one of `actions` says so.

    Raises:
        Done, GaveUp, UserNeeded: the first action that ends the task, with its words.
    """
    for action in actions:
        match action:
            case Finished(answer=answer):
                raise Done(answer or "the task is done")
            case Failed(reason=reason):
                raise GaveUp(reason or "the model says that the task cannot be done")
            case CallUser(question=question):
                raise UserNeeded(question or "the model asks for the user")
