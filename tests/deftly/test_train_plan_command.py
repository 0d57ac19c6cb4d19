"""`deftly train plan` as a caller meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deftly.cli import main
from inference.models import bundled_model


def test_a_plan_has_a_row_for_each_layout_and_a_recommendation(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "plan", str(bundled_model()), "--gpus", "4", "--screen", "64x64", "--json"]
    assert main(arguments) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [choice["layout"]["name"] for choice in plan["choices"]] == ["ddp", "zero-1", "zero-2", "zero-3"]
    assert plan["num_parameters"] == 10_853_632
    assert plan["recommended"]["layout"]["name"] == "ddp"
    totals = [choice["estimate"]["total"] for choice in plan["choices"]]
    assert totals[1] > totals[2] > totals[3] > 0


def test_what_does_not_fit_is_said_with_what_would_help(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "plan", str(bundled_model()), "--gpu-memory", "100MiB", "--screen", "64x64", "--keep-activations"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "does not fit" in said
    assert "checkpoint_activations=true" in said and "LoRA" in said


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--gpus", "0"], "--gpus is 0: it must be 1 or more"),
        (["--screen", "wide"], "--screen is 'wide': it must be like 1920x1080"),
    ],
)
def test_wrong_use_is_told_in_one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], what: str) -> None:
    assert main(["train", "plan", str(bundled_model()), *arguments]) == 2
    assert capsys.readouterr().err == f"deftly: error: {what}\n"


def test_a_folder_without_a_model_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["train", "plan", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
