"""A person's input on an X display, listened to by the RECORD extension, without getting in its way."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from Xlib import X
from Xlib.ext import record
from Xlib.protocol import rq

from actions.backends.keysyms import KEYSYMS
from actions.backends.x11_connection import LOST, open_display
from actions.backends.x11_keymap import char_of
from actions.errors import DisplayGone
from actions.space import Button
from agent.gestures import ButtonChanged, InputEvent, KeyChanged, PointerMoved, WheelTurned

_BUTTONS: dict[int, Button] = {1: "left", 2: "middle", 3: "right"}
_WHEEL = {4: (0, 1), 5: (0, -1), 6: (-1, 0), 7: (1, 0)}
# Keys that are one to us: right-hand twins, what Shift makes of some, and the keypad's while Num Lock is off.
_TWINS = {
    "ctrl": (0xFFE4,),
    "shift": (0xFFE2,),
    "alt": (0xFFEA, 0xFFE7, 0xFFE8),
    "meta": (0xFFEC,),
    "tab": (0xFE20,),
    "enter": (0xFF8D,),
    "home": (0xFF95,),
    "left": (0xFF96,),
    "up": (0xFF97,),
    "right": (0xFF98,),
    "down": (0xFF99,),
    "page_up": (0xFF9A,),
    "page_down": (0xFF9B,),
    "end": (0xFF9C,),
    "insert": (0xFF9E,),
    "delete": (0xFF9F,),
}
_KEYS = {code: name for name, code in KEYSYMS.items()} | {code: name for name, codes in _TWINS.items() for code in codes}
_KEYPAD, _KEYPAD_CHARS = range(0xFF80, 0xFFBE), range(0xFFAA, 0xFFBE)
_STOP_SECONDS = 5.0


class X11Listener:
    """Hands every pointer and key event of the display called `display` to `put`, from a thread of its own.

    Raises:
        DisplayGone: the display is not there, or has no RECORD extension.
    """

    def __init__(self, display: str | None, put: Callable[[InputEvent], None]) -> None:
        self._put = put
        self._control, self._data = open_display(display), open_display(display)
        if not self._control.has_extension("RECORD"):
            self._control.close()
            self._data.close()
            raise DisplayGone(f"the display {display or '$DISPLAY'} has no RECORD extension, so nothing can be recorded on it")
        nothing = dict.fromkeys(("core_requests", "core_replies", "delivered_events", "errors"), (0, 0))
        nothing |= dict.fromkeys(("ext_requests", "ext_replies"), (0, 0, 0, 0))  # type: ignore[arg-type]
        wanted = {**nothing, "device_events": (X.KeyPress, X.MotionNotify), "client_started": False, "client_died": False}
        self._context = self._control.record_create_context(0, [record.AllClients], [wanted])
        self._control.sync()
        self._clock_offset = math.inf  # between the server's clock, in milliseconds since some start, and ours
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="deftly-listener", daemon=True)
        self._thread.start()
        self._started.wait(_STOP_SECONDS)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def close(self) -> None:
        with suppress(*LOST):
            self._control.record_disable_context(self._context)
            self._control.sync()
            self._thread.join(_STOP_SECONDS)
            self._control.record_free_context(self._context)
            self._control.close()

    def _listen(self) -> None:
        with suppress(*LOST):  # the display died: `alive` says so
            self._data.record_enable_context(self._context, self._take)
            self._data.close()

    def _take(self, reply: Any) -> None:
        self._started.set()
        if reply.category != record.FromServer or reply.client_swapped:
            return
        data = reply.data
        while data:
            event, data = rq.EventField("event").parse_binary_value(data, self._data.display, None, None)
            if translated := self._translate(event, self._time_of(event)):
                self._put(translated)

    def _time_of(self, event: Any) -> float:
        """When it happened, by the server's clock: what is between two events does not depend on when we get to hear of them."""
        seconds = event.time / 1000
        self._clock_offset = min(self._clock_offset, time.time() - seconds)
        return float(seconds + self._clock_offset)

    def _translate(self, event: Any, now: float) -> InputEvent | None:
        if event.type == X.MotionNotify:
            return PointerMoved(now, event.root_x, event.root_y)
        if event.type in (X.KeyPress, X.KeyRelease):
            return self._key(event, now)
        down = event.type == X.ButtonPress
        if event.detail in _BUTTONS:
            return ButtonChanged(now, event.root_x, event.root_y, _BUTTONS[event.detail], down)
        if event.detail in _WHEEL and down:
            return WheelTurned(now, event.root_x, event.root_y, *_WHEEL[event.detail])
        return None

    def _key(self, event: Any, now: float) -> KeyChanged | None:
        display = self._control
        while display.pending_events():
            change = display.next_event()
            if change.type == X.MappingNotify:
                display.refresh_keyboard_mapping(change)
        plain, typed = self._keysyms(event)
        name = _KEYS.get(plain) or _char(plain).lower()
        char = _char(typed)
        if event.state & X.LockMask:
            char = char.swapcase()
        return KeyChanged(now, name, char, event.type == X.KeyPress) if name else None

    def _keysyms(self, event: Any) -> tuple[int, int]:
        """What the key is, and what it gives with Shift, AltGr and the layout that is active."""
        group = 2 * (event.state >> 13 & 3)
        plain = self._control.keycode_to_keysym(event.detail, group) or self._control.keycode_to_keysym(event.detail, 0)
        if plain in _KEYPAD and event.state & X.Mod2Mask:
            plain = self._control.keycode_to_keysym(event.detail, 1)
        level = bool(event.state & X.ShiftMask) + 4 * bool(event.state & X.Mod5Mask)
        typed = self._control.keycode_to_keysym(event.detail, group + level)
        return plain, plain if plain in _KEYPAD else typed or plain


def _char(keysym: int) -> str:
    # The keypad's characters are ASCII, moved up.
    return chr(keysym & 0x7F) if keysym in _KEYPAD_CHARS else char_of(keysym)
