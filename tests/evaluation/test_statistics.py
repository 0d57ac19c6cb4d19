"""Errors and intervals of figures are right where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.statistics import figure, macro_figure, paired


def test_micro_counts_steps_and_macro_counts_episodes() -> None:
    values, episodes = [1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"]
    assert figure(values, episodes).mean == 0.75
    assert macro_figure(values, episodes).mean == 0.5
    assert (figure(values, episodes).num_steps, figure(values, episodes).num_episodes) == (4, 2)


def test_with_one_step_an_episode_the_standard_error_is_the_textbooks() -> None:
    values = [1.0] * 30 + [0.0] * 70
    told = figure(values, [str(number) for number in range(100)])
    assert told.standard_error == pytest.approx(np.std(values, ddof=1) / 10)
    assert told.low == pytest.approx(0.3 - 1.96 * 0.0458, abs=0.02)
    assert told.high == pytest.approx(0.3 + 1.96 * 0.0458, abs=0.02)


def test_steps_that_always_agree_within_their_episode_count_as_one() -> None:
    values = [float(number % 2) for number in range(20) for _ in range(50)]
    episodes = [str(number) for number in range(20) for _ in range(50)]
    apart = [str(number) for number in range(1000)]
    together, alone = figure(values, episodes), figure(values, apart)
    assert together.standard_error == pytest.approx(np.std([0.0, 1.0] * 10, ddof=1) / np.sqrt(20))
    assert alone.standard_error is not None
    assert together.standard_error > 6 * alone.standard_error


def test_the_interval_holds_the_truth_about_19_times_in_20() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        skill = rng.uniform(0.3, 0.9, size=60)  # of each episode; their mean over the population is 0.6
        values = [float(rng.random() < skill[episode]) for episode in range(60) for _ in range(8)]
        told = figure(values, [str(episode) for episode in range(60) for _ in range(8)], draws=300)
        held += told.low <= 0.6 <= told.high  # type: ignore[operator]
    assert 0.9 <= held / 200 <= 0.99


def test_all_right_is_not_certain() -> None:
    told = figure([1.0] * 10, [str(number) for number in range(10)])
    assert told.mean == told.high == 1.0
    assert told.low == pytest.approx(0.025**0.1)  # Clopper and Pearson: 0.6915
    assert told.standard_error == pytest.approx((1 / 12 * 11 / 12 / 10) ** 0.5)
    assert figure([0.0] * 10, [str(number) for number in range(10)]).high == pytest.approx(1 - 0.025**0.1)


def test_of_a_single_episode_the_steps_are_drawn_and_of_a_single_step_nothing() -> None:
    told = figure([0.0, 1.0, 1.0, 1.0], ["a"] * 4)
    assert told.drawn == "steps"
    assert told.standard_error == pytest.approx(0.25)
    assert figure([1.0], ["a"]).standard_error is None


def test_the_same_seed_draws_the_same_interval() -> None:
    values, episodes = [number / 7 % 1 for number in range(40)], [str(number) for number in range(40)]
    assert figure(values, episodes) == figure(values, episodes)
    assert figure(values, episodes, seed=1) != figure(values, episodes, seed=2)


def test_a_paired_test_tells_a_difference_from_chance() -> None:
    rng = np.random.default_rng(2)
    first = rng.random(300)
    episodes = [str(number // 5) for number in range(300)]
    better = paired(first.tolist(), (first + 0.1).tolist(), episodes)
    assert better.difference.mean == pytest.approx(0.1)
    assert better.p_value < 0.01
    assert (better.num_better, better.num_worse) == (300, 0)
    alike = paired(first.tolist(), rng.permutation(first).tolist(), episodes)
    assert alike.p_value > 0.05
    assert paired([1.0, 0.0], [1.0, 0.0], ["a", "b"]).p_value == 1.0
