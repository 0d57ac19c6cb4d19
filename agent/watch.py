"""Watching while the model thinks: a thread learns what the screen does by itself, so that only news makes an answer stale.

It also says so as soon as the screen has become another one, so that nobody need wait for an answer that cannot fit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, runtime_checkable

from actions.geometry import Geometry, Point, Size
from actions.space import Action, Drag
from agent.capture import Capture
from agent.change import Rect, around, changed_rects, share
from agent.endings import DisplayLost
from agent.eyes import Eyes
from agent.habits import Habits
from agent.screenshot import Raw

LOOK_SECONDS = 0.1  # costs about 2 ms of processor time a look at 1920x1080
# What a screen does late it mostly does soon: the sooner it is noticed, the less of the model's time is lost.
FIRST_LOOK_SECONDS, FIRST_LOOKS = 0.05, 12
BIG_SHARE = 0.01  # of the screen: more than this, and the model decided on another screen
NEAR_PX = 32


@runtime_checkable
class Watchful(Protocol):
    """A `Computer` that watches its screen between a screenshot and the next action."""

    def alert(self, call: Callable[[], None] | None) -> None:
        """From now on call `call`, once and from another thread, when the screen has become another one than the last screenshot
        shows: more than a share of it changed and keeps still, so that any answer would be stale. `None`: do not."""
        ...

    def restless(self) -> tuple[Rect, ...]:
        """The small places that changed by themselves again and again since the last screenshot: a clock, a spinner, a caret."""
        ...


class Watcher:
    """One thread that watches between `watch` and `rest`, with eyes of its own, made by `open_eyes`: some are bound to a thread."""

    def __init__(self, display: str | None = None, region: Geometry | None = None, open_eyes: Callable[[], Eyes] | None = None) -> None:
        self._open_eyes: Callable[[], Eyes] = open_eyes or (lambda: Capture(display, region, patience=0))
        self._state = threading.Condition()
        self._seen: Raw | None = None  # what the model was shown
        self._before: Raw | None = None  # the screen at the last look; not None: watching
        self._alert: Callable[[], None] | None = None
        self._looks = 0  # since `watch`
        self._habits: Habits | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def watch(self, seen: Raw) -> None:
        """Begin to watch, starting from `seen`; what was learnt before is forgotten."""
        with self._state:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
                self._thread.start()
            self._seen = self._before = seen
            self._habits, self._alert, self._looks = Habits(seen.geometry.size), None, 0
            self._state.notify()

    def rest(self) -> None:
        """Stop watching."""
        with self._state:
            self._before = self._alert = None
            self._state.notify()

    def news(self, rects: Iterable[Rect]) -> tuple[Rect, ...]:
        """Those of the changes that the screen was not seen to make all the time."""
        with self._state:
            return self._habits.news(rects) if self._habits else tuple(rects)

    def alert(self, call: Callable[[], None] | None) -> None:
        """Call `call`, once and from the thread, when the screen has become another one; see `Watchful.alert`."""
        with self._state:
            self._alert = call

    def restless(self) -> tuple[Rect, ...]:
        """The small places that were seen to change again and again."""
        with self._state:
            return self._habits.restless_places() if self._habits else ()

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
                self._state.wait(FIRST_LOOK_SECONDS if self._looks < FIRST_LOOKS else LOOK_SECONDS)
            self._state.wait_for(lambda: self._closed or self._before is not None)
            return not self._closed

    def _look(self, eyes: Eyes) -> None:
        with self._state:
            before, seen, habits = self._before, self._seen, self._habits
        if before is None or seen is None or habits is None:
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
                self._looks += 1
        if self._alert and now.data != seen.data:
            self._tell_if_gone(changes, changed_rects(seen, now), now.geometry.size)

    def _tell_if_gone(self, changes: Iterable[Rect], since_seen: Iterable[Rect], size: Size) -> None:
        """Sound the alert when much has changed for good. What still moves is waited for: it may be a film, which is no news."""
        if share(self.news(changes), size) >= BIG_SHARE or share(self.news(since_seen), size) < BIG_SHARE:
            return
        with self._state:
            call, self._alert = self._alert, None
        if call:
            call()


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
