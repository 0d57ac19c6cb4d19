"""Changed rectangles hold every changed pixel, and nothing is said to change that did not."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from actions.geometry import Geometry, Size
from agent.change import GAP_PX, Rect, around, changed_rects, share
from agent.screenshot import Raw

SIZE = Size(64, 48)


def raw(pixels: np.ndarray, left: int = 0) -> Raw:
    height, width = pixels.shape
    return Raw(bytearray(pixels.astype(np.uint32).tobytes()), Geometry(left=left, top=0, width=width, height=height))


BLACK = np.zeros((SIZE.height, SIZE.width), np.uint32)
POINTS = st.lists(st.tuples(st.integers(0, SIZE.height - 1), st.integers(0, SIZE.width - 1)), max_size=30)


@given(POINTS)
def test_the_rectangles_hold_every_changed_pixel_and_do_not_overlap(points: list[tuple[int, int]]) -> None:
    after = BLACK.copy()
    for row, column in points:
        after[row, column] = 0x010203
    rects = changed_rects(raw(BLACK), raw(after))
    covered = np.zeros(BLACK.shape, int)
    for left, top, right, bottom in rects:
        assert after[top:bottom, left:right].any(axis=1)[[0, -1]].all(), "a rectangle is no taller than what changed in it"
        covered[top:bottom, left:right] += 1
    assert covered.max(initial=0) <= 1
    assert (covered[after != 0] == 1).all()
    assert bool(rects) == bool(points)


@given(arrays(np.uint32, BLACK.shape))
def test_equal_screens_have_no_changes(pixels: np.ndarray) -> None:
    assert changed_rects(raw(pixels), raw(pixels.copy())) == ()


def test_padding_bytes_are_no_change() -> None:
    assert changed_rects(raw(BLACK), raw(BLACK | np.uint32(0xFF000000))) == ()


def test_places_far_apart_are_told_apart_and_near_ones_are_one() -> None:
    after = BLACK.copy()
    after[2:5, 2:5] = after[2:5, 5 + GAP_PX - 1 : 20] = after[40:44, 50:60] = 1
    assert changed_rects(raw(BLACK), raw(after)) == (Rect(2, 2, 20, 5), Rect(50, 40, 60, 44))


def test_a_screen_of_another_size_or_place_has_changed_as_a_whole() -> None:
    assert changed_rects(raw(BLACK), raw(np.zeros((10, 20)))) == (Rect(0, 0, 20, 10),)
    assert changed_rects(raw(BLACK), raw(BLACK, left=5)) == (Rect(0, 0, *SIZE),)


def test_shares_and_surroundings() -> None:
    rects = (Rect(0, 0, 32, 24), Rect(40, 30, 48, 42))
    assert share(rects, SIZE) == (32 * 24 + 8 * 12) / (64 * 48)
    assert around(rects) == Rect(0, 0, 48, 42)
