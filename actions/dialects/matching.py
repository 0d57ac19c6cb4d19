"""Where a pattern stops matching, for patterns that match nothing, too: spaces between things, runs of plain characters."""

from __future__ import annotations

import re


def end_of(pattern: re.Pattern[str], text: str, at: int = 0) -> int:
    """The end of what `pattern` matches in `text` at `at`; `at` itself where that is nothing."""
    found = pattern.match(text, at)
    return at if found is None else found.end()
