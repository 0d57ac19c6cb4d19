"""A desktop computer on real windows: it waits for what an action does, and notices what happens between looking and acting."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from actions.geometry import Geometry, Point, Size
from actions.space import Click, Finished, Hotkey, Move, TypeText, Wait
from agent.computers.desktop import DesktopComputer
from agent.endings import ActionRefused, DisplayLost, Stopped

pytestmark = pytest.mark.display

PROGRAM = """
import sys, json, tkinter as tk
root = tk.Tk()
root.geometry("300x200+50+50")
def opened():
    top = tk.Toplevel(root, bg="#00c080")
    top.geometry("400x300+380+200")
button = tk.Button(root, text="open", command=opened)
button.pack(pady=20)
entry = tk.Entry(root)
entry.pack()
def report():
    root.update()
    places = [[w.winfo_rootx() + w.winfo_width() // 2, w.winfo_rooty() + w.winfo_height() // 2] for w in (button, entry)]
    print(json.dumps(places), flush=True)
root.after(300, report)
root.mainloop()
"""


@pytest.fixture
def computer(bare_desktop) -> Iterator[DesktopComputer]:
    with DesktopComputer(bare_desktop.display) as computer:
        yield computer


@pytest.fixture
def tk_places(bare_desktop, tmp_path: Path) -> Iterator[tuple[Point, Point]]:
    """Where the button and the entry of a Tk program are."""
    if find_spec("_tkinter") is None:
        pytest.skip("this Python has no Tk")
    (tmp_path / "program.py").write_text(PROGRAM)
    program = bare_desktop.launch([sys.executable, str(tmp_path / "program.py")], stdout=subprocess.PIPE)
    assert program.stdout
    button, entry = json.loads(program.stdout.readline())
    yield Point.from_pixel(*button, bare_desktop.size), Point.from_pixel(*entry, bare_desktop.size)
    program.terminate()
    program.wait()
    program.stdout.close()


def test_the_screenshot_after_a_click_shows_the_window_that_it_opened(computer: DesktopComputer, tk_places) -> None:
    computer.screenshot()
    outcome = computer.perform(Click(point=tk_places[0]))
    for _ in range(50):  # on a machine that is busy with other things, a window may come later than anyone waits for it
        seen = computer.screenshot()
        if (seen.rgb[350, 580] == (0, 0xC0, 0x80)).all():
            break
    assert (seen.rgb[250:450, 400:700] == (0, 0xC0, 0x80)).all(), "the window is there, and whole"
    assert outcome.action == Click(point=tk_places[0])
    assert 0 < computer.settle_seconds < 10


def test_typed_text_shows_and_its_caret_does_not_make_the_next_answer_stale(computer: DesktopComputer, tk_places, until) -> None:
    before = computer.screenshot()
    computer.perform(Click(point=tk_places[1]))
    computer.perform(TypeText(text="hello"))
    until(lambda: (computer.screenshot().rgb != before.rgb).any(), "typed text")
    seen = computer.screenshot()
    Wait(seconds=0)
    threading.Event().wait(1.5)  # as long as a model thinks; the caret blinks twice
    assert computer.stale(seen, (Click(point=tk_places[1]), TypeText(text="more"))) is None


def test_a_window_that_pops_up_while_the_model_thinks_makes_its_answer_stale(computer: DesktopComputer, shower, noise) -> None:
    seen = computer.screenshot()
    action = (Click(point=Point(0.9, 0.9)),)
    assert computer.stale(seen, action) is None
    shower.show(noise, 100, 100)
    assert "200x120 at 100,100" in (computer.stale(seen, action) or "")
    fresh = computer.screenshot()
    assert computer.stale(fresh, action) is None


def test_a_small_change_makes_an_answer_stale_only_where_it_aims(computer: DesktopComputer, shower, noise) -> None:
    seen = computer.screenshot()
    shower.show(noise[:20, :60], 400, 300)
    assert computer.stale(seen, (Click(point=Point(0.1, 0.1)), TypeText(text="words"))) is None
    assert "near the target" in (computer.stale(seen, (Click(point=Point(0.52, 0.52)),)) or "")


def test_a_screen_of_another_size_makes_an_answer_stale(computer: DesktopComputer, shower) -> None:
    seen = computer.screenshot()
    shower.resize_screen(Size(640, 480))
    assert computer.stale(seen, (TypeText(text="words"),)) == "the screen was 800x600 and is now 640x480"
    assert computer.screenshot().size == computer.geometry.size == (640, 480)


def test_screenshots_that_came_from_elsewhere_can_be_checked_too(computer: DesktopComputer, shower, noise) -> None:
    older = computer.screenshot()
    computer.screenshot()
    assert computer.stale(older, (TypeText(text="words"),)) is None
    shower.show(noise, 0, 0)
    assert computer.stale(older, (TypeText(text="words"),)) is not None


def test_points_lie_in_the_region(bare_desktop, shower, noise) -> None:
    region = Geometry(left=200, top=100, width=400, height=200)
    with DesktopComputer(bare_desktop.display, region=region) as computer:
        assert computer.screenshot().size == computer.geometry.size == (400, 200)
        computer.perform(Move(point=Point(0.5, 0.5)))
        root = shower.show(noise, 0, 0).query_tree().root
        pointer = root.query_pointer()
        assert (pointer.root_x, pointer.root_y) == (400, 200)


def test_a_blank_screen_is_touched_once_and_reported(computer: DesktopComputer, shower, noise) -> None:
    assert computer.screenshot().condition == "blank"
    assert computer.screenshot().condition == "blank"
    shower.show(noise, 0, 0)
    assert computer.screenshot().condition == "ok"


def test_what_no_hand_can_do_is_refused(computer: DesktopComputer) -> None:
    with pytest.raises(ActionRefused, match="finished"):
        computer.perform(Finished())


def test_the_kill_switch_stops_the_hands(bare_desktop) -> None:
    stop = threading.Event()
    with DesktopComputer(bare_desktop.display, stop=stop) as computer:
        computer.screenshot()
        stop.set()
        with pytest.raises(Stopped):
            computer.perform(Click(point=Point(0.5, 0.5)))


def test_a_display_that_dies_between_looking_and_acting_ends_the_run(x_server) -> None:
    computer = DesktopComputer(x_server.display, patience=0.5)
    seen = computer.screenshot()
    x_server.kill()
    for use in (
        lambda: computer.stale(seen, ()),
        lambda: computer.perform(Click(point=Point(0.5, 0.5))),
        computer.screenshot,
        computer.release_all,
    ):
        with pytest.raises(DisplayLost, match=x_server.display):
            use()
    computer.close()
    computer.close()


def test_a_display_that_comes_back_can_be_seen_and_acted_on(x_server) -> None:
    computer = DesktopComputer(x_server.display, patience=30)
    computer.screenshot()
    x_server.kill()
    x_server.restart()
    assert "came back" in computer.perform(Hotkey(keys=("a",))).note
    assert computer.perform(Move(point=Point(0.5, 0.5))).note == ""
    x_server.kill()
    x_server.restart(Size(800, 600))
    assert computer.screenshot().size == (800, 600)
    assert computer.perform(Move(point=Point(0.5, 0.5))).note == ""
    computer.close()


def test_a_display_that_is_not_there_is_named() -> None:
    with pytest.raises(DisplayLost, match=":1987"):
        DesktopComputer(":1987")


def test_without_settling_a_screenshot_is_taken_at_once(bare_desktop, shower) -> None:
    with DesktopComputer(bare_desktop.display, settle=False) as computer:
        computer.perform(TypeText(text="a\n"))
        shower.show(np.full((300, 300, 3), 90, np.uint8), 0, 0)
        assert (computer.screenshot().rgb[:300, :300] == 90).all()
        assert computer.settle_seconds == 0
