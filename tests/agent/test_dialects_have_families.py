"""Every dialect can be chosen: a family names it, or the docs say why none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from actions.dialects import DIALECTS
from inference.families import load_family
from inference.families.catalogue import FAMILIES
from plugins.entry import OURS

DIALECT_NAMES = [entry.name for entry in DIALECTS.entries() if entry.origin == OURS]
WITHOUT = {"anthropic", "openai", "deftly-tiny"}
PAGE = Path(__file__).parents[2] / "docs" / "dialects.md"


@pytest.mark.parametrize("name", DIALECT_NAMES)
def test_a_dialect_has_a_family_or_a_reason(name: str) -> None:
    chosen = {load_family(entry.name).dialect for entry in FAMILIES.entries() if entry.origin == OURS}
    assert (name in chosen) != (name in WITHOUT)
    if name in WITHOUT:
        _, _, reasons = PAGE.read_text(encoding="utf-8").partition("## Without a family")
        assert f"`{name}`" in reasons.partition("\n## ")[0]
