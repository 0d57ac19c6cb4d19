"""The local desktop as a computer: an X display, macOS or Windows, watched by mss and acted on by the backend of that system."""

from __future__ import annotations

import sys
import threading

from actions.backends import open_backend
from actions.errors import DisplayGone
from actions.executor import Executor
from actions.geometry import Geometry
from agent.capture import Capture
from agent.computers.screen import ScreenComputer
from agent.endings import DisplayLost


class DesktopComputer(ScreenComputer):
    """The desktop on `display` (default: `$DISPLAY`), or a `region` of it in desktop pixels.

    Without `settle` a screenshot is taken at once. `stop` is the kill switch: once it is set, the hands do nothing more.
    `patience` is how many seconds a display that died may take to come back.

    Raises:
        DisplayLost: there is no such display.
    """

    def __init__(
        self,
        display: str | None = None,
        region: Geometry | None = None,
        settle: bool = True,
        stop: threading.Event | None = None,
        patience: float = 5.0,
    ) -> None:
        capture = Capture(display, region, patience)
        try:
            hands = Executor(open_backend(display), stop)
        except DisplayGone as error:
            capture.close()
            raise DisplayLost(str(error)) from error
        super().__init__(capture, hands, open_watching_eyes=lambda: Capture(display, region, patience=0), settle=settle)
        self.display = capture.display  # its name, empty on systems that have but one
        self.is_x11 = sys.platform not in ("darwin", "win32")
