"""A person's input on macOS and Windows, listened to by pynput."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from actions.errors import DisplayGone
from actions.keys import canonical_key
from actions.space import Button
from agent.gestures import ButtonChanged, InputEvent, KeyChanged, PointerMoved, WheelTurned

_SIDES = ("_l", "_r", "_gr")


class PynputListener:
    """Hands every pointer and key event of this session to `put`, from threads of its own.

    Raises:
        DisplayGone: pynput is not installed, or this session has no desktop.
    """

    def __init__(self, put: Callable[[InputEvent], None]) -> None:
        try:
            from pynput import keyboard, mouse
        except ImportError as err:
            raise DisplayGone(f"pynput is not installed or finds no desktop ({err}): pip install 'deftly[record]'") from err
        self._put = put
        self._listeners: tuple[Any, ...] = (
            mouse.Listener(on_move=self._move, on_click=self._click, on_scroll=self._scroll),
            keyboard.Listener(on_press=lambda key: self._key(key, True), on_release=lambda key: self._key(key, False)),
        )
        for listener in self._listeners:
            listener.start()
            listener.wait()

    @property
    def alive(self) -> bool:
        return all(listener.is_alive() for listener in self._listeners)

    def close(self) -> None:
        # Not joined: a listener may notice only at the next event. Its thread does not keep the process alive.
        for listener in self._listeners:
            listener.stop()

    def _move(self, x_px: float, y_px: float, *_: object) -> None:
        self._put(PointerMoved(time.time(), int(x_px), int(y_px)))

    def _click(self, x_px: float, y_px: float, button: Any, down: bool, *_: object) -> None:
        if button.name in ("left", "right", "middle"):
            self._put(ButtonChanged(time.time(), int(x_px), int(y_px), cast("Button", button.name), down))

    def _scroll(self, x_px: float, y_px: float, dx: int, dy: int, *_: object) -> None:
        self._put(WheelTurned(time.time(), int(x_px), int(y_px), int(dx), int(dy)))

    def _key(self, key: Any, down: bool) -> None:
        char = getattr(key, "char", None) or ""
        name = char or getattr(key, "name", "")
        if name == "space":
            char = " "
        for side in _SIDES:
            name = name.removesuffix(side)
        if len(char) == 1 and ord(char) < 0x20:  # with ctrl held some systems give the control character
            char = name = chr(ord(char) + 0x60)
        try:
            self._put(KeyChanged(time.time(), canonical_key(name), char, down))
        except ValueError:  # a media key, a dead key: none of ours
            return
