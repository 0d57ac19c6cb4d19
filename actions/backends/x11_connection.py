"""One connection to an X server: opened, checked, told apart from a broken one, and opened again."""

from __future__ import annotations

import os
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayError, XauthError
from Xlib.protocol.display import Display as ProtocolDisplay
from Xlib.protocol.event import event_class
from Xlib.xobject.drawable import Window

from actions.errors import DisplayGone

LOST = (ConnectionClosedError, DisplayError, XauthError, OSError)
_OPENING = threading.Lock()


def open_display(name: str | None) -> Display:
    """A new connection to the display called `name`, or to `$DISPLAY`.

    Raises:
        DisplayGone: there is no such display, or it does not let us in.
    """
    try:
        display = _open_apart(name)
    except LOST as err:
        _close_sockets_of(err)
        raise DisplayGone(f"cannot connect to the display {name or os.environ.get('DISPLAY', '')}: {err}") from err
    if display.has_extension("XFIXES"):
        display.xfixes_query_version()  # the server answers nothing of it before
    # The default handler prints to stderr; what may fail (a window that is just gone) is checked by those who ask.
    display.set_error_handler(lambda *_: None)
    return display


def _open_apart(name: str | None) -> Display:
    """A display whose extension events are its own.

    python-xlib keeps what each event number means in one table for all displays of a process, but servers number the events of
    their extensions differently: after an Xvfb, a TigerVNC cannot be connected to.
    """
    with _OPENING:
        ProtocolDisplay.event_classes = {**event_class}
        display = Display(name)
        display.display.event_classes = ProtocolDisplay.event_classes
    return display


def _close_sockets_of(err: BaseException) -> None:
    """Close what python-xlib leaves open when it cannot connect: its sockets, kept alive by the frames of the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        cause: BaseException | None = err
        while cause is not None:
            traceback.clear_frames(cause.__traceback__)
            cause = cause.__context__


class Connection:
    """A python-xlib `Display` that knows whether it can still be trusted.

    python-xlib keeps its locks and half-read replies when an exception (Ctrl-C, say) interrupts it: the next call on the
    same connection would hang. Every use therefore goes through `use()`, and a connection whose use did not end normally
    is replaced by a new one.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._display: Display | None = None
        self._in_use = False
        self._lost = False
        self.reopen()

    @property
    def name(self) -> str:
        return self.display.get_display_name()

    @property
    def display(self) -> Display:
        assert self._display is not None
        return self._display

    @property
    def root(self) -> Window:
        root: Window = self.display.screen().root
        return root

    @contextmanager
    def use(self) -> Iterator[Display]:
        """The display, for requests that end with a round trip.

        Raises:
            DisplayGone: the server does not answer, or did not the last time and `reopen` was not called since.
        """
        if self._lost or self._display is None:
            raise DisplayGone(f"the display {self._called} is gone")
        if self._in_use:  # the last use was interrupted
            self.reopen()
        self._in_use = True
        try:
            yield self.display
        except LOST as err:
            self._lost = True
            raise DisplayGone(f"the display {self._called} does not answer: {err}") from err
        self._in_use = False

    @property
    def _called(self) -> str:
        return self._name or os.environ.get("DISPLAY", "")

    def reopen(self) -> None:
        self.close()
        self._display = open_display(self._name)
        self._in_use = self._lost = False

    def close(self) -> None:
        """Drop the connection without a word to the server, which cleans up after it by itself."""
        if self._display is not None:
            self._display.display.close_internal("client")
            self._display = None


def focused_window(display: Display) -> int:
    """The id of the window that has the focus; 0 or 1 where the focus follows the pointer."""
    return window_id(display.get_input_focus().focus)


def window_id(window: Window | int) -> int:
    """The id of what python-xlib gives as a window, or as a number where there is none."""
    return window if isinstance(window, int) else int(window.id)


def same_client(display: Display, one: int, other: int) -> bool:
    """Whether two windows were made by the same client."""
    mask: int = ~display.display.info.resource_id_mask
    return one & mask == other & mask
