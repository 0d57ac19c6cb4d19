"""Raw input events become the actions that they were: rendered from actions and merged again, and the hard cases one by one."""

from __future__ import annotations

import string
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.geometry import Geometry, Point
from actions.space import Action, Click, Drag, Hotkey, KeyDown, KeyUp, Scroll, TypeText
from agent.gestures import (
    ESCAPES,
    ButtonChanged,
    Gesture,
    Gestures,
    InputEvent,
    KeyChanged,
    PointerMoved,
    WheelTurned,
    corners,
)

SCREEN = Geometry(left=100, top=50, width=1000, height=800)
LONG = 10.0  # seconds after which nothing goes on from before

pixels = st.tuples(st.integers(100, 1099), st.integers(50, 849))
points = pixels.map(lambda pixel: SCREEN.from_desktop(*pixel))
buttons = st.sampled_from(["left", "right", "middle"])
modifiers = st.sets(st.sampled_from(["ctrl", "alt", "shift", "meta"])).map(
    lambda held: tuple(m for m in ("ctrl", "alt", "shift", "meta") if m in held)
)
texts = st.text(string.ascii_letters + string.digits + " <>/é日😀", min_size=1, max_size=12)
clicks = st.builds(Click, point=points, button=buttons, count=st.integers(1, 3), modifiers=modifiers)
drags = st.builds(lambda a, b, button: Drag(path=(a, b), button=button), points, points, buttons).filter(
    lambda drag: abs(drag.path[0].x - drag.path[1].x) > 0.02
)
scrolls = st.builds(Scroll, point=points, dx=st.integers(-5, 5), dy=st.integers(-5, 5)).filter(lambda scroll: scroll.dx or scroll.dy)
hotkeys = st.builds(
    lambda held, key: Hotkey(keys=(*held, key)), modifiers, st.sampled_from(["tab", "f5", "delete", "page_down", "escape", "left"])
)
chords = st.builds(lambda held, key: Hotkey(keys=(held, key)), st.sampled_from(["ctrl", "alt", "meta"]), st.sampled_from("acvz"))
actions = st.lists(st.one_of(clicks, drags, scrolls, st.builds(TypeText, text=texts), hotkeys, chords), max_size=8)


def rendered(action: Action, at: float) -> Iterator[InputEvent]:
    """The events by which a person does `action`."""
    match action:
        case Click():
            x_px, y_px = SCREEN.to_desktop(action.point)
            yield from (KeyChanged(at, name, "", True) for name in action.modifiers)
            for number in range(action.count):
                yield ButtonChanged(at + 0.2 * number, x_px, y_px, action.button, True)
                yield PointerMoved(at + 0.2 * number + 0.01, x_px + number, y_px)
                yield ButtonChanged(at + 0.2 * number + 0.05, x_px + number, y_px, action.button, False)
            yield from (KeyChanged(at + 1, name, "", False) for name in action.modifiers)
        case Drag():
            (x0, y0), (x1, y1) = map(SCREEN.to_desktop, action.path)
            yield ButtonChanged(at, x0, y0, action.button, True)
            for step in range(1, 20):
                yield PointerMoved(at + 0.02 * step, round(x0 + (x1 - x0) * step / 20), round(y0 + (y1 - y0) * step / 20))
            yield ButtonChanged(at + 0.5, x1, y1, action.button, False)
        case Scroll():
            assert action.point
            x_px, y_px = SCREEN.to_desktop(action.point)
            for number in range(abs(action.dx)):
                yield WheelTurned(at + 0.1 * number, x_px, y_px, 1 if action.dx > 0 else -1, 0)
            for number in range(abs(action.dy)):
                yield WheelTurned(at + 0.1 * (abs(action.dx) + number), x_px, y_px, 0, 1 if action.dy > 0 else -1)
        case TypeText():
            for number, char in enumerate(action.text):
                yield KeyChanged(at + 0.1 * number, char.lower(), char, True)
                yield KeyChanged(at + 0.1 * number + 0.05, char.lower(), char, False)
        case Hotkey():
            *held, last = action.keys
            char = last if len(last) == 1 else ""
            yield from (KeyChanged(at, name, "", True) for name in held)
            yield KeyChanged(at + 0.1, last, char, True)
            yield KeyChanged(at + 0.2, last, char, False)
            yield from (KeyChanged(at + 0.3, name, "", False) for name in held)


def merged(events: list[InputEvent], gestures: Gestures[float] | None = None) -> list[Gesture[float]]:
    gestures = gestures or Gestures(SCREEN)
    done = [gesture for event in events for gesture in gestures.feed(event, event.at)]
    return done + gestures.tick(events[-1].at + LONG if events else 0.0) + gestures.flush()


@given(actions)
def test_what_is_rendered_as_events_is_merged_to_the_same_actions(expected: list[Action]) -> None:
    gestures = merged([event for index, action in enumerate(expected) for event in rendered(action, index * LONG)])
    assert [gesture.action for gesture in gestures] == expected
    assert [gesture.before // LONG for gesture in gestures] == list(range(len(expected)))


@given(
    st.lists(
        st.one_of(
            st.builds(PointerMoved, st.just(0.0), st.integers(0, 1200), st.integers(0, 900)),
            st.builds(ButtonChanged, st.just(0.0), st.integers(0, 1200), st.integers(0, 900), buttons, st.booleans()),
            st.builds(WheelTurned, st.just(0.0), st.integers(0, 1200), st.integers(0, 900), st.integers(-1, 1), st.integers(-1, 1)),
            st.builds(
                KeyChanged,
                st.just(0.0),
                st.sampled_from(["ctrl", "shift", "alt", "a", "enter", "backspace", "escape"]),
                st.sampled_from(["", "a"]),
                st.booleans(),
            ),
        ),
        max_size=40,
    ),
    st.lists(st.floats(0, 3), min_size=40, max_size=40),
)
def test_any_events_at_all_give_valid_actions_in_order(events: list[InputEvent], pauses: list[float]) -> None:
    timed = [event._replace(at=sum(pauses[: index + 1])) for index, event in enumerate(events)]
    gestures = merged(timed)
    starts = [gesture.started for gesture in gestures]
    assert starts == sorted(starts)
    assert all(gesture.before == gesture.started for gesture in gestures)
    assert all(gesture.started <= gesture.ended for gesture in gestures)


def typed(text: str, at: float = 0.0) -> list[InputEvent]:
    keys = {"\n": ("enter", ""), "\b": ("backspace", "")}
    return [KeyChanged(at + 0.1 * number, *keys.get(char, (char.lower(), char)), True) for number, char in enumerate(text)]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("hi\n", [TypeText(text="hi\n")]),
        ("hi\nyou", [TypeText(text="hi\n"), TypeText(text="you")]),
        ("helo\blo", [TypeText(text="hello")]),
        ("a\b", []),
        ("a\b\b", [Hotkey(keys=("backspace",))]),
        ("\n", [Hotkey(keys=("enter",))]),
    ],
)
def test_enter_ends_a_text_and_backspace_mends_it(keys: str, expected: list[Action]) -> None:
    assert [gesture.action for gesture in merged(typed(keys))] == expected


def test_clicks_far_apart_in_place_or_time_are_two() -> None:
    def click(at: float, x_px: int) -> list[InputEvent]:
        return [ButtonChanged(at, x_px, 200, "left", True), ButtonChanged(at + 0.05, x_px, 200, "left", False)]

    counts = [[gesture.action.count for gesture in merged(click(0, 200) + click(*then))] for then in ((0.2, 203), (0.2, 210), (1.0, 200))]  # type: ignore[union-attr]
    assert counts == [[2], [1, 1], [1, 1]]


def test_a_drag_with_shift_held_is_held_in_the_actions_too() -> None:
    events: list[InputEvent] = [KeyChanged(0.0, "shift", "", True)]
    events += [ButtonChanged(0.1, 200, 200, "left", True), ButtonChanged(0.5, 400, 200, "left", False)]
    events += [KeyChanged(0.6, "shift", "", False)]
    start, end = SCREEN.from_desktop(200, 200), SCREEN.from_desktop(400, 200)
    assert start and end
    assert [gesture.action for gesture in merged(events)] == [KeyDown(key="shift"), Drag(path=(start, end)), KeyUp(key="shift")]


def test_a_tap_on_meta_is_a_hotkey_and_a_tap_on_shift_is_nothing() -> None:
    def tap(key: str) -> list[InputEvent]:
        return [KeyChanged(0.0, key, "", True), KeyChanged(0.1, key, "", False)]

    assert [gesture.action for gesture in merged(tap("meta"))] == [Hotkey(keys=("meta",))]
    assert merged(tap("shift")) == []


def test_what_happens_outside_of_the_region_is_left_out() -> None:
    outside: list[InputEvent] = [
        ButtonChanged(0, 10, 10, "left", True),
        ButtonChanged(0.1, 10, 10, "left", False),
        WheelTurned(5, 10, 10, 0, 1),
    ]
    assert merged(outside) == []


def test_three_quick_escapes_stop_and_are_no_actions_and_one_is_an_action() -> None:
    gestures: Gestures[float] = Gestures(SCREEN)
    escapes: list[InputEvent] = [KeyChanged(0.3 * number, "escape", "", True) for number in range(ESCAPES)]
    assert [gesture.action for event in [*typed("ab", at=-5.0), *escapes] for gesture in gestures.feed(event, 0.0)] == [TypeText(text="ab")]
    assert gestures.stop_asked
    assert gestures.flush() == []
    slow: list[InputEvent] = [KeyChanged(5.0 * number, "escape", "", True) for number in range(ESCAPES)]
    gestures = Gestures(SCREEN)
    assert [gesture.action for gesture in merged(slow, gestures)] == [Hotkey(keys=("escape",))] * ESCAPES
    assert not gestures.stop_asked


def test_the_ctrl_c_that_ends_the_recording_is_not_part_of_it() -> None:
    gestures: Gestures[float] = Gestures(SCREEN)
    chord: list[InputEvent] = [KeyChanged(0.0, "ctrl", "", True), KeyChanged(0.1, "c", "c", True)]
    assert [gesture for event in chord for gesture in gestures.feed(event, 0.0)] == []
    assert gestures.flush() == []


def test_corners_are_kept_and_straight_lines_are_not() -> None:
    there = [(x, 0) for x in range(0, 101, 5)]
    down = [(100, y) for y in range(0, 101, 5)]
    assert corners(there + down) == [(0, 0), (100, 0), (100, 100)]
    assert corners([(0, 0), (50, 1), (100, 0)]) == [(0, 0), (100, 0)]
    assert corners([(5, 5), (80, 5), (5, 5)]) == [(5, 5), (80, 5), (5, 5)]


def test_a_point_on_the_region_is_a_fraction_of_it() -> None:
    events: list[InputEvent] = [ButtonChanged(0, 600, 450, "left", True), ButtonChanged(0.1, 600, 450, "left", False)]
    assert [gesture.action for gesture in merged(events)] == [Click(point=Point(0.5, 0.5))]


def test_who_scrolls_while_a_button_is_down_began_with_the_button() -> None:
    events: list[InputEvent] = [
        ButtonChanged(0.0, 150, 100, "left", True),
        WheelTurned(1.0, 150, 100, 0, -1),
        KeyChanged(2.0, "a", "a", True),
        PointerMoved(3.0, 200, 150),
        ButtonChanged(4.0, 200, 150, "left", False),
    ]
    assert [type(gesture.action) for gesture in merged(events)] == [Drag, Scroll, TypeText]
