"""`deftly run --miniwob`: a real browser, real clicks, and the page's own verdict."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runs import Run

pytestmark = [pytest.mark.browser, pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")]

# The button of click-test is 40 px wide on an area of 160, shown twice as large: one of these hits it, wherever it is.
GRID = [f"Thought: Try.\nAction: click(point='<point>{x} {y}</point>')" for y in (40, 120, 200, 280) for x in (40, 120, 200, 280)]
WAIT = "Thought: Wait.\nAction: wait()"
DONE = "Thought: Done.\nAction: finished(content='I think so')"


def run_miniwob(folder: Path, replies: list[str], **options: Any) -> Run:
    pytest.importorskip("miniwob")
    script = folder / "script.jsonl"
    script.write_text("".join(json.dumps(reply) + "\n" for reply in replies))
    told = ["--miniwob", "click-test", "--seed", "3", "--engine", "scripted", "--script", str(script), "--page", "page.html"]
    return Run(folder, None, told, task=None, **options)


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


def test_ctrl_c_in_a_terminal_which_reaches_the_browser_too_exits_130(tmp_path: Path) -> None:
    run = run_miniwob(tmp_path, [WAIT] * 50, start_new_session=True)
    run.wait_for_steps(1)
    os.killpg(run.process.pid, signal.SIGINT)
    code, told, err = run.finish()
    assert (code, told.get("status"), err) == (130, "stopped", "")


def test_a_browser_that_dies_exits_1_and_says_so(tmp_path: Path) -> None:
    run = run_miniwob(tmp_path, [WAIT] * 50)
    run.wait_for_steps(1)
    for pid in descendants(run.process.pid):
        if "chromium" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
            break
    code, told, err = run.finish()
    assert (code, told.get("status"), err) == (1, "display_lost", "")
    assert "the browser is gone" in told["message"]


def descendants(parent: int) -> list[int]:
    """The processes below `parent`, the nearest first."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False).stdout
    children = [int(pid) for pid in listed.split()]
    return children + [pid for child in children for pid in descendants(child)]
