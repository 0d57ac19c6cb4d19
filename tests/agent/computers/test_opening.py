"""Addresses of computers: what they mean, and what is said about those that mean nothing."""

from __future__ import annotations

import pytest

from actions.geometry import Geometry, Point
from actions.pyautogui_script import script_of, typing_scripts
from actions.space import Click, Drag, Hotkey, Scroll
from agent.computers.opening import COMPUTERS, ComputerOptions, kind_of, open_computer
from agent.computers.virtual import VirtualDesktop
from agent.endings import DisplayLost


def test_the_kinds_have_public_names() -> None:
    assert set(COMPUTERS.names()) >= {"desktop", "wayland", "virtual", "browser", "vnc", "http", "osworld"}


@pytest.mark.parametrize(
    ("address", "kind"),
    [("desktop", "desktop"), ("desktop::1", "desktop"), ("https://h", "http"), ("osworld+http://h:5000", "osworld"), ("vnc://h", "vnc")],
)
def test_the_word_before_the_colon_names_the_kind(address: str, kind: str) -> None:
    assert kind_of(address) == kind


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("vcn://host", "did you mean vnc"),
        ("vnc://host:99999", "no address of a VNC server"),
        ("vnc:host", "no address of a VNC server"),
        ("virtual:large", "no size"),
        ("browser:", "needs an address"),
        ("http://", "no address of a computer"),
        ("osworld+ftp://h", "no computer is called"),
    ],
)
def test_an_address_that_means_nothing_is_a_mistake_of_the_caller(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        open_computer(address)


@pytest.mark.parametrize("named", [":0", ""])
def test_in_a_wayland_session_the_desktop_is_refused_in_words_unless_it_is_named(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("DISPLAY", named)
    with pytest.raises(DisplayLost, match=r"Wayland session.*--computer wayland.*use --virtual") as error:
        open_computer("desktop")
    assert ("--computer desktop::0" in str(error.value)) == bool(named)
    with pytest.raises(DisplayLost, match=":9999"):
        open_computer("desktop::9999")


def test_without_a_session_bus_the_portal_is_not_there() -> None:
    pytest.importorskip("jeepney", reason="jeepney is not installed: pip install 'deftly[wayland]'")
    with pytest.raises(DisplayLost, match="no session bus"):
        open_computer("wayland:unix:path=/nonexistent")


@pytest.mark.display
def test_xwayland_is_taken_by_its_name(desktop: VirtualDesktop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    computer = open_computer(f"desktop:{desktop.display}")
    assert computer.screenshot().size == computer.geometry.size
    computer.close()


def test_a_program_needs_a_desktop_to_be_started_on() -> None:
    with pytest.raises(ValueError, match="virtual desktop"):
        open_computer("vnc://host", ComputerOptions(program=("xterm",)))


@pytest.mark.parametrize("address", ["vnc://127.0.0.1:1999", "http://127.0.0.1:9", "osworld+http://127.0.0.1:9"])
def test_nobody_there_is_told_with_the_address(address: str) -> None:
    with pytest.raises(DisplayLost, match=r"127\.0\.0\.1"):
        open_computer(address)


EVIL = "\"); import os; os.system('touch /tmp/x') #\n'''{text}\\\u2028\ud83d"
WHERE = Geometry(left=0, top=0, width=100, height=100)


def test_a_text_enters_a_program_as_a_literal_and_nothing_else() -> None:
    import ast

    for script in typing_scripts(EVIL * 50):
        assert script.isascii()
        calls = [node for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Call)]
        assert not [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "system"]
    (paste,) = [line for line in typing_scripts(EVIL)[0].splitlines() if line.startswith("paste(")]
    assert ast.literal_eval(paste.removeprefix("paste(").removesuffix(")")) == EVIL


@pytest.mark.parametrize(
    "action",
    [
        Click(point=Point(0.5, 0.5), modifiers=("ctrl", "shift"), count=3),
        Drag(path=(Point(0, 0), Point(1, 1))),
        Scroll(dx=2, dy=-1),
        Hotkey(keys=("ctrl", "'")),
        Hotkey(keys=("ctrl", "\\")),
    ],
)
def test_every_program_is_python(action: Click) -> None:
    compile(script_of(action, WHERE), "script", "exec")
