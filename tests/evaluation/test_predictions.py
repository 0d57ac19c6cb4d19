"""Stored answers: what is missing, unknown, given twice or damaged is told, and by its line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import PredictionsError
from evaluation.predictions import read_predictions
from tests.evaluation.agentnetbench_cases import CASES, as_episode

RIGHT = "pyautogui.click(x=0.5, y=0.5)"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three steps, 0, 2 and 4, whose first wants a click in the middle."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "e.json").write_text(json.dumps(as_episode(CASES[:3], "e")))
    return folder


def deftly_eval(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deftly", "eval", *map(str, argv)], capture_output=True, text=True, timeout=120, check=False
    )


def answers(folder: Path, *lines: Any) -> Path:
    file = folder.parent / "answers.jsonl"
    file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return file


def answer(step: int, text: str = RIGHT, episode: str = "e") -> dict[str, Any]:
    return {"episode": episode, "step": step, "text": text}


def test_a_missing_step_counts_as_0_and_is_told(data: Path) -> None:
    done = deftly_eval(data, "--predictions", answers(data, answer(0)), "--json")
    told = json.loads(done.stdout)
    assert [step["score"] for step in told["steps"]] == [1.0, 0.0, 0.0]
    assert told["steps"][1]["note"].startswith("missing")
    assert told["summary"]["num_missing"] == 2
    assert told["summary"]["score"] == pytest.approx(1 / 3)
    assert "2 of 3 steps have no prediction" in done.stderr
    assert done.returncode == 0


def test_unknown_steps_are_left_out_and_listed_with_their_lines(data: Path) -> None:
    done = deftly_eval(data, "--predictions", answers(data, answer(0), answer(1), answer(0, episode="f")), "--json")
    told = json.loads(done.stdout)
    assert told["unknown"] == [{"episode": "e", "step": 1, "line": 2}, {"episode": "f", "step": 0, "line": 3}]
    assert told["summary"]["num_unknown"] == 2
    assert len(told["steps"]) == 3
    assert "step 1 of 'e' (line 2)" in done.stderr


def test_answers_to_another_data_set_are_an_error(data: Path) -> None:
    done = deftly_eval(data, "--predictions", answers(data, answer(7)))
    assert (done.returncode, done.stdout) == (2, "")
    assert "not one prediction is to a step of" in done.stderr


def test_no_answers_at_all_score_0(data: Path) -> None:
    told = json.loads(deftly_eval(data, "--predictions", answers(data), "--json").stdout)
    assert (told["summary"]["score"], told["summary"]["num_missing"]) == (0.0, 3)


def test_the_same_answer_twice_is_one_and_two_answers_are_an_error(tmp_path: Path) -> None:
    assert len(read_predictions(answers(tmp_path / "x", answer(0), answer(0)))) == 1
    with pytest.raises(PredictionsError, match=r"line 2: step 0 of episode 'e' was already answered in line 1"):
        read_predictions(answers(tmp_path / "x", answer(0), answer(0, "other")))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"line 2 is no JSON"),
        ("[" * 100_000, r"line 2 is no JSON"),
        ("[1]", r"line 2 must be an object"),
        ({"step": 0, "text": ""}, r"line 2: episode is missing: it must be the episode's id"),
        ({"episode": 3, "step": 0, "text": ""}, r"line 2: episode is 3"),
        ({"episode": "e", "step": "0", "text": ""}, r"line 2: step is '0': it must be the data set's own number"),
        ({"episode": "e", "step": True, "text": ""}, r"line 2: step is True"),
        ({"episode": "e", "step": 0}, r"line 2: text is missing"),
        ({"episode": "e", "step": 0, "text": ["x"]}, r"line 2: text is \['x'\]"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: Any, message: str) -> None:
    with pytest.raises(PredictionsError, match=message):
        read_predictions(answers(tmp_path / "x", answer(4), line))


def test_blank_lines_and_null_texts_are_fine(tmp_path: Path) -> None:
    read = read_predictions(answers(tmp_path / "x", "", {"episode": "e", "step": 0, "text": None, "seconds": 1.5}, ""))
    assert read["e", 0].text == ""
    assert read["e", 0].extra == {"seconds": 1.5}


def test_another_dialect_reads_the_same_steps(data: Path) -> None:
    """UI-TARS 1.5 writes pixels of the resized picture: 504x504 px are a multiple of 28, so (252, 252) is the middle."""
    from PIL import Image

    (data / "images").mkdir()
    for number in (0, 2, 4):
        Image.new("RGB", (504, 504)).save(data / "images" / f"e_{number}.png")
    lines = [
        answer(0, "Thought: x\nAction: click(point='<point>252 252</point>')"),
        answer(2, "Action: wait()"),
        answer(4, "Action: fly()"),
    ]
    told = json.loads(deftly_eval(data, "--predictions", answers(data, *lines), "--dialect", "uitars-1.5", "--json").stdout)
    assert [step["score"] for step in told["steps"]] == [1.0, 0.0, 0.0]
    assert "no action called 'fly'" in told["steps"][2]["note"]
    assert told["summary"]["num_unreadable"] == 1


def test_a_missing_picture_is_named_where_a_dialect_needs_its_size(data: Path) -> None:
    done = deftly_eval(data, "--predictions", answers(data, answer(0)), "--dialect", "uitars-1.5")
    assert done.returncode == 2
    assert "e_0.png" in done.stderr


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--dialect", "klingon"], "klingon"),
        (["--metric", "bleu"], "no metric is called 'bleu': known are agentnetbench"),
    ],
)
def test_unknown_names_are_one_clear_line(data: Path, argv: list[str], message: str) -> None:
    done = deftly_eval(data, "--predictions", answers(data, answer(0)), *argv)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_scoring_needs_no_torch(data: Path) -> None:
    code = (
        "import sys; from deftly.cli import main; code = main(sys.argv[1:]); "
        "heavy = {'torch', 'transformers', 'training', 'playwright', 'pyarrow'} & set(sys.modules); assert not heavy, heavy; sys.exit(code)"
    )
    argv = [sys.executable, "-c", code, "eval", str(data), "--predictions", str(answers(data, answer(0))), "--json"]
    assert subprocess.run(argv, capture_output=True, timeout=120, check=False).returncode == 0
