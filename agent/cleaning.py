"""Texts with something taken out of them, wherever they stand in JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# What these hold is one of a few words, a name or a digest: never a text of a model, a person or a screen.
_NO_TEXT = frozenset(("type", "button", "modifiers", "keys", "key", "file", "sha256", "condition", "event", "hash", "before"))

Clean = Callable[[str], str]


def cleaned(value: Any, clean: Clean) -> Any:
    """`value`, as JSON has it, with `clean` applied to each text in it."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {key: each if key in _NO_TEXT else cleaned(each, clean) for key, each in value.items()}
        case list() | tuple():
            return [cleaned(each, clean) for each in value]
    return value
