"""Mouse and keyboard actions performed on a real X display, as a real window sees them."""

from __future__ import annotations

import random
import time

import pytest

from actions.errors import CannotPerform
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
from tests.actions.conftest import Hands, Target

pytestmark = pytest.mark.display
SHIFT, CTRL = 1, 4  # bits of a Tk event's state
PRESSES = ("Button", "Double-Button", "Triple-Button")  # Tk names each press only by the most that it can be


def test_a_click_lands_on_the_exact_pixel(hands: Hands, target: Target) -> None:
    left, top = target.places["pad"]
    draw = random.Random(7)
    for _ in range(100):
        x_px, y_px = left + draw.randrange(700), top + draw.randrange(350)
        hands.do(Click(point=hands.at(x_px, y_px)))
        press, release = target.wait_kinds("Button", "ButtonRelease")
        assert (press["x"], press["y"], press["button"]) == (x_px, y_px, 1)
        assert (release["x"], release["y"]) == (x_px, y_px)


@pytest.mark.parametrize(("button", "number"), [("left", 1), ("middle", 2), ("right", 3)])
def test_each_button_is_the_one_asked_for(hands: Hands, target: Target, button: str, number: int) -> None:
    left, top = target.places["pad"]
    hands.do(Click(point=hands.at(left + 20 + 40 * number, top + 20), button=button))
    assert [event["button"] for event in target.wait_kinds("Button", "ButtonRelease")] == [number, number]


def test_two_and_three_clicks_are_seen_as_such(hands: Hands, target: Target) -> None:
    left, top = target.places["pad"]
    hands.do(Click(point=hands.at(left + 300, top + 50), count=2))
    target.wait(lambda event: event["kind"] == "Double-Button")
    hands.do(Click(point=hands.at(left + 400, top + 150), count=3))
    target.wait(lambda event: event["kind"] == "Triple-Button")


def test_two_single_clicks_on_one_spot_are_no_double_click(hands: Hands, target: Target) -> None:
    left, top = target.places["pad"]
    click = Click(point=hands.at(left + 222, top + 99))
    hands.do(click)
    hands.do(click)
    hands.do(Click(point=hands.at(left + 10, top + 10), button="right"))
    events = target.wait(lambda event: event["kind"] == "ButtonRelease" and event["button"] == 3)
    assert "Double-Button" not in [event["kind"] for event in events]
    assert len([event for event in events if event["kind"] == "Button" and event["button"] == 1]) == 2


def test_modifiers_are_held_during_the_click_and_not_after(hands: Hands, target: Target) -> None:
    left, top = target.places["pad"]
    hands.do(Click(point=hands.at(left + 50, top + 60), modifiers=("ctrl", "shift")))
    assert target.wait_kinds("Button")[0]["state"] & (SHIFT | CTRL) == SHIFT | CTRL
    hands.do(Click(point=hands.at(left + 150, top + 60)))
    assert target.wait_kinds("Button")[0]["state"] & (SHIFT | CTRL) == 0


def test_a_drag_passes_every_corner_of_its_path_in_order(hands: Hands, target: Target) -> None:
    left, top = target.places["pad"]
    corners = [(left + 30, top + 30), (left + 330, top + 60), (left + 200, top + 250), (left + 205, top + 251)]
    hands.do(Drag(path=tuple(hands.at(*corner) for corner in corners)))
    events = target.wait(lambda event: event["kind"] == "ButtonRelease")
    press = next(event for event in events if event["kind"] == "Button")
    passed = [(event["x"], event["y"]) for event in events if event["kind"] == "B1-Motion"]
    assert (press["x"], press["y"]) == corners[0]
    assert [corner for corner in passed if corner in corners] == corners[1:]
    assert len(passed) >= 8
    assert (events[-1]["x"], events[-1]["y"]) == corners[-1]


def test_press_move_and_release_are_a_drag_by_hand(hands: Hands, target: Target) -> None:
    left, top = target.places["pad"]
    hands.do(ButtonDown(point=hands.at(left + 40, top + 200)))
    hands.do(Move(point=hands.at(left + 90, top + 220)))
    hands.do(Wait(seconds=0.2))  # Tk reports only the last of moves that come together
    hands.do(ButtonUp(point=hands.at(left + 140, top + 240)))
    events = target.wait(lambda event: event["kind"] == "ButtonRelease")
    assert (left + 90, top + 220) in [(event["x"], event["y"]) for event in events if event["kind"] == "B1-Motion"]
    assert (events[-1]["x"], events[-1]["y"]) == (left + 140, top + 240)


@pytest.mark.parametrize(("dx", "dy", "buttons"), [(0, -3, [5] * 3), (0, 2, [4] * 2), (2, 0, [7] * 2), (-1, 0, [6])])
def test_the_wheel_turns_by_whole_clicks_on_both_axes(hands: Hands, target: Target, dx: int, dy: int, buttons: list[int]) -> None:
    left, top = target.places["pad"]
    # Tk shows a program no buttons past 5, so sideways turns are watched by a window of our own.
    if dx:
        assert _buttons_seen_by_a_window(hands, Scroll(point=hands.at(1200, 680), dx=dx)) == buttons
        return
    hands.do(Scroll(point=hands.at(left + 60, top + 60), dx=dx, dy=dy))
    hands.do(Click(point=hands.at(left + 60, top + 60)))
    events = target.wait(lambda event: event["kind"] == "ButtonRelease" and event["button"] == 1)
    assert [event["button"] for event in events if event["kind"] in PRESSES] == [*buttons, 1]


def _buttons_seen_by_a_window(hands: Hands, action: Scroll) -> list[int]:
    from Xlib import X
    from Xlib.display import Display

    display = Display(hands.backend._connection.name)
    root = display.screen().root
    window = root.create_window(1150, 640, 100, 70, 0, X.CopyFromParent, override_redirect=True, event_mask=X.ButtonPressMask)
    window.map()
    display.sync()
    hands.do(action)
    display.sync()
    seen = [display.next_event().detail for _ in range(display.pending_events())]
    display.close()
    return seen


def test_hotkeys_reach_the_window_as_chords(hands: Hands, target: Target) -> None:
    hands.do(TypeText(text="abc"))
    target.wait_text("abc")
    hands.do(Hotkey(keys=("ctrl", "a")))
    hands.do(Hotkey(keys=("delete",)))
    target.wait_text("")
    hands.do(Hotkey(keys=("ctrl", "shift", "+")))
    chord = target.wait(lambda event: event["kind"] == "key" and event["keysym"] == "plus")[-1]
    assert chord["state"] & (SHIFT | CTRL) == SHIFT | CTRL


def test_every_named_key_can_be_pressed(hands: Hands, target: Target) -> None:
    from actions.backends.keysyms import KEYSYMS

    for name in KEYSYMS:
        hands.backend.key(name, down=True)
        hands.backend.key(name, down=False)
        if name in ("caps_lock", "num_lock"):
            hands.do(Hotkey(keys=(name,)))
    hands.do(Hotkey(keys=("escape",)))
    assert held(hands) == ([], 0)


def held(hands: Hands) -> tuple[list[int], int]:
    """Keycodes and pointer buttons that are down on the display."""
    with hands.backend._connection.use() as display:
        keys = [8 * index + bit for index, bits in enumerate(display.query_keymap()) for bit in range(8) if bits >> bit & 1]
        return keys, display.screen().root.query_pointer().mask & 0x1F00


def test_key_down_holds_across_actions_until_the_end_of_the_run(hands: Hands, target: Target) -> None:
    hands.do(KeyDown(key="shift"))
    hands.do(TypeText(text="abc"))
    target.wait_text("ABC")
    assert len(held(hands)[0]) == 1
    hands.do(KeyUp(key="shift"))
    assert held(hands) == ([], 0)
    hands.do(KeyDown(key="ctrl"))
    hands.do(ButtonDown(point=hands.at(*target.places["pad"])))
    hands.executor.close()
    assert held(Hands(hands.backend._connection._name)) == ([], 0)


def test_waiting_takes_as_long_as_asked(hands: Hands) -> None:
    before = time.monotonic()
    hands.do(Wait(seconds=0.2))
    assert time.monotonic() - before >= 0.2


def test_what_is_not_the_hands_business_touches_nothing(hands: Hands) -> None:
    before = hands.backend.position()
    assert "looking" in hands.do(TakeScreenshot()).note
    for action in (Finished(), Failed(), CallUser()):
        with pytest.raises(CannotPerform, match=action.type):
            hands.do(action)
    assert hands.backend.position() == before
