"""Bad input of every kind that a run can meet: a clear error that names it, and nothing executed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.computers.virtual import VirtualDesktop
from tests.e2e.runs import Run, held

Start = Callable[..., Run]
DONE = "Thought: Done.\nAction: finished(content='all done')"


def test_an_unknown_miniwob_task_lists_close_names(tmp_path: Path) -> None:
    pytest.importorskip("miniwob")
    run = Run(tmp_path, None, ["--miniwob", "clik-button"], task=None)
    code, told, err = run.finish()
    assert (code, told) == (2, {})
    assert "'clik-button'" in err
    assert "click-button" in err
    assert err.count("\n") == 1


def test_a_missing_model_folder_is_named(start: Start) -> None:
    code, told, err = start(None, "--virtual", "--model", "/nowhere/model", "--family", "deftly-tiny").finish()
    assert (code, told) == (2, {})
    assert err == (
        "deftly: error: there is no model folder '/nowhere/model': give the path of a Hugging Face folder, with config.json in it\n"
    )


def test_a_folder_that_holds_no_model_is_named(start: Start, tmp_path: Path) -> None:
    code, _, err = start(None, "--virtual", "--model", str(tmp_path), "--family", "deftly-tiny").finish()
    assert code == 2
    assert "has no config.json" in err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--family", "ui-tars-1.5x"], "'ui-tars-1.5x'"),
        (["--engine", "vlm"], "'vlm'"),
        (["--engine", "openai"], "--family"),
        (["--engine", "openai", "--family", "uitars-1.5", "--base-url", "localhost"], "localhost"),
        (["--model", "somewhere"], "'somewhere'"),
        (["--engine", "scripted", "--script", "none.jsonl"], "none.jsonl"),
        (["--config", "none.toml"], "none.toml"),
    ],
)
def test_wrong_options_are_named_in_one_line(start: Start, arguments: list[str], named: str) -> None:
    code, told, err = start(None, "--virtual", *arguments).finish()
    assert (code, told) == (2, {})
    assert named in err
    assert err.count("\n") == 1


def test_a_program_that_is_not_there_is_named(start: Start) -> None:
    run = start(None, "--virtual", script=[DONE], program=["no-such-program"])
    code, told, err = run.finish()
    assert (code, told) == (2, {})
    assert "no-such-program" in err


def test_a_program_that_ends_before_it_shows_a_window_is_named(start: Start) -> None:
    code, _, err = start(None, "--virtual", script=[DONE], program=["false"]).finish()
    assert code == 2
    assert "'false' ended with exit code 1 before it showed a window" in err


@pytest.mark.display
def test_a_point_outside_the_screen_is_told_and_not_clicked(desk: VirtualDesktop, start: Start) -> None:
    run = start(desk.display, script=["Thought: Far.\nAction: click(point='<point>90000 90000</point>')"] * 10)
    code, told, _ = run.finish()
    assert (code, told["status"]) == (1, "gave_up")
    assert "90000" in told["message"]
    assert all(step.outcomes == () for step in run.episode().steps)


@pytest.mark.display
@pytest.mark.parametrize(
    "hostile",
    [
        "Thought: x\nAction: __import__('os').system('touch {mark}')",
        "Thought: x\nAction: click(point=__import__('os').system('touch {mark}'))",
        "Thought: x\nAction: type(content=open('{mark}', 'w'))",
    ],
)
def test_hostile_text_of_10_mb_is_refused_and_nothing_is_executed(desk: VirtualDesktop, start: Start, tmp_path: Path, hostile: str) -> None:
    mark = tmp_path / "executed"
    text = hostile.format(mark=mark)
    run = start(desk.display, "--max-steps", "3", script=[text + "(" * 10_000_000, *[text] * 9])
    code, told, _ = run.finish()
    assert (code, told["status"]) == (1, "gave_up")
    assert not mark.exists()
    assert len(told["message"]) < 2000
    assert run.episode().steps[0].prediction.text
    assert held(desk.display) == []
