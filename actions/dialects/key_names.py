"""Chords of keys as models write them: 'ctrl c', 'ctrl+c', 'ctrl +', 'page down', or a list of names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from actions.keys import canonical_key

_TWO_WORDS = (
    *("page up", "page down", "caps lock", "num lock", "scroll lock", "print screen"),
    *("arrow up", "arrow down", "arrow left", "arrow right", "up arrow", "down arrow", "left arrow", "right arrow"),
)
_PARTS = re.compile(r"[^+\s]+|\+(?=\s|$)")
_MAX_CHARACTERS = 200  # the longest chord that makes sense is a quarter of that


@lru_cache(maxsize=512)
def read_keys(text: str) -> tuple[str, ...]:
    """The keys that `text` names.

    Raises:
        ValueError: a name is no key's.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"{text[:40]!r}… is too long for keys: name a few, as in 'ctrl c'")
    parts = _PARTS.findall(text)
    named = [part for i, part in enumerate(parts) if part != "+" or i == len(parts) - 1]  # a "+" between keys joins them
    try:
        return tuple(canonical_key(part) for part in named)
    except ValueError as error:
        two_words = " ".join(named)
        if two_words.lower() not in _TWO_WORDS:
            raise error
        return (canonical_key(two_words),)


def read_key_list(names: Sequence[object]) -> tuple[str, ...]:
    """The keys of a list such as `["ctrl", "c"]`; a name in it may be a chord of its own, as in `["ctrl+c"]`.

    Raises:
        ValueError: something in it is no key's name.
    """
    keys: list[str] = []
    for name in names:
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise ValueError(f"keys has {str(name)[:40]!r}: name keys as texts, as in ['ctrl', 'c']")
        text = str(name)
        keys += (canonical_key(text),) if len(text) == 1 else read_keys(text)
    return tuple(keys)


def write_keys(keys: Sequence[str], between: str = " ") -> str:
    """The keys with `between` between them; a "+" that others follow is written out, lest it joins them."""
    return between.join("plus" if key == "+" and i < len(keys) - 1 else key for i, key in enumerate(keys))
