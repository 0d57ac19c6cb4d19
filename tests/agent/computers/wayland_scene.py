"""The scene of `gtk_scene.py` in a Wayland session, full-screen on its first monitor."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.actions.conftest import PATIENCE
from tests.agent.computers.scenes import Event
from tests.agent.computers.wayland_session import WaylandSession, system_python

HELD_SECONDS = 3.0
PAD, FIELD = (920, 60, 340, 600), (300, 92)


class WaylandScene:
    """A pad beside a text field, at `scale` pixels for each logical one."""

    def __init__(self, session: WaylandSession, scale: int = 1) -> None:
        left, top, width, height = (side * scale for side in PAD)
        self.pad, self.field = (left, top, width, height), (FIELD[0] * scale, FIELD[1] * scale)
        self._session = session
        program = Path(__file__).with_name("gtk_scene.py")
        self._process = session.launch([system_python(), "-I", str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._said: queue.Queue[Event] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._wait("mapped")
        self._wait_until_shown()

    def _wait_until_shown(self) -> None:
        """A window that has just opened still grows out of its middle."""
        shown = "global.get_window_actors().some(a => a.meta_window.fullscreen && a.scale_x == 1 && !a.get_transition('opacity'))"
        deadline = time.monotonic() + PATIENCE
        while not self._session.evaluate(shown):
            assert time.monotonic() < deadline, "the window does not show"
            time.sleep(0.1)

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._said.put(json.loads(line))

    def _wait(self, kind: str) -> None:
        for event in self.events():
            if event["kind"] == kind:
                return
        raise AssertionError(f"waited in vain for {kind}")

    def events(self) -> Iterator[Event]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                yield self._said.get(timeout=0.05)
            except queue.Empty:
                continue

    def clear(self) -> None:
        self._tell(b"clear\n")
        self._wait("cleared")

    def change(self) -> None:
        self._tell(b"change\n")

    def held(self) -> bool:
        """Whether something is still down after a while: what was let go passes through the portal first."""
        deadline = time.monotonic() + HELD_SECONDS
        while self._session.held() and time.monotonic() < deadline:
            time.sleep(0.05)
        return self._session.held()

    def _tell(self, word: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(word)
        self._process.stdin.flush()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(PATIENCE)
