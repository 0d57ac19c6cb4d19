"""What a family has no word for, said in its own syntax: the type and fields of our JSON form, points in the model's space.

{"action": "click", "point": [500, 300], "button": "right", "count": 2}          computer.click(point=(500, 300), button='right', count=2)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields

from actions.coordinates import ModelSpace
from actions.dialects.fields import Fields, point_of, shown_value
from actions.geometry import Point
from actions.space import ACTION_TYPES, Action
from actions.wire import action_from_json

_TOLD = ("dx", "dy")  # what tells our form of a scroll from a family's own


def is_wire(given: Fields) -> bool:
    """Whether only our own form can be meant: it has a field that no family uses."""
    return given.word in ACTION_TYPES and given.has("point", "dx", "dy", "count", "modifiers", "seconds", "app_name")


def read_wire(given: Fields) -> Action:
    """The action in our own form.

    Raises:
        ValueError: it is none; the message names the field.
    """
    wire: dict[str, object] = {"type": given.word}
    for name, value in given.rest().items():
        wire[name] = _fractions(name, value, given.space)
    return action_from_json(wire)


def write_wire(action: Action, space: ModelSpace) -> tuple[str, dict[str, object]]:
    """The word and the fields of `action` in our own form; what is as by default is left out."""
    written: dict[str, object] = {}
    for field in fields(action):
        value = getattr(action, field.name)
        if field.default is MISSING or value != field.default or field.name in _TOLD:
            written[field.name] = _units(value, space)
    return action.type, written


def numbers_of(point: Point, space: ModelSpace) -> list[float]:
    """The point as the model writes it in JSON: `[x, y]`."""
    return list(space.numbers(point))


def _units(value: object, space: ModelSpace) -> object:
    if isinstance(value, Point):
        return numbers_of(value, space)
    if isinstance(value, tuple):
        return [_units(each, space) for each in value]
    return value


def _fractions(name: str, value: object, space: ModelSpace) -> object:
    if name == "point":
        return _pair(name, value, space)
    if name == "path":
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise ValueError(f"path is {shown_value(value)}: it must be a list of points")
        return [_pair(f"path[{index}]", each, space) for index, each in enumerate(value)]
    return value


def _pair(name: str, value: object, space: ModelSpace) -> list[float]:
    try:
        point = point_of(value, space)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return [point.x, point.y]
