"""A terminal and a page to act on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.computers.virtual import VirtualDesktop, wait_for_window

PATIENCE = 60.0


def wait_until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds:g} s"
        time.sleep(0.02)


@pytest.fixture
def heard(desktop: VirtualDesktop, tmp_path: Path) -> Iterator[Path]:
    """A file that gets every line typed into a terminal, which fills the desktop and shows what is typed."""
    file, ready = tmp_path / "heard", tmp_path / "ready"
    script = f'echo > {ready}; while read -r line; do echo "$line" >> {file}; done'
    terminal = desktop.launch(["xterm", "-T", "Vault of Notes", "-geometry", "200x50+0+0", "-e", "sh", "-c", script])
    wait_for_window(desktop.display, terminal, "xterm")
    wait_until(ready.exists)
    yield file
    terminal.terminate()
    terminal.wait()
