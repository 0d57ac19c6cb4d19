"""A virtual desktop shows what is launched on it, and leaves nothing running, however its owner ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actions.geometry import Size
from agent.capture import Capture
from agent.computers.virtual import VirtualDesktop, VirtualDesktopError
from tests.displays import own_display_number

pytestmark = pytest.mark.display

OWNER = """
import sys, time
from actions.geometry import Size
from agent.computers.virtual import VirtualDesktop
desktop = VirtualDesktop(Size(320, 240), window_manager=None, number=int(sys.argv[2]))
child = desktop.launch(["sh", "-c", "sleep 1000 & sleep 1000"])
keeper = desktop._keeper.pid
print(desktop.display, child.pid, keeper, flush=True)
if sys.argv[1] == "wait":
    time.sleep(1000)
"""


def alive(group: int) -> bool:
    """Whether any process of the group runs; zombies do not."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = status.read_text().rsplit(")", 1)[1].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(pgrp) == group and state != "Z":
            return True
    return False


def shows(display: str) -> bool:
    """Whether a server answers there; one that had to be killed leaves its socket's file."""
    with socket.socket(socket.AF_UNIX) as asking:
        return asking.connect_ex(f"/tmp/.X11-unix/X{display[1:]}") == 0


@pytest.fixture
def start_owner() -> Iterator[Callable[[str], tuple[subprocess.Popen[str], str, int, int]]]:
    """Starts a process that owns a desktop; gives it, its display, and the process groups of a program there and of the keeper."""
    owners: list[subprocess.Popen[str]] = []

    def start(how: str) -> tuple[subprocess.Popen[str], str, int, int]:
        process = subprocess.Popen([sys.executable, "-c", OWNER, how, str(own_display_number())], stdout=subprocess.PIPE, text=True)
        owners.append(process)
        assert process.stdout
        display, child, keeper = process.stdout.readline().split()
        return process, display, int(child), int(keeper)

    yield start
    for process in owners:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_an_owner_that_is_killed(kind: signal.Signals, start_owner, until) -> None:
    process, display, child, keeper = start_owner("wait")
    assert shows(display)
    assert alive(child)
    os.kill(process.pid, kind)
    process.wait()
    until(lambda: not alive(child) and not alive(keeper) and not shows(display), "the end of everything")


def test_nothing_outlives_an_owner_that_forgets_to_close(start_owner, until) -> None:
    process, display, child, keeper = start_owner("leave")
    process.wait()
    until(lambda: not alive(child) and not alive(keeper) and not shows(display), "the end of everything")


def test_close_ends_programs_and_their_children_and_can_be_called_twice(until) -> None:
    desktop = VirtualDesktop(Size(320, 240), window_manager=None, number=own_display_number())
    child = desktop.launch(["sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000"])
    desktop.close()
    desktop.close()
    until(lambda: not alive(child.pid) and not shows(desktop.display), "the end of everything")


def test_two_desktops_have_their_own_displays_and_sizes() -> None:
    with VirtualDesktop(Size(320, 240), window_manager=None) as one, VirtualDesktop(Size(500, 400), window_manager=None) as other:
        assert one.display != other.display
        for desktop in (one, other):
            capture = Capture(desktop.display)
            assert capture.grab().size == desktop.size
            capture.close()


def test_with_a_window_manager_the_first_window_shows(until) -> None:
    for _ in range(2):
        with VirtualDesktop(Size(800, 600)) as desktop:
            capture = Capture(desktop.display)
            desktop.launch(["xterm"])
            until(lambda capture=capture: capture.grab().condition == "ok", "a window")
            capture.close()


def test_programs_get_the_display_and_what_is_asked_for() -> None:
    with VirtualDesktop(Size(320, 240), window_manager=None) as desktop:
        child = desktop.launch(["sh", "-c", 'echo "$DISPLAY $EXTRA"'], env={"EXTRA": "more"}, stdout=subprocess.PIPE)
        assert child.communicate()[0].decode().split() == [desktop.display, "more"]


def test_a_number_that_is_asked_for_is_its_own_and_one_that_is_taken_is_an_error() -> None:
    wanted = own_display_number()
    with VirtualDesktop(Size(320, 240), window_manager=None, number=wanted) as desktop:
        assert desktop.display == f":{wanted}"
        with pytest.raises(VirtualDesktopError, match="Xvfb did not start"):
            VirtualDesktop(Size(320, 240), window_manager=None, number=wanted)


def test_a_missing_program_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (
        VirtualDesktop(Size(320, 240), window_manager=None) as desktop,
        pytest.raises(VirtualDesktopError, match="no-such-program not found"),
    ):
        desktop.launch(["no-such-program"])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VirtualDesktopError, match="Xvfb and openbox not found: install with `apt-get install xvfb openbox`"):
        VirtualDesktop()


@pytest.mark.parametrize("size", [Size(0, 100), Size(100, -1), Size(100, 40_000)])
def test_an_impossible_size_is_refused(size: Size) -> None:
    with pytest.raises(VirtualDesktopError, match="1x1 to 32767x32767"):
        VirtualDesktop(size)


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "Xvfb"
    broken.write_text("#!/bin/sh\necho 'Fatal server error: no room' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(VirtualDesktopError, match=r"Xvfb did not start at 640x480 \(exit code 3\): Fatal server error: no room"):
        VirtualDesktop(Size(640, 480))


def test_a_window_manager_that_ends_at_once_is_reported() -> None:
    with pytest.raises(VirtualDesktopError, match="true did not start on display"):
        VirtualDesktop(window_manager="true")
