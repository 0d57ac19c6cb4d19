"""The protocol that every backend keeps: raw mouse and keyboard events on one desktop, in desktop pixels."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from actions.geometry import Size
from actions.space import Button

Sleep = Callable[[float], None]


class Entered(NamedTuple):
    """The text that was really entered (shorter than asked when the focus moved away), and how: "typed by keys", "pasted", …"""

    text: str
    how: str


class Backend(Protocol):
    """Hands on one desktop. Key names are those of `actions.keys`; whatever is pressed stays held until it is released."""

    def screen_size(self) -> Size: ...

    def position(self) -> tuple[int, int]: ...

    def move(self, x_px: int, y_px: int) -> None: ...

    def button(self, button: Button, down: bool) -> None: ...

    def wait_for_target(self, sleep: Sleep) -> None:
        """Before a drag's button is released: where data is dragged, wait until what is under the pointer says that it takes it."""
        ...

    def wheel(self, dx: int, dy: int) -> None:
        """Turn the wheel by whole clicks; `dy` < 0 shows what is below, `dx` > 0 what is to the right."""
        ...

    def check_key(self, name: str) -> None:
        """Raises `CannotPerform` when this keyboard has no such key."""
        ...

    def key(self, name: str, down: bool) -> None: ...

    def type_text(self, text: str, sleep: Sleep = time.sleep) -> Entered:
        """Enter one line of text where the focus is. `sleep` is called while waiting; whatever it raises ends the typing cleanly."""
        ...

    def release_all(self) -> None:
        """Release every key and button that is down on this desktop, whoever pressed it."""
        ...

    def reopen(self) -> None:
        """Connect anew, after the display died and came back."""
        ...

    def close(self) -> None:
        """Release everything and disconnect; safe to call twice."""
        ...
