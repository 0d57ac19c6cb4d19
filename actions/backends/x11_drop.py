"""When a drag-and-drop may be let go: a target that is busy has to say first that it takes the data."""

from __future__ import annotations

import time

from Xlib.display import Display

from actions.backends.base import Sleep
from actions.backends.x11_connection import window_id

# Measured with Chromium on a machine ten times overloaded: the target answers 0.3 s after the pointer arrived, and a button
# released before that drops nothing. The answer shows in the pointer's shape.
_ANSWER_SECONDS, _POLL, _AFTER = 1.0, 0.02, 0.05


class DropWatch:
    """Made when a button is pressed. A drag of data is one during which the selection of XDND, the protocol for it, got an owner."""

    def __init__(self, display: Display) -> None:
        self._selection = display.get_atom("XdndSelection")
        self._owner = self._owner_now(display)

    def wait_for_target(self, display: Display, sleep: Sleep) -> None:
        """Wait until the target under the pointer has answered; at once where no data is dragged."""
        if self._owner_now(display) == self._owner:
            return
        shape = _pointer_shape(display)
        deadline = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < deadline and _pointer_shape(display) == shape:
            sleep(_POLL)
        sleep(_AFTER)

    def _owner_now(self, display: Display) -> int:
        return window_id(display.get_selection_owner(self._selection))


def _pointer_shape(display: Display) -> int:
    """A number that changes with the pointer's shape; 0 where the server does not tell."""
    if not display.has_extension("XFIXES"):
        return 0
    return int(display.xfixes_get_cursor_image(display.screen().root).cursor_serial)
