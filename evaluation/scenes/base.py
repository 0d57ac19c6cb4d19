"""What a scene offers: events, each an action on a real program, and how to put things back as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from actions.geometry import Geometry, Point
from actions.space import Action
from agent.capture import Capture


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One action on a program, named for how the program answers it. `undo` puts everything back, and may take its time."""

    name: str
    action: Action
    undo: Callable[[], None]


class SceneError(RuntimeError):
    """A scene did not come up; the message says which part of it."""


def point_at(x_px: float, y_px: float, desktop: Geometry) -> Point:
    """The point at a desktop pixel."""
    return Point.from_pixel(x_px - desktop.left, y_px - desktop.top, desktop.size)


def find_colour(capture: Capture, colour: tuple[int, int, int], least_px: int = 400) -> Point | None:
    """The middle of what is shown in exactly `colour`; `None` when there is less of it than `least_px`."""
    rows, columns = np.nonzero((capture.grab().rgb == colour).all(axis=2))
    return point_at(float(np.median(columns)), float(np.median(rows)), capture.geometry) if rows.size >= least_px else None
