"""From raw input events to actions: which presses were a double click, which keys were a text, which moves were a drag.

pressed, released near by    ──►  Click, counted while the next comes soon and near
pressed, moved, released     ──►  Drag along the corners of the path
wheel turned, again and again ─►  one Scroll
characters in a row          ──►  one TypeText; Enter ends it with a newline
any other key, or with ctrl  ──►  Hotkey
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar, cast

from actions.geometry import Geometry, Point
from actions.keys import MODIFIER_KEYS
from actions.space import Action, Button, Click, Drag, Hotkey, KeyDown, KeyUp, Modifier, Scroll, TypeText

CLICK_SECONDS, CLICK_PX = 0.5, 5  # as toolkits have it: later or farther is another click
SCROLL_SECONDS, SCROLL_PX = 0.7, 20
TEXT_SECONDS = 5.0
CORNER_PX = 2.0  # how far a drag may leave the straight line before that is a corner of its path
ESCAPE_SECONDS, ESCAPES = 1.5, 3  # so many presses, each so soon after the one before, say "that was all"
INTERRUPT = Hotkey(keys=("ctrl", "c"))
ESCAPE = Hotkey(keys=("escape",))

B = TypeVar("B")


class PointerMoved(NamedTuple):
    at: float
    x_px: int
    y_px: int


class ButtonChanged(NamedTuple):
    at: float
    x_px: int
    y_px: int
    button: Button
    down: bool


class WheelTurned(NamedTuple):
    at: float
    x_px: int
    y_px: int
    dx: int
    dy: int


class KeyChanged(NamedTuple):
    """`key` is a name of `actions.keys`; `char` is what it types now, nothing for keys such as enter or ctrl."""

    at: float
    key: str
    char: str
    down: bool


InputEvent = PointerMoved | ButtonChanged | WheelTurned | KeyChanged


class Gesture(NamedTuple, Generic[B]):
    """An action of a person, when it began and ended, and what the caller gave as `before` with its first event."""

    action: Action
    started: float
    ended: float
    before: B


@dataclass(slots=True, kw_only=True)
class _Press(Generic[B]):
    button: Button
    at: float
    before: B
    modifiers: tuple[str, ...]
    path: list[tuple[int, int]]


@dataclass(slots=True, kw_only=True)
class _Open(Generic[B]):
    """A gesture that the next event may still extend, until `patience` seconds after `ended`."""

    kind: type[Click | Scroll | TypeText | Hotkey]
    started: float
    ended: float
    before: B
    patience: float
    x_px: int = 0
    y_px: int = 0
    button: Button = "left"
    modifiers: tuple[str, ...] = ()
    count: int = 0
    dx: int = 0
    dy: int = 0
    text: str = ""
    keys: list[Hotkey] = field(default_factory=list)

    def near(self, x_px: int, y_px: int, reach: float) -> bool:
        return math.dist((self.x_px, self.y_px), (x_px, y_px)) <= reach


class Gestures(Generic[B]):
    """Merges events, fed in order, into gestures. `geometry` is the region that is recorded; what happens outside of it is left out."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        self._open: _Open[B] | None = None
        self._press: _Press[B] | None = None
        self._held: dict[str, float] = {}
        self._alone: str | None = None  # a modifier with which nothing was done yet
        self._waiting: list[Gesture[B]] = []  # complete, but begun after a button went down that still is

    @property
    def stop_asked(self) -> bool:
        """Whether Escape was pressed often enough, one soon after the other."""
        return self._open is not None and len(self._open.keys) >= ESCAPES and all(key == ESCAPE for key in self._open.keys)

    def feed(self, event: InputEvent, before: B) -> list[Gesture[B]]:
        """Take `event`; returns the gestures that are now complete. `before` is kept with the gesture that begins with it."""
        done = self.tick(event.at)
        match event:
            case PointerMoved():
                if self._press:
                    self._press.path.append((event.x_px, event.y_px))
            case ButtonChanged(down=True):
                self._alone = None
                self._press = self._press or self._pressed(event, before)
            case ButtonChanged():
                if self._press and self._press.button == event.button:
                    done += self._released(self._press, event)
                    self._press = None
            case WheelTurned():
                self._alone = None
                done += self._wheel(event, before)
            case KeyChanged():
                done += self._key_down(event, before) if event.down else self._key_up(event, before)
        return self._in_order(done)

    def _in_order(self, done: list[Gesture[B]]) -> list[Gesture[B]]:
        """What is complete, by when it began: whoever scrolls or types while a button is down began with the button."""
        self._waiting += done
        if self._press:
            return []
        ordered = sorted(self._waiting, key=lambda gesture: gesture.started)
        self._waiting = []
        return ordered

    def tick(self, now: float) -> list[Gesture[B]]:
        """The gestures that are complete because nothing followed until `now`."""
        if self._open and now > self._open.ended + self._open.patience and not self._press:
            return self._finish()
        return []

    def flush(self) -> list[Gesture[B]]:
        """The gesture that is still open; the keys that ended the recording are none."""
        stopping = self._open is not None and self._open.kind is Hotkey
        done = [] if stopping else self._finish()
        self._open = self._press = None
        return self._in_order(done)

    def _finish(self) -> list[Gesture[B]]:
        """Close the open gesture."""
        was, self._open = self._open, None
        if was is None:
            return []
        if was.kind is Hotkey:
            return [Gesture(key, was.started, was.ended, was.before) for key in was.keys]
        action = self._action(was)
        return [Gesture(action, was.started, was.ended, was.before)] if action else []

    def _action(self, was: _Open[B]) -> Action | None:
        if was.kind is TypeText:
            return TypeText(text=was.text) if was.text else None
        point = self.geometry.from_desktop(was.x_px, was.y_px)
        if point is None:
            return None
        if was.kind is Click:
            return Click(point=point, button=was.button, count=was.count, modifiers=_modifiers(was.modifiers))
        return Scroll(point=point, dx=was.dx, dy=was.dy) if was.dx or was.dy else None

    def _pressed(self, event: ButtonChanged, before: B) -> _Press[B]:
        return _Press(button=event.button, at=event.at, before=before, modifiers=self._modifiers_held(), path=[(event.x_px, event.y_px)])

    def _released(self, press: _Press[B], event: ButtonChanged) -> list[Gesture[B]]:
        press.path.append((event.x_px, event.y_px))
        if max(math.dist(press.path[0], place) for place in press.path) > CLICK_PX:
            return self._finish() + self._drag(press, event.at)
        x_px, y_px = press.path[0]
        last = self._open
        again = (
            last is not None
            and last.kind is Click
            and (last.button, last.modifiers) == (press.button, press.modifiers)
            and press.at <= last.ended + CLICK_SECONDS
            and last.near(x_px, y_px, CLICK_PX)
        )
        done = [] if again else self._finish()
        self._open = self._open or _Open(
            kind=Click,
            started=press.at,
            ended=event.at,
            before=press.before,
            patience=CLICK_SECONDS,
            x_px=x_px,
            y_px=y_px,
            button=press.button,
            modifiers=press.modifiers,
        )
        self._open.count, self._open.ended = self._open.count + 1, event.at
        return done + self._finish() if self._open.count == 3 else done

    def _drag(self, press: _Press[B], ended: float) -> list[Gesture[B]]:
        path = [self.geometry.from_desktop(*place) for place in corners(press.path)]
        inside: tuple[Point, ...] = tuple(point for point in path if point is not None)
        if len(inside) < 2:
            return []
        downs = [KeyDown(key=name) for name in press.modifiers]
        ups = [KeyUp(key=name) for name in reversed(press.modifiers)]
        actions: list[Action] = [*downs, Drag(path=inside, button=press.button), *ups]
        return [Gesture(action, press.at, ended, press.before) for action in actions]

    def _wheel(self, event: WheelTurned, before: B) -> list[Gesture[B]]:
        last = self._open
        goes_on = (
            last is not None
            and last.kind is Scroll
            and last.near(event.x_px, event.y_px, SCROLL_PX)
            and last.dx * event.dx >= 0
            and last.dy * event.dy >= 0
        )
        done = [] if goes_on else self._finish()
        self._open = self._open or _Open(
            kind=Scroll,
            started=event.at,
            ended=event.at,
            before=before,
            patience=SCROLL_SECONDS,
            x_px=event.x_px,
            y_px=event.y_px,
        )
        self._open.dx, self._open.dy, self._open.ended = self._open.dx + event.dx, self._open.dy + event.dy, event.at
        return done

    def _key_down(self, event: KeyChanged, before: B) -> list[Gesture[B]]:
        if event.key in MODIFIER_KEYS:
            self._alone = event.key if event.key not in self._held else self._alone
            self._held.setdefault(event.key, event.at)
            return []
        self._alone = None
        modifiers = self._modifiers_held()
        if event.char and not set(modifiers) - {"shift"}:
            return self._character(event, before)
        if not modifiers and self._open and self._open.kind is TypeText and event.key in ("backspace", "enter"):
            return self._end_of_text(self._open, event)
        return self._hotkey(Hotkey(keys=(*modifiers, event.key)), event.at, before)

    def _key_up(self, event: KeyChanged, before: B) -> list[Gesture[B]]:
        self._held.pop(event.key, None)
        # Alone, these two open a menu; a tap on ctrl or shift does nothing.
        if event.key == self._alone and event.key in ("alt", "meta"):
            self._alone = None
            return self._hotkey(Hotkey(keys=(event.key,)), event.at, before)
        return []

    def _character(self, event: KeyChanged, before: B) -> list[Gesture[B]]:
        done = [] if self._open and self._open.kind is TypeText else self._finish()
        self._open = self._open or _Open(kind=TypeText, started=event.at, ended=event.at, before=before, patience=TEXT_SECONDS)
        self._open.text, self._open.ended = self._open.text + event.char, event.at
        return done

    def _end_of_text(self, text: _Open[B], event: KeyChanged) -> list[Gesture[B]]:
        text.ended = event.at
        if event.key == "enter":
            text.text += "\n"
            return self._finish()
        text.text = text.text[:-1]
        if not text.text:
            self._open = None
        return []

    def _hotkey(self, hotkey: Hotkey, at: float, before: B) -> list[Gesture[B]]:
        """Escape and Ctrl+C wait for what follows: they may be how the recording ends."""
        waiting = self._open is not None and self._open.kind is Hotkey
        if hotkey not in (ESCAPE, INTERRUPT):
            return [*self._finish(), Gesture(hotkey, at, at, before)]
        done = [] if waiting else self._finish()
        self._open = self._open or _Open(kind=Hotkey, started=at, ended=at, before=before, patience=ESCAPE_SECONDS)
        self._open.keys.append(hotkey)
        self._open.ended = at
        return done

    def _modifiers_held(self) -> tuple[str, ...]:
        return tuple(name for name in MODIFIER_KEYS if name in self._held)


def _modifiers(names: Iterable[str]) -> tuple[Modifier, ...]:
    return cast("tuple[Modifier, ...]", tuple(names))


def corners(path: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places of `path` between which it is straight, its ends among them (Ramer, Douglas and Peucker's way)."""
    if len(path) < 3:
        return path
    (x0, y0), (x1, y1) = path[0], path[-1]
    length = math.dist(path[0], path[-1])

    def off(place: tuple[int, int]) -> float:
        x, y = place
        return abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length if length else math.dist(place, path[0])

    farthest = max(range(1, len(path) - 1), key=lambda index: off(path[index]))
    if off(path[farthest]) <= CORNER_PX:
        return [path[0], path[-1]]
    return corners(path[: farthest + 1])[:-1] + corners(path[farthest:])
