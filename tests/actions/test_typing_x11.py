"""Text entered into real windows on a real X display."""

from __future__ import annotations

import random
import shutil
import string
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from Xlib import X
from Xlib.display import Display
from Xlib.xobject.drawable import Window

from actions.backends.x11_keys import KeyTyping
from actions.backends.x11_selection import SelectionServer
from actions.backends.x11_typing import SHORT
from actions.errors import HandStopped
from actions.space import Click, Hotkey, TypeText
from agent.computers.virtual import VirtualDesktop
from tests.actions.conftest import PATIENCE, Hands, Target
from tests.actions.scripts import SCRIPTS

pytestmark = pytest.mark.display


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_every_script_arrives_intact_in_tk(hands: Hands, target: Target, text: str) -> None:
    hands.do(TypeText(text=text))
    target.wait_text(text)


@pytest.fixture(scope="module")
def terminal(desktop: VirtualDesktop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file that receives what is typed into an xterm."""
    if shutil.which("xterm") is None:
        pytest.skip("xterm is not installed: apt-get install xterm")
    received = tmp_path_factory.mktemp("xterm") / "received"
    argv = ["xterm", "-u8", "-geometry", "100x10+20+560", "-e", "sh", "-c", f"stty -echo; cat > {received}"]
    display = Display(desktop.display)
    others = managed_windows(display)
    process = desktop.launch(argv, env={"LC_ALL": "C.UTF-8"})
    wait_until(lambda: received.exists() and managed_windows(display) > others)
    yield received
    process.terminate()
    process.wait(PATIENCE)
    wait_until(lambda: managed_windows(display) == others)
    display.close()


def managed_windows(display: Display) -> set[int]:
    """The windows that the window manager looks after."""
    listed = display.screen().root.get_full_property(display.intern_atom("_NET_CLIENT_LIST"), X.AnyPropertyType)
    return set(listed.value) if listed else set()


def destroy(display: Display, window: Window) -> None:
    """Take `window` away, and wait until the window manager has given the focus to another."""
    window.destroy()
    wait_until(lambda: window.id not in managed_windows(display))
    display.close()


def wait_until(ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_every_script_arrives_intact_in_xterm(hands: Hands, terminal: Path, text: str) -> None:
    hands.do(Click(point=hands.at(200, 640)))
    before = len(terminal.read_bytes())
    hands.do(TypeText(text=text))
    hands.do(Hotkey(keys=("enter",)))
    wait_until(lambda: terminal.read_bytes()[before:].endswith(b"\n"))
    assert terminal.read_bytes()[before:].decode() == text + "\n"


def test_lines_of_a_terminal_end_with_enter(hands: Hands, terminal: Path) -> None:
    hands.do(Click(point=hands.at(200, 640)))
    before = len(terminal.read_bytes())
    text = "short\n" + "a long line that is pasted, ended by Enter\n" * 3 + "tab\tend\r\n"
    hands.do(TypeText(text=text))
    wait_until(lambda: terminal.read_bytes()[before:].endswith(b"end\n"))
    assert terminal.read_bytes()[before:].decode() == text.replace("\r", "")


def test_short_text_goes_by_keys_and_long_text_is_pasted(hands: Hands, target: Target) -> None:
    assert hands.do(TypeText(text="x" * SHORT)).note == "typed by keys"
    target.wait_text("x" * SHORT)
    assert hands.do(TypeText(text="y" * (SHORT + 1))).note == "pasted"
    target.wait_text("x" * SHORT + "y" * (SHORT + 1))


@pytest.mark.parametrize("new", ["the new text, long enough to be pasted", "日", "日本"])
def test_text_replaces_the_selected_text_also_when_pasted(hands: Hands, target: Target, new: str) -> None:
    hands.do(TypeText(text="old"))
    target.wait_text("old")
    hands.do(Hotkey(keys=("ctrl", "a")))
    hands.do(TypeText(text=new))
    target.wait_text(new)


def test_control_characters_are_left_out_and_that_is_said(hands: Hands, target: Target) -> None:
    done = hands.do(TypeText(text="a\x1b\ud83db"))
    target.wait_text("ab")
    assert done.action == TypeText(text="ab")
    assert "left out 2 control character(s)" in done.note


def test_the_users_clipboard_is_back_after_a_paste(hands: Hands, target: Target, x_display: str) -> None:
    user = SelectionServer(x_display)
    user.offer("what the user had copied")
    hands.do(TypeText(text="something that is long enough to be pasted"))
    target.wait_text("something that is long enough to be pasted")
    target.clear()
    hands.do(Hotkey(keys=("ctrl", "v")))
    target.wait_text("what the user had copied")
    user.close()


def test_with_nothing_copied_before_the_clipboard_is_empty_after_a_paste(hands: Hands, target: Target) -> None:
    hands.do(TypeText(text="something that is long enough to be pasted"))
    target.wait_text("something that is long enough to be pasted")
    hands.do(Hotkey(keys=("escape",)))
    with hands.backend._connection.use() as display:
        assert display.get_selection_owner(display.intern_atom("CLIPBOARD")) == 0


def test_text_stops_when_another_window_takes_the_focus(hands: Hands, target: Target, desktop: VirtualDesktop) -> None:
    display = Display(desktop.display)
    thief = display.screen().root.create_window(900, 600, 200, 60, 0, X.CopyFromParent, event_mask=X.StructureNotifyMask)
    thief.set_wm_class("thief", "Thief")
    typed = 0

    def sleep(_: float) -> None:
        nonlocal typed
        typed += 1
        if typed == 20:
            thief.map()
            while display.next_event().type != X.MapNotify:
                pass
            thief.set_input_focus(X.RevertToParent, X.CurrentTime)
            display.sync()

    text = "a" * 100
    with hands.backend._connection.use() as connection:
        entered = KeyTyping(connection, hands.backend._keymap, settled_at=0.0).type(text, sleep)
    destroy(display, thief)
    assert 20 <= len(entered) < 30  # the focus is looked at every few characters
    target.wait_text("a" * 20)


@pytest.mark.parametrize("size", [1_000, 60_000])
def test_long_texts_arrive_whole(hands: Hands, target: Target, size: int) -> None:
    draw = random.Random(size)
    text = "".join(draw.choice(string.ascii_letters + " é日") for _ in range(size))
    assert hands.do(TypeText(text=text)).note == "pasted"
    target.wait_text(text)


def test_the_stop_event_interrupts_typing_and_leaves_nothing_held(x_display: str, target: Target) -> None:
    stop = threading.Event()
    hands = Hands(x_display, stop)
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(HandStopped):
        hands.do(TypeText(text="ab日\t" * 2_500))
    target.clear()
    with hands.backend._connection.use() as display:
        assert not any(display.query_keymap())
    hands.executor.close()


def test_no_thread_or_file_stays_open_after_closing(x_display: str, target: Target) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    hands = Hands(x_display)
    hands.do(TypeText(text="something that is long enough to be pasted"))
    hands.executor.close()
    assert "deftly-selection" not in [thread.name for thread in threading.enumerate()]
    assert len(list(Path("/proc/self/fd").iterdir())) == before
