"""What the portal's way needs on this machine, and the commands that bring it."""

from __future__ import annotations

import subprocess
from importlib.util import find_spec

from agent.computers.wayland.streams import MEND, python_with_gi

LOOK = """
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
raise SystemExit(0 if Gst.ElementFactory.find("pipewiresrc") else 1)
"""
LOOK_SECONDS = 20.0


def missing() -> tuple[str, ...]:
    """The commands that bring what is missing; none when all is there."""
    commands = [] if find_spec("jeepney") else ["pip install 'deftly[wayland]'"]
    return (*commands, *([] if _has_gstreamer() else [f"sudo {MEND}"]))


def _has_gstreamer() -> bool:
    try:
        argv = [python_with_gi(), "-I", "-c", LOOK]
        return subprocess.run(argv, capture_output=True, timeout=LOOK_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
