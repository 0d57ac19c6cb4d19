"""Actions as JSON: the one form in which they leave Python, written and strictly read back.

The errors of `action_from_json` name the field by its dotted path from the action: `click.point[1]`, `drag.path[0]`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, NamedTuple

from actions.geometry import Point
from actions.space import ACTION_TYPES, Action, Prediction

Json = dict[str, Any]


class WireError(ValueError):
    """JSON that is no action: the message names the field, says what is wrong with it and what belongs there."""


class Codec(NamedTuple):
    """How one kind of field is written and read; `read` also gets the field's path for its errors."""

    write: Callable[[Any], Any]
    read: Callable[[Any, str], Any]


def action_to_json(action: Action) -> Json:
    """`action` as a JSON object, every field present, its type first."""
    codecs = _FIELDS[action.type]
    return {"type": action.type} | {name: codec.write(getattr(action, name)) for name, codec in codecs.items()}


def action_from_json(value: object) -> Action:
    """The action that `value` says. A field that has a default may be absent.

    Raises:
        WireError: `value` is no action; the message names the field.
    """
    given = _object(value)
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in ACTION_TYPES:
        raise WireError(f"action.type is {_shown(kind)}: it must be one of {', '.join(ACTION_TYPES)}")
    codecs, required = _FIELDS[kind], _REQUIRED[kind]
    for name in given:
        if name != "type" and name not in codecs:
            raise WireError(f"{kind}.{name} is unknown: {kind} has {', '.join(codecs) or 'no fields'}")
    for name in required:
        if name not in given:
            raise WireError(f"{kind}.{name} is missing: {kind} cannot do without it")
    arguments = {name: codecs[name].read(given[name], f"{kind}.{name}") for name in codecs if name in given}
    try:
        return ACTION_TYPES[kind](**arguments)
    except ValueError as error:
        raise WireError(str(error)) from None


def prediction_to_json(prediction: Prediction) -> Json:
    """What a model said, without its raw text: `{"thought", "actions", "error"}`."""
    return {
        "thought": prediction.thought,
        "actions": [action_to_json(action) for action in prediction.actions],
        "error": prediction.error,
    }


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise WireError(f"action is {_shown(value)}: it must be an object such as {{'type': 'wait', 'seconds': 5.0}}")
    for name in value:
        if not isinstance(name, str):
            raise WireError(f"action has a field called {_shown(name)}: field names are strings")
    return value


def _shown(value: object) -> str:
    """`value` as the errors show it: never the whole of something huge."""
    if isinstance(value, list | tuple | dict):
        return f"a{'n object' if isinstance(value, dict) else ' list'} of {len(value)}"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a huge number"
    text = repr(value[:61] if isinstance(value, str) else value)
    return text if len(text) <= 64 else text[:60] + "…'"


def _read_string(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise WireError(f"{path} is {_shown(value)}: it must be a string")
    return value


def _read_integer(value: object, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise WireError(f"{path} is {_shown(value)}: it must be a whole number")
    return value


def _read_number(value: object, path: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise WireError(f"{path} is {_shown(value)}: it must be a finite number")


def _read_list(value: object, path: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise WireError(f"{path} is {_shown(value)}: it must be a list")
    return list(value)


def _read_strings(value: object, path: str) -> tuple[str, ...]:
    return tuple(_read_string(each, f"{path}[{i}]") for i, each in enumerate(_read_list(value, path)))


def _read_point(value: object, path: str) -> Point:
    pair = _read_list(value, path)
    if len(pair) != 2:
        raise WireError(f"{path} has {len(pair)} numbers: a point is [x, y]")
    for i, number in enumerate(pair):
        if not 0.0 <= _read_number(number, f"{path}[{i}]") <= 1.0:
            raise WireError(f"{path}[{i}] is {_shown(number)}: a point is a fraction of the screen, from 0 to 1")
    return Point(*pair)


def _read_path(value: object, path: str) -> tuple[Point, ...]:
    return tuple(_read_point(each, f"{path}[{i}]") for i, each in enumerate(_read_list(value, path)))


def _write_point(point: Point) -> list[float]:
    return [point.x, point.y]


def _write_as_is(value: object) -> object:
    return value


def _or_null(codec: Codec) -> Codec:
    return Codec(
        lambda value: None if value is None else codec.write(value),
        lambda value, path: None if value is None else codec.read(value, path),
    )


_STRING = Codec(_write_as_is, _read_string)
_INTEGER = Codec(_write_as_is, _read_integer)
_NUMBER = Codec(_write_as_is, _read_number)
_STRINGS = Codec(list, _read_strings)
_POINT = Codec(_write_point, _read_point)
_PATH = Codec(lambda path: [_write_point(point) for point in path], _read_path)

_FIELDS: dict[str, dict[str, Codec]] = {
    "click": {"point": _POINT, "button": _STRING, "count": _INTEGER, "modifiers": _STRINGS},
    "move": {"point": _POINT},
    "drag": {"path": _PATH, "button": _STRING},
    "button_down": {"button": _STRING, "point": _or_null(_POINT)},
    "button_up": {"button": _STRING, "point": _or_null(_POINT)},
    "scroll": {"point": _or_null(_POINT), "dx": _INTEGER, "dy": _INTEGER},
    "type": {"text": _STRING},
    "hotkey": {"keys": _STRINGS},
    "key_down": {"key": _STRING},
    "key_up": {"key": _STRING},
    "wait": {"seconds": _NUMBER},
    "screenshot": {},
    "long_press": {"point": _POINT, "seconds": _NUMBER},
    "open_app": {"app_name": _STRING},
    "press_home": {},
    "press_back": {},
    "press_recent": {},
    "finished": {"answer": _or_null(_STRING)},
    "failed": {"reason": _or_null(_STRING)},
    "call_user": {"question": _or_null(_STRING)},
}
_REQUIRED = {
    kind: tuple(field.name for field in fields(cls) if field.default is MISSING and field.default_factory is MISSING)
    for kind, cls in ACTION_TYPES.items()
}
