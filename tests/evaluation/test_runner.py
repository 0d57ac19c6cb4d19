"""A run asks for every step once, keeps each answer as it comes, and goes on after kill -9 as if nothing had been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agent.endings import ModelUnreachable
from evaluation.datasets import load_dataset
from evaluation.errors import PredictionsError
from evaluation.run_folder import RunFolder
from evaluation.runner import Runner
from evaluation.scoring import score_answers
from evaluation.vocabularies.agentnet import AGENTNET
from inference.engines.base import ChatRequest
from inference.engines.scripted import ScriptedEngine
from inference.families import load_family
from tests.evaluation import published
from tests.evaluation.agentnetbench_cases import Case, as_episode, at, write

STEPS, EPISODES = 12, 5


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    cases = [Case(f"step {n}", [[at("click", n / STEPS, 0.5) if n % 3 else write(f"text {n}")]], "", 0, {}) for n in range(STEPS)]
    for number in range(EPISODES):
        episode = as_episode(cases, f"e{number}")
        published.put(root / f"e{number}.json", episode)
        for step in episode["steps"]:
            published.put(root / "images" / step["image"], published.picture(280, 280))
    return root


def said(request: ChatRequest) -> str:
    return "\n".join(part for message in request.messages for part in message.content if isinstance(part, str))


def answer(request: ChatRequest) -> str:
    """Depends on all that is asked, so that a step that was asked with another history would get another answer."""
    return f"Thought: {len(said(request))}\nAction: click(point='<point>{len(said(request)) % 280} 140</point>')"


def runner(folder: Path, engine: ScriptedEngine, **choices: object) -> Runner:
    told = {"family": load_family("uitars-1.5"), "vocabulary": AGENTNET, "concurrency": 4, **choices}
    return Runner(engine=engine, folder=RunFolder(folder), **told)  # type: ignore[arg-type]


def test_every_step_is_asked_once_and_kept(data: Path, tmp_path: Path) -> None:
    steps, engine = load_dataset(data).steps, ScriptedEngine(answer)
    assert runner(tmp_path, engine).run(steps) == 0
    assert len(engine.requests) == len(steps) == STEPS * EPISODES
    answers = RunFolder(tmp_path).answers()
    assert set(answers) == {(step.episode, step.step) for step in steps}
    assert answers["e0", 0].extra["finish_reason"] == "stop"
    assert runner(tmp_path, engine).run(steps) == 0  # nothing is left
    assert len(engine.requests) == len(steps)


def test_the_recordings_history_is_told_in_the_familys_words(data: Path, tmp_path: Path) -> None:
    engine = ScriptedEngine(answer)
    runner(tmp_path, engine, concurrency=1).run(load_dataset(data).steps[:3])
    last = engine.requests[2].messages
    told = [message.content[0] for message in last if message.role == "assistant"]
    assert told == ["Thought: step 0\nAction: type(content='text 0')", "Thought: step 1\nAction: click(point='<point>23 140</point>')"]
    assert "cases" in said(engine.requests[2])


def test_the_models_own_history_is_what_it_answered(data: Path, tmp_path: Path) -> None:
    engine = ScriptedEngine(answer)
    runner(tmp_path, engine, context="own", concurrency=1).run(load_dataset(data).steps[:3])
    first, second = (answer(request) for request in engine.requests[:2])
    assert [message.content[0] for message in engine.requests[2].messages if message.role == "assistant"] == [first, second]


def test_own_history_goes_on_from_stored_answers(data: Path, tmp_path: Path) -> None:
    steps = load_dataset(data).steps
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    runner(whole, ScriptedEngine(answer), context="own").run(steps)
    for end in (5, 17, 40, len(steps)):
        runner(parts, ScriptedEngine(answer), context="own").run(steps[:end])
    assert {key: each.text for key, each in RunFolder(whole).answers().items()} == {
        key: each.text for key, each in RunFolder(parts).answers().items()
    }


def test_so_many_requests_are_in_flight_as_asked_for(data: Path, tmp_path: Path) -> None:
    """Nobody is answered before six ask at once: a runner with fewer in flight would wait for ever."""
    gate = threading.Barrier(6, timeout=60)

    def reply(request: ChatRequest) -> str:
        gate.wait()
        return answer(request)

    runner(tmp_path, ScriptedEngine(reply), concurrency=6).run(load_dataset(data).steps)


def test_a_step_that_the_engine_refuses_is_told_and_asked_again(data: Path, tmp_path: Path) -> None:
    from inference.engines.base import EngineError

    steps, broken = load_dataset(data).steps, threading.Event()
    broken.set()

    def reply(request: ChatRequest) -> str:
        if broken.is_set() and "step 6" in said(request) and "step 7" not in said(request):
            raise EngineError("the prompt is too long")
        return answer(request)

    assert runner(tmp_path, ScriptedEngine(reply), concurrency=1).run(steps) == EPISODES
    failures = [json.loads(line) for line in (tmp_path / "failures.jsonl").read_text().splitlines()]
    assert {each["step"] for each in failures} == {14}
    assert failures[0]["error"] == "the prompt is too long"
    broken.clear()
    assert runner(tmp_path, ScriptedEngine(reply)).run(steps) == 0
    assert len(RunFolder(tmp_path).answers()) == len(steps)


def test_an_engine_that_died_ends_the_run_and_keeps_what_came(data: Path, tmp_path: Path) -> None:
    steps = load_dataset(data).steps
    with pytest.raises(ModelUnreachable, match="the same command goes on"):
        runner(tmp_path, ScriptedEngine(answer, dies_at=20), concurrency=1).run(steps)
    assert len(RunFolder(tmp_path).answers()) == 19


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    RunFolder(tmp_path).begin({"model": "a", "seed": 1, "versions": {"deftly": "1"}})
    RunFolder(tmp_path).begin({"model": "a", "seed": 1, "versions": {"deftly": "2"}})
    with pytest.raises(PredictionsError, match=r'model differs \("a" there, "b" here\): choose another folder with --out'):
        RunFolder(tmp_path).begin({"model": "b", "seed": 1})


def test_a_torn_line_is_cut_off_and_asked_again(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.append("e", 0, "\ud800 a lone surrogate, a \n newline", {})
    folder.close()
    with (tmp_path / "predictions.jsonl").open("ab") as file:
        file.write(b'{"episode": "e", "step": 1, "te')
    assert list(RunFolder(tmp_path).answers()) == [("e", 0)]
    folder.append("e", 1, "b", {})
    folder.close()
    assert {key: each.text for key, each in RunFolder(tmp_path).answers().items()} == {
        ("e", 0): "\ud800 a lone surrogate, a \n newline",
        ("e", 1): "b",
    }


PROGRAM = """
import json, os, sys, time
from pathlib import Path
from evaluation.datasets import load_dataset
from tests.evaluation.test_runner import answer, runner
from inference.engines.scripted import ScriptedEngine

data, out, asked = map(Path, sys.argv[1:])
log = os.open(asked, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def reply(request):
    os.write(log, (answer(request).split()[1] + "\\n").encode())
    time.sleep(0.03)
    return answer(request)

runner(out, ScriptedEngine(reply)).run(load_dataset(data).steps)
"""


def test_killed_ten_times_the_numbers_are_those_of_an_uninterrupted_run(data: Path, tmp_path: Path) -> None:
    dataset = load_dataset(data)
    runner(tmp_path / "whole", ScriptedEngine(answer)).run(dataset.steps)
    asked, out = tmp_path / "asked", tmp_path / "out"
    argv = [sys.executable, "-c", PROGRAM, str(data), str(out), str(asked)]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    kills, before = 0, 0
    while kills < 10:
        with subprocess.Popen(argv, env=env) as process:
            deadline = time.monotonic() + 60
            while _lines(asked) <= before + 4 and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            if process.poll() is not None:
                break
            process.send_signal(signal.SIGKILL)
        kills, before = kills + 1, _lines(asked)
    assert kills == 10 or _lines(asked) >= len(dataset.steps)
    subprocess.run(argv, env=env, check=True, timeout=120)
    whole, again = (score_answers(dataset, RunFolder(folder).answers(), dialect="uitars-1.5") for folder in (tmp_path / "whole", out))
    assert [each.score for each in again.scored] == [each.score for each in whole.scored]
    assert [each.text for each in again.scored] == [each.text for each in whole.scored]
    assert len(dataset.steps) <= _lines(asked) <= len(dataset.steps) + 4 * kills  # 4 are in flight when a process dies


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.is_file() else 0


def test_through_the_command_line_with_a_rescore(data: Path, tmp_path: Path) -> None:
    script = published.put(tmp_path / "script.jsonl", json.dumps("Thought: x\nAction: click(point='<point>140 140</point>')") + "\n")
    run = [sys.executable, "-m", "deftly", "eval", str(data), "--family", "uitars-1.5", "--out", str(tmp_path / "run"), "--json"]
    asked = subprocess.run([*run, "--engine", "scripted", "--script", str(script)], capture_output=True, text=True, timeout=120, check=True)
    again = subprocess.run([*run, "--rescore"], capture_output=True, text=True, timeout=120, check=True)
    told = json.loads(asked.stdout)
    assert told["summary"]["num_missing"] == 0
    assert told["summary"]["score"] > 0
    assert json.loads(again.stdout)["steps"] == told["steps"]
    assert told["run"]["context"] == "teacher"
    assert json.loads((tmp_path / "run" / "report.json").read_text())["summary"] == told["summary"]
    other = [*run[:-3], "--context", "own", "--out", str(tmp_path / "run"), "--engine", "scripted", "--script", str(script)]
    refused = subprocess.run(other, capture_output=True, text=True, timeout=120, check=False)
    assert refused.returncode == 2
    assert "context differs" in refused.stderr


def test_a_server_that_is_not_there_is_exit_code_6(data: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "deftly", "eval", str(data), "--engine", "openai", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"]
    argv += ["--family", "uitars-1.5", "--out", str(tmp_path / "run"), "--concurrency", "8"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 6
    assert "the same command goes on" in done.stderr
