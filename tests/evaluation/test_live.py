"""Live runs: experts and scripts on real displays, kept trial by trial, going on where they stopped; figures worked out by hand."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.space import Prediction
from agent.computers.miniwob import MiniWob
from agent.endings import ModelUnreachable
from agent.policy import ModelPolicy, Policy
from agent.screenshot import Screenshot
from agent.step import Step
from evaluation.errors import PredictionsError
from evaluation.live.folder import LiveFolder
from evaluation.live.miniwob import MiniWobStage, miniwob_suite
from evaluation.live.runner import LiveRunner, plan
from evaluation.live.seats import Table
from evaluation.live.summary import live_as_json
from evaluation.live.trial import Job, Trial
from inference.engines.base import ChatRequest, EngineError, Reply
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family
from training.experts.record import ExpertPolicy
from training.experts.registry import get_expert


def trial(task: str, seed: int, reward: float | None, **more: Any) -> Trial:
    told = {"num_steps": 2, "seconds": 4.0, "prompt_tokens": 90, "completion_tokens": 10, "status": "done", "episode": ""} | more
    return Trial(task=task, seed=seed, reward=reward, solved=(reward or 0) > 0, **told)


def test_figures_of_a_run_worked_out_by_hand() -> None:
    trials = [trial("a", seed, reward) for seed, reward in enumerate([1.0, 0.5, -1.0, None])] + [
        trial("b", 0, 1.0),
        trial("b", 0, 1.0, repeat=1),
    ]
    told = live_as_json(trials, "miniwob", {"model": "m"})
    summary = told["summary"]
    assert summary["success"]["mean"] == pytest.approx(4 / 6)
    assert summary["success"]["num_episodes"] == 5  # two repeats of one variant go together
    assert summary["success_by_task"]["mean"] == told["mean_success"] == pytest.approx((2 / 4 + 1) / 2)
    assert summary["full_reward"]["mean"] == pytest.approx(3 / 6)
    assert summary["raw_reward"]["mean"] == pytest.approx((1 + 0.5 - 1 + 0 + 1 + 1) / 6)
    assert (summary["num_not_over"], summary["num_tasks"], summary["num_trials"]) == (1, 2, 6)
    costs = summary["costs"]
    assert (costs["seconds_per_step"], costs["tokens_per_trial"], costs["tokens_per_solved"]) == (2.0, 100.0, 150.0)
    assert [(task["task"], task["success"], task["num_trials"]) for task in told["tasks"]] == [("a", 0.5, 4), ("b", 1.0, 2)]


def test_a_perfect_score_still_has_a_standard_error() -> None:
    (task,) = live_as_json([trial("a", seed, 1.0) for seed in range(50)], "miniwob", {})["tasks"]
    assert task["standard_error"] > 0.01
    assert task["interval"][0] < 1


def test_all_names_every_task_and_a_wrong_name_is_refused() -> None:
    assert len(miniwob_suite(["all"]).tasks) == 130
    with pytest.raises(ValueError, match="did you mean click-button"):
        miniwob_suite(["click-buton"])


class OnStage:
    """An expert decides; it needs the page of the display on which it works, which only the stage knows."""

    def __init__(self, stages: Sequence[MiniWobStage], job: Job) -> None:
        self._stages, self._job = stages, job
        self._policy: ExpertPolicy | None = None

    def decide(self, task: str, history: Sequence[Step], seen: Screenshot) -> Prediction:
        if self._policy is None:
            mine = next(stage for stage in reversed(self._stages) if stage.thread == threading.get_ident())  # type: ignore[attr-defined]
            computer: MiniWob = mine.computer
            self._policy = ExpertPolicy(get_expert(self._job.task), computer, random.Random(0), slip_rate=0.0)
        return self._policy.decide(task, history, seen)

    def interrupt(self) -> None:
        """It decides at once."""

    def about(self) -> Mapping[str, Any]:
        return {"model": "expert"}

    def trace(self) -> Mapping[str, Any]:
        return {}


@pytest.mark.browser
@pytest.mark.display
def test_two_displays_solve_a_suite_at_once_and_a_stopped_run_goes_on(tmp_path: Path) -> None:
    stages: list[MiniWobStage] = []

    def open_stage() -> MiniWobStage:
        stage = MiniWobStage()
        stage.thread = threading.get_ident()  # type: ignore[attr-defined]
        stages.append(stage)
        return stage

    suite = replace(miniwob_suite(["click-button", "login-user"]), open_stage=open_stage)
    jobs = plan(suite.tasks, [1, 2], repeats=1)
    folder = LiveFolder(tmp_path / "run")
    folder.begin({"suite": "miniwob"})
    open_policy: Callable[[], Callable[[Job], Policy]] = lambda: lambda job: OnStage(stages, job)  # noqa: E731
    told: list[Trial] = []
    runner = LiveRunner(suite=suite, folder=folder, open_policy=open_policy, displays=2, watch=told.append)
    runner.watch = lambda one: (told.append(one), runner.stop.set() if len(told) == 2 else None)[0]
    runner.run(jobs)
    before = folder.trials()
    assert 2 <= len(before) < len(jobs)
    LiveRunner(suite=suite, folder=folder, open_policy=open_policy, displays=2).run(jobs)
    trials = folder.trials()
    assert set(trials) == set(jobs)
    assert all(trials[job] == before[job] for job in before)
    assert [one.solved for one in trials.values()] == [True] * 4
    assert all((folder.path / one.episode / "end.json").is_file() for one in trials.values())


@pytest.mark.browser
@pytest.mark.display
def test_a_model_that_cannot_be_reached_ends_the_run_and_its_trial_is_tried_again(tmp_path: Path) -> None:
    folder, suite = LiveFolder(tmp_path), miniwob_suite(["click-test"])
    wait = "Thought: x\nAction: click(point='<point>300 300</point>')"
    engine = ScriptedEngine(lambda request: wait, dies_at=2)
    runner = LiveRunner(
        suite=suite, folder=folder, open_policy=lambda: lambda job: ModelPolicy(engine, load_family("deftly-tiny")), max_steps=1
    )
    with pytest.raises(ModelUnreachable):
        runner.run(plan(suite.tasks, [0, 1], repeats=1))
    (kept,) = folder.trials().values()
    assert (kept.seed, kept.status, kept.reward, kept.num_steps) == (0, "limit_reached", None, 1)
    assert kept.prompt_tokens > 0


def test_a_folder_of_another_model_is_refused_and_more_seeds_are_not(tmp_path: Path) -> None:
    folder = LiveFolder(tmp_path)
    folder.begin({"model": "a", "weights": "1", "seeds": [0]})
    folder.begin({"model": "a", "weights": "1", "seeds": [0, 1]})
    with pytest.raises(PredictionsError, match="weights differs"):
        folder.begin({"model": "a", "weights": "2", "seeds": [0]})


def test_a_torn_line_is_cut_off_and_its_trial_is_missing(tmp_path: Path) -> None:
    folder = LiveFolder(tmp_path)
    folder.append(trial("a", 0, 1.0))
    with (tmp_path / "trials.jsonl").open("a") as file:
        file.write('{"task": "a", "se')
    assert list(folder.trials()) == [Job("a", 0, 0)]


# -- one engine for several displays


class Slow(ScriptedEngine):
    """Notes how many speak at once, and answers when it is told to, or is interrupted."""

    def __init__(self) -> None:
        super().__init__(lambda request: "yes")
        self.at_once, self.most, self.begun = 0, 0, threading.Semaphore(0)
        self.go, self.cut = threading.Event(), threading.Event()

    def chat(self, request: ChatRequest) -> Reply:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.begun.release()
        while not self.go.wait(0.01) and not self.cut.is_set():
            pass
        self.at_once -= 1
        return Reply(text="", finish_reason="interrupted") if self.cut.is_set() else Reply(text="yes")

    def interrupt(self) -> None:
        self.cut.set()


def test_seats_wait_for_their_turn_and_interrupt_only_themselves() -> None:
    engine, replies = Slow(), dict[str, Reply]()
    table = Table(engine)
    seats = {"first": table.seat(), "second": table.seat()}

    def speak(name: str) -> threading.Thread:
        thread = threading.Thread(target=lambda: replies.update({name: seats[name].chat(ChatRequest(messages=()))}))
        thread.start()
        return thread

    first = speak("first")
    engine.begun.acquire(timeout=30)
    second = speak("second")
    while not table.turn.locked():
        pass
    seats["second"].interrupt()  # it waits: the first goes on
    assert not engine.cut.is_set()
    engine.go.set()
    first.join(30)
    second.join(30)
    assert replies["first"].text == "yes"
    assert engine.most == 1


def test_a_seat_that_speaks_can_be_interrupted() -> None:
    engine = Slow()
    seat = Table(engine).seat()
    thread = threading.Thread(target=lambda: seat.chat(ChatRequest(messages=())))
    thread.start()
    engine.begun.acquire(timeout=30)
    seat.interrupt()
    thread.join(30)
    assert engine.cut.is_set()
    assert not thread.is_alive()


def test_an_engine_error_frees_the_turn() -> None:
    table = Table(ScriptedEngine([], dies_at=1))
    for _ in range(2):
        with pytest.raises(EngineError):
            table.seat().chat(ChatRequest(messages=()))


@pytest.mark.browser
@pytest.mark.display
def test_through_the_command_line_with_a_page(tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text(json.dumps("Thought: <b>here</b>\nAction: click(point='<point>10 10</point>')") + "\n")
    argv = [sys.executable, "-m", "deftly", "eval", "miniwob", "--tasks", "click-test", "click-color", "--seeds", "0", "--displays", "2"]
    argv += ["--engine", "scripted", "--script", str(script), "--max-steps", "2", "--out", str(tmp_path / "run"), "--json"]
    first, again = (subprocess.run(argv, capture_output=True, text=True, timeout=240, check=True) for _ in range(2))
    told = json.loads(first.stdout)
    assert len(told["trials"]) == 2
    assert json.loads(again.stdout)["trials"] == told["trials"]  # nothing was tried again
    page = (tmp_path / "run" / "report.html").read_text()
    assert "click-color" in page
    assert "&lt;b&gt;here&lt;/b&gt;" in page
    assert page.count("data:image/webp;base64,") == 2
