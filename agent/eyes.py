"""The protocol that eyes keep: grab what a screen shows now, say where it lies, and how often it has gone away."""

from __future__ import annotations

from typing import Protocol

from actions.geometry import Geometry
from agent.screenshot import Raw


class Eyes(Protocol):
    """Looks at one screen for as long as it lives; `Capture` is the one for local displays."""

    @property
    def losses(self) -> int:
        """How often the screen has gone away and come back."""
        ...

    @property
    def geometry(self) -> Geometry:
        """What is watched, as of the last grab; readable while disconnected."""
        ...

    def grab_raw(self) -> Raw:
        """What the screen shows now.

        Raises:
            DisplayLost: it is gone and did not come back.
        """
        ...

    def close(self) -> None:
        """Disconnect. Safe to call twice."""
        ...
