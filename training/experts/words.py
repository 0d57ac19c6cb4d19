"""The words that the MiniWoB++ pages pick from, read from the installed pages, and strings made the way the pages make them."""

from __future__ import annotations

import json
import random
import re
import string
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def _pages() -> Path:
    spec = find_spec("miniwob")
    if spec is None or not spec.submodule_search_locations:
        raise LookupError("the words of the pages come with MiniWoB++, which is not installed: pip install 'deftly[train]'")
    return Path(spec.submodule_search_locations[0]) / "html"


@cache
def word_list(name: str) -> tuple[str, ...]:
    """The list that the pages keep as `ui_utils.NAME`, such as FIFTY_NAMES, PEOPLE_NAMES, COUNTRIES or lorem_words.

    Raises:
        LookupError: MiniWoB++ is not installed, or its pages have no such list.
    """
    source = (_pages() / "common" / "ui_utils.js").read_text(encoding="utf-8")
    found = re.search(rf"ui_utils\.{re.escape(name)} = \[(.*?)\];", source, re.DOTALL)
    if found is None:
        raise LookupError(f"the MiniWoB++ pages have no word list {name!r}")
    return tuple(json.loads(word.replace("'", '"')) for word in re.findall(r"\"[^\"]*\"|'[^'\"]*'", found[1]))


def random_string(rng: random.Random, shortest: int, longest: int) -> str:
    """Letters and digits, as the pages' `generateString` makes them (its upper bound is never reached; this one is)."""
    return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(rng.randint(shortest, longest)))


@cache
def synonyms() -> tuple[frozenset[str], ...]:
    """The groups of similar words of `click-checkboxes-soft`.

    Raises:
        LookupError: MiniWoB++ is not installed, or its page has no such groups.
    """
    source = (_pages() / "miniwob" / "click-checkboxes-soft.html").read_text(encoding="utf-8")
    found = re.search(r"var SYNONYMS = \[(.*?)\n\];", source, re.DOTALL)
    if found is None:
        raise LookupError("the MiniWoB++ page click-checkboxes-soft has no groups of similar words")
    return tuple(frozenset(re.findall(r"'([^']*)'", group)) for group in re.findall(r"\[(.*?)\]", found[1]))
