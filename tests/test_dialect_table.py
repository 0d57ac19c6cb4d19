"""The table of docs/dialects.md is what the code does."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_table_of_dialects_and_actions_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("dialect_table", ROOT / "scripts" / "dialect_table.py")
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = (ROOT / "docs" / "dialects.md").read_text(encoding="utf-8")
    assert script.page(text) == text, "run python scripts/dialect_table.py --write"
    cells = {each.strip() for line in script.table().splitlines()[2:] for each in line.split("|")[2:-1]}
    assert cells == {"✓", "+"}
