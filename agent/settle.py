"""When a screen has settled: a state machine over (time, what changed), apart from grabbing, that decides whether to go on.

                       nothing for `react`                     nothing for `quiet`
    waiting ──────────────────────────────► settled ◄────────────────────────────── moving (something big changed)
       │                                       ▲                                        ▲
       │ something small changed               │ `patience` since the start             │ something big changed
       └────────────────────► touched ─────────┘                                        │
                                 └──────────────────────────────────────────────────────┘

Pixels cannot tell "idle" from "waiting for the network", so a settled screen may still change: the stale check just before
acting catches that, and lets these times be short. `limit` ends every wait, on a video for instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from actions.geometry import Size
from actions.space import Action, Hotkey, KeyDown, KeyUp, Move, TakeScreenshot, TypeText, Wait
from agent.change import Rect, share
from agent.habits import Flicker

News = Callable[[Iterable[Rect]], tuple[Rect, ...]]

POLL_SECONDS = 0.015
BIG_SHARE = 0.01  # of the screen: a window, a menu, a scrolled page; not a pressed button


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How long to wait, in seconds, after one kind of action."""

    react: float
    quiet: float
    patience: float
    limit: float = 5.0


GLANCE = Profile(react=0.10, quiet=0.10, patience=0.12)  # the pointer moved, or nothing was done
STIRRED = Profile(react=0.20, quiet=0.25, patience=0.30)  # it has just been seen to change by itself
TYPED = Profile(react=0.12, quiet=0.10, patience=0.15)
TOUCHED = Profile(react=0.25, quiet=0.15, patience=0.60)  # clicked, dragged, scrolled
CALLED = Profile(react=0.30, quiet=0.30, patience=0.80, limit=8.0)  # something may load: Enter, a URL, an app

_CALLING_KEYS = frozenset(("enter", "f5", "f11"))
_CALLING_CHORDS = frozenset((("ctrl", "t"), ("ctrl", "n"), ("ctrl", "r"), ("ctrl", "o"), ("alt", "f4"), ("alt", "left"), ("alt", "right")))


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
    """One wait: told at each poll what changed since the poll before (at the first: since just before the action).

    `news` leaves out what is known not to matter.
    """

    def __init__(self, profile: Profile, size: Size, started: float, news: News = tuple) -> None:
        self.profile = profile
        self.size = size
        self.started = started
        self._news = news
        self._flicker = Flicker()
        self._moved_at: float | None = None  # when something last changed, once something big has
        self._touched = False

    def observe(self, now: float, rects: Iterable[Rect]) -> bool:
        """Whether the screen has settled at `now`, given what changed since the last poll."""
        rects = tuple(rects)
        self._flicker.learn(rects)
        self._note(now, self._news(self._flicker.news(rects)))
        waited = now - self.started
        if waited >= self.profile.limit:
            return True
        if self._moved_at is not None:
            return now - self._moved_at >= self.profile.quiet
        return waited >= (self.profile.patience if self._touched else self.profile.react)

    def _note(self, now: float, news: tuple[Rect, ...]) -> None:
        if news and (self._moved_at is not None or share(news, self.size) >= BIG_SHARE):
            self._moved_at = now
        elif news:
            self._touched = True


def wait_until_settled(
    settling: Settling, look: Callable[[], Iterable[Rect]], clock: Callable[[], float], sleep: Callable[[float], None]
) -> float:
    """Poll with `look` until settled; returns the seconds it took."""
    while not settling.observe(clock(), look()):
        sleep(POLL_SECONDS)
    return clock() - settling.started
