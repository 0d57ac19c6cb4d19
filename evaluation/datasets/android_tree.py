"""The target of a tap in Android's accessibility tree, which AndroidControl stores beside every screenshot.

Fields by their numbers in google-deepmind/android_env, proto/a11y: Forest.windows 1; WindowInfo.tree 11; Tree.nodes 1; NodeInfo: bounds 2,
is_checkable 12, is_clickable 14, is_editable 15, is_long_clickable 19, is_visible_to_user 23; Rect: left 1, top 2, right 3, bottom 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from actions.geometry import Size
from evaluation.datasets.tfrecord import fields
from evaluation.steps import Box, Place

_WINDOWS, _TREE, _NODES, _BOUNDS, _VISIBLE = 1, 11, 1, 2, 23
_TOUCHABLE = (12, 14, 15, 19)


class Node(NamedTuple):
    """What is on the screen somewhere: its box in fractions, and whether it answers to a touch."""

    box: Box
    touchable: bool


def read_nodes(forest: bytes, size: Size) -> list[Node]:
    """The visible nodes that have an area.

    Raises:
        ValueError: the forest is damaged.
    """
    return [node for window in _messages(forest, _WINDOWS) for tree in _messages(window, _TREE) for node in _nodes(tree, size)]


def target_box(nodes: list[Node], place: Place) -> Box | None:
    """The element at `place`: the smallest one that answers to a touch, else the smallest; `None` where there is none."""
    here = [node for node in nodes if node.box.holds(place)]
    candidates = [node for node in here if node.touchable] or here
    return min((node.box for node in candidates), key=lambda box: box.area, default=None)


def _nodes(tree: bytes, size: Size) -> Iterator[Node]:
    for data in _messages(tree, _NODES):
        node = dict(fields(data))
        bounds = node.get(_BOUNDS)
        if not node.get(_VISIBLE) or not isinstance(bounds, bytes):
            continue
        sides = dict(fields(bounds))
        box = Box(*(float(_int32(sides.get(number, 0))) for number in (1, 2, 3, 4))).in_fractions_of(size)
        if box.area > 0:
            yield Node(box, any(node.get(number) for number in _TOUCHABLE))


def _messages(data: bytes, wanted: int) -> Iterator[bytes]:
    return (value for number, value in fields(data) if number == wanted and isinstance(value, bytes))


def _int32(value: int | bytes) -> int:
    assert isinstance(value, int)
    return value - (1 << 64) if value >> 63 else value
