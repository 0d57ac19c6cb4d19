"""The loop with real hands and eyes on a real X display."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.agent import Agent
from agent.computers.desktop import DesktopComputer
from agent.computers.virtual import VirtualDesktop
from agent.endings import Stopped
from agent.episode import Episode
from agent.kill_switch import KillSwitch
from agent.limits import Limits
from agent.policy import ModelPolicy
from inference.engines.base import ChatRequest
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family

pytestmark = pytest.mark.display
PATIENCE = 60.0  # the machine may be busy with other things


@pytest.fixture
def computer(desktop: VirtualDesktop) -> Iterator[DesktopComputer]:
    with DesktopComputer(desktop.display) as computer:
        yield computer


def wait_for(file: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not (file.is_file() and file.read_text()):
        time.sleep(0.02)
    return file.read_text()


def test_a_run_types_into_a_real_window(desktop: VirtualDesktop, computer: DesktopComputer, tmp_path: Path) -> None:
    """The window fills the 1280x720 screen, which the model sees as 1288x728."""
    heard, ready = tmp_path / "heard", tmp_path / "ready"
    script = f'echo yes > {ready}; read line; echo "$line" > {heard}'
    terminal = desktop.launch(["xterm", "-geometry", "200x50+0+0", "-e", "sh", "-c", script])
    try:
        assert wait_for(ready)
        replies = [
            "Thought: focus the terminal\nAction: click(point='<point>400 300</point>')",
            "Thought: type\nAction: type(content='naïve ☃ <ok>\\n')",
            "Thought: it is there\nAction: finished(content='typed')",
        ]
        policy = ModelPolicy(ScriptedEngine(replies), load_family("uitars-1.5"))
        episode = Agent(computer, policy, episodes_dir=tmp_path / "episodes").run("type it")
        assert episode.ended is not None and (episode.ended.exit_code, episode.ended.message) == (0, "typed")
        assert wait_for(heard) == "naïve ☃ <ok>\n"
    finally:
        terminal.terminate()
        terminal.wait()
    again = Episode.open(episode.path)
    assert [step.seen.size for step in again.steps] == [(1280, 720)] * 3
    assert again.steps[0].seen.sha256 != again.steps[2].seen.sha256


def test_escape_held_down_stops_a_run_that_waits_for_its_model(desktop: VirtualDesktop, tmp_path: Path) -> None:
    stop = threading.Event()
    thinking = threading.Event()

    def think_long(request: ChatRequest) -> str:
        thinking.set()
        time.sleep(PATIENCE)
        return "Action: finished()"

    with DesktopComputer(desktop.display, stop=stop) as computer, KillSwitch(stop, desktop.display):
        presser = threading.Thread(target=hold_escape, args=(desktop.display, thinking, stop))
        presser.start()
        policy = ModelPolicy(ScriptedEngine(think_long), load_family("uitars-1.5"))
        episode = Agent(computer, policy, episodes_dir=tmp_path, stop=stop).run("x")
        presser.join()
    assert episode.ended is not None
    assert (episode.ended.exit_code, episode.ended.message) == (130, "stopped by the kill switch")


@pytest.mark.parametrize("by_events", [False, True], ids=["polled", "by the portable listener"])
def test_a_policy_may_name_another_key_and_a_run_on_another_thread_is_only_told(desktop: VirtualDesktop, by_events: bool) -> None:
    """Without `interrupts` nothing but the stop event is set: else this test would be interrupted."""
    from agent.listen_x11 import X11Listener

    listener = (lambda put: X11Listener(desktop.display, put)) if by_events else None
    with KillSwitch(display=desktop.display, key="f8", held_seconds=0.4, listener=listener, interrupts=False) as switch:
        begin = threading.Event()
        begin.set()
        time.sleep(0.3)
        for name, fires in (("F7", False), ("F8", True)):
            done = threading.Event()
            presser = threading.Thread(target=hold_key, args=(desktop.display, begin, done, name))
            presser.start()
            assert switch.stop.wait(1.5 if not fires else PATIENCE) is fires
            done.set()
            presser.join()


def hold_escape(display: str, when: threading.Event, until: threading.Event) -> None:
    hold_key(display, when, until, "Escape")


def hold_key(display: str, when: threading.Event, until: threading.Event, name: str) -> None:
    from Xlib import XK, X
    from Xlib.display import Display
    from Xlib.ext import xtest

    when.wait(PATIENCE)
    keyboard = Display(display)
    try:
        code = keyboard.keysym_to_keycode(XK.string_to_keysym(name))
        xtest.fake_input(keyboard, X.KeyPress, code)
        keyboard.sync()
        until.wait(PATIENCE)
        xtest.fake_input(keyboard, X.KeyRelease, code)
        keyboard.sync()
    finally:
        keyboard.close()


def test_hands_that_only_tap_escape_do_not_stop_the_run(desktop: VirtualDesktop, tmp_path: Path) -> None:
    stop = threading.Event()
    replies = ["Action: hotkey(key='esc')\n\nwait()", "Action: finished()"]
    with DesktopComputer(desktop.display, stop=stop) as computer, KillSwitch(stop, desktop.display):
        policy = ModelPolicy(ScriptedEngine(replies), load_family("uitars-1.5"))
        episode = Agent(computer, policy, episodes_dir=tmp_path, stop=stop, limits=Limits(wait=1.5)).run("x")
    assert episode.ended is not None and episode.ended.exit_code == 0


def test_hands_that_were_stopped_end_the_run(desktop: VirtualDesktop, tmp_path: Path) -> None:
    stop = threading.Event()
    with DesktopComputer(desktop.display, stop=stop) as computer:
        threading.Timer(0.5, stop.set).start()
        replies = ["Action: wait()"]
        episode = Agent(computer, ModelPolicy(ScriptedEngine(replies), load_family("uitars-1.5")), episodes_dir=tmp_path).run("x")
    assert episode.ended is not None and episode.ended.status == Stopped.status


def test_a_kill_switch_without_a_display_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with KillSwitch() as switch:
        assert not switch.stop.is_set()


def test_a_kill_switch_on_a_display_that_is_not_there_does_nothing() -> None:
    with KillSwitch(display=":9999") as switch:
        assert not switch.stop.is_set()
