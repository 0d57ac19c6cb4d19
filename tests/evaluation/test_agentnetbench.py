"""AgentNetBench is scored as its definition says: listed cases through the command line, and the recorded episodes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.datasets import load_dataset
from evaluation.metrics.agentnetbench import AgentNetBench
from evaluation.predictions import Answer
from evaluation.scoring import score_answers
from evaluation.steps import EvalStep, Wanted
from tests.evaluation.agentnetbench_cases import CASES, Case, as_episode
from tests.evaluation.published import picture

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "recorded" / "agentnetbench"


def deftly_eval(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deftly", "eval", *map(str, argv)], capture_output=True, text=True, timeout=120, check=False
    )


def write_lines(file: Path, lines: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.fixture(scope="module", params=["native", "opencua"])
def scored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """Every listed case in one run of the command, by step number; OpenCUA's dialect is AgentNet's language, and changes nothing."""
    root = tmp_path_factory.mktemp("agentnetbench")
    (root / "images").mkdir()
    for number in range(len(CASES)):
        (root / "images" / f"s_cases_{2 * number}.png").write_bytes(picture(1400, 840))
    (root / "s_cases.json").write_text(json.dumps(as_episode(CASES)))
    answers = [{"episode": "s_cases", "step": 2 * number, "text": case.text} for number, case in enumerate(CASES)]
    done = deftly_eval(root, "--predictions", write_lines(root / "answers.jsonl", answers), "--dialect", request.param, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    steps = json.loads(done.stdout)["steps"]
    assert [step["step"] for step in steps] == [2 * number for number in range(len(CASES))]
    return {step["step"]: step for step in steps}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_a_step_is_worth_what_the_definition_gives(number: int, scored: dict[int, dict[str, Any]]) -> None:
    case, got = CASES[number], scored[2 * number]
    assert got["score"] == pytest.approx(case.score, rel=1e-3, abs=1e-6)
    assert got["actions"] == pytest.approx(case.actions, rel=1e-3, abs=1e-6)
    assert ("note" in got) == (not case.actions and case.options != [[]])


def test_each_action_type_of_the_benchmark_is_among_the_cases() -> None:
    assert {kind for case in CASES for kind in case.actions} == {
        *("click", "doubleclick", "rightclick", "tripleclick", "moveto", "dragto", "write", "press", "hotkey", "scroll", "terminate")
    }
    assert len(CASES) >= 60


def score_revised(case: Case) -> float:
    steps = list(read_cases([case]))
    metric = AgentNetBench(revised=True)
    return metric.score(steps[0], metric.vocabulary.read(case.text, steps[0])).score


def read_cases(cases: list[Case]) -> Iterator[EvalStep]:
    import tempfile

    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "s_cases.json").write_text(json.dumps(as_episode(cases)))
        yield from load_dataset(root).steps


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("scroll", 1.0),
        ("scroll by another amount", 0.01),  # 5 of 500
        ("scroll the other way", 0.0),
        ("keys' order does not count", 0.0),
        ("what is superfluous does not count", 0.5),  # 1 of 2
    ],
)
def test_the_later_revision_of_the_scorer_is_stricter(name: str, score: float) -> None:
    (case,) = [case for case in CASES if case.name == name]
    assert score_revised(case) == pytest.approx(score)


@pytest.fixture(scope="module")
def recorded() -> tuple[EvalStep, ...]:
    if not RECORDED.is_dir():
        pytest.skip(f"the recorded episodes are not there: {RECORDED}")
    return load_dataset(RECORDED).steps


def said(step: EvalStep, option: int = 0, *, shift: float = 0.0) -> str:
    """Code that does what `step` wants, with places moved to the right by `shift` of the screen, or to the left where there is no room."""
    return "\n".join(line_of(wanted, shift) for wanted in step.options[option])


def line_of(wanted: Wanted, shift: float) -> str:
    act = wanted.act
    if act.place is not None and act.type != "scroll":
        return f"pyautogui.{act.type}(x={shifted(act.place.x, shift)!r}, y={act.place.y!r})"
    match act.type:
        case "write":
            return f"pyautogui.write(message={act.text!r})"
        case "press" | "hotkey":
            return f"pyautogui.{act.type}(keys={list(act.keys)!r})"
        case "scroll":
            return f"pyautogui.scroll({round(act.amount or 0)})"
    return f"computer.terminate(status={act.value!r})"


def shifted(x: float, shift: float) -> float:
    return x + shift if x + shift <= 1 else x - shift


def scores_of(steps: tuple[EvalStep, ...], texts: list[str]) -> list[float]:
    answers = [Answer(step.episode, step.step, text, line, {}) for line, (step, text) in enumerate(zip(steps, texts, strict=True), start=1)]
    return [each.score.score for each in score_answers(load_dataset(RECORDED), {answer.key: answer for answer in answers}).scored]


def test_the_recorded_ground_truth_is_worth_1_everywhere(recorded: tuple[EvalStep, ...]) -> None:
    assert scores_of(recorded, [said(step) for step in recorded]) == [1.0] * len(recorded)


def test_every_recorded_alternative_is_worth_1(recorded: tuple[EvalStep, ...]) -> None:
    having = [step for step in recorded if len(step.options) > 1]
    texts = [said(step, 1) if len(step.options) > 1 else said(step) for step in recorded]
    assert len(having) >= 5
    assert scores_of(recorded, texts) == [1.0] * len(recorded)


def test_wrong_predictions_are_worth_0_everywhere(recorded: tuple[EvalStep, ...]) -> None:
    assert scores_of(recorded, ["pyautogui.doubleClick(x=0.5, y=0.5)"] * len(recorded)) == [0.0] * len(recorded)


@pytest.mark.parametrize("shift", [0.005, 0.03, 0.2])
def test_shifted_predictions_are_worth_what_box_and_distance_give(recorded: tuple[EvalStep, ...], shift: float) -> None:
    """Boxes and distances are worked out here from the published numbers, in the plainest way."""
    scores = scores_of(recorded, [said(step, shift=shift) for step in recorded])
    for step, score in zip(recorded, scores, strict=True):
        if len(step.truth) == 1 and step.truth[0].act.type in ("click", "rightClick") and len(step.options) == 1:
            (wanted,) = step.truth
            assert wanted.act.place is not None
            x, y = shifted(wanted.act.place.x, shift), wanted.act.place.y
            (box,) = wanted.boxes
            inside = box.left <= x <= box.right and box.top <= y <= box.bottom
            missed = math.exp(-120 * max(0.0, shift - 0.01 * math.sqrt(2)))
            assert score == pytest.approx(1.0 if inside else missed, rel=1e-6)


def test_recorded_episodes_through_the_command_line(recorded: tuple[EvalStep, ...], tmp_path: Path) -> None:
    """The one step whose recorded code differs from its ground truth ('stat', 'stat6011\\n') is worth 0.625, all others 1."""
    file = write_lines(tmp_path / "a.jsonl", [{"episode": step.episode, "step": step.step, "text": step.code} for step in recorded])
    done = deftly_eval(RECORDED, "--predictions", file, "--json")
    told = json.loads(done.stdout)
    assert {(step["episode"], step["step"]): step["score"] for step in told["steps"] if step["score"] < 1} == {
        ("s_c53b113bf3e7d362", 8): 0.625
    }
    assert told["summary"]["score"] == pytest.approx((36 + 0.625) / 37)
    assert told["summary"]["published"]["average_score"] == pytest.approx((36 + 0.625) / 37)
    assert told["summary"]["published"]["action_type_scores"]["write"] == pytest.approx((4 + 0.625) / 5)
    assert told["summary"]["num_missing"] == told["summary"]["num_unknown"] == 0
