"""An answer that can no longer fit is not waited for: the model is stopped, the screen is looked at again, and it is asked anew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from actions.space import Action
from agent.agent import Agent
from agent.change import Rect
from agent.computers.replay import ReplayComputer
from agent.limits import Limits
from agent.policy import ModelPolicy
from agent.step import Step
from inference.engines.base import ChatRequest, Interruptible, Reply
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family

PATIENCE = 60.0
CLICK = "Thought: press it\nAction: click(point='<point>30 20</point>')"
FINISHED = "Action: finished(content='42')"


class ChangingScreen(ReplayComputer):
    """Watches; the screen becomes another one 0.1 s after each of the first `changes` times that the model is asked."""

    def __init__(self, steps: list[Step], changes: int) -> None:
        super().__init__(steps)
        self.changes = changes
        self.gone = False
        self.alerts: list[bool] = []

    def alert(self, call: Callable[[], None] | None) -> None:
        self.alerts.append(call is not None)
        if call and self.changes:
            self.changes -= 1
            self.gone = True
            threading.Timer(0.1, call).start()

    def restless(self) -> tuple[Rect, ...]:
        return ()

    def stale(self, seen: object, actions: tuple[Action, ...]) -> str | None:
        gone, self.gone = self.gone, False
        self._moved |= gone  # the next look shows the next screen
        return "the screen has changed since the model looked" if gone else None


class Slow(ScriptedEngine):
    """Takes very long over its first `slow` answers, unless interrupted."""

    def __init__(self, replies: list[str], slow: int) -> None:
        super().__init__(replies)
        self.slow = slow

    def chat(self, request: ChatRequest) -> Reply:
        self.slow -= 1
        self._seconds = PATIENCE if self.slow >= 0 else 0.0
        return super().chat(request)


@pytest.fixture
def steps(make_step: Callable[..., Step]) -> list[Step]:
    return [make_step(index) for index in range(4)]


def test_the_model_is_stopped_when_the_screen_has_become_another_one_and_asked_anew(steps: list[Step], tmp_path) -> None:
    computer = ChangingScreen(steps, changes=1)
    engine = Slow(["never said", CLICK, FINISHED], slow=1)
    started = time.monotonic()
    episode = Agent(computer, ModelPolicy(engine, load_family("uitars-1.5")), episodes_dir=tmp_path).run("x")
    assert time.monotonic() - started < PATIENCE / 2
    assert episode.ended is not None and episode.ended.exit_code == 0
    first = episode.steps[0]
    assert "dropped the answer and looked again" in first.notes[0]
    assert first.prediction.thought == "press it" and first.prediction.error is None
    assert first.seen.sha256 == steps[1].seen.sha256, "the answer belongs to the second look"
    assert len(list((episode.path / "screens").iterdir())) == 2, "the screen of the dropped answer is not kept"


def test_the_last_answer_of_a_screen_that_never_keeps_still_is_waited_for(steps: list[Step], tmp_path) -> None:
    computer = ChangingScreen(steps, changes=9)
    engine = Slow([FINISHED] * 3, slow=2)
    limits = Limits(stale=2)
    episode = Agent(computer, ModelPolicy(engine, load_family("uitars-1.5")), limits=limits, episodes_dir=tmp_path).run("x")
    assert episode.ended is not None and episode.ended.exit_code == 0
    assert computer.alerts == [True, False] * 2


def test_every_engine_of_ours_can_be_interrupted() -> None:
    from inference.engines.openai import OpenAIEngine
    from inference.engines.transformers import TransformersEngine

    assert all(issubclass(kind, Interruptible) for kind in (ScriptedEngine, OpenAIEngine, TransformersEngine))
