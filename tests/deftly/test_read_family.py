"""Which family a run asks its model in: the one that was named, the one that the model's own name belongs to, or the bundled model's."""

from __future__ import annotations

import pytest

from deftly.errors import UsageError
from deftly.run_order import read_order
from deftly.workplace import read_family


def family_of(*argv: str) -> str:
    return read_family(read_order(["do it", "--virtual", *argv], {})).name


@pytest.mark.parametrize(
    ("argv", "family"),
    [
        ([], "deftly-tiny"),
        (["--family", "qwen3-vl"], "qwen3-vl"),
        (["--engine", "openai", "--model", "ByteDance-Seed/UI-TARS-1.5-7B", "--base-url", "http://127.0.0.1:9/v1"], "uitars-1.5"),
        (["--engine", "openai", "--model", "Qwen3-VL-8B-Instruct", "--base-url", "http://127.0.0.1:9/v1"], "qwen3-vl"),
        (["--engine", "openai", "--model", "Qwen3-VL-8B-Instruct", "--family", "evocua", "--base-url", "http://127.0.0.1:9/v1"], "evocua"),
    ],
)
def test_the_family_is_told_by_its_name_or_by_that_of_the_model(argv: list[str], family: str) -> None:
    assert family_of(*argv) == family


def test_a_model_that_no_family_knows_needs_one() -> None:
    with pytest.raises(UsageError, match="which family does the model belong to"):
        family_of("--engine", "openai", "--model", "my-own", "--base-url", "http://127.0.0.1:9/v1")
