"""Hands on an X display: mouse and keyboard events by the XTest extension, text by `x11_typing`."""

from __future__ import annotations

import atexit
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from Xlib import X
from Xlib.display import Display

from actions.backends.base import Entered, Sleep
from actions.backends.keysyms import KEYSYMS, keysym_of
from actions.backends.x11_connection import Connection
from actions.backends.x11_drop import DropWatch
from actions.backends.x11_keymap import Keymap, Stroke
from actions.backends.x11_keys import KEYMAP_PAUSE
from actions.backends.x11_typing import Typer
from actions.errors import CannotPerform, DisplayGone
from actions.geometry import Size
from actions.space import Button

_BUTTONS = {"left": 1, "middle": 2, "right": 3}
_WHEEL_UP, _WHEEL_DOWN, _WHEEL_LEFT, _WHEEL_RIGHT = 4, 5, 6, 7


class X11Backend:
    """Hands on the X display called `display`. Opening releases whatever a run before left held.

    Raises:
        DisplayGone: from any method, when the display cannot be reached.
    """

    def __init__(self, display: str | None = None) -> None:
        self._connection = Connection(display)
        self._typer: Typer | None = None
        self._strokes: dict[str, Stroke] = {}
        self._acted_at = 0.0
        self._drop: DropWatch | None = None
        self._closed = False
        self._open()
        atexit.register(self.close)

    def _open(self) -> None:
        with self._connection.use() as display:
            if not display.has_extension("XTEST"):
                raise DisplayGone(f"the display {self._connection.name} has no XTEST extension, so nothing can act on it")
            self._keymap = Keymap(display)
        self.release_all()

    def reopen(self) -> None:
        self._drop_typer()
        self._connection.reopen()
        self._open()

    def screen_size(self) -> Size:
        with self._connection.use():
            geometry = self._connection.root.get_geometry()
        return Size(geometry.width, geometry.height)

    def position(self) -> tuple[int, int]:
        with self._connection.use():
            pointer = self._connection.root.query_pointer()
        return pointer.root_x, pointer.root_y

    def move(self, x_px: int, y_px: int) -> None:
        with self._connection.use() as display:
            display.xtest_fake_input(X.MotionNotify, x=x_px, y=y_px)
            display.sync()

    def button(self, button: Button, down: bool) -> None:
        with self._acting() as display:
            if down:
                self._drop = DropWatch(display)
            display.xtest_fake_input(X.ButtonPress if down else X.ButtonRelease, _BUTTONS[button])
            display.sync()
        self._acted_at = time.monotonic()

    def wait_for_target(self, sleep: Sleep) -> None:
        with self._connection.use() as display:
            if self._drop:
                self._drop.wait_for_target(display, sleep)

    def wheel(self, dx: int, dy: int) -> None:
        with self._connection.use() as display:
            for number, clicks in ((_WHEEL_UP if dy > 0 else _WHEEL_DOWN, abs(dy)), (_WHEEL_RIGHT if dx > 0 else _WHEEL_LEFT, abs(dx))):
                for _ in range(clicks):
                    display.xtest_fake_input(X.ButtonPress, number)
                    display.xtest_fake_input(X.ButtonRelease, number)
            display.sync()

    def check_key(self, name: str) -> None:
        if name not in KEYSYMS and len(name) != 1:
            raise CannotPerform(f"no key is called {name!r}")

    def key(self, name: str, down: bool) -> None:
        self.check_key(name)
        with self._acting() as display:
            if down:
                self._press(display, name)
            else:
                self._release(display, name)
            display.sync()
        if name != "enter":  # the end of a line selects and copies nothing
            self._acted_at = time.monotonic()

    def _press(self, display: Display, name: str) -> None:
        state = self._connection.root.query_pointer().mask
        self._keymap.refresh(display)
        stroke = self._keymap.stroke_of_key(name, group=state >> 13 & 3)
        if stroke is None:
            keysym = KEYSYMS.get(name) or keysym_of(name)
            self._keymap.lend(display, [keysym])
            stroke = self._keymap.stroke(keysym)
            assert stroke is not None
            time.sleep(KEYMAP_PAUSE)
        already = {stroke.keycode for stroke in self._strokes.values()}
        stroke = Stroke(stroke.keycode, tuple(code for code in stroke.held if code not in already))
        self._strokes[name] = stroke
        for code in (*stroke.held, stroke.keycode):
            display.xtest_fake_input(X.KeyPress, code)

    def _release(self, display: Display, name: str) -> None:
        stroke = self._strokes.pop(name, None) or self._keymap.stroke_of_key(name)
        if stroke is not None:
            for code in (stroke.keycode, *reversed(stroke.held)):
                display.xtest_fake_input(X.KeyRelease, code)

    def type_text(self, text: str, sleep: Sleep = time.sleep) -> Entered:
        try:
            with self._connection.use() as display:
                self._typer = self._typer or Typer(self._connection.name)
                return self._typer.enter(display, self._keymap, text, sleep, self._acted_at, keys_only=bool(self._strokes))
        except BaseException:
            # Stopped, interrupted, or the display died: nothing stays held, if that can still be said.
            with suppress(DisplayGone):
                self.release_all()
            raise

    @contextmanager
    def _acting(self) -> Iterator[Display]:
        """The display, for a press or a release: the user's clipboard is back before it, in case it pastes."""
        if self._typer is not None:
            self._typer.restore()
        with self._connection.use() as display:
            yield display

    def release_all(self) -> None:
        with self._connection.use() as display:
            for index, bits in enumerate(display.query_keymap()):
                for bit in range(8):
                    if bits >> bit & 1:
                        display.xtest_fake_input(X.KeyRelease, index * 8 + bit)
            mask = self._connection.root.query_pointer().mask
            for number in range(1, 6):
                if mask & X.Button1Mask << (number - 1):
                    display.xtest_fake_input(X.ButtonRelease, number)
            self._strokes.clear()
            self._keymap.resume_caps_lock(display)
            display.sync()

    def close(self) -> None:
        atexit.unregister(self.close)
        if self._closed:
            return
        self._closed = True
        with suppress(DisplayGone):
            self.release_all()
            with self._connection.use() as display:
                self._keymap.give_back(display)
        self._drop_typer()
        self._connection.close()

    def _drop_typer(self) -> None:
        if self._typer is not None:
            self._typer.close()
            self._typer = None
