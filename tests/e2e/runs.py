"""Real `deftly run` processes, what they leave on disk, and what is held on a display."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.episode import Episode, list_episodes

PATIENCE = 240.0  # seconds for anything to happen; the machine may be busy with other things


def wait_for(what: Callable[[], Any], why: str) -> Any:
    """The first true value of `what`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {PATIENCE:g} s for {why}")


def held(display: str) -> list[str]:
    """The keys and buttons that are down on `display`."""
    from Xlib.display import Display

    connection = Display(display)
    try:
        keymap = connection.query_keymap()
        keys = [f"keycode {8 * byte + bit}" for byte, bits in enumerate(keymap) for bit in range(8) if bits >> bit & 1]
        mask = connection.screen().root.query_pointer().mask
        return keys + [f"button {number}" for number in range(1, 6) if mask & 1 << (7 + number)]
    finally:
        connection.close()


class Run:
    """One `deftly run` process and the episode that it makes."""

    def __init__(self, folder: Path, display: str | None, arguments: list[str], task: str | None = "do it", **options: Any) -> None:
        self.episodes = folder / "episodes"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DEFTLY_")}
        environment |= {"DISPLAY": display or "", "WAYLAND_DISPLAY": ""}
        command = [sys.executable, "-m", "deftly", "run", *([task] if task else []), "--json", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )

    def wait_for_steps(self, count: int) -> None:
        """Until `count` steps are on disk."""
        wait_for(lambda: self._steps_on_disk() >= count or self.process.poll() is not None, f"{count} steps")
        assert self._steps_on_disk() >= count, self.process.communicate()

    def _steps_on_disk(self) -> int:
        return sum(file.read_bytes().count(b"\n") for file in self.episodes.glob("*/steps.jsonl"))

    def finish(self) -> tuple[int, dict[str, Any], str]:
        """Its exit code, the JSON that it printed, and what it wrote to stderr."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, json.loads(out) if out else {}, err

    def episode(self) -> Episode:
        """The only episode there is, as anybody opens it afterwards."""
        (path,) = list_episodes(self.episodes)
        return Episode.open(path)
