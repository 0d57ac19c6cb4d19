"""The kill switch: a key, Escape unless a policy names another, held for a moment, stops the run, whatever window has the focus.

While hands move the pointer and type, Ctrl-C in a terminal is hard to reach: it would go to whatever has the focus. The hands press that
key too, but let go at once.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from types import TracebackType
from typing import TYPE_CHECKING

from actions.errors import DisplayGone
from agent.gestures import InputEvent, KeyChanged

if TYPE_CHECKING:
    from Xlib.display import Display

    from agent.recorder import Listener

HELD_SECONDS = 0.7
_LOOKS_PER_SECOND = 20
_REPEAT_SECONDS = 0.15  # a held key may be told as pressed and released again and again, so soon after one another

OpenListener = Callable[[Callable[[InputEvent], None]], "Listener"]


class KillSwitch:
    """Watches the keyboard as long as its block runs: that of an X display, or on macOS and Windows by a listener. Where there is neither,
    Ctrl-C has to do.

    When it fires it sets `stop`, which keeps the hands still, and interrupts the main thread as Ctrl-C does, unless that is not the run's
    to end (`interrupts`).
    """

    def __init__(
        self,
        stop: threading.Event | None = None,
        display: str | None = None,
        *,
        key: str = "escape",
        held_seconds: float = HELD_SECONDS,
        listener: OpenListener | None = None,
        interrupts: bool = True,
    ) -> None:
        self.stop = stop or threading.Event()
        self._display = display or os.environ.get("DISPLAY")
        self._key = key
        self._held_seconds = held_seconds
        self._interrupts = interrupts
        self._open_listener = listener or (_open_portable if sys.platform in ("darwin", "win32") else None)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch_events if self._open_listener else self._watch, name="kill switch", daemon=True)

    def __enter__(self) -> KillSwitch:
        if self._open_listener or (self._display and sys.platform.startswith("linux")):
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        from Xlib.error import ConnectionClosedError

        from actions.backends.keysyms import KEYSYMS
        from actions.backends.x11_connection import open_display

        keysym = KEYSYMS.get(self._key) or ord(self._key)

        # A display that is gone needs no word from here: whoever looks at the screen says so.
        with suppress(DisplayGone, ConnectionClosedError, OSError), closing(open_display(self._display)) as keyboard:
            if self._wait_for(keyboard, keyboard.keysym_to_keycode(keysym)):
                self._fire()

    def _wait_for(self, keyboard: Display, keycode: int) -> bool:
        """Whether the key was held for long enough before the block ended."""
        looks = 0
        while looks <= self._held_seconds * _LOOKS_PER_SECOND:
            if self._done.wait(1 / _LOOKS_PER_SECOND):
                return False
            keymap = keyboard.query_keymap()
            looks = looks + 1 if keymap[keycode // 8] >> keycode % 8 & 1 else 0
        return True

    def _watch_events(self) -> None:
        """The same by events: held is a press that no release follows, but for those by which a key repeats itself."""
        assert self._open_listener is not None
        events: queue.SimpleQueue[InputEvent] = queue.SimpleQueue()
        with suppress(DisplayGone), closing(self._open_listener(events.put)):
            since: float | None = None
            released: float | None = None
            while not self._done.is_set():
                with suppress(queue.Empty):
                    event = events.get(timeout=1 / _LOOKS_PER_SECOND)
                    if isinstance(event, KeyChanged) and event.key == self._key:
                        since, released = (since or time.monotonic(), None) if event.down else (since, time.monotonic())
                if released is not None and time.monotonic() - released > _REPEAT_SECONDS:
                    since = released = None
                if since is not None and time.monotonic() - since > self._held_seconds:
                    self._fire()
                    return

    def _fire(self) -> None:
        self.stop.set()
        if not self._interrupts:
            return
        main = threading.main_thread().ident
        if sys.platform == "win32":
            signal.raise_signal(signal.SIGINT)  # there it is always the main thread that handles it
        elif main is not None:
            # A real signal, and to that thread: it may be waiting in a system call for a model's answer.
            signal.pthread_kill(main, signal.SIGINT)


def _open_portable(put: Callable[[InputEvent], None]) -> Listener:
    from agent.listen_pynput import PynputListener

    return PynputListener(put)
