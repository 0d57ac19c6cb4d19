"""One contract for every computer: what it shows, what its hands do, and how it lets go; each kind is tried on its own real screen."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import astuple

import pytest

from actions.geometry import Point
from actions.space import (
    ButtonDown,
    ButtonUp,
    CallUser,
    Click,
    Drag,
    Failed,
    Finished,
    Hotkey,
    KeyDown,
    KeyUp,
    Move,
    Scroll,
    TakeScreenshot,
    TypeText,
    Wait,
)
from agent.computers.virtual import VirtualDesktop
from agent.endings import ActionRefused
from tests.actions.conftest import PATIENCE
from tests.agent.computers.benches import KINDS, Bench
from tests.agent.computers.scenes import XScene, wait
from tests.agent.computers.wayland_scene import WaylandScene

pytestmark = [pytest.mark.display]


@pytest.fixture(scope="module", params=KINDS)
def shared_bench(request: pytest.FixtureRequest, desktop: VirtualDesktop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(request.param, desktop, tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()


@pytest.fixture
def bench(shared_bench: Bench) -> Bench:
    shared_bench.computer.release_all()
    shared_bench.scene.clear()
    return shared_bench


def at(bench: Bench, x_px: int, y_px: int) -> Point:
    return Point.from_pixel(x_px, y_px, bench.computer.geometry.size)


def on_pad(bench: Bench, right: int, down: int) -> tuple[int, int]:
    """A pixel of the pad, that far from its corner."""
    return bench.scene.pad[0] + right, bench.scene.pad[1] + down


def test_a_screenshot_shows_the_screen_in_the_size_that_the_geometry_tells(bench: Bench) -> None:
    seen = bench.computer.screenshot()
    assert seen.rgb.shape == (bench.computer.geometry.height, bench.computer.geometry.width, 3)
    assert seen.condition == "ok"
    left, top, width, height = bench.scene.pad
    pad = seen.rgb[top + 5 : top + height - 5, left + 5 : left + width - 5]
    assert (pad == pad[0, 0]).all(axis=2).mean() > 0.99, "the pad has one colour, save for a pointer on it"
    bench.scene.change()
    deadline = time.monotonic() + PATIENCE
    while (bench.computer.screenshot().rgb[top + 50, left + 50] == seen.rgb[top + 50, left + 50]).all():
        assert time.monotonic() < deadline, "the screenshot stays the same"


def test_a_click_lands_on_the_exact_pixel(bench: Bench) -> None:
    draw = random.Random(bench.kind)
    _, _, width, height = bench.scene.pad
    for button, number in (("left", 1), ("right", 3), ("middle", 2), ("left", 1)):
        x_px, y_px = on_pad(bench, draw.randrange(width), draw.randrange(height))
        outcome = bench.computer.perform(Click(point=at(bench, x_px, y_px), button=button))
        press, release = wait(bench.scene, kind="press"), wait(bench.scene, kind="release")
        assert (press["x"], press["y"], press["button"]) == (x_px, y_px, number)
        assert (release["x"], release["y"], release["button"]) == (x_px, y_px, number)
        assert outcome.action == Click(point=at(bench, x_px, y_px), button=button)
        assert outcome.seconds > 0


def test_the_pointer_moves(bench: Bench) -> None:
    for corner in (on_pad(bench, 10, 10), on_pad(bench, 200, 300)):
        bench.computer.perform(Move(point=at(bench, *corner)))
        wait(bench.scene, kind="motion", x=corner[0], y=corner[1])


def test_a_drag_goes_from_its_first_point_to_its_last_by_every_corner(bench: Bench) -> None:
    corners = [on_pad(bench, 20, 20), on_pad(bench, 200, 60), on_pad(bench, 100, 300)]
    bench.computer.perform(Drag(path=tuple(at(bench, *corner) for corner in corners)))
    press = wait(bench.scene, kind="press", button=1)
    assert (press["x"], press["y"]) == corners[0]
    wait(bench.scene, kind="motion", x=corners[1][0], y=corners[1][1])
    release = wait(bench.scene, kind="release", button=1)
    assert (release["x"], release["y"]) == corners[2]


def test_a_button_stays_down_between_actions(bench: Bench) -> None:
    here, there = on_pad(bench, 30, 30), on_pad(bench, 90, 200)
    bench.computer.perform(ButtonDown(point=at(bench, *here)))
    bench.computer.perform(Move(point=at(bench, *on_pad(bench, 60, 100))))
    bench.computer.perform(ButtonUp(point=at(bench, *there)))
    press, release = wait(bench.scene, kind="press"), wait(bench.scene, kind="release")
    assert [(event["x"], event["y"]) for event in (press, release)] == [here, there]


@pytest.mark.parametrize(("dx", "dy"), [(0, -3), (0, 2), (2, 0), (-1, 0)])
def test_the_wheel_turns_by_whole_clicks_on_both_axes(bench: Bench, dx: int, dy: int) -> None:
    bench.computer.perform(Scroll(point=at(bench, *on_pad(bench, 100, 100)), dx=dx, dy=dy))
    bench.computer.perform(Click(point=at(bench, *on_pad(bench, 100, 100))))
    turned = [0, 0]
    for event in bench.scene.events():
        if event["kind"] == "wheel":
            turned = [turned[0] + event["dx"], turned[1] + event["dy"]]
        if event["kind"] == "release":
            break
    assert turned == [dx, dy]


@pytest.mark.parametrize("text", ["<b> & \"q\" 'q' \\n $HOME `x` {y}", "naïve café – Привет, 日本語 한국어 😀 عربي"])
def test_text_arrives_intact_and_replaces_what_was_selected(bench: Bench, text: str) -> None:
    bench.computer.perform(Click(point=at(bench, *bench.scene.field)))
    bench.computer.perform(TypeText(text="before"))
    wait(bench.scene, kind="text", text="before")
    bench.computer.perform(Hotkey(keys=("ctrl", "a")))
    outcome = bench.computer.perform(TypeText(text=text))
    wait(bench.scene, kind="text", text=text)
    assert outcome.action == TypeText(text=text)


def test_a_hotkey_is_a_chord_and_nothing_stays_down(bench: Bench) -> None:
    bench.computer.perform(Hotkey(keys=("ctrl", "b")))
    assert wait(bench.scene, kind="key_down", key="b")["ctrl"]
    wait(bench.scene, kind="key_up", key="ctrl")


def test_a_held_key_works_on_what_is_typed_until_it_is_let_go(bench: Bench) -> None:
    bench.computer.perform(KeyDown(key="shift"))
    bench.computer.perform(Hotkey(keys=("a",)))
    wait(bench.scene, kind="text", text="A")
    bench.computer.perform(KeyUp(key="shift"))
    bench.computer.perform(Hotkey(keys=("b",)))
    wait(bench.scene, kind="text", text="Ab")


def test_releasing_lets_go_of_keys_and_buttons(bench: Bench) -> None:
    bench.computer.perform(KeyDown(key="shift"))
    bench.computer.perform(ButtonDown(point=at(bench, *on_pad(bench, 50, 50))))
    wait(bench.scene, kind="press", button=1)
    bench.computer.release_all()
    wait(bench.scene, kind="release", button=1)
    if isinstance(bench.scene, XScene | WaylandScene):
        assert not bench.scene.held()


def test_looking_and_waiting_touch_nothing(bench: Bench) -> None:
    bench.computer.perform(Move(point=at(bench, *on_pad(bench, 77, 77))))
    wait(bench.scene, kind="motion")
    started = time.monotonic()
    assert bench.computer.perform(Wait(seconds=0.2)).action == Wait(seconds=0.2)
    assert time.monotonic() - started >= 0.2
    bench.computer.perform(TakeScreenshot())
    bench.computer.perform(Click(point=at(bench, *on_pad(bench, 77, 77))))
    assert next(event for event in bench.scene.events() if event["kind"] != "motion")["kind"] == "press"


@pytest.mark.parametrize("action", [Finished(), Failed(), CallUser()])
def test_what_no_hand_can_do_is_refused(bench: Bench, action: Finished | Failed | CallUser) -> None:
    with pytest.raises(ActionRefused):
        bench.computer.perform(action)


def test_an_answer_is_stale_once_much_has_changed_and_fits_as_long_as_nothing_has(bench: Bench) -> None:
    seen = bench.computer.screenshot()
    click = (Click(point=at(bench, *on_pad(bench, 50, 50))),)
    assert bench.computer.stale(seen, click) is None
    bench.scene.change()
    deadline = time.monotonic() + PATIENCE
    while bench.computer.stale(seen, click) is None:
        assert time.monotonic() < deadline, "the change was not noticed"
    fresh = bench.computer.screenshot()
    assert bench.computer.stale(fresh, click) is None


CHILD = """
import sys, time
from actions.geometry import Point
from actions.space import ButtonDown, KeyDown
from agent.computers.opening import ComputerOptions, open_computer
computer = open_computer(sys.argv[1], ComputerOptions(secret=sys.argv[2] or None))
computer.perform(KeyDown(key="shift"))
computer.perform(ButtonDown(point=Point(float(sys.argv[3]), float(sys.argv[4]))))
print("held", flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_what_a_process_held_that_ended_is_let_go_at_the_latest_when_the_next_one_opens(bench: Bench, kind: signal.Signals) -> None:
    if not bench.address:
        pytest.skip("its screen ends with it")
    bench.computer.close()
    spot = at(bench, *on_pad(bench, 40, 40))
    argv = [sys.executable, "-c", CHILD, bench.address, bench.options.secret or "", *map(str, astuple(spot))]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout
    said = child.stdout.readline()
    if said != "held\n":
        child.kill()
        pytest.fail(child.communicate()[1])
    wait(bench.scene, kind="press", button=1)
    child.send_signal(kind)
    child.communicate(timeout=PATIENCE)
    bench.computer = bench.open()
    wait(bench.scene, kind="release", button=1)
    assert isinstance(bench.scene, XScene | WaylandScene)
    assert not bench.scene.held()
