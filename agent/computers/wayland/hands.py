"""Hands on a shared desktop: pointer, wheel and keys by the portal's RemoteDesktop."""

from __future__ import annotations

import time
from contextlib import suppress

from actions.backends.base import Entered, Sleep
from actions.backends.keysyms import KEYSYMS, keysym_of
from actions.errors import CannotPerform, DisplayGone
from actions.geometry import Size
from actions.space import Button
from agent.computers.wayland.clipboard import Clipboard
from agent.computers.wayland.portal import PortalSession
from agent.computers.wayland.streams import SharedScreen

_BUTTONS: dict[Button, int] = {"left": 0x110, "right": 0x111, "middle": 0x112}  # linux/input-event-codes.h
_VERTICAL, _HORIZONTAL = 0, 1
_PER_KEY = 0.002
_TARGET_SECONDS = 0.3  # until whatever takes a drop has surely said so
LONG = 500  # characters, which take two seconds by keys
_QUIET_SECONDS, _FETCH_SECONDS, _FETCH_AGAIN, _POLL = 0.25, 1.5, 0.1, 0.02
_LACKING = "; characters that the keyboard layout lacks were left out by the desktop"


class PortalBackend:
    """Raw events to `session`, which is its owner's to close, at pixels of `screen`. Keeps `actions.backends.base.Backend`.

    What this process holds, the compositor lets go of when the process ends, however it ends. What others hold is not seen here.
    """

    def __init__(self, session: PortalSession, screen: SharedScreen, clipboard: Clipboard | None = None) -> None:
        self._session = session
        self._clipboard = clipboard
        self._screen = screen
        self._at = (0, 0)
        self._buttons: set[Button] = set()
        self._keys: dict[str, int] = {}

    def screen_size(self) -> Size:
        return self._screen.geometry.size

    def position(self) -> tuple[int, int]:
        """Where the pointer was last moved to: the portal tells of no other moves."""
        return self._at

    def move(self, x_px: int, y_px: int) -> None:
        place = min(self._screen.places, key=lambda place: place.distance(x_px, y_px))
        self._session.notify("NotifyPointerMotionAbsolute", "udd", place.node, *place.logical(x_px, y_px))
        self._at = (x_px, y_px)

    def button(self, button: Button, down: bool) -> None:
        self._buttons = self._buttons | {button} if down else self._buttons - {button}
        self._session.notify("NotifyPointerButton", "iu", _BUTTONS[button], int(down))

    def wait_for_target(self, sleep: Sleep) -> None:
        sleep(_TARGET_SECONDS)

    def wheel(self, dx: int, dy: int) -> None:
        # Measured with Mutter 43 and 48: a step ahead on this axis turns to the left there.
        to_the_right = -dx if self._session.is_gnome else dx
        for axis, clicks in ((_VERTICAL, -dy), (_HORIZONTAL, to_the_right)):
            for _ in range(abs(clicks)):
                self._session.notify("NotifyPointerAxisDiscrete", "ui", axis, 1 if clicks > 0 else -1)

    def check_key(self, name: str) -> None:
        if name not in KEYSYMS and len(name) != 1:
            raise CannotPerform(f"no key is called {name!r}")

    def key(self, name: str, down: bool) -> None:
        self.check_key(name)
        keysym = self._keys.get(name) or KEYSYMS.get(name) or keysym_of(name)
        self._keys = self._keys | {name: keysym} if down else {held: code for held, code in self._keys.items() if held != name}
        self._press(keysym, down)

    def _press(self, keysym: int, down: bool) -> None:
        self._session.notify("NotifyKeyboardKeysym", "iu", keysym, int(down))

    def type_text(self, text: str, sleep: Sleep = time.sleep) -> Entered:
        """By keys, where each character has one: that is sure of ASCII alone, and told of none. The rest is pasted."""
        by_keys = text.isascii() and len(text) <= LONG
        if by_keys or self._keys or self._clipboard is None:
            return Entered(self._type(text, sleep), "typed by keys" if text.isascii() else f"typed by keys{_LACKING}")
        if self._paste(self._clipboard, text, sleep):
            return Entered(text, "pasted")
        lacking = "" if text.isascii() else _LACKING
        return Entered(self._type(text, sleep), f"typed by keys, as the paste was not fetched{lacking}")

    def _type(self, text: str, sleep: Sleep) -> str:
        for char in text:
            self._press(keysym_of(char), True)
            self._press(keysym_of(char), False)
            sleep(_PER_KEY)
        return text

    def _paste(self, clipboard: Clipboard, text: str, sleep: Sleep) -> bool:
        """Offer `text`, press Shift+Insert, and see whether it was fetched."""
        try:
            if not clipboard.take(text):
                return False
            self._wait_for_fetches(clipboard, sleep)
            before = clipboard.fetches()
            for name, down in (("shift", True), ("insert", True), ("insert", False), ("shift", False)):
                self.key(name, down)
            deadline = time.monotonic() + _FETCH_SECONDS
            while clipboard.fetches() == before:
                if time.monotonic() > deadline:
                    return False
                sleep(_POLL)
            sleep(_FETCH_AGAIN)
            return True
        finally:
            with suppress(DisplayGone):
                clipboard.give_back()

    def _wait_for_fetches(self, clipboard: Clipboard, sleep: Sleep) -> None:
        """Until the compositor has fetched what is new, which is no paste, and the program has done what was clicked or pressed before."""
        quiet_since, fetches, started = time.monotonic(), clipboard.fetches(), time.monotonic()
        while time.monotonic() - quiet_since < _QUIET_SECONDS and time.monotonic() - started < _FETCH_SECONDS:
            sleep(_POLL)
            if clipboard.fetches() != fetches:
                quiet_since, fetches = time.monotonic(), clipboard.fetches()

    def release_all(self) -> None:
        """Release what we hold."""
        for button in tuple(self._buttons):
            self.button(button, down=False)
        for name in tuple(self._keys):
            self.key(name, down=False)

    def reopen(self) -> None:
        raise DisplayGone("the desktop is no longer shared")

    def close(self) -> None:
        with suppress(DisplayGone):
            self.release_all()
        if self._clipboard:
            self._clipboard.close()
