"""Hands whose display dies, whose process is killed or interrupted, or that never had a display; and the portable ones."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from Xlib.display import Display

from actions.backends import open_backend
from actions.backends.x11 import X11Backend
from actions.errors import DisplayGone, HandStopped
from actions.executor import Executor
from actions.geometry import Geometry, Point
from actions.space import ButtonDown, Click, Drag, KeyDown, Move, TypeText, Wait
from agent.computers.virtual import VirtualDesktop
from tests.actions.conftest import PATIENCE, Hands
from tests.displays import own_display_number

pytestmark = pytest.mark.display

Start = Callable[[str, str], subprocess.Popen[bytes]]

ANYWHERE = Geometry(left=0, top=0, width=1280, height=720)
MIDDLE = Point(0.5, 0.5)
DRAG = "Drag(path=tuple(Point(0.2 + i / 100, 0.5) for i in range(50)))"


def is_anything_held(display: Display) -> bool:
    return any(display.query_keymap()) or bool(display.screen().root.query_pointer().mask & 0x1F00)


def wait_until_held(display: Display) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_anything_held(display):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def acting_process() -> Iterator[Start]:
    """Starts processes with hands of their own; none outlives its test, so that one that goes wrong does not type into the next."""
    started: list[subprocess.Popen[bytes]] = []

    def start(display_name: str, code: str) -> subprocess.Popen[bytes]:
        started.append(_start(display_name, code))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _start(display_name: str, code: str) -> subprocess.Popen[bytes]:
    program = f"""
import sys
from actions.backends import open_backend
from actions.executor import Executor
from actions.geometry import *
from actions.space import *
hands = Executor(open_backend({display_name!r}))
def do(action):
    hands.perform(action, Geometry(left=0, top=0, width=1280, height=720))
{code}
"""
    return subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)


def test_without_a_display_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(DisplayGone, match="DISPLAY is not set"):
        open_backend()
    with pytest.raises(DisplayGone, match=":987"):
        open_backend(":987")


def test_a_display_that_dies_is_an_error_that_names_it_every_time_until_reopened() -> None:
    with VirtualDesktop(window_manager=None) as desktop:
        backend = X11Backend(desktop.display)
        hands = Executor(backend)
        hands.perform(TypeText(text="a text that is long enough for the selection"), ANYWHERE)
    for action in (Click(point=MIDDLE), TypeText(text="a"), TypeText(text="again long enough for the selection"), KeyDown(key="a")):
        with pytest.raises(DisplayGone, match=desktop.display):
            hands.perform(action, ANYWHERE)
    with pytest.raises(ConnectionError):
        hands.release_all()
    with pytest.raises(DisplayGone):
        hands.reopen()
    hands.close()
    hands.close()


def test_a_display_that_dies_while_pasting_is_noticed() -> None:
    with VirtualDesktop(window_manager=None) as desktop:
        hands = Executor(X11Backend(desktop.display))
        threading.Timer(0.4, desktop.close).start()
        with pytest.raises(DisplayGone):
            hands.perform(TypeText(text="nobody fetches this line of text\n" * 400), ANYWHERE)
    hands.close()


def test_reopened_hands_work_on_the_display_that_came_back() -> None:
    with VirtualDesktop(window_manager=None, number=own_display_number()) as first:
        hands = Hands(first.display)
        number = first.display
    server = subprocess.Popen(["Xvfb", number, "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                hands.executor.reopen()
                break
            except DisplayGone:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        hands.executor.perform(Move(point=MIDDLE), Geometry(left=0, top=0, width=800, height=600))
        assert hands.backend.position() == (400, 300)
        assert hands.backend.screen_size() == (800, 600)
        hands.executor.close()
    finally:
        server.kill()
        server.wait()


def test_a_process_killed_in_a_drag_leaves_a_held_button_that_the_next_open_releases(x_display: str, acting_process: Start) -> None:
    display = Display(x_display)
    process = acting_process(x_display, f"do(KeyDown(key='shift')); do({DRAG})")
    wait_until_held(display)
    process.kill()
    process.communicate()
    assert is_anything_held(display)
    hands = Hands(x_display)
    assert not is_anything_held(display)
    hands.executor.close()
    display.close()


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(f"do(KeyDown(key='ctrl')); do({DRAG})", id="Ctrl-C in a drag"),
        pytest.param("do(KeyDown(key='shift')); do(Wait(seconds=30))", id="Ctrl-C in a wait"),
        pytest.param("do(KeyDown(key='shift'))\nwhile True: do(TypeText(text='a' * 1000))", id="Ctrl-C while typing"),
    ],
)
def test_an_interrupted_process_lets_go_of_everything_and_ends(x_display: str, acting_process: Start, code: str) -> None:
    display = Display(x_display)
    process = acting_process(x_display, code)
    wait_until_held(display)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert b"KeyboardInterrupt" in said
    assert not is_anything_held(display)
    display.close()


def test_a_process_that_ends_without_closing_its_hands_lets_go(x_display: str, acting_process: Start) -> None:
    display = Display(x_display)
    process = acting_process(x_display, "do(KeyDown(key='alt')); do(ButtonDown(point=Point(0.9, 0.9)))\nraise SystemExit(3)")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    assert not is_anything_held(display)
    display.close()


@pytest.mark.parametrize("action", [Wait(seconds=300), Drag(path=tuple(Point(i / 1000, 0.5) for i in range(1000)))])
def test_the_stop_event_ends_a_long_action_and_refuses_the_next(x_display: str, action: Wait | Drag) -> None:
    stop = threading.Event()
    hands = Hands(x_display, stop)
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(HandStopped):
        hands.do(action)
    display = Display(x_display)
    assert not is_anything_held(display)
    display.close()
    with pytest.raises(HandStopped):
        hands.do(ButtonDown(point=MIDDLE))
    hands.executor.close()


PORTABLE = """
import sys
from actions.backends.pyautogui import PyAutoGuiBackend
from actions.errors import CannotPerform
hands = PyAutoGuiBackend()
hands.move(0, 0)
hands.move(301, 202)
assert hands.position() == (301, 202) and hands.screen_size() == (1280, 720)
hands.wheel(0, -2)
hands.key("meta", True)
hands.button("left", True)
try:
    hands.key("f99", True)
except CannotPerform:
    hands.close()
    print("done")
"""


def test_the_portable_hands_start_without_tkinter_or_xauthority_and_let_go(desktop: VirtualDesktop, tmp_path: os.PathLike[str]) -> None:
    if importlib.util.find_spec("pyautogui") is None:
        pytest.skip("pyautogui is not installed: on Linux it is not needed")
    env = desktop.environment | {"HOME": str(tmp_path)}
    block_tkinter = "import sys; sys.modules['tkinter'] = None\n"
    done = subprocess.run([sys.executable, "-c", block_tkinter + PORTABLE], env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr
    display = Display(desktop.display)
    assert not is_anything_held(display)
    display.close()
