"""The local desktop as a computer: an X display, macOS or Windows, watched by mss and acted on by the backend of that system."""

from __future__ import annotations

import os
import sys
import threading

from actions.backends import open_backend
from actions.errors import DisplayGone
from actions.executor import Executor
from actions.geometry import Geometry
from agent.capture import Capture
from agent.computers.screen import ScreenComputer
from agent.endings import DisplayLost


def is_wayland_session() -> bool:
    """Whether the desktop in front of the user is Wayland's, whatever Xwayland shows beside."""
    return sys.platform.startswith("linux") and bool(os.environ.get("WAYLAND_DISPLAY") or os.environ.get("XDG_SESSION_TYPE") == "wayland")


def unseen_session(display: str | None = None) -> str | None:
    """Why the desktop in front of the user cannot be seen by way of X, and what else to do; `None` where it can, or a `display` was named.

    Through Xwayland a screen would be seen that is black but for X programs, and clicked on.
    """
    if display is not None or not is_wayland_session():
        return None
    named = os.environ.get("DISPLAY")
    through = f", or for X programs alone --computer desktop:{named}" if named else ""
    return (
        "this is a Wayland session, whose desktop is seen and touched through its portal alone: use --computer wayland, "
        "which asks for your consent, or log in with an X11 session, "
        f"use --virtual or --computer browser:URL, share the session by VNC and use --computer vnc://127.0.0.1{through}"
    )


class DesktopComputer(ScreenComputer):
    """The desktop on `display` (default: `$DISPLAY`), or a `region` of it in desktop pixels.

    Without `settle` a screenshot is taken at once. `stop` is the kill switch: once it is set, the hands do nothing more.
    `patience` is how many seconds a display that died may take to come back.

    Raises:
        DisplayLost: there is no such display, or no `display` was named in a Wayland session.
    """

    def __init__(
        self,
        display: str | None = None,
        region: Geometry | None = None,
        settle: bool = True,
        stop: threading.Event | None = None,
        patience: float = 5.0,
    ) -> None:
        if unseen := unseen_session(display):
            raise DisplayLost(unseen)
        capture = Capture(display, region, patience)
        try:
            hands = Executor(open_backend(display), stop)
        except DisplayGone as error:
            capture.close()
            raise DisplayLost(str(error)) from error
        super().__init__(capture, hands, open_watching_eyes=lambda: Capture(display, region, patience=0), settle=settle)
        self.display = capture.display  # its name, empty on systems that have but one
        self.is_x11 = sys.platform not in ("darwin", "win32")
