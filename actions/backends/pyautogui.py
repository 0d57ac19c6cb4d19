"""Hands for macOS and Windows, by pyautogui. On X11 it types wrong characters, which is why `x11` is used there."""

from __future__ import annotations

import atexit
import importlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actions.backends.base import Entered, Sleep
from actions.errors import CannotPerform, DisplayGone
from actions.geometry import Size
from actions.keys import MODIFIER_KEYS
from actions.space import Button

_NAMES = {
    "escape": "esc",
    "page_up": "pageup",
    "page_down": "pagedown",
    "caps_lock": "capslock",
    "num_lock": "numlock",
    "scroll_lock": "scrolllock",
    "print_screen": "printscreen",
    "menu": "apps",
    "meta": "command" if sys.platform == "darwin" else "win",
    "alt": "option" if sys.platform == "darwin" else "alt",
}
# What pyautogui calls a click: Windows counts 120 to a notch, macOS counts lines.
_PER_WHEEL_CLICK = {"win32": 120, "darwin": 3}.get(sys.platform, 1)
SHORT = 20  # characters
_TARGET_SECONDS = 0.3  # until whatever takes a drop has surely said so
_PASTE_SECONDS = 0.15  # until the paste was surely read; there is no word from whoever reads it


class PyAutoGuiBackend:
    """Hands on the desktop of this session.

    Raises:
        DisplayGone: pyautogui is not installed, or this session has no desktop.
    """

    def __init__(self) -> None:
        self._gui = _import_pyautogui()
        # A model may click a corner, which pyautogui takes for an alarm; stopping is what the executor's stop event is for.
        self._gui.FAILSAFE = False
        self._gui.PAUSE = 0
        self._keys: set[str] = set()
        self._buttons: set[Button] = set()
        self.release_all()
        atexit.register(self.close)

    def screen_size(self) -> Size:
        width, height = self._gui.size()
        return Size(width, height)

    def position(self) -> tuple[int, int]:
        x_px, y_px = self._gui.position()
        return int(x_px), int(y_px)

    def move(self, x_px: int, y_px: int) -> None:
        with _reaching():
            if self._buttons and sys.platform == "darwin":
                # macOS tells moves with a held button apart from others.
                self._gui.dragTo(x_px, y_px, button=next(iter(self._buttons)), mouseDownUp=False)
            else:
                self._gui.moveTo(x_px, y_px)

    def button(self, button: Button, down: bool) -> None:
        with _reaching():
            (self._gui.mouseDown if down else self._gui.mouseUp)(button=button)
        self._buttons = self._buttons | {button} if down else self._buttons - {button}

    def wait_for_target(self, sleep: Sleep) -> None:
        sleep(_TARGET_SECONDS)

    def wheel(self, dx: int, dy: int) -> None:
        if dx and sys.platform == "win32":
            raise CannotPerform("scroll.dx: pyautogui cannot turn the wheel sideways on Windows; hold shift and use dy")
        with _reaching():
            if dy:
                self._gui.scroll(dy * _PER_WHEEL_CLICK)
            if dx:
                self._gui.hscroll(dx * _PER_WHEEL_CLICK)

    def check_key(self, name: str) -> None:
        # pyautogui skips a key that it does not know and presses the rest of the chord.
        if not self._gui.isValidKey(_NAMES.get(name, name)):
            raise CannotPerform(f"the key {name!r} cannot be pressed on this system")

    def key(self, name: str, down: bool) -> None:
        self.check_key(name)
        with _reaching():
            (self._gui.keyDown if down else self._gui.keyUp)(_NAMES.get(name, name))
        self._keys = self._keys | {name} if down else self._keys - {name}

    def type_text(self, text: str, sleep: Sleep = time.sleep) -> Entered:
        if len(text) > SHORT or not (text.isascii() and text.isprintable()):
            return Entered(text, self._paste(text, sleep))
        with _reaching():
            for char in text:
                self._gui.write(char)
                sleep(0)
        return Entered(text, "typed by keys")

    def _paste(self, text: str, sleep: Sleep) -> str:
        pyperclip: Any = importlib.import_module("pyperclip")  # comes with pyautogui, without types

        try:
            users = pyperclip.paste()
            pyperclip.copy(text)
        except pyperclip.PyperclipException as err:
            raise CannotPerform(f"the clipboard, which this text needs, cannot be used: {err}") from err
        modifier = "meta" if sys.platform == "darwin" else "ctrl"
        self.key(modifier, down=True)
        self.key("v", down=True)
        self.key("v", down=False)
        self.key(modifier, down=False)
        sleep(_PASTE_SECONDS)
        pyperclip.copy(users)
        return "pasted, not confirmed"

    def release_all(self) -> None:
        """Release what we hold, and the modifiers, which a run that was killed may have left held."""
        for button in tuple(self._buttons):
            self.button(button, down=False)
        for name in {*self._keys, *MODIFIER_KEYS}:
            self.key(name, down=False)

    def reopen(self) -> None:
        self.release_all()

    def close(self) -> None:
        atexit.unregister(self.close)
        self.release_all()


@contextmanager
def _reaching() -> Iterator[None]:
    """Tells a desktop that cannot be reached from other errors."""
    try:
        yield
    except OSError as err:
        raise DisplayGone(f"the desktop does not take events: {err}") from err


def _import_pyautogui() -> Any:
    """pyautogui, around what makes its import fail or end the program."""
    # mouseinfo calls sys.exit() where there is no tkinter. We need nothing of it, and pyautogui does without.
    sys.modules.setdefault("mouseinfo", None)  # type: ignore[arg-type]
    if sys.platform == "linux":
        _please_old_xlib()
    try:
        import pyautogui
    except ImportError as err:
        raise DisplayGone(f"pyautogui is not installed ({err}): pip install pyautogui") from err
    except Exception as err:
        raise DisplayGone(f"pyautogui finds no desktop to act on: {type(err).__name__}: {err}") from err
    return pyautogui


def _please_old_xlib() -> None:
    """python3-Xlib 0.15, which pyautogui brings, insists on a key file, also where the server wants no key."""
    import Xlib

    old = getattr(Xlib, "__version__", (0, 15)) < (0, 16)
    if old and "XAUTHORITY" not in os.environ and not Path("~/.Xauthority").expanduser().exists():
        os.environ["XAUTHORITY"] = os.devnull
