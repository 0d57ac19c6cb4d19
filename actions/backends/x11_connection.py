"""One connection to an X server: opened, checked, told apart from a broken one, and opened again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from Xlib import X
from Xlib.display import Display
from Xlib.error import ConnectionClosedError, DisplayError, XauthError
from Xlib.xobject.drawable import Window

from actions.errors import DisplayGone

_LOST = (ConnectionClosedError, DisplayError, XauthError, OSError)


class Connection:
    """A python-xlib `Display` that knows whether it can still be trusted.

    python-xlib keeps its locks and half-read replies when an exception (Ctrl-C, say) interrupts it: the next call on the same connection would
    hang. Every use therefore goes through `use()`, and a connection whose use did not end normally is replaced by a new one.
    """

    def __init__(self, name: str | None) -> None:
        self._name = name
        self._broken = True
        self._display: Display | None = None
        with self.use():
            pass

    @property
    def name(self) -> str:
        return self.display.get_display_name()

    @property
    def display(self) -> Display:
        assert self._display is not None
        return self._display

    @property
    def root(self) -> Window:
        return self.display.screen().root

    @contextmanager
    def use(self) -> Iterator[Display]:
        """The display, for requests that end with a round trip.

        Raises:
            DisplayGone: the server does not answer.
        """
        try:
            if self._broken:
                self.reopen()
            self._broken = True
            yield self.display
            self._broken = False
        except _LOST as err:
            raise DisplayGone(f"the display {self._name or '$DISPLAY'} does not answer: {err}") from err

    def reopen(self) -> None:
        self.close()
        try:
            self._display = Display(self._name)
        except _LOST as err:
            raise DisplayGone(f"cannot connect to the display {self._name or '$DISPLAY'}: {err}") from err
        # The default handler prints to stderr; requests that may fail are followed by checks of their own.
        self._display.set_error_handler(lambda *_: None)
        self._broken = False

    def close(self) -> None:
        """Drop the connection without a word to the server, which cleans up after it by itself."""
        if self._display is not None:
            with suppress(*_LOST):
                self._display.display.close_internal("client")
            self._display = None
        self._broken = True


def focused_window(display: Display) -> int:
    """The id of the window that has the focus; 0 or 1 where the focus follows the pointer."""
    focus = display.get_input_focus().focus
    return focus if isinstance(focus, int) else focus.id


def same_client(display: Display, one: int, other: int) -> bool:
    """Whether two windows were made by the same client."""
    mask = ~display.display.info.resource_id_mask
    return X.PointerRoot not in (one, other) and one & mask == other & mask
