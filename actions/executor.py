"""The hand: performs actions with real mouse and keyboard events, and never leaves anything held."""

from __future__ import annotations

import math
import threading
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise

from actions.backends.base import Backend
from actions.errors import CannotPerform, DisplayGone, HandStopped
from actions.geometry import Geometry, Point
from actions.phone import LongPress, OpenApp, PressBack, PressHome, PressRecent
from actions.space import (
    Action,
    Button,
    ButtonDown,
    ButtonUp,
    CallUser,
    Click,
    Drag,
    Failed,
    Finished,
    Hotkey,
    KeyDown,
    KeyUp,
    Move,
    Scroll,
    TakeScreenshot,
    TypeText,
    Wait,
)

# Measured: two presses within 0.5 s on one spot are a double click to toolkits, intended or not.
_APART_SECONDS, _APART_PX = 0.55, 10
_BETWEEN_CLICKS = 0.04
# Measured: the fastest drag that HTML5 drag-and-drop accepts in Chromium, with some room.
DRAG_HOLD, _DRAG_MOVES, DRAG_STEP, DRAG_RELEASE = 0.06, 12, 0.02, 0.1
_NOT_TYPED = ("Cc", "Cs")  # control characters, which would be commands, and halves of characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """The action as it was really done, and what to know about it."""

    action: Action
    note: str = ""


class Executor:
    """Performs actions on `backend`; when `stop` is set, whatever it is doing ends at once with `HandStopped` and everything released."""

    def __init__(self, backend: Backend, stop: threading.Event | None = None) -> None:
        self._backend = backend
        self._stop = stop or threading.Event()
        self._last_press: tuple[float, int, int, Button] | None = None

    def perform(self, action: Action, geometry: Geometry) -> Performed:
        """Do `action`, whose points lie in the region `geometry` of the desktop.

        Raises:
            CannotPerform: no hand can do it.
            HandStopped: the stop event is set.
            DisplayGone: the display does not answer.
        """
        try:
            self._sleep(0)
            return self._do(action, geometry)
        except BaseException:
            # Whatever went wrong, Ctrl-C included: nothing stays held.
            with suppress(DisplayGone):
                self._backend.release_all()
            raise

    def release_all(self) -> None:
        self._backend.release_all()

    def reopen(self) -> None:
        self._backend.reopen()

    def close(self) -> None:
        self._backend.close()

    def _do(self, action: Action, geometry: Geometry) -> Performed:
        match action:
            case Click():
                self._click(action, *geometry.to_desktop(action.point))
            case Move():
                self._backend.move(*geometry.to_desktop(action.point))
            case Drag():
                self._drag(action.button, [geometry.to_desktop(point) for point in action.path])
            case ButtonDown():
                self._go(action.point, geometry)
                self._press(action.button, *self._backend.position())
            case ButtonUp():
                self._go(action.point, geometry)
                self._backend.wait_for_target(self._sleep)
                self._backend.button(action.button, down=False)
            case Scroll():
                self._go(action.point, geometry)
                self._backend.wheel(action.dx, action.dy)
            case TypeText():
                return self._type(action)
            case Hotkey():
                self._press_together(action.keys)
            case KeyDown() | KeyUp():
                self._backend.key(action.key, down=isinstance(action, KeyDown))
            case Wait():
                self._sleep(action.seconds)
            case TakeScreenshot():
                return Performed(action=action, note="nothing to do: looking is not the hand's")
            case LongPress() | OpenApp() | PressHome() | PressBack() | PressRecent():
                raise CannotPerform(f"{action.type} is an action for phones: this computer has a mouse and a keyboard")
            case Finished() | Failed() | CallUser():
                raise CannotPerform(f"{action.type} ends a task: there is nothing for a hand to do")
        return Performed(action=action)

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds) if seconds > 0 else self._stop.is_set():
            raise HandStopped("told to stop")

    def _go(self, point: Point | None, geometry: Geometry) -> None:
        if point is not None:
            self._backend.move(*geometry.to_desktop(point))

    def _press(self, button: Button, x_px: int, y_px: int) -> None:
        self._backend.button(button, down=True)
        self._last_press = (time.monotonic(), x_px, y_px, button)

    def _click(self, click: Click, x_px: int, y_px: int) -> None:
        self._keep_apart(click.button, x_px, y_px)
        self._backend.move(x_px, y_px)
        for name in click.modifiers:
            self._backend.key(name, down=True)
        for number in range(click.count):
            if number:
                self._sleep(_BETWEEN_CLICKS)
            self._press(click.button, x_px, y_px)
            self._backend.button(click.button, down=False)
        for name in reversed(click.modifiers):
            self._backend.key(name, down=False)

    def _keep_apart(self, button: Button, x_px: int, y_px: int) -> None:
        """Wait until a press here cannot be taken for the second half of a double click."""
        if self._last_press is None:
            return
        then, last_x, last_y, last_button = self._last_press
        left = then + _APART_SECONDS - time.monotonic()
        if left > 0 and button == last_button and math.dist((x_px, y_px), (last_x, last_y)) <= _APART_PX:
            self._sleep(left)

    def _drag(self, button: Button, path: list[tuple[int, int]]) -> None:
        self._keep_apart(button, *path[0])
        self._backend.move(*path[0])
        self._press(button, *path[0])
        self._sleep(DRAG_HOLD)
        for x_px, y_px in drag_steps(path):
            self._backend.move(x_px, y_px)
            self._sleep(DRAG_STEP)
        self._sleep(DRAG_RELEASE - DRAG_STEP)
        self._backend.wait_for_target(self._sleep)
        self._backend.button(button, down=False)

    def _press_together(self, keys: tuple[str, ...]) -> None:
        for name in keys:
            self._backend.check_key(name)
        for name in keys:
            self._backend.key(name, down=True)
        for name in reversed(keys):
            self._backend.key(name, down=False)

    def _type(self, action: TypeText) -> Performed:
        kept, left_out = typable(action.text)
        notes = [left_out] if left_out else []
        entered, hows = "", dict[str, None]()
        for piece in pieces_of(kept):
            self._sleep(0)
            if piece in ("\n", "\t"):
                self._press_together(("enter" if piece == "\n" else "tab",))
                entered += piece
                continue
            done = self._backend.type_text(piece, self._sleep)
            entered += done.text
            hows[done.how] = None
            if done.text != piece:
                notes.append(f"the focus moved away after {len(entered)} of {len(kept)} characters")
                break
        return Performed(action=replace(action, text=entered), note="; ".join([*hows, *notes]))


def typable(text: str) -> tuple[str, str]:
    """`text` with its line ends as newlines and without control characters, which would be commands; and a note where there were any."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in _NOT_TYPED)
    return kept, f"left out {len(text) - len(kept)} control character(s)" if len(kept) < len(text) else ""


def pieces_of(text: str) -> list[str]:
    """`text` cut so that newlines and tabs, which are keys, stand alone."""
    pieces: list[str] = []
    for line in text.split("\n"):
        for cell in line.split("\t"):
            pieces += [cell, "\t"]
        pieces[-1] = "\n"
    return [piece for piece in pieces[:-1] if piece]


def drag_steps(path: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The pixels that a drag along `path` moves through after its first: every corner, and enough in between."""
    per_leg = math.ceil(_DRAG_MOVES / (len(path) - 1))
    steps: list[tuple[int, int]] = []
    for (x0, y0), (x1, y1) in pairwise(path):
        for step in range(1, per_leg + 1):
            part = step / per_leg
            steps.append((round(x0 + (x1 - x0) * part), round(y0 + (y1 - y0) * part)))
    return steps
