"""Chromium with pages of its own server: a menu, scrolling, a new tab, pages that load at once and late."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import numpy as np

from actions.executor import Executor
from actions.geometry import Point
from actions.space import Action, Click, Hotkey, Scroll
from agent import png
from agent.capture import Capture
from agent.computers.virtual import VirtualDesktop
from evaluation.scenes.base import Event, SceneError, find_colour

FLAGS = (
    "--no-sandbox",
    "--test-type",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--disable-features=Translate",
    "--window-position=0,0",
)
START_SECONDS = 60.0
SERVER_DELAY, IMAGE_DELAY = 0.3, 0.6
LIGHT, SLOW, EMPTY = (255, 0, 254), (254, 0, 255), (250, 252, 249)

_STYLE = f"""<style>
body {{ margin: 0; font: 18px sans-serif; background: rgb{EMPTY} }}
a {{ display: block; width: 320px; height: 60px; margin: 30px }} p {{ margin: 30px; max-width: 900px }}
</style>"""
_TEXT = "".join(
    f"<p>{number}. Whoever looks at a screen waits for it, and most of what they wait for has come already.</p>" for number in range(90)
)
_LINKS = f'<a style="background:rgb{LIGHT}" href="/light"></a><a style="background:rgb{SLOW}" href="/slow"></a>'
HOME = f"<title>Home</title>{_STYLE}{_LINKS}{_TEXT}"
LIGHT_PAGE = f"<title>Light</title>{_STYLE}<h1>A light page</h1>{_TEXT}"
SLOW_PAGE = f'<title>Slow</title>{_STYLE}<h1>A slow page</h1><img src="/late.png" width="600" height="400">{_TEXT}'


class BrowserScene:
    """Raises `SceneError` when Chromium is missing or does not show the page."""

    def __init__(self, desktop: VirtualDesktop, capture: Capture, hands: Executor) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            raise SceneError("chromium not found: its events are left out (`apt-get install chromium`)")
        self._capture, self._hands = capture, hands
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._profile = tempfile.TemporaryDirectory(prefix="deftly-bench-", ignore_cleanup_errors=True)
        self._home = f"http://127.0.0.1:{self._server.server_port}/"
        size = f"--window-size={desktop.size.width},{desktop.size.height}"
        self._program = desktop.launch([program, *FLAGS, size, f"--user-data-dir={self._profile.name}", self._home])
        try:
            self._light, self._slow = self._find(LIGHT), self._find(SLOW)
        except SceneError:
            self.close()
            raise

    def events(self) -> list[Event]:
        empty = Point(self._light.x + 0.4, self._light.y)
        return [
            self._event("context menu", Click(point=empty, button="right"), Hotkey(keys=("escape",))),
            self._event("scroll by 5", Scroll(point=empty, dy=-5), Scroll(point=empty, dy=8)),
            self._event("new tab", Hotkey(keys=("ctrl", "t")), Hotkey(keys=("ctrl", "w"))),
            self._event("light page", Click(point=self._light), Hotkey(keys=("alt", "left"))),
            self._event("slow page", Click(point=self._slow), Hotkey(keys=("alt", "left"))),
        ]

    def close(self) -> None:
        self._program.terminate()
        self._program.wait(20)
        self._server.shutdown()
        self._server.server_close()
        self._profile.cleanup()

    def __enter__(self) -> BrowserScene:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _event(self, name: str, action: Action, undo: Action) -> Event:
        def put_back() -> None:
            self._hands.perform(undo, self._capture.geometry)
            self._find(LIGHT)  # the home page shows again

        return Event(name=name, action=action, undo=put_back)

    def _find(self, colour: tuple[int, int, int]) -> Point:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._program.poll() is None:
            if (point := find_colour(self._capture, colour)) is not None:
                return point
            time.sleep(0.1)
        raise SceneError(f"chromium did not show its page within {START_SECONDS:g} s")


class _Pages(BaseHTTPRequestHandler):
    """The pages; the slow one waits before it answers, and its picture waits longer."""

    def do_GET(self) -> None:
        answers: dict[str, tuple[float, str, Callable[[], bytes]]] = {
            "/": (0, "text/html", HOME.encode),
            "/light": (0, "text/html", LIGHT_PAGE.encode),
            "/slow": (SERVER_DELAY, "text/html", SLOW_PAGE.encode),
            "/late.png": (IMAGE_DELAY, "image/png", lambda: png.encode(np.full((400, 600, 3), (30, 120, 60), np.uint8))),
        }
        delay, kind, body = answers.get(self.path, (0, "text/html", bytes))
        time.sleep(delay)
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
