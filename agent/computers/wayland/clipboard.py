"""A clipboard to paste from, for characters that the keyboard lacks: that of Xwayland, which GNOME shares with its Wayland programs."""

from __future__ import annotations

from contextlib import suppress

from actions.backends.x11_selection import Offer, SelectionServer
from actions.errors import DisplayGone


class Clipboard:
    """Holds a text for others to fetch, on the X `display` beside the session.

    Raises:
        DisplayGone: there is no such display.
    """

    def __init__(self, display: str) -> None:
        # PRIMARY stays with whoever has selected something: a text field that loses it would keep what the paste is to replace.
        self._server = SelectionServer(display, primary=False)
        self._offer: Offer | None = None

    def take(self, text: str) -> bool:
        """Offer `text` in place of what the user had copied; false where that could not be put back, a picture for example."""
        self._offer = self._server.offer(text)
        return self._offer is not None

    def fetches(self) -> int:
        """How often it was fetched. The compositor itself fetches what is new, to keep it."""
        return len(self._offer.fetchers) if self._offer else 0

    def give_back(self) -> None:
        """Offer again what the user had copied."""
        self._offer = None
        self._server.restore()

    def close(self) -> None:
        """Serve no more. Safe to call twice."""
        self._server.close()


def open_clipboard(display: str | None) -> Clipboard | None:
    """That of the X `display`; `None` where there is no such display."""
    if display:
        with suppress(DisplayGone):
            return Clipboard(display)
    return None
