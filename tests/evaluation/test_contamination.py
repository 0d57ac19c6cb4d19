"""What a model was trained on is not evaluated on by accident."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.contamination import CardError, check_live, check_recorded, read_card, suite_tasks
from evaluation.errors import Contaminated
from inference.models import bundled_model

CARD = """---
license: mit
deftly:
  trained_on:
    - suite: miniwob
      tasks: [click-button, enter-text]
      seeds: 1000000-1000999, 7
    - dataset: agentnetbench
      episodes: [s_1, s_2]
    - dataset: screenspot
---
# A model
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text(CARD)
    return tmp_path


def test_seeds_that_were_trained_on_are_refused(model: Path) -> None:
    trained = read_card(model)
    check_live(trained, "miniwob", ["click-button"], range(7))
    check_live(trained, "miniwob", ["click-dialog"], [7])  # another task
    check_live(trained, "browsergym", ["click-button"], [7])
    with pytest.raises(
        Contaminated, match=r"1000000-1000999, 7-7 \(seeds\) of click-button, and among those asked for are 7: .*--allow-trained"
    ):
        check_live(trained, "miniwob", ["click-button", "click-dialog"], range(50))


def test_episodes_that_were_trained_on_are_refused(model: Path) -> None:
    trained = read_card(model)
    check_recorded(trained, "agentnetbench", ["s_3"])
    check_recorded(trained, "odyssey", ["s_1"])
    with pytest.raises(Contaminated, match=r"1 of the 2 episodes here \(s_2\)"):
        check_recorded(trained, "agentnetbench", ["s_2", "s_3"])
    with pytest.raises(Contaminated, match="1 of the 1 episodes"):
        check_recorded(trained, "screenspot", ["anything"])


def test_the_bundled_model_says_what_it_was_trained_on() -> None:
    trained = read_card(bundled_model())
    assert "click-button" in suite_tasks(trained, "miniwob")
    check_live(trained, "miniwob", suite_tasks(trained, "miniwob"), range(1000))
    with pytest.raises(Contaminated):
        check_live(trained, "miniwob", ["click-button"], [1_000_000])


def test_without_a_card_nothing_is_known(tmp_path: Path) -> None:
    assert read_card(tmp_path) == read_card(None) == read_card("a/model/on/a/server") == ()
    (tmp_path / "README.md").write_text("# no front matter")
    assert read_card(tmp_path) == ()


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("{suite: miniwob}", "deftly.trained_on must be a list"),
        ("[{tasks: [a]}]", r"trained_on\[0\] must be a mapping with a suite or a dataset"),
        ("[{suite: m, seed: 3}]", r"trained_on\[0\]\.seed is unknown"),
        ("[{suite: m, seeds: some}]", r"trained_on\[0\]\.seeds is 'some': give inclusive ranges"),
        ("[{suite: m, tasks: click}]", r"trained_on\[0\]\.tasks must be a list of names"),
        ("[", "is no YAML"),
    ],
)
def test_a_card_that_cannot_be_read_is_an_error_rather_than_a_clean_bill(listed: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"---\ndeftly:\n  trained_on: {listed}\n---\n")
    with pytest.raises(CardError, match=message):
        read_card(tmp_path)


def test_the_command_refuses_before_anything_is_started() -> None:
    argv = [sys.executable, "-m", "deftly", "eval", "miniwob", "--tasks", "click-test", "--seeds", "999999-1000001"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the model's card says" in done.stderr
