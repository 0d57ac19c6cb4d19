"""The kill switch: Escape, held for a moment, stops the run, whatever window has the focus.

While hands move the pointer and type, Ctrl-C in a terminal is hard to reach: it would go to whatever has the focus. The hands press Escape
too, but let go at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import closing, suppress
from types import TracebackType
from typing import TYPE_CHECKING

from actions.errors import DisplayGone

if TYPE_CHECKING:
    from Xlib.display import Display

HELD_SECONDS = 0.7
_LOOKS_PER_SECOND = 20


class KillSwitch:
    """Watches the keyboard of an X display as long as its block runs; elsewhere it does nothing, and Ctrl-C has to do.

    When it fires it sets `stop`, which keeps the hands still, and interrupts the main thread as Ctrl-C does.
    """

    def __init__(self, stop: threading.Event | None = None, display: str | None = None) -> None:
        self.stop = stop or threading.Event()
        self._display = display or os.environ.get("DISPLAY")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="kill switch", daemon=True)

    def __enter__(self) -> KillSwitch:
        if self._display and sys.platform.startswith("linux"):
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        from Xlib import XK
        from Xlib.error import ConnectionClosedError

        from actions.backends.x11_connection import open_display

        # A display that is gone needs no word from here: whoever looks at the screen says so.
        with suppress(DisplayGone, ConnectionClosedError, OSError), closing(open_display(self._display)) as keyboard:
            if self._wait_for(keyboard, keyboard.keysym_to_keycode(XK.XK_Escape)):
                self._fire()

    def _wait_for(self, keyboard: Display, keycode: int) -> bool:
        """Whether the key was held for long enough before the block ended."""
        looks = 0
        while looks <= HELD_SECONDS * _LOOKS_PER_SECOND:
            if self._done.wait(1 / _LOOKS_PER_SECOND):
                return False
            keymap = keyboard.query_keymap()
            looks = looks + 1 if keymap[keycode // 8] >> keycode % 8 & 1 else 0
        return True

    def _fire(self) -> None:
        self.stop.set()
        main = threading.main_thread().ident
        if main is not None:
            # A real signal, and to that thread: it may be waiting in a system call for a model's answer.
            signal.pthread_kill(main, signal.SIGINT)
