"""When a screen has settled: a state machine over (time, what changed), apart from grabbing, that decides whether to go on.

                    nothing for `react`                        nothing for `quiet`
    waiting ───────────────────────────────► settled ◄───────────────────────────── moving
       │                                        ▲                                      ▲
       │ something small            `patience`, │ or `busy` while it                   │ something
       │ changed                    since start │ keeps changing                       │ big changed
       └────────────────► touched ──────────────┘                                      │
                             └─────────────────────────────────────────────────────────┘

Pixels cannot tell "idle" from "waiting for the network", so a settled screen may still change. The times are short all the same,
because what comes late is caught: the model is stopped as soon as the watcher sees another screen, and the check just before acting
sees the rest. That costs little, now and then, where a longer wait would cost every step. `limit` ends every wait, on a film for
instance. On a machine so busy that looks are far apart, a number of looks is waited for as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from actions.geometry import Size
from actions.space import Action, Hotkey, KeyDown, KeyUp, Move, TakeScreenshot, TypeText, Wait
from agent.change import Rect
from agent.habits import Flicker, is_caret

News = Callable[[Iterable[Rect]], tuple[Rect, ...]]

POLL_SECONDS = 0.012
BIG_SHARE = 0.004  # of the screen: a window, a menu, a scrolled page; not a pressed button
# What is smaller than this does not keep a screen from settling: a spinner, or a tab's title that fades in after the page is there.
STEADY_PX, STEADY_SHARE = 1600, 0.002  # whichever is more
LOOKS = 4
BUSY_LOOKS, BUSY_SECONDS = 4, 0.18  # so many changes in so short a time: a spinner turns, something is on its way


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How long to wait, in seconds, after one kind of action."""

    react: float
    quiet: float
    patience: float
    busy: float = 1.0
    limit: float = 5.0


GLANCE = Profile(react=0.06, quiet=0.08, patience=0.08)  # the pointer moved, or nothing was done
TYPED = Profile(react=0.12, quiet=0.06, patience=0.06)
TOUCHED = Profile(react=0.10, quiet=0.06, patience=0.12)  # clicked, dragged, scrolled
# Something comes, and may take its time: Enter, a new tab, a page. To wait long for the first sign costs nothing where there always is one.
CALLED = Profile(react=0.4, quiet=0.10, patience=0.33, busy=1.5, limit=8.0)
STIRRED = Profile(react=0.10, quiet=0.15, patience=0.20)  # it has just been seen to change by itself

_CALLING_KEYS = frozenset(("enter", "f5", "f11"))
_CALLING_CHORDS = frozenset(
    (
        ("ctrl", "r"),
        ("ctrl", "t"),
        ("ctrl", "n"),
        ("ctrl", "w"),
        ("ctrl", "o"),
        ("alt", "left"),
        ("alt", "right"),
        ("alt", "tab"),
        ("alt", "f4"),
    )
)


def profile_for(action: Action | None) -> Profile:
    """How to wait after `action`; `None` is before anything was done."""
    match action:
        case None | TakeScreenshot() | Wait() | Move():
            return GLANCE
        case TypeText():
            return CALLED if "\n" in action.text else TYPED
        case Hotkey():
            return CALLED if action.keys[-1] in _CALLING_KEYS or action.keys in _CALLING_CHORDS else TYPED
        case KeyDown() | KeyUp():
            return CALLED if action.key in _CALLING_KEYS else TYPED
        case _:
            return TOUCHED


class Settling:
    """One wait: told at each look what changed since the look before (at the first: since just before the action).

    `news` leaves out what is known not to matter.
    """

    def __init__(self, profile: Profile, size: Size, started: float, news: News = tuple) -> None:
        self.profile = profile
        self.size = size
        self.started = started
        self._news = news
        self._flicker = Flicker()
        self._looks = 0
        self._moved: tuple[float, int] | None = None  # when, and at which look, much last changed
        self._touched = False
        self._changes: deque[float] = deque(maxlen=BUSY_LOOKS)

    def observe(self, now: float, rects: Iterable[Rect]) -> bool:
        """Whether the screen has settled at `now`, given what changed since the last look."""
        rects = tuple(rects)
        self._looks += 1
        self._flicker.learn(rects)
        self._note(now, rects)
        if now - self.started >= self.profile.limit:
            return True
        return now >= self._due(now) and self._quiet_looks() >= LOOKS

    def pause(self, now: float) -> float:
        """How many seconds to let pass before the next look, of which the last comes just when the wait is over."""
        if self._quiet_looks() < LOOKS - 1:
            return POLL_SECONDS
        return min(POLL_SECONDS, max(0.0, self._due(now) - now))

    def _quiet_looks(self) -> int:
        return self._looks - (self._moved[1] if self._moved else 0)

    def _due(self, now: float) -> float:
        """When it will have settled if nothing more changes after `now`."""
        if self._moved:
            return self._moved[0] + self.profile.quiet
        return self.started + self._wait(now)

    def _note(self, now: float, rects: tuple[Rect, ...]) -> None:
        if not all(is_caret(rect) for rect in rects):
            self._changes.append(now)
        news = self._news(self._flicker.news(rects))
        screen_px = self.size.width * self.size.height
        much_px = max(STEADY_PX, STEADY_SHARE * screen_px) if self._moved else BIG_SHARE * screen_px
        if sum(rect.area for rect in news) >= much_px:
            self._moved = (now, self._looks)
        elif news:
            self._touched = True

    def _wait(self, now: float) -> float:
        """How long to wait in all while nothing big has changed."""
        if len(self._changes) == BUSY_LOOKS and now - self._changes[0] <= BUSY_SECONDS:
            return self.profile.busy
        return self.profile.patience if self._touched else self.profile.react


def wait_until_settled(
    settling: Settling, look: Callable[[], Iterable[Rect]], clock: Callable[[], float], sleep: Callable[[float], None]
) -> float:
    """Poll with `look` until settled, the last time just when it is due; returns the seconds it took."""
    while True:
        if settling.observe(clock(), look()):
            return clock() - settling.started
        sleep(settling.pause(clock()))
