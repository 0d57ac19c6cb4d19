"""A checkpoint of another architecture than its family is refused, with both names and the families that fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deftly.cli import main
from inference.families import WrongFamily, check_model_fits, load_family
from inference.models import bundled_model


def folder_of(kind: str, folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    return folder


def test_the_error_names_both_and_the_families_that_fit(tmp_path: Path) -> None:
    model = folder_of("qwen3_vl", tmp_path / "theirs")
    with pytest.raises(WrongFamily) as error:
        check_model_fits(model, load_family("uitars-1.5"))
    told = str(error.value)
    assert f"{model} holds a qwen3_vl model" in told
    assert "the family uitars-1.5 is for qwen2_5_vl: give --family" in told
    named = told.partition("give --family ")[2].partition(", or a family")[0].split(" or ")
    assert {"qwen3-vl", "qwen3-vl-mobile", "holo2", "evocua", "gui-owl-1.5", "gui-owl-1.5-mobile"} == set(named)


def test_where_no_family_is_for_it_the_error_says_so(tmp_path: Path) -> None:
    model = folder_of("llava", tmp_path / "theirs")
    with pytest.raises(WrongFamily, match=r"no family here is for such models, or a family of your own with architecture: llava"):
        check_model_fits(model, load_family("qwen3-vl"))


@pytest.mark.parametrize(
    ("kind", "family"), [("qwen3_vl_moe", "qwen3-vl"), ("qwen3_5_moe", "qwen3.5"), ("qwen2_vl", "uitars-1.0"), ("anything", "doubao")]
)
def test_what_fits_passes_experts_too(kind: str, family: str, tmp_path: Path) -> None:
    check_model_fits(folder_of(kind, tmp_path / "m"), load_family(family))


def test_what_is_no_folder_here_is_not_looked_into(tmp_path: Path) -> None:
    check_model_fits("Qwen/Qwen3-VL-8B-Instruct", load_family("uitars-1.5"))
    (tmp_path / "config.json").write_text("not JSON")
    check_model_fits(tmp_path, load_family("uitars-1.5"))


@pytest.mark.parametrize(
    "command",
    [
        ["run", "--miniwob", "click-test", "--model", "{}", "--family", "qwen3-vl"],
        ["serve", "{}", "--family", "qwen3-vl", "--port", "0"],
        ["train", "prepare", "nowhere", "--model", "{}", "--family", "qwen3-vl", "--out", "set"],
    ],
    ids=lambda command: command[0],
)
def test_the_commands_refuse_it_before_anything_is_loaded(
    command: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([word.format(bundled_model()) for word in command]) == 2
    assert "holds a qwen2_5_vl model" in capsys.readouterr().err
