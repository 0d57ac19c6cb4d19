"""A check agrees where ways agree, says where they part, and runs from the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deftly.cli import main
from inference.parity import Trace, built_in_screens, compare
from inference.parity.library import LibraryWay
from inference.parity.ours import OurWay
from inference.parity.screens import screen_of_file
from tests.inference.models.tiny_kimi import build_tiny
from tests.inference.tiny import build_tiny as build_qwen

TRACE = Trace(
    prompt_ids=np.arange(4),
    prompt_logprobs=np.array([np.nan, -1, -2, -3], dtype=np.float32),
    answer=(7, 8),
    steps=({7: -0.1, 5: -0.3}, {8: -0.2, 9: -0.4}),
)


@pytest.mark.model
@pytest.mark.parametrize("kind", ["kimi_vl", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5"])
def test_our_path_and_transformers_agree_on_every_screen(kind: str, tmp_path: Path) -> None:
    folder = build_tiny(tmp_path / "kimi") if kind == "kimi_vl" else build_qwen(tmp_path / kind, kind=kind)
    ours, theirs = OurWay(folder, device="cpu"), LibraryWay(folder, device="cpu")
    for screen in built_in_screens():
        found = compare(screen.name, ours.run(screen, 4), theirs.run(screen, 4), other=theirs.name, tolerance=1e-3)
        assert found.agrees, found


def test_a_trace_agrees_with_itself() -> None:
    found = compare("s", TRACE, TRACE, other="x", tolerance=1e-6)
    assert found.agrees and found.largest == 0 and found.num_prompt_tokens == 4


def test_a_difference_says_where_it_starts_and_where_it_is_largest() -> None:
    changed = replace(TRACE, prompt_logprobs=np.array([np.nan, -1, -2.1, -3.5], dtype=np.float32))
    found = compare("s", TRACE, changed, other="x", tolerance=0.05)
    assert (found.starts, found.at, found.agrees) == (2, 3, False)
    assert found.largest == pytest.approx(0.5)


def test_where_greedy_tokens_part_the_margin_is_said_and_later_steps_do_not_count() -> None:
    other = replace(TRACE, answer=(5, 1), steps=({5: -0.1, 7: -0.11}, {1: -9.0}))
    found = compare("s", TRACE, other, other="x", tolerance=1.0)
    assert found.tokens_part_at == 4 and found.margin == pytest.approx(0.2)
    assert found.at == 4 and found.largest == pytest.approx(0.2)


def test_an_answer_that_goes_on_parts_where_the_shorter_ends() -> None:
    found = compare("s", TRACE, replace(TRACE, answer=(7,), steps=TRACE.steps[:1]), other="x", tolerance=1.0)
    assert found.tokens_part_at == 5


def test_other_prompts_are_not_compared() -> None:
    found = compare("s", TRACE, replace(TRACE, prompt_ids=np.arange(5)), other="x", tolerance=1.0)
    assert not found.same_prompt and not found.agrees


@pytest.mark.model
def test_the_command_checks_the_bundled_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "check", "--max-tokens", "4", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["screen"] for row in rows] == [screen.name for screen in built_in_screens()]
    assert all(row["agrees"] and row["largest"] < 1e-3 for row in rows)


def test_the_list_names_architectures_and_their_families(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kimi_vl"] == ["kimi-vl", "kimi-vl-thinking"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [(["--against", "jax"], "--against jax: ways are transformers, vllm"), (["--against", "vllm"], "needs --vllm-url")],
)
def test_wrong_use_is_said_in_words(
    argv: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEFTLY_VLLM_URL", raising=False)
    assert main(["models", "check", *argv]) == 2
    assert words in capsys.readouterr().err


def test_a_screen_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no")
    with pytest.raises(ValueError, match=r"a\.png cannot be read as a picture"):
        screen_of_file(tmp_path / "a.png")
