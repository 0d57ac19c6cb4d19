"""The settle rule on made-up times: when it goes on, and that it always does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.geometry import Point, Size
from actions.space import Action, Click, Drag, Hotkey, KeyDown, Move, Scroll, TakeScreenshot, TypeText, Wait
from agent.change import Rect
from agent.settle import CALLED, GLANCE, LOOKS, POLL_SECONDS, TOUCHED, TYPED, Profile, Settling, profile_for, wait_until_settled

SIZE = Size(1920, 1080)
WINDOW = Rect(200, 200, 700, 600)
PRESSED = Rect(100, 100, 180, 130)
SPINNER = Rect(10, 10, 26, 26)
CARET = Rect(300, 300, 302, 318)
PROFILE = Profile(react=0.2, quiet=0.1, patience=0.4, busy=0.9, limit=2.0)
RECTS = st.builds(
    lambda x, y, w, h: Rect(x, y, x + w, y + h), st.integers(0, 1000), st.integers(0, 500), st.integers(1, 900), st.integers(1, 500)
)


class World:
    """Time that passes only when slept, and changes that come when they are due."""

    def __init__(self, changes: Callable[[float], Iterable[Rect]], step: float = POLL_SECONDS) -> None:
        self.now = 0.0
        self._changes = changes
        self._step = step

    def settle(self, profile: Profile = PROFILE) -> float:
        settling = Settling(profile, SIZE, 0.0)
        return wait_until_settled(settling, lambda: self._changes(self.now), lambda: self.now, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += max(seconds, self._step)


def at(*events: tuple[float, Rect]) -> Callable[[float], Iterable[Rect]]:
    """Each change once, at the first look after its time."""
    due = sorted(events)

    def changes(now: float) -> Iterable[Rect]:
        while due and due[0][0] <= now:
            yield due.pop(0)[1]

    return changes


def near(seconds: float) -> object:
    return pytest.approx(seconds, abs=2 * POLL_SECONDS)


def test_where_nothing_happens_it_goes_on_after_react() -> None:
    assert World(at()).settle() == near(PROFILE.react)


def test_after_something_big_it_goes_on_when_that_was_quiet_for_a_while() -> None:
    assert World(at((0.05, WINDOW))).settle() == near(0.05 + PROFILE.quiet)
    assert World(at((0.05, WINDOW), (0.12, WINDOW))).settle() == near(0.12 + PROFILE.quiet)


def test_a_pressed_button_makes_it_wait_for_what_the_button_does() -> None:
    assert World(at((0.02, PRESSED))).settle() == near(PROFILE.patience)
    assert World(at((0.02, PRESSED), (0.3, WINDOW))).settle() == near(0.3 + PROFILE.quiet)


def test_a_spinner_makes_it_wait_longer_and_does_not_hold_it_for_ever() -> None:
    def spins(now: float) -> Iterable[Rect]:
        return [SPINNER]

    assert World(spins).settle() == near(PROFILE.busy)


def test_a_spinner_beside_a_window_that_has_come_is_not_waited_for() -> None:
    def loads(now: float) -> Iterable[Rect]:
        return [SPINNER, WINDOW] if 0.1 <= now < 0.1 + POLL_SECONDS else [SPINNER]

    assert World(loads).settle() == near(0.1 + PROFILE.quiet)


def test_finishing_touches_to_what_has_come_are_not_waited_for() -> None:
    title = Rect(300, 10, 350, 60)  # 0.12 % of the screen, as a tab's title fades in
    fades = at((0.05, WINDOW), *((0.05 + turn / 50, title.grown(turn % 2)) for turn in range(1, 15)))
    assert World(fades).settle() == near(0.05 + PROFILE.quiet)
    part = Rect(300, 300, 400, 400)
    assert World(at((0.05, WINDOW), (0.1, part))).settle() == near(0.1 + PROFILE.quiet), "half a per cent more is not a touch"


def test_the_last_look_comes_when_it_is_due_and_not_a_poll_later() -> None:
    slept: list[float] = []
    settling = Settling(PROFILE, SIZE, 0.0)
    took = wait_until_settled(settling, tuple, lambda: sum(slept), slept.append)
    assert took == pytest.approx(PROFILE.react, abs=1e-6)
    assert max(slept) <= POLL_SECONDS


def test_a_blinking_caret_changes_nothing() -> None:
    blinks = at(*((seconds / 10, CARET) for seconds in range(0, 20, 3)))
    assert World(blinks).settle() == near(PROFILE.react)


def test_a_film_is_waited_for_up_to_the_limit() -> None:
    assert World(lambda now: [WINDOW]).settle() == near(PROFILE.limit)


def test_what_is_known_not_to_matter_is_left_out() -> None:
    settling = Settling(PROFILE, SIZE, 0.0, news=lambda rects: ())
    looks = itertools.count()
    assert next(now for look in looks if settling.observe(now := look * POLL_SECONDS, [WINDOW])) >= PROFILE.react


def test_on_a_busy_machine_it_looks_a_few_times_whatever_the_clock_says() -> None:
    assert World(at((0.5, WINDOW)), step=0.3).settle() >= 0.5 + (LOOKS - 1) * 0.3


@given(st.lists(st.lists(RECTS, max_size=4), max_size=400), st.sampled_from([TOUCHED, TYPED, CALLED, GLANCE, PROFILE]))
def test_it_ends_in_time_whatever_the_screen_does(script: list[list[Rect]], profile: Profile) -> None:
    looks = iter(script)
    took = World(lambda now: next(looks, [])).settle(profile)
    assert min(profile.react, profile.patience, profile.quiet) <= took <= profile.limit + 2 * POLL_SECONDS


@given(st.lists(st.lists(RECTS, max_size=3), max_size=60))
def test_it_never_goes_on_while_something_big_has_just_changed(script: list[list[Rect]]) -> None:
    settling = Settling(PROFILE, SIZE, 0.0)
    for look, rects in enumerate(script):
        if settling.observe(look * POLL_SECONDS, [*rects, WINDOW]):
            assert look * POLL_SECONDS >= PROFILE.limit
            return


@pytest.mark.parametrize(
    ("action", "profile"),
    [
        (None, GLANCE),
        (Wait(seconds=1), GLANCE),
        (TakeScreenshot(), GLANCE),
        (Move(point=Point(0, 0)), GLANCE),
        (Click(point=Point(0, 0)), TOUCHED),
        (Scroll(dy=-3), TOUCHED),
        (Drag(path=(Point(0, 0), Point(1, 1))), TOUCHED),
        (TypeText(text="words"), TYPED),
        (TypeText(text="words\n"), CALLED),
        (Hotkey(keys=("ctrl", "a")), TYPED),
        (Hotkey(keys=("ctrl", "t")), CALLED),
        (Hotkey(keys=("enter",)), CALLED),
        (KeyDown(key="shift"), TYPED),
    ],
)
def test_each_kind_of_action_is_waited_for_in_its_own_way(action: Action | None, profile: Profile) -> None:
    assert profile_for(action) == profile
