"""Every dialect reads its family's own published examples, all of them, to the coordinate."""

from __future__ import annotations

import pytest

from actions.dialects import get_dialect
from actions.geometry import Frame, Size
from actions.wire import action_from_json
from tests.actions.published_examples import EXAMPLES, Example
from tests.actions.test_dialects import NAMES, points_of, without_points

SCREEN = Frame(Size(1920, 1080))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.name}: {example.text[:40]!r}")
def test_a_published_example_means_what_it_says(example: Example) -> None:
    got = get_dialect(example.name).parse(example.text, SCREEN)
    assert got.error is None
    assert got.thought == example.thought
    wanted = [action_from_json(action) for action in example.actions]
    assert [without_points(action) for action in got.actions] == [without_points(action) for action in wanted]
    for one, other in zip(got.actions, wanted, strict=True):
        for point, place in zip(points_of(one), points_of(other), strict=True):
            assert (point.x, point.y) == pytest.approx((place.x, place.y), abs=1e-9)


def test_every_dialect_has_published_examples() -> None:
    shares = {"deftly-tiny", "gui-owl-mobile", "ui-venus-computer"}  # ours, Qwen's words, and a test of its own
    assert set(NAMES) - {example.name for example in EXAMPLES} == shares
