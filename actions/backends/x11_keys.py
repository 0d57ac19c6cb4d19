"""Typing a text by key events: each character by its key of the live keymap, or by a keycode lent to it."""

from __future__ import annotations

import time

from Xlib import X
from Xlib.display import Display

from actions.backends.base import Sleep
from actions.backends.keysyms import keysym_of
from actions.backends.x11_connection import focused_window
from actions.backends.x11_keymap import Keymap, Stroke

_PER_KEY = 0.001
# Clients read a changed keymap late. Measured with Tk, xterm, Chromium and GTK: with these pauses no character is lost or wrong.
KEYMAP_PAUSE, _KEYMAP_AFTER = 0.02, 0.05
_FOCUS_CHECK = 8  # characters


class KeyTyping:
    """Types on one display. After an exception in the middle, `Keymap.resume_caps_lock` and `give_back` are the caller's.

    `settled_at` is the time until which the focus may still move because of what was clicked or pressed before; when it
    moves later, another window has taken it, and the rest of the text is not for that window.
    """

    def __init__(self, display: Display, keymap: Keymap, settled_at: float) -> None:
        self._display = display
        self._keymap = keymap
        self._settled_at = settled_at
        state = display.screen().root.query_pointer().mask
        self._group, self._caps_lock = state >> 13 & 3, bool(state & X.LockMask)
        keymap.refresh(display)
        self._focus = focused_window(display)

    def maps(self, text: str) -> bool:
        """Whether every character of `text` has a key."""
        return all(self._keymap.stroke(keysym_of(char), self._group) for char in set(text))

    def type(self, text: str, sleep: Sleep) -> str:
        """Type `text`; returns what was typed before the focus moved away, usually all of it."""
        if self._caps_lock:
            self._keymap.suspend_caps_lock(self._display)
        done = ""
        while len(done) < len(text):
            chunk = self._next_chunk(text[len(done) :])
            typed = self._type_chunk(chunk, sleep)
            done += typed
            if typed != chunk:
                break
        self._keymap.resume_caps_lock(self._display)
        return done

    def strike(self, stroke: Stroke) -> None:
        for code in (*stroke.held, stroke.keycode):
            self._display.xtest_fake_input(X.KeyPress, code)
        for code in (stroke.keycode, *reversed(stroke.held)):
            self._display.xtest_fake_input(X.KeyRelease, code)
        self._display.sync()

    def _next_chunk(self, text: str) -> str:
        """As much of `text` as can be typed with the keycodes that there are to lend."""
        lent: set[str] = set()
        for index, char in enumerate(text):
            if char not in lent and self._keymap.needs_lending(keysym_of(char), self._group):
                if len(lent) == self._keymap.room():
                    return text[:index]
                lent.add(char)
        return text

    def _type_chunk(self, chunk: str, sleep: Sleep) -> str:
        keysyms = {char: keysym_of(char) for char in chunk}
        strange = [keysym for keysym in keysyms.values() if self._keymap.needs_lending(keysym, self._group)]
        if strange and self._keymap.lend(self._display, strange):
            sleep(KEYMAP_PAUSE)
        strokes = {char: self._keymap.stroke(keysym, self._group) for char, keysym in keysyms.items()}
        for index, char in enumerate(chunk):
            if index % _FOCUS_CHECK == 0 and not self._focus_stayed():
                chunk = chunk[:index]
                break
            stroke = strokes[char]
            assert stroke is not None, char
            self.strike(stroke)
            sleep(_PER_KEY)
        if strange:
            sleep(_KEYMAP_AFTER)
        return chunk

    def _focus_stayed(self) -> bool:
        focus = focused_window(self._display)
        if focus != self._focus and time.monotonic() < self._settled_at:
            self._focus = focus
        return focus == self._focus
