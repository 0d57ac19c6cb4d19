"""A desktop with something on it, and runs on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actions.geometry import Size
from agent.computers.virtual import VirtualDesktop
from tests.e2e.runs import Run


@pytest.fixture
def desk() -> Iterator[VirtualDesktop]:
    """A desktop with a terminal on it."""
    if not (shutil.which("Xvfb") and shutil.which("openbox") and shutil.which("xterm")):
        pytest.skip("Xvfb, openbox and xterm are needed")
    with VirtualDesktop(Size(800, 600)) as desktop:
        desktop.launch(["xterm", "-geometry", "80x24+0+0"])
        yield desktop


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Starts runs, and ends those that a test left behind."""
    runs: list[Run] = []

    def begin(
        display: str | None, *arguments: str, script: list[str] | None = None, program: list[str] | None = None, **options: Any
    ) -> Run:
        told = list(arguments)
        if script is not None:
            file = tmp_path / "script.jsonl"
            file.write_text("".join(json.dumps(reply) + "\n" for reply in script))
            told += ["--engine", "scripted", "--script", str(file), "--family", "uitars-1.5"]
        if program:
            told += ["--", *program]
        runs.append(Run(tmp_path, display, told, **options))
        return runs[-1]

    yield begin
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.process.communicate()
