"""Stuck is stuck beside a clock too; and what the agent did to the screen is never taken for a clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from actions.geometry import Point
from actions.space import Click
from agent.change import Rect
from agent.endings import Stuck
from agent.limits import Limits, repeats
from agent.sameness import same_screen
from agent.screenshot import Screenshot
from agent.step import Step

CLOCK = Rect(160, 10, 190, 20)


def seen(*marks: Rect, shade: int = 90) -> Screenshot:
    rgb = np.full((120, 200, 3), 40, np.uint8)
    for left, top, right, bottom in marks:
        rgb[top:bottom, left:right] = shade
    return Screenshot.from_rgb(rgb)


@pytest.fixture
def step(make_step: Callable[..., Step]) -> Callable[..., Step]:
    def make(index: int, screen: Screenshot, *restless: Rect) -> Step:
        return replace(make_step(index, Click(point=Point(0.5, 0.5))), seen=screen, restless=restless)

    return make


def test_a_clock_that_was_seen_to_tick_does_not_make_another_screen(step) -> None:
    ticks = [step(index, seen(CLOCK, shade=50 + index), CLOCK) for index in range(3)]
    assert same_screen(ticks[0], ticks[2])
    assert repeats(ticks) == 3
    with pytest.raises(Stuck, match="3 times on the same screen"):
        Limits(repeats=3).check(ticks, 1.0)


def test_the_same_change_that_nobody_saw_happen_by_itself_is_another_screen(step) -> None:
    counts = [step(index, seen(CLOCK, shade=50 + index)) for index in range(3)]
    assert repeats(counts) == 1
    Limits(repeats=3).check(counts, 1.0)


def test_a_caret_is_never_news_and_a_window_always_is(step) -> None:
    caret, window = Rect(50, 50, 52, 66), Rect(20, 20, 150, 100)
    bare = step(0, seen(), CLOCK)
    assert same_screen(bare, step(1, seen(caret)))
    assert not same_screen(bare, step(1, seen(window), CLOCK))
    assert not same_screen(bare, step(1, seen(CLOCK, Rect(60, 60, 75, 75)), CLOCK)), "beside the clock something else changed"


def test_screens_of_different_sizes_are_different(step) -> None:
    small = Screenshot.from_rgb(np.full((60, 100, 3), 40, np.uint8))
    assert not same_screen(step(0, seen()), step(1, small))
