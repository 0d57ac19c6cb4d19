"""The spellings of a place: numbers in a model's own space, in any of the wrappings that models put around them."""

from __future__ import annotations

import re

from actions.coordinates import ModelSpace
from actions.dialects.calls import shown
from actions.geometry import Point

_WRAPPINGS = (("<|box_start|>", "<|box_end|>"), ("<point>", "</point>"), ("<bbox>", "</bbox>"))
_NUMBER = r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
_PAIR = rf"{_NUMBER}(?: ?, ?| ){_NUMBER}"
_PLACE = re.compile(rf"[(\[]? ?{_PAIR}(?: ?[)\]]?(?: ?, ?| )[(\[]? ?{_PAIR})? ?[)\]]?")
# As most are written: no white space to gather, no box to halve.
_USUAL = re.compile(
    r"\(([0-9]{1,6}),([0-9]{1,6})\)|<point>([0-9]{1,6}) ([0-9]{1,6})</point>|<\|box_start\|>\(([0-9]{1,6}),([0-9]{1,6})\)<\|box_end\|>"
)
_MAX_CHARACTERS = 200  # the longest spelling that makes sense is half of that; long digit strings cost quadratic time


def read_place(text: str, space: ModelSpace) -> Point:
    """The point that `text` spells; of a box, its middle.

    Raises:
        ValueError: it spells none, or one outside `space`.
    """
    if usual := _USUAL.fullmatch(text):
        last = usual.lastindex or 2
        return space.point(int(usual[last - 1]), int(usual[last]))
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"{shown(text)} is too long for a point: write x and y")
    found = _PLACE.fullmatch(_unwrapped(text))
    if not found:
        raise ValueError(f"{shown(text)} is no point: write two finite numbers, as in (x,y) or <point>x y</point>")
    x, y, *corner = (float(number) for number in found.groups() if number is not None)
    first = space.point(x, y)
    if not corner:
        return first
    space.point(*corner)
    return space.point((x + corner[0]) / 2, (y + corner[1]) / 2)


def _unwrapped(text: str) -> str:
    inner = " ".join(text.split())
    for opening, closing in _WRAPPINGS:
        if inner.startswith(opening) and inner.endswith(closing):
            inner = inner[len(opening) : -len(closing)].strip()
    return inner
