"""The desktop of a Wayland session as a computer."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from actions.errors import DisplayGone
from actions.executor import Executor
from agent.computers.screen import ScreenComputer
from agent.computers.wayland.clipboard import open_clipboard
from agent.computers.wayland.hands import PortalBackend
from agent.computers.wayland.portal import PortalSession
from agent.computers.wayland.streams import Glance, SharedScreen
from agent.endings import DisplayLost


class WaylandComputer(ScreenComputer):
    """The monitors that the user shares when the desktop asks, which it does as this opens; `tokens` is the file that saves asking again.

    Without `settle` a screenshot is taken at once. `stop` is the kill switch: once it is set, the hands do nothing more.

    Raises:
        DisplayLost: there is no portal that can do this, or the user declined.
    """

    def __init__(
        self, bus: str | None = None, *, settle: bool = True, stop: threading.Event | None = None, tokens: Path | None = None
    ) -> None:
        try:
            self._session = PortalSession(bus, tokens)
        except DisplayGone as error:
            raise DisplayLost(str(error)) from error
        try:
            screen = SharedScreen(self._session)
            clipboard = open_clipboard(os.environ.get("DISPLAY"))
        except DisplayGone as error:
            self._session.close()
            raise DisplayLost(str(error)) from error
        except BaseException:
            self._session.close()
            raise
        hands = Executor(PortalBackend(self._session, screen, clipboard), stop)
        super().__init__(screen, hands, open_watching_eyes=lambda: Glance(screen), settle=settle)

    def close(self) -> None:
        super().close()
        self._session.close()
