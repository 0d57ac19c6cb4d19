"""Watching while the model thinks: a thread learns what the screen does by itself, so that only news makes an answer stale."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from actions.geometry import Geometry, Point
from actions.space import Action, Drag
from agent.capture import Capture
from agent.change import Rect, around, changed_rects, share
from agent.endings import DisplayLost
from agent.eyes import Eyes
from agent.habits import Habits
from agent.screenshot import Raw

LOOK_SECONDS = 0.1  # costs about 2 ms of processor time a look at 1920x1080
BIG_SHARE = 0.01  # of the screen: more than this, and the model decided on another screen
NEAR_PX = 32


class Watcher:
    """One thread that watches between `watch` and `rest`, with eyes of its own, made by `open_eyes`: some are bound to a thread."""

    def __init__(self, display: str | None = None, region: Geometry | None = None, open_eyes: Callable[[], Eyes] | None = None) -> None:
        self._open_eyes: Callable[[], Eyes] = open_eyes or (lambda: Capture(display, region, patience=0))
        self._state = threading.Condition()
        self._before: Raw | None = None  # not None: watching
        self._habits: Habits | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def watch(self, seen: Raw) -> None:
        """Begin to watch, starting from `seen`; what was learnt before is forgotten."""
        with self._state:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
                self._thread.start()
            self._before, self._habits = seen, Habits(seen.geometry.size)
            self._state.notify()

    def rest(self) -> None:
        """Stop watching."""
        with self._state:
            self._before = None
            self._state.notify()

    def news(self, rects: Iterable[Rect]) -> tuple[Rect, ...]:
        """Those of the changes that the screen was not seen to make all the time."""
        with self._state:
            return self._habits.news(rects) if self._habits else tuple(rects)

    def close(self) -> None:
        """End the thread. Safe to call twice."""
        with self._state:
            self._closed, self._before = True, None
            self._state.notify()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        eyes: Eyes | None = None
        while self._wait_for_work():
            try:
                eyes = eyes or self._open_eyes()
                self._look(eyes)
            except DisplayLost:  # whoever looks next will notice, and say so
                self.rest()
        if eyes:
            eyes.close()

    def _wait_for_work(self) -> bool:
        """Sleep until the next look is due; false when it is time to go."""
        with self._state:
            if self._before is not None:
                self._state.wait(LOOK_SECONDS)
            self._state.wait_for(lambda: self._closed or self._before is not None)
            return not self._closed

    def _look(self, eyes: Eyes) -> None:
        before, habits = self._before, self._habits
        if before is None or habits is None:
            return
        now = eyes.grab_raw()
        if now.geometry != before.geometry:
            self.rest()
            return
        changes = changed_rects(before, now)
        with self._state:
            if self._habits is habits and self._before is not None:
                habits.learn(changes)
                self._before = now


def why_stale(news: Sequence[Rect], actions: Iterable[Action], geometry: Geometry) -> str | None:
    """Why `actions` do not fit a screen with such `news`: much has changed, or something near a place they aim at; `None` when they fit."""
    if not news:
        return None
    if share(news, geometry.size) >= BIG_SHARE:
        return f"the screen has changed since the model looked: {around(news)}"
    for point in targets(actions):
        near = next((rect for rect in news if is_near(rect, point, geometry)), None)
        if near:
            return f"the screen has changed near the target since the model looked: {near}"
    return None


def targets(actions: Iterable[Action]) -> Iterable[Point]:
    """The places that the actions aim at; typing aims at none."""
    for action in actions:
        if isinstance(action, Drag):
            yield from action.path
        elif (point := getattr(action, "point", None)) is not None:
            yield point


def is_near(rect: Rect, point: Point, geometry: Geometry) -> bool:
    x_px, y_px = point.to_pixel(geometry.size)
    return rect.grown(NEAR_PX).contains(Rect(x_px, y_px, x_px + 1, y_px + 1))
