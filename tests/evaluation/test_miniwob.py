"""Live suites: real pages, real events, the page's own verdict."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.geometry import Point
from actions.space import Click
from agent.computers.miniwob import MiniWob, check_task, task_names
from agent.endings import Done, GaveUp
from evaluation.miniwob import TaskResult, Trial, run_suite
from training.experts.record import ExpertPolicy
from training.experts.registry import get_expert


@pytest.fixture(scope="module")
def miniwob() -> Iterator[MiniWob]:
    with MiniWob() as computer:
        yield computer


def trials(solved: int, count: int) -> tuple[Trial, ...]:
    return tuple(
        Trial(seed=n, reward=1.0 if n < solved else -1.0, num_steps=2, seconds=1.0, status="done", episode=f"e{n}") for n in range(count)
    )


def test_success_comes_with_its_standard_error() -> None:
    result = TaskResult(task="click-test", trials=trials(40, 50))
    assert result.success == 0.8
    assert result.standard_error == pytest.approx((0.8 * 0.2 / 50) ** 0.5)
    assert result.mean_steps == 2
    assert result.seconds_per_step == 0.5


def test_a_perfect_score_still_has_a_standard_error() -> None:
    assert TaskResult(task="click-test", trials=trials(50, 50)).standard_error > 0.01


def test_a_trial_without_a_reward_is_not_solved() -> None:
    assert not Trial(seed=0, reward=None, num_steps=15, seconds=9.0, status="limit_reached", episode="e").solved


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


@pytest.mark.browser
@pytest.mark.display
def test_experts_solve_a_suite_through_screen_and_mouse(miniwob: MiniWob, tmp_path: Path) -> None:
    for task in ("click-button", "login-user"):
        policy = ExpertPolicy(get_expert(task), miniwob, random.Random(0), slip_rate=0.0)
        (result,) = run_suite(miniwob, policy, [task], [1, 2], tmp_path)
        assert result.success == 1.0
        assert result.as_json()["trials"][0]["status"] == Done.status
