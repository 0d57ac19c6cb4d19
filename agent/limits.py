"""When to stop a run that does not stop by itself: steps, seconds, repeats, and answers that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actions.space import TakeScreenshot, Wait
from agent.endings import GaveUp, LimitReached, Stuck
from agent.sameness import same_screen
from agent.step import Step

RECENT = 8  # steps whose pixels are still at hand; older screens count when they are the very same
WAITS_FOR_ONE_REPEAT = 3  # a page may load slowly: waiting is no sign of being stuck until it is done three times as often


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`None` is no limit.

    `repeats`: the same actions on the same screen, so many times in an episode, are stuck. `errors`: unreadable answers in a row.
    `stale`: how often in a step an answer is dropped because the screen has changed meanwhile. `wait`: the longest single wait.
    """

    steps: int | None = 50
    seconds: float | None = None
    repeats: int | None = 3
    errors: int = 3
    stale: int = 2
    wait: float = 60.0

    def __post_init__(self) -> None:
        for name in ("steps", "seconds", "repeats", "errors"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"limits.{name} is {value!r}: it must be above 0")
        for name in ("stale", "wait"):
            if getattr(self, name) < 0:
                raise ValueError(f"limits.{name} is {getattr(self, name)!r}: it must be 0 or more")

    def check(self, steps: Sequence[Step], seconds: float) -> None:
        """End the run when a limit is reached, before another step.

        Raises:
            LimitReached: no steps or no time are left.
            Stuck: the last step has been done too often.
            GaveUp: the last answers could not be read.
        """
        check_errors(steps, self.errors)
        self._check_repeats(steps)
        if self.steps is not None and len(steps) >= self.steps:
            raise LimitReached(f"{self.steps} steps were not enough")
        if self.seconds is not None and seconds >= self.seconds:
            raise LimitReached(f"{self.seconds:g} seconds were not enough: {len(steps)} steps were made")

    def _check_repeats(self, steps: Sequence[Step]) -> None:
        times = repeats(steps)
        if self.repeats is None or not times:
            return
        only_waits = all(isinstance(action, Wait | TakeScreenshot) for action in steps[-1].prediction.actions)
        if times >= self.repeats * (WAITS_FOR_ONE_REPEAT if only_waits else 1):
            raise Stuck(f"the same actions were decided {times} times on the same screen")


def check_errors(steps: Sequence[Step], allowed: int) -> None:
    """End the run when the last `allowed` answers could not be read.

    Raises:
        GaveUp: so it is.
    """
    last = steps[-allowed:]
    if len(last) == allowed and all(step.prediction.error is not None for step in last):
        raise GaveUp(f"the model's answers could not be read {allowed} times in a row; the last: {last[-1].prediction.error}")


def repeats(steps: Sequence[Step]) -> int:
    """How often the last step's actions have been decided on the same screen, that step included; 0 when it decided none.

    A clock, a spinner or a caret does not make it another screen.
    """
    if not steps or not steps[-1].prediction.actions:
        return 0
    last = steps[-1]
    alike = [step for step in steps if step.prediction.actions == last.prediction.actions]
    recent = steps[-RECENT].index if len(steps) >= RECENT else 0
    return sum(same_screen(step, last) if step.index >= recent else step.seen.sha256 == last.seen.sha256 for step in alike)
