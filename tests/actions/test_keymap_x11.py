"""Typing by key events on keymaps of all kinds: other layouts, no layout that has the character, Caps Lock on.

On a desktop without a window manager: openbox is kept busy for 60 ms by each of the many changes of the keymap here.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from Xlib import XK, X
from Xlib.display import Display

from actions.backends.x11_keys import KeyTyping
from actions.space import Hotkey, TypeText
from agent.computers.virtual import VirtualDesktop
from tests.actions.conftest import Hands, Target

pytestmark = pytest.mark.display


@pytest.fixture(scope="module")
def bare() -> Iterator[VirtualDesktop]:
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed: apt-get install xvfb")
    with VirtualDesktop(window_manager=None) as bare:
        yield bare


@pytest.fixture(scope="module")
def bare_target(bare: VirtualDesktop) -> Iterator[Target]:
    target = Target(bare)
    yield target
    target.close()


@pytest.fixture
def target(bare_target: Target) -> Target:
    bare_target.clear()
    return bare_target


@pytest.fixture
def x_display(bare: VirtualDesktop) -> str:
    return bare.display


def type_by_keys(hands: Hands, text: str) -> None:
    """As into a window that takes no paste."""
    with hands.backend._connection.use() as display:
        assert KeyTyping(display, hands.backend._keymap, settled_at=0.0).type(text, time.sleep) == text


@pytest.mark.parametrize("text", ["a<b>日😀é&ж;`~|\\", "Ελληνικά 한국어", "“quotes” – café Žluť"])
def test_characters_that_no_key_gives_are_typed_by_keys_all_the_same(hands: Hands, target: Target, text: str) -> None:
    type_by_keys(hands, text)
    target.wait_text(text)


def test_caps_lock_does_not_invert_letters_and_stays_as_it_was(hands: Hands, target: Target) -> None:
    hands.do(Hotkey(keys=("caps_lock",)))
    hands.do(TypeText(text="aBc"))
    target.wait_text("aBc")
    with hands.backend._connection.use() as display:
        assert display.screen().root.query_pointer().mask & 2
    hands.do(Hotkey(keys=("caps_lock",)))
    with hands.backend._connection.use() as display:
        assert not display.screen().root.query_pointer().mask & 2


@pytest.fixture
def layouts(bare: VirtualDesktop) -> Iterator[Callable[..., None]]:
    """Switches the keyboard layout; the usual one is back afterwards."""
    if shutil.which("setxkbmap") is None:
        pytest.skip("setxkbmap is not installed: apt-get install x11-xkb-utils")

    def switch(*argv: str) -> None:
        subprocess.run(["setxkbmap", "-display", bare.display, *argv], check=True)

    yield switch
    switch("us")


@pytest.mark.parametrize("layout", [["de"], ["fr"], ["us,ru"], ["ru"], ["gr"]])
def test_text_is_right_on_every_layout_switched_to_while_connected(
    hands: Hands, target: Target, layouts: object, layout: list[str]
) -> None:
    layouts(*layout)
    text = "yz/@~^<Q*7€é"
    type_by_keys(hands, text)
    target.wait_text(text)
    target.clear()
    hands.do(TypeText(text=text))
    target.wait_text(text)
    hands.do(Hotkey(keys=("ctrl", "a")))
    hands.do(Hotkey(keys=("delete",)))
    target.wait_text("")


def test_a_text_with_more_strange_characters_than_free_keys_is_typed_in_parts(hands: Hands, target: Target) -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 25)))
    type_by_keys(hands, text)
    target.wait_text(text)


def keymap_of(display_name: str) -> list[tuple[int, ...]]:
    display = Display(display_name)
    rows = [tuple(row) for row in display.get_keyboard_mapping(8, 248)]
    display.close()
    return rows


def test_the_keymap_is_as_before_once_the_hands_are_closed(target: Target, x_display: str) -> None:
    before = keymap_of(x_display)
    hands = Hands(x_display)
    type_by_keys(hands, "日本語😀")
    target.wait_text("日本語😀")
    assert keymap_of(x_display) != before
    hands.executor.close()
    assert keymap_of(x_display) == before


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from actions.backends.x11 import X11Backend
hands = X11Backend(sys.argv[1])
for name in ("ctrl", "shift", "日", "é"):
    hands.key(name, down=True)
hands.move(400, 400)
hands.button("left", down=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_run_held_and_borrowed_is_let_go_by_the_next(x_display: str, target: Target) -> None:
    before = keymap_of(x_display)
    killed = subprocess.run([sys.executable, "-c", KILLED_IN_THE_MIDDLE, x_display], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert keymap_of(x_display) != before
    display = Display(x_display)
    assert any(display.query_keymap())
    hands = Hands(x_display)
    assert not any(display.query_keymap())
    assert not display.screen().root.query_pointer().mask & 0x1F00
    assert keymap_of(x_display) == before
    display.close()
    hands.executor.close()


def test_a_window_that_takes_no_paste_gets_key_events_and_the_text_once(hands: Hands, bare: VirtualDesktop) -> None:
    display = Display(bare.display)
    window = display.screen().root.create_window(900, 600, 200, 60, 0, X.CopyFromParent, event_mask=X.KeyPressMask | X.StructureNotifyMask)
    window.map()
    while display.next_event().type != X.MapNotify:
        pass
    window.set_input_focus(X.RevertToParent, X.CurrentTime)
    display.sync()
    text = "this window knows keys but no paste"
    done = hands.do(TypeText(text=text))
    display.sync()
    events = [display.next_event() for _ in range(display.pending_events())]
    typed = [XK.keysym_to_string(display.keycode_to_keysym(e.detail, 0)) or " " for e in events if e.type == X.KeyPress]
    display.close()
    assert done.note == "typed by keys, as the paste was not fetched"
    assert "".join(char for char in typed if len(char) == 1).endswith(text)
