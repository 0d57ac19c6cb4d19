"""A real window to act on, hands to act with, and ways to wait for what the window says."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actions.backends.x11 import X11Backend
from actions.executor import Executor, Performed
from actions.geometry import Geometry, Point
from actions.space import Action
from agent.computers.virtual import VirtualDesktop

PATIENCE = 60.0  # the machine may be busy with other things
Event = dict[str, Any]


class Target:
    """The Tk window of `tk_target.py`, and what it has said."""

    def __init__(self, desktop: VirtualDesktop) -> None:
        program = Path(__file__).with_name("tk_target.py")
        self.process = desktop.launch([sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.said: queue.Queue[Event] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.places = self.wait(lambda event: event["kind"] == "ready")[-1]

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.put(json.loads(line))

    def wait(self, last: Callable[[Event], bool]) -> list[Event]:
        """What the window says, up to the first event that is `last`."""
        events: list[Event] = []
        deadline = time.monotonic() + PATIENCE
        while not events or not last(events[-1]):
            try:
                events.append(self.said.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"waited in vain; the window said {events[-10:]}") from None
        return events

    def wait_kinds(self, *kinds: str) -> list[Event]:
        """Events up to the last of `kinds`, which must all come, in any order among others; only those of `kinds` are returned."""
        left = list(kinds)
        found = []
        while left:
            event = self.wait(lambda event: event["kind"] in left)[-1]
            left.remove(event["kind"])
            found.append(event)
        return found

    def wait_text(self, text: str) -> None:
        self.wait(lambda event: event["kind"] == "text" and event["text"] == text)

    def clear(self) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"clear\n")
        self.process.stdin.flush()
        self.wait(lambda event: event["kind"] == "cleared")

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


class Hands:
    """An executor on the shared display that takes pixels of the whole screen."""

    def __init__(self, display: str, stop: threading.Event | None = None) -> None:
        self.backend = X11Backend(display)
        size = self.backend.screen_size()
        self.geometry = Geometry(left=0, top=0, width=size.width, height=size.height)
        self.executor = Executor(self.backend, stop)

    def at(self, x_px: float, y_px: float) -> Point:
        return Point.from_pixel(x_px, y_px, self.geometry.size)

    def do(self, action: Action) -> Performed:
        return self.executor.perform(action, self.geometry)


@pytest.fixture(scope="module")
def shared_target(desktop: VirtualDesktop) -> Iterator[Target]:
    target = Target(desktop)
    yield target
    target.close()


@pytest.fixture
def target(shared_target: Target) -> Target:
    """The window, empty, with the focus in its entry."""
    shared_target.clear()
    return shared_target


@pytest.fixture
def hands(x_display: str) -> Iterator[Hands]:
    hands = Hands(x_display)
    yield hands
    hands.executor.close()
