"""The scenes of the step bench: real programs that answer as their events are named, and can be put back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import pytest

from actions.backends import open_backend
from actions.executor import Executor
from agent.capture import Capture
from agent.change import changed_rects, share
from agent.computers.virtual import VirtualDesktop
from evaluation.scenes.base import Event, SceneError
from evaluation.scenes.browser_scene import BrowserScene
from evaluation.scenes.tk_scene import TkScene

pytestmark = pytest.mark.display
SECONDS = 30.0


@pytest.fixture
def capture(desktop: VirtualDesktop) -> Iterator[Capture]:
    capture = Capture(desktop.display)
    yield capture
    capture.close()


@pytest.fixture
def hands(desktop: VirtualDesktop) -> Iterator[Executor]:
    hands = Executor(open_backend(desktop.display))
    yield hands
    hands.close()


def answers(event: Event, capture: Capture, hands: Executor, least: float) -> bool:
    """Whether the screen changes by at least a share after the event, within a generous time."""
    before = capture.grab_raw()
    hands.perform(event.action, capture.geometry)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if share(changed_rects(before, capture.grab_raw()), capture.geometry.size) >= least:
            return True
        time.sleep(0.05)
    return False


def test_tk_windows_open_and_are_put_away(desktop: VirtualDesktop, capture: Capture, hands: Executor) -> None:
    try:
        scene = TkScene(desktop, capture)
    except SceneError as error:
        pytest.skip(str(error))
    with scene:
        for event in scene.events():
            if event.name.startswith("click: window"):
                assert answers(event, capture, hands, 0.05), event.name
                event.undo()
                time.sleep(0.5)


@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_chromium_shows_menus_tabs_and_pages_and_goes_back_home(desktop: VirtualDesktop, capture: Capture, hands: Executor) -> None:
    with BrowserScene(desktop, capture, hands) as scene:
        for event in scene.events():
            assert answers(event, capture, hands, 0.01), event.name
            time.sleep(0.5)
            event.undo()
            time.sleep(0.5)


def test_a_browser_that_ends_is_reported(desktop: VirtualDesktop, capture: Capture, hands: Executor, monkeypatch, tmp_path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SceneError, match="did not show its page"):
        BrowserScene(desktop, capture, hands)
