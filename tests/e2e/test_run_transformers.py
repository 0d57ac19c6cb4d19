"""`deftly run` with a model in its own process: one with random weights, which sees, answers nonsense, and is told so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.computers.virtual import VirtualDesktop
from tests.e2e.runs import Run
from tests.inference.tiny import build_tiny

pytestmark = [pytest.mark.display, pytest.mark.model]


def test_a_model_folder_of_ones_own_is_run_and_its_words_are_kept(desk: VirtualDesktop, start: Callable[..., Run], tmp_path: Path) -> None:
    model = build_tiny(tmp_path / "model")
    run = start(desk.display, "--model", str(model), "--family", "deftly-tiny", "--max-steps", "1")
    code, told, err = run.finish()
    assert (code, told.get("status"), err) == (3, "limit_reached", "")
    step = run.episode().steps[0]
    assert step.prediction.error
    assert step.prediction.text
    assert step.trace["completion_tokens"] > 0
