"""Coordinates to the pixel: every rule, every kind of screen, and the way from a model's number to the pixel under the hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.coordinates import COORDINATES, Coordinates, space_of
from actions.dialects import get_dialect
from actions.geometry import Frame, Geometry, Point, Region, Size
from actions.resize import ImageRule
from actions.space import Click, Prediction
from tests.actions.strategies import frames, points, sizes
from tests.actions.test_dialects import NAMES

RULE = ImageRule(28, 3136, 12845056)
RULES = st.sampled_from([RULE, ImageRule(32, 65536, 262144), ImageRule(28, 1, 4096 * 14 * 14)])
HD, FOUR_K = Size(1920, 1080), Size(3840, 2160)


@pytest.mark.parametrize(
    ("coordinates", "numbers"),
    [
        ("resized", (966, 546)),
        ("relative-1000", (500, 500)),
        ("thousandths", (500, 500)),
        ("fraction", (0.5, 0.5)),
        ("sent", (960, 540)),
    ],
)
def test_the_middle_of_a_screen_in_every_space(coordinates: Coordinates, numbers: tuple[float, float]) -> None:
    space = space_of(coordinates, Frame(HD), RULE)
    assert space.numbers(Point(0.5, 0.5)) == numbers
    assert space.point(*numbers) == Point(0.5, 0.5)


def test_of_999_units_the_last_is_the_far_edge_and_of_thousandths_it_is_not() -> None:
    assert space_of("relative-999", Frame(HD), RULE).point(999, 0) == Point(1.0, 0.0)
    assert space_of("thousandths", Frame(HD), RULE).point(999, 0) == Point(0.999, 0.0)
    with pytest.raises(ValueError, match="x is 1000, outside the relative space of 999x999"):
        space_of("thousandths", Frame(HD), RULE).point(1000, 0)


def test_fractions_of_a_padded_picture_count_the_padding() -> None:
    frame, rule = Frame(Size(1000, 980)), ImageRule(28, 1, 10**8)
    assert rule.padded(Size(1000, 980)) == (Size(1000, 980), Size(1008, 980))
    space = space_of("fraction-padded", frame, rule)
    assert space.point(0.5, 0.5).to_pixel(frame.screen) == (504, 490)
    assert space_of("fraction", frame, rule).point(0.5, 0.5).to_pixel(frame.screen) == (500, 490)
    with pytest.raises(ValueError, match="outside the picture within its padding"):
        space.point(0.999, 0.5)


def test_a_picture_that_is_too_large_for_a_model_that_pads_shrinks_first() -> None:
    kept, padded = ImageRule(28, 1, 4096 * 14 * 14).padded(HD)
    assert kept == Size(1196, 672)  # sqrt(4096 / (137 * 77)) of each side, as MoonViT counts whole patches
    assert (kept.width // 14) * (kept.height // 14) <= 4096
    assert padded.width % 28 == padded.height % 28 == 0
    assert 0 <= padded.width - kept.width < 28 and 0 <= padded.height - kept.height < 28


@given(coordinates=st.sampled_from(COORDINATES), frame=frames, rule=RULES, point=points)
def test_a_point_moves_at_most_half_a_unit_in_every_space(coordinates: Coordinates, frame: Frame, rule: ImageRule, point: Point) -> None:
    space = space_of(coordinates, frame, rule)
    again = space.point(*space.numbers(point))
    half = 0.5 * 10**-space.decimals
    for one, other, width, last in ((point.x, again.x, space.width, space.last_x), (point.y, again.y, space.height, space.last_y)):
        assert abs(one - other) * width <= max(half, one * width - last) + 1e-6


@given(coordinates=st.sampled_from(COORDINATES), frame=frames, rule=RULES, point=points)
def test_what_was_read_is_written_with_the_same_numbers(coordinates: Coordinates, frame: Frame, rule: ImageRule, point: Point) -> None:
    space = space_of(coordinates, frame, rule)
    numbers = space.numbers(point)
    assert space.numbers(space.point(*numbers)) == numbers


@pytest.mark.parametrize("name", NAMES)
@given(screen=sizes, sent=st.none() | sizes, left=st.integers(-8000, 8000), top=st.integers(-8000, 8000), data=st.data())
def test_a_click_lands_on_the_pixel_that_was_meant_on_any_monitor(
    name: str, screen: Size, sent: Size | None, left: int, top: int, data: st.DataObject
) -> None:
    """From a desktop pixel through the dialect and back: off by at most half a unit of the model's grid, which no parser can mend."""
    monitor, frame, dialect = Geometry(left=left, top=top, width=screen.width, height=screen.height), Frame(screen, sent), get_dialect(name)
    x = left + data.draw(st.integers(0, screen.width - 1))
    y = top + data.draw(st.integers(0, screen.height - 1))
    point = monitor.from_desktop(x, y)
    assert point is not None
    text = dialect.format(Prediction(actions=(Click(point=point),)), frame)
    (click,) = dialect.parse(text, frame).actions
    assert isinstance(click, Click)
    landed = monitor.to_desktop(click.point)
    space = space_of(dialect.coordinates, frame, dialect.image_rule)  # type: ignore[attr-defined] # all of ours have them
    unit = 10.0**-space.decimals
    assert abs(landed[0] - x) <= max(
        0, round(unit / 2 / space.width * screen.width + max(0, 1 - space.last_x / space.width) * screen.width)
    )
    assert abs(landed[1] - y) <= max(
        0, round(unit / 2 / space.height * screen.height + max(0, 1 - space.last_y / space.height) * screen.height)
    )


def test_on_a_screen_no_finer_than_the_model_s_grid_every_pixel_is_hit_exactly() -> None:
    monitor, frame, dialect = Geometry(left=-1280, top=-100, width=1280, height=720), Frame(Size(1280, 720)), get_dialect("uitars-1.5")
    for x in range(-1280, 0, 7):
        point = monitor.from_desktop(x, 5)
        assert point is not None
        (click,) = dialect.parse(dialect.format(Prediction(actions=(Click(point=point),)), frame), frame).actions
        assert isinstance(click, Click) and monitor.to_desktop(click.point) == (x, 5)


def test_a_retina_capture_is_read_in_its_own_pixels_and_clicked_in_the_desktop_s() -> None:
    """HiDPI: the picture has 3840x2160 px, the pointer moves over 1920x1080; fractions belong to both."""
    (click,) = get_dialect("anthropic").parse('{"action": "left_click", "coordinate": [3000, 100]}', Frame(FOUR_K)).actions
    assert isinstance(click, Click)
    assert Geometry(left=0, top=0, width=1920, height=1080).to_desktop(click.point) == (1500, 50)


def test_a_screenshot_that_was_scaled_before_sending_is_read_in_the_pixels_that_were_sent() -> None:
    frame = Frame(FOUR_K, Size(1280, 720))
    (click,) = get_dialect("openai").parse('{"type": "click", "x": 320, "y": 180}', frame).actions
    assert isinstance(click, Click) and click.point.to_pixel(FOUR_K) == (960, 540)


class TestZoom:
    def test_a_number_in_a_crop_means_the_place_on_the_screen(self) -> None:
        frame = Frame(FOUR_K, None, Region(left=0.5, top=0.5, right=0.75, bottom=0.75))
        assert frame.sent == Size(960, 540)
        (click,) = get_dialect("qwen3-vl").parse('{"action": "left_click", "coordinate": [500, 500]}', frame).actions
        assert isinstance(click, Click) and click.point == Point(0.625, 0.625)

    @pytest.mark.parametrize("name", NAMES)
    @given(target=points, size=sizes, screen=sizes)
    def test_around_a_target_it_is_found_again_to_half_a_unit(self, name: str, target: Point, size: Size, screen: Size) -> None:
        region, dialect = Region.around(target, size, screen), get_dialect(name)
        frame = Frame(screen, None, region)
        text = dialect.format(Prediction(actions=(Click(point=target),)), frame)
        (click,) = dialect.parse(text, frame).actions
        assert isinstance(click, Click)
        grid = space_of(dialect.coordinates, frame, dialect.image_rule)  # type: ignore[attr-defined] # all of ours have them
        unit = 10.0**-grid.decimals
        short_x, short_y = 1 - grid.last_x / grid.width, 1 - grid.last_y / grid.height
        assert abs(click.point.x - target.x) <= (unit / 2 / grid.width + max(0, short_x)) * (region.right - region.left) + 1e-6
        assert abs(click.point.y - target.y) <= (unit / 2 / grid.height + max(0, short_y)) * (region.bottom - region.top) + 1e-6

    @given(target=points, size=sizes, screen=sizes)
    def test_a_crop_has_whole_pixels_and_stays_on_the_screen(self, target: Point, size: Size, screen: Size) -> None:
        region = Region.around(target, size, screen)
        assert region.size_px(screen) == Size(min(size.width, screen.width), min(size.height, screen.height))
        assert region.inward(target) == pytest.approx(region.inward(region.outward(*region.inward(target))))

    def test_a_point_that_the_crop_does_not_show_cannot_be_written(self) -> None:
        frame = Frame(HD, None, Region(left=0.0, top=0.0, right=0.5, bottom=0.5))
        with pytest.raises(ValueError, match="lies outside the part of the screen that the picture shows"):
            get_dialect("uitars-1.5").format(Prediction(actions=(Click(point=Point(0.9, 0.1)),)), frame)

    @pytest.mark.parametrize("sides", [(0.5, 0.0, 0.5, 1.0), (0.0, 0.0, 1.1, 1.0), (-0.1, 0.0, 1.0, 1.0), (0.0, 0.9, 1.0, 0.1)])
    def test_a_region_that_is_no_part_of_the_screen_is_refused(self, sides: tuple[float, float, float, float]) -> None:
        left, top, right, bottom = sides
        with pytest.raises(ValueError, match="is no part of a screen"):
            Region(left=left, top=top, right=right, bottom=bottom)


def test_an_unknown_rule_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="coordinates is 'metres': it must be one of resized"):
        space_of("metres", Frame(HD), RULE)  # type: ignore[arg-type] # as a caller without types would
