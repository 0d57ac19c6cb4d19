"""Every architecture goes the whole way as a toy: create, save, load, act, serve, fine-tune packed, save, serve and act again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.computers.miniwob import MiniWob
from agent.step import Step
from inference.engines.openai import OpenAIEngine
from tests.e2e.families.rows import ROWS, Row
from tests.e2e.families.stages import act, fine_tune, served_embedded, show

pytestmark = [
    pytest.mark.display,
    pytest.mark.browser,
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore:.*TypedStorage is deprecated"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def page() -> Iterator[MiniWob]:
    with MiniWob() as page:
        yield page


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)
def test_from_random_weights_to_a_served_model_that_presses_the_button(row: Row, page: MiniWob, tmp_path: Path) -> None:
    """What it learns by heart is what somebody who knew did on that screen, recorded by the agent's own loop in the family's words."""
    family = row.asked
    model = row.build(tmp_path / "model", family)
    untaught = _act_served(model, row, page, tmp_path / "untaught")
    assert untaught.trace["completion_tokens"] > 0 and page.reward() is None
    (shown,) = show(page, family, tmp_path / "shown").steps
    assert page.reward() == 1
    losses = fine_tune(model, family, tmp_path / "shown", tmp_path, row.steps)
    assert len(losses) == row.steps
    assert losses[19] < losses[0] / 4
    taught = _act_served(tmp_path / "run" / "model", row, page, tmp_path / "taught")
    assert taught.prediction.text == shown.prediction.text
    assert taught.trace["prompt_tokens"] > 0
    assert taught.trace["prompt_tokens"] == untaught.trace["prompt_tokens"] or "asked_again" in untaught.trace
    assert page.reward() == 1


def _act_served(model: Path, row: Row, page: MiniWob, episodes: Path) -> Step:
    with served_embedded(model, row.asked) as url:
        engine = OpenAIEngine(base_url=url)
        (step,) = act(page, engine, row.asked, episodes).steps
        engine.close()
    return step
