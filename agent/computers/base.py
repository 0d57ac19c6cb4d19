"""The protocol that every computer keeps: look, act, say what changed, let go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from actions.geometry import Geometry
from actions.space import Action
from agent.screenshot import Screenshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What really happened when an action was performed: the action as done (clipped, shortened), its time, and what to know about it."""

    action: Action
    seconds: float
    note: str = ""


class Computer(Protocol):
    """A screen with hands. Safe to `close` twice; `geometry` is readable while disconnected."""

    @property
    def geometry(self) -> Geometry:
        """Where the watched region lies and how large it is, as of the last screenshot."""
        ...

    def screenshot(self) -> Screenshot:
        """The screen once it has settled after whatever was last performed.

        Raises:
            DisplayLost: the display is gone and did not come back.
        """
        ...

    def perform(self, action: Action) -> Outcome:
        """Do `action` with real events; returns what was actually done.

        Raises:
            DisplayLost: the display is gone.
            ActionRefused: the action cannot be done on this computer.
        """
        ...

    def stale(self, seen: Screenshot, actions: tuple[Action, ...]) -> str | None:
        """Why `actions`, decided on `seen`, no longer fit what the screen shows now; `None` when they do."""
        ...

    def release_all(self) -> None:
        """Release every key and button that is held."""
        ...

    def close(self) -> None:
        """Release everything and disconnect."""
        ...
