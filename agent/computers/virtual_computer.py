"""A virtual desktop as a computer: one that is started for it, and ends with it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from actions.geometry import Size
from agent.computers.desktop import DesktopComputer
from agent.computers.virtual import DEFAULT_SIZE, VirtualDesktop, wait_for_window


class VirtualComputer(DesktopComputer):
    """A desktop of its own, of `size`, with `program` on it.

    Raises:
        VirtualDesktopError: it cannot be started, or the program ended before it showed a window.
    """

    def __init__(
        self,
        size: Size = DEFAULT_SIZE,
        program: Sequence[str] = (),
        *,
        settle: bool = True,
        stop: threading.Event | None = None,
        patience: float = 5.0,
    ) -> None:
        self.desktop = VirtualDesktop(size)
        try:
            if program:
                wait_for_window(self.desktop.display, self.desktop.launch(program), program[0])
            super().__init__(self.desktop.display, settle=settle, stop=stop, patience=patience)
        except BaseException:
            self.desktop.close()
            raise

    def close(self) -> None:
        super().close()
        self.desktop.close()
