"""The contract of a computer that has no hands: a recorded episode shows its screens in order, and touches nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actions.geometry import Point
from actions.space import Action, CallUser, Click, Failed, Finished, TakeScreenshot, TypeText, Wait
from agent.agent import Agent
from agent.computers.base import Computer
from agent.computers.opening import ComputerAddressError, open_computer
from agent.endings import ActionRefused
from agent.episode import Episode, EpisodeError
from agent.step import Step

CLICK = Click(point=Point(0.5, 0.25))


@pytest.fixture
def recorded(tmp_path: Path, make_step: Callable[..., Step]) -> Episode:
    """Three steps on three screens, written to disk."""
    episode = Episode.create(tmp_path / "episodes", "three steps")
    for index in range(3):
        episode.expect(make_step(index).seen)
        episode.append(make_step(index))
    return episode


@pytest.fixture
def computer(recorded: Episode) -> Computer:
    return open_computer(f"replay:{recorded.path}")


def test_it_shows_what_was_seen_and_goes_on_when_something_was_done(computer: Computer, recorded: Episode) -> None:
    shown = []
    for _ in range(4):
        seen = computer.screenshot()
        assert computer.screenshot().sha256 == seen.sha256, "looking twice shows the same"
        assert seen.rgb.shape == (computer.geometry.height, computer.geometry.width, 3)
        assert computer.stale(seen, (CLICK,)) is None
        shown.append(seen)
        computer.perform(CLICK)
    wanted = [step.seen for step in recorded.steps]
    assert all(np.array_equal(one.rgb, other.rgb) for one, other in zip(shown, [*wanted, wanted[-1]], strict=True))


@pytest.mark.parametrize("action", [CLICK, TypeText(text="a"), Wait(seconds=60.0), TakeScreenshot()])
def test_what_is_done_is_told_as_it_was_asked_and_takes_no_time(computer: Computer, action: Action) -> None:
    outcome = computer.perform(action)
    assert (outcome.action, outcome.seconds) == (action, 0.0)


@pytest.mark.parametrize("action", [Finished(), Failed(), CallUser()])
def test_what_no_hand_can_do_is_refused(computer: Computer, action: Action) -> None:
    with pytest.raises(ActionRefused):
        computer.perform(action)


def test_it_lets_go_and_closes_twice(computer: Computer) -> None:
    computer.release_all()
    computer.close()
    computer.close()
    assert computer.geometry.size == computer.screenshot().size


def test_an_agent_runs_on_it_as_on_any_other(computer: Computer, make_agent: Callable[..., Agent]) -> None:
    replies = ["Thought: a\nAction: click(point='<point>32 24</point>')"] * 2 + ["Thought: b\nAction: finished()"]
    episode = make_agent(replies, computer).run("replay")
    assert episode.ended is not None and episode.ended.status == "done"
    assert len(episode.steps) == 3


def test_an_address_without_an_episode_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ComputerAddressError, match="needs the folder of an episode"):
        open_computer("replay:")
    with pytest.raises(EpisodeError):
        open_computer(f"replay:{tmp_path}")
