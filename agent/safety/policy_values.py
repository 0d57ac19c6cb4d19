"""The values in a policy: from what YAML gives to ours, each with the dotted path at which it stands, for the error."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from actions.keys import canonical_key
from agent.safety.rules import Region, WindowPattern

Reader = Callable[[object, str], Any]


class PolicyError(ValueError):
    """A policy that cannot be used; the message names the file, the place in it, and what belongs there."""


def read_fields(value: object, path: str, readers: Mapping[str, Reader], required: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PolicyError(f"{path} is {shown(value)}: it must be a mapping with {', '.join(readers)}")
    where = "" if path == "policy" else f"{path}."
    for key in value:
        if key not in readers:
            near = difflib.get_close_matches(str(key), readers, n=1)
            raise PolicyError(f"{where}{key} is unknown: {f'did you mean {near[0]}?' if near else 'known are ' + ', '.join(readers)}")
    for key in required:
        if key not in value:
            raise PolicyError(f"{where}{key} is missing")
    return {key: readers[key](each, f"{where}{key}") for key, each in value.items()}


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def read_text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise PolicyError(f"{path} is {shown(value)}: it must be text (in quotes, where YAML would read a number or a word such as no)")
    return value


def read_yes_no(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise PolicyError(f"{path} is {shown(value)}: it must be true or false")
    return value


def read_as_is(value: object, path: str) -> object:
    return value


def number(least: float, most: float) -> Reader:
    def read(value: object, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise PolicyError(f"{path} is {shown(value)}: it must be a number from {least:g} to {most:g}")
        return float(value)

    return read


def one_of(*choices: str) -> Reader:
    def read(value: object, path: str) -> str:
        if value not in choices:
            raise PolicyError(f"{path} is {shown(value)}: it must be one of {', '.join(choices)}")
        return str(value)

    return read


def list_of(read: Reader) -> Reader:
    def read_all(value: object, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or not value:
            raise PolicyError(f"{path} is {shown(value)}: it must be a list with something in it")
        return tuple(read(each, f"{path}[{index}]") for index, each in enumerate(value))

    return read_all


def set_of(read: Reader) -> Reader:
    return lambda value, path: frozenset(list_of(read)(value, path))


def read_window(value: object, path: str) -> WindowPattern:
    if isinstance(value, str):
        return WindowPattern(title=read_text(value, path))
    given = read_fields(value, path, {"title": read_text, "class": read_text})
    if not given:
        raise PolicyError(f"{path} is empty: give title or class")
    return WindowPattern(title=given.get("title", "*"), cls=given.get("class", "*"))


def read_host(value: object, path: str) -> str:
    text = read_text(value, path).lower()
    if "/" in text or ":" in text or "*" in text.removeprefix("*."):
        raise PolicyError(f"{path} is {value!r}: it must be a host such as example.org, or *.example.org for all below it")
    return text


def read_region(value: object, path: str) -> Region:
    sides = list_of(number(0, 1))(value, path)
    if len(sides) != 4 or sides[0] >= sides[2] or sides[1] >= sides[3]:
        raise PolicyError(f"{path} is {shown(value)}: it must be [left, top, right, bottom] in fractions of the screen")
    return Region(*sides)


def read_keys(value: object, path: str) -> frozenset[str]:
    parts = [part for part in read_text(value, path).split("+") if part] or ["+"]
    try:
        return frozenset(canonical_key(part.strip()) for part in parts)
    except ValueError as error:
        raise PolicyError(f"{path}: {error}") from None


def read_key(value: object, path: str) -> str:
    keys = read_keys(value, path)
    if len(keys) != 1:
        raise PolicyError(f"{path} is {value!r}: it must be one key, such as escape or f12")
    return next(iter(keys))


def read_word(value: object, path: str) -> str:
    text = read_text(value, path)
    if not text.strip("* "):
        raise PolicyError(f"{path} is {value!r}: it must be a word, or the beginning of one with a * after it")
    return text
