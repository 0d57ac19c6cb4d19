"""Entering a line of text on an X display: by key events, or by pasting an own selection."""

from __future__ import annotations

import time

from Xlib import X
from Xlib.display import Display

from actions.backends.base import Entered, Sleep
from actions.backends.x11_keymap import Keymap, Stroke, keysym_of

_PER_KEY = 0.001
_KEYMAP_PAUSE, _KEYMAP_AFTER = 0.02, 0.05


class Typer:
    """Enters text where the focus is."""

    def __init__(self, display_name: str) -> None:
        self._display_name = display_name

    def enter(self, display: Display, keymap: Keymap, text: str, sleep: Sleep = time.sleep) -> Entered:
        group = display.screen().root.query_pointer().mask >> 13 & 3
        keymap.refresh(display)
        strokes = {char: keymap.stroke(keysym_of(char), group) for char in dict.fromkeys(text)}
        rest = text
        while rest:
            rest = self._enter_chunk(display, keymap, rest, strokes, sleep)
        return Entered(text, "typed by keys")

    def _enter_chunk(self, display: Display, keymap: Keymap, text: str, strokes: dict[str, Stroke | None], sleep: Sleep) -> str:
        """Type as much of `text` as the borrowed keycodes allow; returns the rest."""
        room, lent = keymap.room(), list[str]()
        length = 0
        for length, char in enumerate(text):
            if strokes[char] is None and char not in lent:
                if len(lent) == room:
                    break
                lent.append(char)
        else:
            length = len(text)
        borrowed: dict[int, Stroke] = {}
        if lent:
            borrowed = keymap.borrow(display, map(keysym_of, lent))
            sleep(_KEYMAP_PAUSE)
        for char in text[:length]:
            self._strike(display, strokes[char] or borrowed[keysym_of(char)])
            sleep(_PER_KEY)
        if lent:
            sleep(_KEYMAP_AFTER)
            keymap.give_back(display)
        return text[length:]

    def _strike(self, display: Display, stroke: Stroke) -> None:
        for code in (*stroke.held, stroke.keycode):
            display.xtest_fake_input(X.KeyPress, code)
        for code in (stroke.keycode, *reversed(stroke.held)):
            display.xtest_fake_input(X.KeyRelease, code)
        display.sync()

    def close(self) -> None:
        pass
