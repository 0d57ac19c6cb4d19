"""`deftly run --miniwob`: a real browser, real clicks, and the page's own verdict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.runs import Run

pytestmark = [pytest.mark.browser, pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")]

# The button of click-test is 40 px wide on an area of 160, shown twice as large: one of these hits it, wherever it is.
GRID = [f"Thought: Try.\nAction: click(point='<point>{x} {y}</point>')" for y in (40, 120, 200, 280) for x in (40, 120, 200, 280)]
DONE = "Thought: Done.\nAction: finished(content='I think so')"


def run_miniwob(folder: Path, replies: list[str]) -> Run:
    pytest.importorskip("miniwob")
    script = folder / "script.jsonl"
    script.write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    told = ["--miniwob", "click-test", "--seed", "3", "--engine", "scripted", "--script", str(script), "--page", "page.html"]
    return Run(folder, None, told, task=None)


def test_a_solved_task_exits_0_with_its_reward(tmp_path: Path) -> None:
    run = run_miniwob(tmp_path, GRID)
    code, told, err = run.finish()
    assert (code, told.get("status"), told.get("reward"), err) == (0, "done", 1.0, "")
    assert told["task"] == "Click the button."
    episode = run.episode()
    assert (episode.reward, episode.meta["miniwob_task"], episode.meta["seed"]) == (1.0, "click-test", 3)
    assert episode.steps[0].seen.size == (320, 320)
    assert "Click the button." in (tmp_path / "page.html").read_text()


def test_a_model_that_only_says_that_it_is_done_fails(tmp_path: Path) -> None:
    code, told, err = run_miniwob(tmp_path, [DONE]).finish()
    assert (code, told.get("status"), told.get("reward"), err) == (1, "not_solved", None, "")
    assert told["message"] == "the model said 'I think so', but the page gave no reward"
