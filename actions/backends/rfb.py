"""Hands on the desktop of a VNC server: pointer and key events by RFB, long or foreign texts by its clipboard."""

from __future__ import annotations

import time
from contextlib import suppress

from actions.backends.base import Entered, Sleep
from actions.backends.keysyms import KEYSYMS, keysym_of
from actions.backends.rfb_client import RfbClient
from actions.errors import CannotPerform, DisplayGone
from actions.geometry import Size
from actions.keys import MODIFIER_KEYS
from actions.space import Button

_BUTTONS: dict[Button, int] = {"left": 1, "middle": 2, "right": 4}
_WHEEL_UP, _WHEEL_DOWN, _WHEEL_LEFT, _WHEEL_RIGHT = 8, 16, 32, 64
SHORT = 20  # characters
_PER_KEY = 0.002
# A server gives a character without a key one of its free keys, for which its programs must read the keymap anew.
_PER_FOREIGN_KEY = 0.05
_FETCH_SECONDS, _FETCH_AGAIN = 1.5, 0.05
_TARGET_SECONDS = 0.3  # until whatever takes a drop has surely said so
_SELECTION_SECONDS = 0.15  # after a key or click, the program may still select or copy something


class RfbBackend:
    """Raw events to the server of `client`, which is its owner's to close. Keeps `actions.backends.base.Backend`."""

    def __init__(self, client: RfbClient) -> None:
        self._client = client
        self._at = (0, 0)
        self._mask = 0
        self._keys: dict[str, int] = {}
        self._acted_at = 0.0
        self.release_all()

    def screen_size(self) -> Size:
        return self._client.size

    def position(self) -> tuple[int, int]:
        return self._at

    def move(self, x_px: int, y_px: int) -> None:
        width, height = self._client.size
        self._at = (min(max(x_px, 0), width - 1), min(max(y_px, 0), height - 1))
        self._point()

    def button(self, button: Button, down: bool) -> None:
        self._mask = self._mask | _BUTTONS[button] if down else self._mask & ~_BUTTONS[button]
        self._point()
        self._acted_at = time.monotonic()

    def _point(self, wheel: int = 0) -> None:
        self._client.pointer(self._mask | wheel, *self._at)

    def wait_for_target(self, sleep: Sleep) -> None:
        sleep(_TARGET_SECONDS)

    def wheel(self, dx: int, dy: int) -> None:
        for turn, clicks in ((_WHEEL_UP if dy > 0 else _WHEEL_DOWN, abs(dy)), (_WHEEL_RIGHT if dx > 0 else _WHEEL_LEFT, abs(dx))):
            for _ in range(clicks):
                self._point(turn)
                self._point()

    def check_key(self, name: str) -> None:
        if name not in KEYSYMS and len(name) != 1:
            raise CannotPerform(f"no key is called {name!r}")

    def key(self, name: str, down: bool) -> None:
        self.check_key(name)
        keysym = self._keys.get(name) or KEYSYMS.get(name) or keysym_of(self._shifted(name))
        self._client.key(keysym, down)
        self._keys = self._keys | {name: keysym} if down else {held: code for held, code in self._keys.items() if held != name}
        if name != "enter":
            self._acted_at = time.monotonic()

    def _shifted(self, char: str) -> str:
        """A server makes the character that it is told, and lets go of Shift for a small letter: so it is told the large one."""
        return char.upper() if "shift" in self._keys and len(char.upper()) == 1 else char

    def type_text(self, text: str, sleep: Sleep = time.sleep) -> Entered:
        if self._keys or not self._client.has_clipboard or (len(text) <= SHORT and text.isascii()):
            return Entered(self._type(text, sleep), "typed by keys")
        sleep(max(0.0, self._acted_at + _SELECTION_SECONDS - time.monotonic()))
        # A key replaces selected text; a paste takes the selection away first, and the old text would stay.
        start = self._type(text[0], sleep)
        if len(text) == 1:
            return Entered(start, "typed by keys")
        if self._paste(text[1:], sleep):
            return Entered(text, "pasted")
        return Entered(start + self._type(text[1:], sleep), "typed by keys, as the paste was not fetched")

    def _type(self, text: str, sleep: Sleep) -> str:
        for char in text:
            foreign = ord(char) > 0x7F
            self._client.key(keysym_of(self._shifted(char)), True)
            self._client.key(keysym_of(self._shifted(char)), False)
            sleep(_PER_FOREIGN_KEY if foreign else _PER_KEY)
        return text

    def _paste(self, text: str, sleep: Sleep) -> bool:
        self._client.offer(text)
        for name, down in (("shift", True), ("insert", True), ("insert", False), ("shift", False)):
            self._client.key(KEYSYMS[name], down)
        deadline = time.monotonic() + _FETCH_SECONDS
        while not self._client.wait_fetched(0.02):
            sleep(0)
            if time.monotonic() > deadline:
                self._client.offer("")  # whoever comes late gets nothing, so that the text does not come twice
                return False
        sleep(_FETCH_AGAIN)
        return True

    def release_all(self) -> None:
        """Release what we hold, and the modifiers, which a run that was killed may have left held."""
        for keysym in {*self._keys.values(), *(KEYSYMS[name] for name in MODIFIER_KEYS)}:
            self._client.key(keysym, False)
        self._keys.clear()
        self._mask = 0
        self._point()

    def reopen(self) -> None:
        if not self._client.alive:
            self._client.reopen()
        self.release_all()

    def close(self) -> None:
        with suppress(DisplayGone):
            self.release_all()
