"""MiniWoB++: real pages, real events, the page's own verdict."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actions.geometry import Point
from actions.space import Click
from agent.computers.miniwob import MiniWob, check_task, task_names
from agent.endings import GaveUp


@pytest.fixture(scope="module")
def miniwob() -> Iterator[MiniWob]:
    with MiniWob() as computer:
        yield computer


def test_all_tasks_of_the_package_are_there_and_a_near_name_is_offered() -> None:
    assert len(task_names()) == 130
    with pytest.raises(ValueError, match="no task 'click-buton': did you mean click-button"):
        check_task("click-buton")


@pytest.mark.browser
@pytest.mark.display
def test_the_same_seed_shows_the_same_screen_and_the_area_is_all_of_it(miniwob: MiniWob) -> None:
    first = miniwob.open("click-dialog-2", 3)
    seen = miniwob.screenshot()
    again = miniwob.open("click-dialog-2", 3)
    assert (first, seen.sha256) == (again, miniwob.screenshot().sha256)
    assert seen.rgb.shape == (320, 320, 3)
    assert miniwob.reward() is None


@pytest.mark.browser
@pytest.mark.display
def test_a_wrong_click_ends_the_task_unsolved(miniwob: MiniWob) -> None:
    miniwob.open("click-test-2", 5)
    wrong = miniwob.evaluate(
        "() => { const r = document.getElementById('subbtn2').getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] }"
    )
    miniwob.perform(Click(point=Point(wrong[0] / 160, (wrong[1] - 50) / 160)))
    with pytest.raises(GaveUp, match="reward of -1"):
        miniwob.screenshot()
