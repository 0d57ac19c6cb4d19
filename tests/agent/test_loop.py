"""The loop: how runs end, what is recorded, and that nothing stays held."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from actions.geometry import Point
from actions.space import Action, Click, TypeText, Wait
from agent.agent import Agent, Observer
from agent.computers.base import Outcome
from agent.computers.replay import ReplayComputer
from agent.endings import ActionRefused, DisplayLost, Done
from agent.episode import Episode
from agent.limits import Limits
from agent.screenshot import Screenshot
from agent.step import Step

CLICK = "Thought: press it\nAction: click(point='<point>140 140</point>')"
CLICKS = [f"Thought: press {x}\nAction: click(point='<point>{x} 140</point>')" for x in range(40, 240, 20)]
FINISHED = "Thought: all done\nAction: finished(content='42')"

MakeAgent = Callable[..., Agent]
MakeStep = Callable[..., Step]


class Hands(ReplayComputer):
    """A replay that counts releases, and can refuse, vanish or change under the model's eyes."""

    def __init__(self, steps: list[Step], *, stale: int = 0, refuse: bool = False, vanish_at: int | None = None) -> None:
        super().__init__(steps)
        self.releases = 0
        self.looks = 0
        self.stale_left = stale
        self.refuse = refuse
        self.vanish_at = vanish_at

    def screenshot(self) -> Screenshot:
        self.looks += 1
        if self.looks == self.vanish_at:
            raise DisplayLost("display :9 is gone and did not come back")
        return super().screenshot()

    def stale(self, seen: Screenshot, actions: tuple[Action, ...]) -> str | None:
        self.stale_left -= 1
        return "a window opened" if self.stale_left >= 0 else None

    def perform(self, action: Action) -> Outcome:
        if self.refuse and isinstance(action, TypeText):
            raise ActionRefused("this computer has no keyboard")
        return super().perform(action)

    def release_all(self) -> None:
        self.releases += 1


def test_a_run_looks_decides_acts_and_ends_with_the_answer(make_agent: MakeAgent) -> None:
    agent = make_agent([CLICKS[0], CLICKS[1], FINISHED])
    episode = agent.run("press both")
    assert episode.ended is not None
    assert (episode.ended.status, episode.ended.exit_code, episode.ended.message) == ("done", 0, "42")
    assert [len(step.outcomes) for step in episode.steps] == [1, 1, 0]
    assert isinstance(episode.steps[0].outcomes[0].action, Click)
    assert set(episode.steps[0].timing) == {"look", "decide", "check", "approve", "act"}
    assert Episode.open(episode.path).steps[2].prediction == episode.steps[2].prediction


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("Action: finished()", "done", 0),
        ("Action: call_user()", "user_needed", 5),
    ],
)
def test_the_model_ends_a_run(make_agent: MakeAgent, text: str, status: str, code: int) -> None:
    end = make_agent([text]).run("x").ended
    assert end is not None and (end.status, end.exit_code) == (status, code)


def test_actions_before_the_end_are_performed_and_those_after_are_not(make_agent: MakeAgent) -> None:
    agent = make_agent(["Action: type(content='a')\n\nfinished(content='ok')\n\ntype(content='b')"])
    episode = agent.run("x")
    assert episode.ended is not None and episode.ended.message == "ok"
    assert agent.computer.performed == [TypeText(text="a")]  # type: ignore[attr-defined]


def test_steps_run_out(make_agent: MakeAgent) -> None:
    episode = make_agent(CLICKS, limits=Limits(steps=4)).run("x")
    assert episode.ended is not None and (episode.ended.status, episode.ended.exit_code) == ("limit_reached", 3)
    assert len(episode.steps) == 4


def test_seconds_run_out(make_agent: MakeAgent) -> None:
    episode = make_agent(lambda request: CLICK, limits=Limits(seconds=0.2, steps=None, repeats=None)).run("x")
    assert episode.ended is not None and episode.ended.exit_code == 3
    assert "0.2 seconds" in episode.ended.message


def test_the_same_actions_on_the_same_screen_are_stuck_at_the_third(make_agent: MakeAgent) -> None:
    episode = make_agent(lambda request: CLICK, screens=1).run("x")
    assert episode.ended is not None and (episode.ended.status, episode.ended.exit_code) == ("stuck", 4)
    assert len(episode.steps) == 3


def test_the_same_action_on_changing_screens_is_not_stuck(make_agent: MakeAgent) -> None:
    episode = make_agent([CLICK] * 6 + [FINISHED]).run("x")
    assert episode.ended is not None and episode.ended.exit_code == 0


def test_waiting_for_a_slow_screen_is_not_stuck_at_the_third(make_agent: MakeAgent) -> None:
    episode = make_agent(lambda request: "Action: wait()", screens=1).run("x")
    assert episode.ended is not None and episode.ended.status == "stuck"
    assert len(episode.steps) == 9


def test_a_wait_of_years_is_cut_short(make_agent: MakeAgent) -> None:
    agent = make_agent(["Action: wait()", FINISHED], limits=Limits(wait=0.5))
    agent.run("x")
    assert agent.computer.performed == [Wait(seconds=0.5)]  # type: ignore[attr-defined]


def test_an_answer_to_a_screen_that_changed_is_dropped_and_asked_anew(make_agent: MakeAgent, make_step: MakeStep) -> None:
    hands = Hands([make_step(0), make_step(1)], stale=1)
    episode = make_agent([CLICKS[0], CLICKS[1], FINISHED], hands).run("x")
    first = episode.steps[0]
    assert hands.performed == list(first.prediction.actions)
    assert first.prediction.thought == "press 60"
    assert "a window opened; dropped the answer" in first.notes[0]


def test_a_screen_that_never_keeps_still_is_acted_on_after_two_dropped_answers(make_agent: MakeAgent, make_step: MakeStep) -> None:
    hands = Hands([make_step(0), make_step(1)], stale=99)
    episode = make_agent(CLICKS, hands, limits=Limits(steps=1)).run("x")
    assert len(hands.performed) == 1
    assert episode.steps[0].prediction.thought == "press 80"
    assert len(episode.steps[0].notes) == 3


def test_an_unreadable_answer_is_asked_again_with_what_is_wrong(make_agent: MakeAgent) -> None:
    agent = make_agent(["Action: frobnicate()", FINISHED])
    episode = agent.run("x")
    assert episode.ended is not None and episode.ended.exit_code == 0
    asked = agent.policy.engine.requests[1].messages  # type: ignore[attr-defined]
    assert asked[-2].content == ("Action: frobnicate()",)
    assert "cannot be used" in asked[-1].content[0] and "frobnicate" in asked[-1].content[0]
    assert "frobnicate" in episode.steps[0].trace["asked_again"]


def test_three_unreadable_steps_in_a_row_end_the_run(make_agent: MakeAgent) -> None:
    episode = make_agent(lambda request: "what a lovely screen").run("x")
    assert episode.ended is not None and episode.ended.exit_code == 1
    assert "3 times in a row" in episode.ended.message
    assert len(episode.steps) == 3
    assert all(step.prediction.error and not step.outcomes for step in episode.steps)


def test_a_readable_step_between_unreadable_ones_lets_the_run_go_on(make_agent: MakeAgent) -> None:
    bad = "nonsense"
    episode = make_agent([bad] * 4 + [CLICKS[0]] + [bad] * 4 + [FINISHED]).run("x")
    assert episode.ended is not None and episode.ended.exit_code == 0


@pytest.mark.parametrize(
    "text", ["__import__('os').system('touch /tmp/deftly-was-here')", "Action: click(point=__import__('os').getpid())"]
)
def test_hostile_text_does_nothing_and_is_recorded(make_agent: MakeAgent, text: str) -> None:
    agent = make_agent(lambda request: text)
    episode = agent.run("x")
    assert episode.ended is not None and episode.ended.exit_code == 1
    assert agent.computer.performed == []  # type: ignore[attr-defined]
    assert Episode.open(episode.path).steps[0].prediction.text == text


def test_ten_megabytes_of_text_are_an_error_that_the_model_is_shown_only_the_start_of(make_agent: MakeAgent) -> None:
    agent = make_agent(["click(" * 1_700_000, FINISHED])
    episode = agent.run("x")
    assert episode.ended is not None and episode.ended.exit_code == 0
    again = agent.policy.engine.requests[1].messages[-2].content[0]  # type: ignore[attr-defined]
    assert len(again) < 3000


def test_an_engine_that_dies_ends_the_run_with_code_6_and_a_readable_episode(make_agent: MakeAgent, make_step: MakeStep) -> None:
    hands = Hands([make_step(index) for index in range(5)])
    episode = make_agent(CLICKS, hands, dies_at=3).run("x")
    again = Episode.open(episode.path)
    assert again.ended is not None and (again.ended.status, again.ended.exit_code) == ("model_unreachable", 6)
    assert "told to die" in again.ended.message
    assert [bool(step.prediction.actions) for step in again.steps] == [True, True, False]
    assert hands.releases == 2


def test_a_display_that_vanishes_ends_the_run(make_agent: MakeAgent, make_step: MakeStep) -> None:
    hands = Hands([make_step(index) for index in range(5)], vanish_at=3)
    episode = make_agent(CLICKS, hands).run("x")
    assert episode.ended is not None and (episode.ended.status, episode.ended.exit_code) == ("display_lost", 1)
    assert len(Episode.open(episode.path).steps) == 2


def test_a_screen_that_changes_size_is_noted_and_the_run_goes_on(make_agent: MakeAgent, make_step: MakeStep, make_screen: Any) -> None:
    from dataclasses import replace

    small = replace(make_step(1), seen=make_screen(1, 32, 24))
    episode = make_agent([CLICKS[0], FINISHED], Hands([make_step(0), small])).run("x")
    assert episode.steps[1].notes == ("the screen was 64x48 and is now 32x24",)
    assert episode.ended is not None and episode.ended.exit_code == 0


def test_a_refused_action_is_told_to_the_model_and_the_rest_of_the_answer_is_dropped(make_agent: MakeAgent, make_step: MakeStep) -> None:
    hands = Hands([make_step(index) for index in range(3)], refuse=True)
    agent = make_agent(["Action: type(content='a')\n\nhotkey(key='enter')", FINISHED], hands)
    episode = agent.run("x")
    assert hands.performed == []
    assert episode.steps[0].feedback == "type was refused: this computer has no keyboard"
    assert any("no keyboard" in part for m in agent.policy.engine.requests[1].messages for part in m.content if isinstance(part, str))  # type: ignore[attr-defined]


def test_ctrl_c_ends_the_run_with_130_and_everything_released(make_agent: MakeAgent, make_step: MakeStep) -> None:
    def interrupted(request: object) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(30)
        return CLICK

    hands = Hands([make_step(0)])
    episode = make_agent(interrupted, hands).run("x")
    again = Episode.open(episode.path)
    assert again.ended is not None and (again.ended.status, again.ended.exit_code) == ("stopped", 130)
    assert hands.releases == 2 and hands.performed == []


def test_the_kill_switch_stops_before_the_next_action(make_agent: MakeAgent) -> None:
    stop = threading.Event()

    def pressed(request: object) -> str:
        stop.set()
        return CLICK

    agent = make_agent(pressed, stop=stop)
    episode = agent.run("x")
    assert episode.ended is not None and episode.ended.exit_code == 130
    assert agent.computer.performed == []  # type: ignore[attr-defined]
    assert len(episode.steps) == 1


def test_a_fault_in_the_engine_is_raised_and_the_episode_says_so(make_agent: MakeAgent, make_step: MakeStep) -> None:
    def broken(request: object) -> str:
        raise ZeroDivisionError("a bug")

    hands = Hands([make_step(0)])
    agent = make_agent(broken, hands)
    with pytest.raises(ZeroDivisionError):
        agent.run("x")
    (path,) = agent.episodes_dir.iterdir()  # type: ignore[union-attr]
    end = Episode.open(path).ended
    assert end is not None and (end.status, end.exit_code, end.message) == ("crashed", 1, "ZeroDivisionError: a bug")
    assert hands.releases == 2


def test_observers_hear_of_every_stage_and_may_end_the_run(make_agent: MakeAgent) -> None:
    class Watcher(Observer):
        heard: list[str]

        def on_start(self, episode: Episode) -> None:
            self.heard = ["start"]

        def on_stage(self, episode: Episode, stage: str) -> None:
            self.heard.append(stage)

        def on_step(self, episode: Episode, step: Step) -> None:
            self.heard.append(f"step {step.index}")
            if step.index == 1:
                raise Done("the page says so")

        def on_end(self, episode: Episode) -> None:
            self.heard.append(episode.ended.message if episode.ended else "")

    watcher = Watcher()
    make_agent(CLICKS, observers=[watcher]).run("x")
    stages = ["look", "decide", "approve", "act"]
    assert watcher.heard == ["start", *stages, "step 0", *stages, "step 1", "the page says so"]


def test_the_episode_says_what_the_run_was_made_of(make_agent: MakeAgent) -> None:
    episode = Episode.open(make_agent([FINISHED], meta={"seed": 7}, config={"steps": 3}).run("x").path)
    assert episode.meta["family"] == "uitars-1.5" and episode.meta["model"] == "scripted" and episode.meta["seed"] == 7
    assert episode.meta["geometry"] == {"left": 0, "top": 0, "width": 64, "height": 48}
    assert (episode.path / "config.json").read_text() == '{\n  "steps": 3\n}\n'


def test_points_are_read_in_the_space_of_the_family(make_agent: MakeAgent) -> None:
    """64x48 becomes 336x252 for the model: (168, 126) is the middle."""
    episode = make_agent(["Action: click(point='<point>168 126</point>')", FINISHED]).run("x")
    (click,) = episode.steps[0].prediction.actions
    assert isinstance(click, Click) and click.point == Point(0.5, 0.5)


def test_a_second_ctrl_c_while_letting_go_leaves_nothing_held(make_agent: MakeAgent, make_step: MakeStep) -> None:
    class Impatient(Hands):
        let_go = 0

        def release_all(self) -> None:
            super().release_all()
            if self.releases == 2:
                raise KeyboardInterrupt
            self.let_go += 1

    hands = Impatient([make_step(0)])
    episode = make_agent([FINISHED], hands).run("x")
    assert hands.let_go == 2
    assert episode.ended is not None and episode.ended.exit_code == 130


def test_a_model_whose_action_was_refused_hears_of_it_before_it_may_finish(make_agent: MakeAgent, make_step: MakeStep) -> None:
    hands = Hands([make_step(index) for index in range(3)], refuse=True)
    episode = make_agent(["Action: type(content='a')\n\nfinished(content='typed')", "Action: finished(content='not typed')"], hands).run(
        "x"
    )
    assert episode.ended is not None and episode.ended.message == "not typed"
