"""Smart-resize against the reference implementations' own figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.geometry import Size
from actions.resize import ImageRule

UITARS_15 = ImageRule(28, 78400, 12845056)
QWEN25 = ImageRule(28, 3136, 12845056)
QWEN3 = ImageRule(32, 65536, 16 * 16 * 4 * 12800)
SCALECUA = ImageRule(28, 3136, 2109744)

# (height, width) → (height, width), as the published functions print them.
COMMON_28 = {
    (1080, 1920): (1092, 1932),
    (768, 1366): (756, 1372),
    (1440, 2560): (1428, 2548),
    (2160, 3840): (2156, 3836),
    (4320, 7680): (2688, 4760),
    (800, 1280): (812, 1288),
    (900, 1440): (896, 1428),
    (1117, 1728): (1120, 1736),
    (982, 1512): (980, 1512),
}
TABLE = [
    *((UITARS_15, given, wanted) for given, wanted in COMMON_28.items()),
    (UITARS_15, (20, 20), (280, 280)),
    (UITARS_15, (224, 224), (280, 280)),
    (UITARS_15, (1, 150), (28, 3444)),
    *((QWEN25, given, wanted) for given, wanted in COMMON_28.items()),
    (QWEN25, (20, 20), (56, 56)),
    (QWEN25, (224, 224), (224, 224)),
    (QWEN25, (1, 150), (28, 140)),
    (QWEN3, (1080, 1920), (1088, 1920)),
    (QWEN3, (768, 1366), (768, 1376)),
    (QWEN3, (1440, 2560), (1440, 2560)),
    (QWEN3, (2160, 3840), (2176, 3840)),
    (QWEN3, (4320, 7680), (2688, 4800)),
    (QWEN3, (900, 1440), (896, 1440)),
    (QWEN3, (1117, 1728), (1120, 1728)),
    (QWEN3, (982, 1512), (992, 1504)),
    *((SCALECUA, size, (1064, 1932)) for size in [(1440, 2560), (2160, 3840), (4320, 7680)]),
]


@pytest.mark.parametrize(("rule", "given", "wanted"), TABLE)
def test_agrees_with_the_reference_table(rule: ImageRule, given: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert rule.resized(Size(width=given[1], height=given[0])) == Size(width=wanted[1], height=wanted[0])


def test_halves_round_to_even_as_in_python() -> None:
    rule = ImageRule(32, 32 * 32, 10**9)
    assert rule.resized(Size(80, 112)) == Size(64, 128)  # 2.5 → 2, 3.5 → 4


@pytest.mark.parametrize("size", [Size(201, 1), Size(1, 201), Size(100_000, 400)])
def test_too_narrow_a_picture_is_an_error_that_names_it(size: Size) -> None:
    with pytest.raises(ValueError, match=rf"{size}.*200"):
        UITARS_15.resized(size)


def test_the_narrowest_allowed_picture_is_resized() -> None:
    assert QWEN25.resized(Size(200, 1)) == Size(196, 28)


@pytest.mark.parametrize("size", [Size(0, 10), Size(10, 0), Size(-5, 10)])
def test_an_empty_picture_is_an_error(size: Size) -> None:
    with pytest.raises(ValueError, match="empty"):
        UITARS_15.resized(size)


@pytest.mark.parametrize("numbers", [(0, 1, 2), (28, 0, 2), (28, 5, 4), (28, 1.5, 2)])
def test_a_rule_that_cannot_be_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="image"):
        ImageRule(*numbers)


@given(st.integers(1, 9000), st.integers(1, 9000), st.sampled_from([UITARS_15, QWEN25, QWEN3, SCALECUA]))
def test_sides_are_multiples_and_the_picture_never_vanishes(width: int, height: int, rule: ImageRule) -> None:
    if max(width, height) > 200 * min(width, height):
        return
    resized = rule.resized(Size(width, height))
    assert resized.width % rule.factor == resized.height % rule.factor == 0
    assert resized.width >= rule.factor and resized.height >= rule.factor
