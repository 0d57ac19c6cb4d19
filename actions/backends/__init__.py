"""The hands that there are: X11 by XTest, and pyautogui for macOS and Windows."""

from __future__ import annotations

import os
import sys

from actions.backends.base import Backend
from actions.errors import DisplayGone


def open_backend(display: str | None = None) -> Backend:
    """Hands for the X display called `display` (default: `$DISPLAY`), or for the desktop of macOS or Windows.

    Raises:
        DisplayGone: there is no display to act on, or it does not answer.
    """
    if display is None and sys.platform in ("darwin", "win32"):
        from actions.backends.pyautogui import PyAutoGuiBackend

        return PyAutoGuiBackend()
    if display is None and not os.environ.get("DISPLAY"):
        wayland = (
            " (a Wayland session without Xwayland is not supported: share it by VNC, for example)"
            if os.environ.get("WAYLAND_DISPLAY")
            else ""
        )
        raise DisplayGone(f"no display to act on: DISPLAY is not set{wayland}. Name one, such as :0, or use a virtual desktop")
    from actions.backends.x11 import X11Backend

    return X11Backend(display)
