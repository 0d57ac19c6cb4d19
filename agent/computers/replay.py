"""A recorded episode as a computer: it shows what was seen then, whatever is done now, and performs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from actions.geometry import Geometry
from actions.space import Action, CallUser, Failed, Finished, TakeScreenshot, Wait
from agent.computers.base import Outcome
from agent.endings import ActionRefused
from agent.screenshot import Screenshot
from agent.step import Step


class ReplayComputer:
    """Shows the screens of `steps` in order, the next one after anything was done; the last one stays. `performed` keeps what was done."""

    def __init__(self, steps: Sequence[Step]) -> None:
        if not steps:
            raise ValueError("there is nothing to replay: the episode has no steps")
        self._screens = [step.seen for step in steps]
        self._at = 0
        self._moved = False
        self.performed: list[Action] = []

    @property
    def geometry(self) -> Geometry:
        return self._screens[self._at].geometry

    def screenshot(self) -> Screenshot:
        if self._moved and self._at < len(self._screens) - 1:
            self._at += 1
        self._moved = False
        return self._screens[self._at]

    def perform(self, action: Action) -> Outcome:
        if isinstance(action, Finished | Failed | CallUser):
            raise ActionRefused(f"{action.type} ends a task: there is nothing for a hand to do")
        self.performed.append(action)
        self._moved = True
        note = "" if isinstance(action, Wait | TakeScreenshot) else "replayed: nothing was touched"
        return Outcome(action=action, seconds=0.0, note=note)

    def stale(self, seen: Screenshot, actions: tuple[Action, ...]) -> str | None:
        return None

    def release_all(self) -> None:
        """Nothing is ever held."""

    def close(self) -> None:
        """Nothing is open."""
