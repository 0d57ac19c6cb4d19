"""The table in docs/models.md tells of every architecture that runs in process, and of each what the tests do with it."""

from __future__ import annotations

from pathlib import Path

from inference.vlm.checkpoint import MODEL_TYPES
from tests.e2e.families.rows import ROWS

PAGE = Path(__file__).parents[3] / "docs" / "models.md"


def table() -> dict[str, list[str]]:
    """The cells of each line under "What was run where", by the first."""
    section = PAGE.read_text().partition("## What was run where")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]
    return {first: rest for first, *rest in cells}


def test_every_architecture_that_runs_in_process_goes_the_whole_way() -> None:
    assert {row.kind for row in ROWS} == set(MODEL_TYPES)


def test_the_table_tells_what_the_tests_do() -> None:
    told = table()
    assert list(told) == [row.kind for row in ROWS]
    for row in ROWS:
        family, embedded, steps, again, vllm = told[row.kind]
        assert (family, embedded, steps, again) == (row.family, "yes", str(row.steps), "yes")
        assert vllm == f"no: {row.no_vllm}" if row.no_vllm else vllm.startswith(("yes", "not run")), row.kind
