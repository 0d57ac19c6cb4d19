"""A screen as a computer: eyes that wait until it has settled, hands, and the check that it is still what the model saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from actions.errors import CannotPerform, DisplayGone, HandStopped
from actions.executor import Performed
from actions.geometry import Geometry
from actions.space import Action, Hotkey, KeyDown, KeyUp, Move, TypeText
from agent.change import Rect, changed_rects
from agent.computers.base import Outcome
from agent.endings import ActionRefused, DisplayLost, Stopped
from agent.eyes import Eyes
from agent.screenshot import Raw, Screenshot, to_raw
from agent.settle import STIRRED, Profile, Settling, profile_for, wait_until_settled
from agent.watch import Watcher, why_stale

WAKE_SECONDS = 0.5


class Hands(Protocol):
    """What performs actions: `Executor`, or whatever hands them on to another machine. Raises what `actions.errors` names."""

    def perform(self, action: Action, geometry: Geometry) -> Performed: ...

    def release_all(self) -> None: ...

    def reopen(self) -> None: ...

    def close(self) -> None: ...


class ScreenComputer:
    """A `Computer` made of `eyes` and `hands`, both of which it closes.

    `open_watching_eyes` makes a second pair, for the thread that watches while the model thinks, and that closes it. Without
    `settle` a screenshot is taken at once.
    """

    def __init__(self, eyes: Eyes, hands: Hands, *, open_watching_eyes: Callable[[], Eyes], settle: bool = True) -> None:
        self._eyes = eyes
        self._hands = hands
        self._settle = settle
        self._losses = eyes.losses  # of the display, as far as the hands have followed
        self._watcher = Watcher(open_eyes=open_watching_eyes)
        self._profile = profile_for(None)
        self._touched_at: float | None = None  # when something was last done, since the last screenshot
        self._before: Raw | None = None  # the screen just before that
        self._seen: tuple[Screenshot, Raw] | None = None
        self.settle_seconds = 0.0  # of the last screenshot

    @property
    def geometry(self) -> Geometry:
        return self._eyes.geometry

    def screenshot(self) -> Screenshot:
        raw = self._look_settled() if self._settle else self._eyes.grab_raw()
        if self._eyes.losses != self._losses:
            self._reopen_hands()
        if raw.condition == "blank":
            raw = self._wake(raw)
        seen = raw.develop()
        self._seen, self._before, self._touched_at = (seen, raw), raw, None
        self._profile = profile_for(None)
        if self._settle:
            self._watcher.watch(raw)
        return seen

    def perform(self, action: Action) -> Outcome:
        self._watcher.rest()
        if self._touched_at is not None and self._settle and not isinstance(action, TypeText | Hotkey | KeyDown | KeyUp | Move):
            self._look_settled()  # the place it aims at may only now be coming into being
        self._before = self._eyes.grab_raw()
        started = time.monotonic()
        try:
            done = self._hands.perform(action, self.geometry)
        except CannotPerform as error:
            raise ActionRefused(str(error)) from error
        except HandStopped as error:
            raise Stopped(str(error)) from error
        except DisplayGone:
            return self._reconnect(action, started)
        finally:
            self._touched_at = time.monotonic()
            self._profile = max(self._profile, profile_for(action), key=_length)
        return Outcome(action=done.action, seconds=self._touched_at - started, note=done.note)

    def stale(self, seen: Screenshot, actions: tuple[Action, ...]) -> str | None:
        news = self.news_since(seen)
        if self.geometry != seen.geometry:
            reason: str | None = f"the screen was {seen.geometry.size} and is now {self.geometry.size}"
        else:
            reason = why_stale(news, actions, self.geometry)
        if reason:
            self._profile = STIRRED
        return reason

    def news_since(self, seen: Screenshot) -> tuple[Rect, ...]:
        """Where the screen now differs from `seen`, apart from what it was seen to do by itself all the time."""
        self._watcher.rest()
        self._before = now = self._eyes.grab_raw()
        before = self._seen[1] if self._seen and self._seen[0] is seen else to_raw(seen)
        return self._watcher.news(changed_rects(before, now))

    def wrap_hands(self, wrap: Callable[[Hands], Hands]) -> None:
        """From now on act through `wrap` of the hands there are."""
        self._hands = wrap(self._hands)

    def alert(self, call: Callable[[], None] | None) -> None:
        self._watcher.alert(call)

    def restless(self) -> tuple[Rect, ...]:
        return self._watcher.restless()

    def release_all(self) -> None:
        try:
            self._hands.release_all()
        except DisplayGone as error:
            raise DisplayLost(str(error)) from error

    def close(self) -> None:
        self._watcher.close()
        self._hands.close()
        self._eyes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _look_settled(self) -> Raw:
        """The screen once it has settled after what was last done."""
        last = self._before or self._eyes.grab_raw()

        def look() -> tuple[Rect, ...]:
            nonlocal last
            before, last = last, self._eyes.grab_raw()
            return changed_rects(before, last)

        started = self._touched_at or time.monotonic()
        settling = Settling(self._profile, self.geometry.size, started, self._watcher.news)
        self.settle_seconds = wait_until_settled(settling, look, time.monotonic, time.sleep)
        return last

    def _wake(self, raw: Raw) -> Raw:
        """A blank screen may be asleep: touch a key that does nothing, once each time it goes blank."""
        if self._seen and self._seen[0].condition == "blank":
            return raw
        try:
            self._hands.perform(Hotkey(keys=("shift",)), self.geometry)
        except (DisplayGone, CannotPerform, HandStopped):
            return raw
        time.sleep(WAKE_SECONDS)
        return self._eyes.grab_raw()

    def _reconnect(self, action: Action, started: float) -> Outcome:
        """The server died under the hands. Where it comes back, everything on it is new, so nothing is done twice."""
        self._eyes.grab_raw()
        self._reopen_hands()
        return Outcome(
            action=action, seconds=time.monotonic() - started, note="the display was lost and came back; the action was not done"
        )

    def _reopen_hands(self) -> None:
        try:
            self._hands.reopen()
        except DisplayGone as error:
            raise DisplayLost(str(error)) from error
        self._losses = self._eyes.losses


def raw_from_png(png: bytes) -> Raw:
    """What a screen showed, from the PNG in which another program tells it; its desktop begins at 0,0."""
    return to_raw(Screenshot.from_png(png))


def _length(profile: Profile) -> float:
    return profile.patience
