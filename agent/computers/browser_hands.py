"""Hands in a headless browser: Chromium's input events by Playwright, which also keeps up HTML5 drags; and the browser's own shortcuts."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from string import ascii_lowercase, digits
from typing import Any

from actions.backends.base import Entered, Sleep
from actions.errors import CannotPerform, DisplayGone
from actions.executor import Executor, Performed
from actions.geometry import Geometry, Size
from actions.keys import MODIFIER_KEYS, NAMED_KEYS
from actions.space import Action, Button, Hotkey
from agent.computers.browser_session import BrowserSession

WHEEL_PX = 120  # CSS pixels to a wheel click, as Chromium has it on a desktop
SHORT = 20  # characters; up to here by key events, which pages that listen to keys see
DOUBLE_SECONDS, DOUBLE_PX = 0.5, 5
DROP_SECONDS = 0.05  # until Chromium has surely said that a drag of data began
_NAMES = {
    "ctrl": "Control",
    "left": "ArrowLeft",
    "right": "ArrowRight",
    "up": "ArrowUp",
    "down": "ArrowDown",
    "menu": "ContextMenu",
    "space": " ",
}
# By the code of its key a character follows a held Shift; by its own name it would stay as it is.
_PUNCTUATION_CODES = (
    *("Minus", "Equal", "BracketLeft", "BracketRight", "Backslash", "Semicolon"),
    *("Quote", "Backquote", "Comma", "Period", "Slash"),
)
_CODES = (
    dict(zip("-=[]\\;'`,./", _PUNCTUATION_CODES, strict=True))
    | {letter: f"Key{letter.upper()}" for letter in ascii_lowercase}
    | {digit: f"Digit{digit}" for digit in digits}
)
# Playwright's keyboard is a US one, with the function keys of a desktop.
_MISSING = frozenset(f"f{n}" for n in range(13, 25))


class BrowserBackend:
    """Raw events into the tab in front of `session`; pixels are those of its screenshots. Keeps `actions.backends.base.Backend`."""

    def __init__(self, session: BrowserSession) -> None:
        self._session = session
        self._scale = session.options.scale
        self._at = (0, 0)
        self._keys: list[str] = []
        self._buttons: set[Button] = set()
        self._press: tuple[float, int, int, Button] | None = None
        self._count = 0

    def screen_size(self) -> Size:
        width, height = self._session.options.size
        return Size(round(width * self._scale), round(height * self._scale))

    def position(self) -> tuple[int, int]:
        return self._at

    def move(self, x_px: int, y_px: int) -> None:
        self._at = (x_px, y_px)
        # The middle of the pixel, so that its CSS pixel is the one under it at any scale.
        x, y = (x_px + 0.5) / self._scale, (y_px + 0.5) / self._scale
        self._do(self._session.page.mouse.move(x, y))

    def button(self, button: Button, down: bool) -> None:
        mouse = self._session.page.mouse
        if down:
            self._count = self._count_of(button)
            self._buttons.add(button)
            self._do(mouse.down(button=button, click_count=self._count))
        else:
            self._buttons.discard(button)
            self._do(mouse.up(button=button, click_count=self._count))

    def _count_of(self, button: Button) -> int:
        """Which press of a double or triple click this one is: Chromium's protocol wants to be told."""
        now, last = time.monotonic(), self._press
        self._press = (now, *self._at, button)
        if last is None or now - last[0] > DOUBLE_SECONDS or last[3] != button or math.dist(self._at, last[1:3]) > DOUBLE_PX:
            return 1
        return self._count + 1

    def wait_for_target(self, sleep: Sleep) -> None:
        sleep(DROP_SECONDS)

    def wheel(self, dx: int, dy: int) -> None:
        per_click = WHEEL_PX * self._scale  # measured: the page is told this divided by the scale
        self._do(self._session.page.mouse.wheel(dx * per_click, -dy * per_click))

    def check_key(self, name: str) -> None:
        if name in _MISSING or (name not in NAMED_KEYS and not (len(name) == 1 and name.isprintable())):
            raise CannotPerform(f"the key {name!r} cannot be pressed in the browser")

    def key(self, name: str, down: bool) -> None:
        self.check_key(name)
        if len(name) == 1 and not name.isascii():  # a key of another layout
            if down:
                self._do(self._session.page.keyboard.insert_text(name))
            return
        keyboard = self._session.page.keyboard
        if down:
            self._keys.append(name)
            self._do(keyboard.down(_key_name(name)))
        else:
            self._keys = [held for held in self._keys if held != name]
            self._do(keyboard.up(_key_name(name)))

    def type_text(self, text: str, sleep: Sleep = time.sleep) -> Entered:
        keyboard = self._session.page.keyboard
        if not self._keys and (len(text) > SHORT or not text.isascii()):
            self._do(keyboard.insert_text(text))
            return Entered(text, "inserted")
        for char in text:
            self._do(keyboard.type(char))
            sleep(0)
        return Entered(text, "typed by keys")

    def release_all(self) -> None:
        for name in reversed(self._keys):
            self.key(name, down=False)
        for button in tuple(self._buttons):
            self.button(button, down=False)

    def reopen(self) -> None:
        """A browser that is gone does not come back."""
        raise DisplayGone("the browser is gone")

    def close(self) -> None:
        with suppress(DisplayGone):
            self.release_all()

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        self._session.call(work)


class BrowserHands:
    """An executor for a browser without a frame: it knows the shortcuts that the frame would, and tells what dialogs asked."""

    def __init__(self, session: BrowserSession, stop: threading.Event | None = None) -> None:
        self._session = session
        self._executor = Executor(BrowserBackend(session), stop)

    def perform(self, action: Action, geometry: Geometry) -> Performed:
        shortcut = SHORTCUTS.get(action.keys) if isinstance(action, Hotkey) else None
        if shortcut:
            self._session.call(shortcut(self._session))
            done = Performed(action=action)
        else:
            done = self._executor.perform(action, geometry)
        return replace(done, note="; ".join(filter(None, [done.note, *self._session.take_notes()])))

    def release_all(self) -> None:
        self._executor.release_all()

    def reopen(self) -> None:
        self._executor.reopen()

    def close(self) -> None:
        self._executor.close()


async def _back(session: BrowserSession) -> None:
    await session.page.go_back(wait_until="commit")


async def _forward(session: BrowserSession) -> None:
    await session.page.go_forward(wait_until="commit")


async def _reload(session: BrowserSession) -> None:
    await session.page.reload(wait_until="commit")


async def _close_tab(session: BrowserSession) -> None:
    await session.page.close(run_before_unload=True)


SHORTCUTS: dict[tuple[str, ...], Callable[[BrowserSession], Coroutine[Any, Any, None]]] = {
    ("alt", "left"): _back,
    ("alt", "right"): _forward,
    ("f5",): _reload,
    ("ctrl", "r"): _reload,
    ("ctrl", "w"): _close_tab,
}


def _key_name(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    if name in MODIFIER_KEYS or name in NAMED_KEYS:
        return "".join(part.capitalize() for part in name.split("_"))
    return _CODES.get(name, name)
