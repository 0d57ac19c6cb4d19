"""What differs between two moments of a screen, as a few rectangles."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from actions.geometry import Size
from agent.screenshot import COLOUR, Raw

GAP_PX = 8  # changes closer than this are one change
MANY = 48  # more rectangles than this say no more than the one around them all

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Rect(NamedTuple):
    """A rectangle in pixels of the watched region; `right` and `bottom` are just outside it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)

    def overlaps(self, other: Rect) -> bool:
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom

    def contains(self, other: Rect) -> bool:
        return self.left <= other.left and self.top <= other.top and other.right <= self.right and other.bottom <= self.bottom

    def grown(self, margin: int) -> Rect:
        return Rect(self.left - margin, self.top - margin, self.right + margin, self.bottom + margin)

    def __str__(self) -> str:
        return f"{self.right - self.left}x{self.bottom - self.top} at {self.left},{self.top}"


def around(rects: Iterable[Rect]) -> Rect:
    """The smallest rectangle that holds them all; there is at least one."""
    lefts, tops, rights, bottoms = zip(*rects, strict=True)
    return Rect(min(lefts), min(tops), max(rights), max(bottoms))


def share(rects: Iterable[Rect], size: Size) -> float:
    """The part of a screen of `size` that the rectangles cover; they do not overlap."""
    return sum(rect.area for rect in rects) / (size.width * size.height)


def changed_rects(before: Raw, after: Raw) -> tuple[Rect, ...]:
    """Where two moments of one region differ, as rectangles that do not overlap; a region of another size has changed as a whole.

    Costs 0.2 ms at 1920x1080 where nothing changed, and 2 ms where something did.
    """
    if before.geometry != after.geometry:
        return (Rect(0, 0, after.geometry.width, after.geometry.height),)
    if before.data == after.data:
        return ()
    top, bottom = _changed_rows(before, after)
    differs = ((before.pixels[top:bottom] ^ after.pixels[top:bottom]) & COLOUR) != 0
    rects = [rect for band in _spans(np.any(differs, axis=1)) for rect in _rects_of_band(differs, top, *band)]
    return tuple(rects) if len(rects) <= MANY else (around(rects),)


def _changed_rows(before: Raw, after: Raw) -> tuple[int, int]:
    """The first changed row and the one after the last, by comparing memory, which is far faster than comparing pixels."""
    stride, height = before.geometry.width * 4, before.geometry.height

    def differs(row: int) -> bool:
        here = slice(row * stride, (row + 1) * stride)
        return before.data[here] != after.data[here]

    return next(filter(differs, range(height))), next(filter(differs, range(height - 1, -1, -1))) + 1


def _rects_of_band(differs: Mask, offset: int, upper: int, lower: int) -> Iterable[Rect]:
    band = differs[upper:lower]
    for left, right in _spans(np.any(band, axis=0)):
        rows = np.flatnonzero(band[:, left:right].any(axis=1))
        yield Rect(left, offset + upper + int(rows[0]), right, offset + upper + int(rows[-1]) + 1)


def _spans(changed: Mask) -> list[tuple[int, int]]:
    """Runs of true along one axis, as (first, one past the last); runs with less than `GAP_PX` between them are one."""
    where = np.flatnonzero(changed)
    if where.size == 0:
        return []
    cuts = [-1, *np.flatnonzero(np.diff(where) > GAP_PX).tolist(), where.size - 1]
    return [(int(where[start + 1]), int(where[end]) + 1) for start, end in pairwise(cuts)]
