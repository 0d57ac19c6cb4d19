"""Actions as JSON Schema, made from the dataclasses themselves, so that it says what `actions.wire` reads."""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from actions.geometry import Point
from actions.space import ACTION_TYPES, Action

_FRACTION = {"type": "number", "minimum": 0, "maximum": 1}
_POINT = {
    "type": "array",
    "description": "[x, y] in fractions of the screen's width and height, from its top left",
    "prefixItems": [_FRACTION, _FRACTION],
    "minItems": 2,
    "maxItems": 2,
}
_PLAIN = {str: "string", int: "integer", float: "number"}


def action_schema(kinds: Iterable[str] = tuple(ACTION_TYPES)) -> dict[str, Any]:
    """JSON Schema (2020-12) of one action of any of `kinds`."""
    return {"type": "object", "required": ["type"], "oneOf": [_schema_of(ACTION_TYPES[kind]) for kind in kinds]}


def _schema_of(cls: type[Action]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    properties: dict[str, Any] = {"type": {"const": cls.type}}
    required = ["type"]
    for field in fields(cls):
        properties[field.name] = _type_schema(hints[field.name])
        if field.default is MISSING:
            required.append(field.name)
        else:
            properties[field.name] = properties[field.name] | {"default": _plain_default(field.default)}
    return {
        "type": "object",
        "title": cls.type,
        "description": " ".join((cls.__doc__ or "").split()),
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _type_schema(hint: Any) -> dict[str, Any]:
    if hint is Point:
        return _POINT
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        return {"enum": list(arguments)}
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _type_schema(arguments[0])}
    if get_origin(hint) in (Union, types.UnionType):
        return {"anyOf": [{"type": "null"} if each is type(None) else _type_schema(each) for each in arguments]}
    raise TypeError(f"no schema is known for {hint}")


def _plain_default(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
