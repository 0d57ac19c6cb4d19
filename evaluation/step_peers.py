"""What a step costs the way other agents take it: their fixed waits and encoders as data, performed for real beside ours.

Waits were read in each project's source (the place is named). Where a peer starts a program to act or to grab (xdotool, scrot,
pyautogui) something at least as fast stands in for it, which favours the peer: a step here costs no more than it does there.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from PIL.Image import Image, Resampling

from actions.executor import Executor
from actions.geometry import Geometry
from actions.space import Action

PYAUTOGUI_PAUSE = 0.1  # its default, after every call
GLIDE = 0.15  # 540 px at the 3600 px/s of nut-js


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One project's step: seconds of sleep before and after an action, more for some types of action, and how a screen is encoded."""

    name: str
    source: str
    encoder: str
    before: float = 0.0
    after: float = 0.0
    extra: Mapping[str, float] = field(default_factory=dict)
    new_process: bool = False  # a new Python for each action


PEERS = (
    Peer(
        name="UI-TARS-desktop app",
        source="apps/ui-tars/src/main/store/setting.ts:28, nut-js/src/index.ts:111,187",
        encoder="jpeg q75",
        after=1.0,
        extra={"click": 0.1 + GLIDE},
    ),
    Peer(
        name="UI-TARS SDK, browser operator",
        source="agent-sdk/src/GUIAgent.ts:50, browser-operator.ts:320-326",
        encoder="jpeg q75",
        after=0.5,
        extra={"click": 1.2},
    ),
    Peer(
        name="Agent-S3",
        source="gui_agents/s3/cli_app.py:165,207,216, grounding.py:616",
        encoder="png level 6",
        before=1.0,
        after=1.0 + PYAUTOGUI_PAUSE,
        extra={"scroll": 0.5},
    ),
    Peer(name="cua", source="agent/cua_agent/agent.py:274, handlers/linux.py:508,517", encoder="png optimized", after=0.5),
    Peer(
        name="OSWorld",
        source="desktop_env/desktop_env.py:274, controllers/python.py:18",
        encoder="png level 6",
        after=2.0 + PYAUTOGUI_PAUSE,
        new_process=True,
    ),
    Peer(
        name="Anthropic computer-use-demo",
        source="tools/computer.py:99,234-247",
        encoder="png scaled to 1366x768",
        after=2.0,
    ),
    Peer(
        name="WindowsAgentArena",
        source="client/desktop_env/envs/desktop_env.py:341,380",
        encoder="png level 6",
        after=0.5 + PYAUTOGUI_PAUSE,
    ),
    Peer(name="browser-use", source="browser/profile.py:680-683", encoder="png level 1", after=0.75),
)


def step(peer: Peer, action: Action, hands: Executor, display: str, geometry: Geometry) -> float:
    """Take one step on `display` as `peer` does; returns the seconds it took."""
    from PIL import ImageGrab

    started = time.perf_counter()
    time.sleep(peer.before)
    if peer.new_process:
        subprocess.run([sys.executable, "-c", "import Xlib.display, PIL.Image"], check=True)
    hands.perform(action, geometry)
    time.sleep(peer.after + peer.extra.get(action.type, 0.0))
    # What pyautogui and computer-server use, where they do not start a program for it.
    ENCODERS[peer.encoder](ImageGrab.grab(xdisplay=display))
    return time.perf_counter() - started


def _pillow(kind: str, scaled: tuple[int, int] | None = None, **options: int | bool) -> Callable[[Image], bytes]:
    def encode(image: Image) -> bytes:
        into = io.BytesIO()
        (image.resize(scaled, Resampling.LANCZOS) if scaled else image).save(into, kind, **options)
        return into.getvalue()

    return encode


ENCODERS: Mapping[str, Callable[[Image], bytes]] = {
    "jpeg q75": _pillow("JPEG", quality=75),
    "png level 1": _pillow("PNG", compress_level=1),
    "png level 6": _pillow("PNG"),
    "png optimized": _pillow("PNG", optimize=True),
    "png scaled to 1366x768": _pillow("PNG", scaled=(1366, 768)),
}
