"""Points, frames and regions: what they refuse, and that pixels and fractions are inverse to each other."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.geometry import Frame, Geometry, Point, Size
from tests.actions.strategies import points, sizes


@pytest.mark.parametrize("x", [-0.001, 1.001, math.nan, math.inf, -math.inf, 10**400])
def test_a_point_outside_the_screen_is_refused_by_name(x: float) -> None:
    with pytest.raises(ValueError, match=r"point\.x"):
        Point(x, 0.5)
    with pytest.raises(ValueError, match=r"point\.y"):
        Point(0.5, x)


def test_whole_numbers_become_fractions() -> None:
    assert repr(Point(0, 1)) == "Point(x=0.0, y=1.0)"


@given(sizes, st.data())
def test_every_pixel_survives_the_way_to_a_fraction_and_back(size: Size, data: st.DataObject) -> None:
    pixel = (data.draw(st.integers(0, size.width - 1)), data.draw(st.integers(0, size.height - 1)))
    assert Point.from_pixel(*pixel, size).to_pixel(size) == pixel


@given(points, sizes)
def test_a_point_moves_at_most_half_a_pixel_and_the_far_edge_one(point: Point, size: Size) -> None:
    x_px, y_px = point.to_pixel(size)
    assert 0 <= x_px < size.width and 0 <= y_px < size.height
    for pixel, exact, side in ((x_px, point.x * size.width, size.width), (y_px, point.y * size.height, size.height)):
        assert abs(pixel - exact) <= (0.5 if exact <= side - 0.5 else 1.0) + 1e-9


def test_the_image_that_was_sent_is_the_screen_unless_another_is_named() -> None:
    assert Frame(Size(1920, 1080)).sent == Size(1920, 1080)
    assert Frame(Size(1920, 1080), Size(640, 360)).sent == Size(640, 360)


@pytest.mark.parametrize(("screen", "image", "name"), [((0, 5), None, "screen"), ((5, 5), (5, -1), "image")])
def test_an_empty_frame_is_refused_by_name(screen: tuple[int, int], image: tuple[int, int] | None, name: str) -> None:
    with pytest.raises(ValueError, match=rf"frame\.{name}"):
        Frame(Size(*screen), Size(*image) if image else None)


def test_a_region_of_the_desktop_may_start_left_of_and_above_it() -> None:
    region = Geometry(left=-1920, top=-200, width=1920, height=1080)
    assert region.to_desktop(Point(0.0, 0.0)) == (-1920, -200)
    assert region.to_desktop(Point(1.0, 1.0)) == (-1, 879)
    assert region.size == Size(1920, 1080)


def test_an_empty_region_is_refused() -> None:
    with pytest.raises(ValueError, match="geometry"):
        Geometry(left=0, top=0, width=0, height=10)


@given(st.integers(0, 1919), st.integers(0, 1079))
def test_a_desktop_pixel_survives_the_way_to_a_point_and_back(x: int, y: int) -> None:
    region = Geometry(left=-7, top=31, width=1920, height=1080)
    point = region.from_desktop(x - 7, y + 31)
    assert point is not None and region.to_desktop(point) == (x - 7, y + 31)


def test_a_desktop_pixel_outside_the_region_has_no_point() -> None:
    region = Geometry(left=10, top=10, width=100, height=100)
    assert region.from_desktop(9, 50) is None
    assert region.from_desktop(50, 110) is None
