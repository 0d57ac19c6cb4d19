"""Strict YAML: a file is read into frozen dataclasses, and whatever does not fit is an error that names its dotted path.

`base: NAME` takes over what another file says: mappings are merged key by key, everything else is replaced.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import yaml

from plugins.errors import PluginError

T = TypeVar("T")


class FamilyError(PluginError):
    """A family is unknown, or its file is wrong; the message names the file, the dotted path and the mend."""


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a key may stand only once: PyYAML alone silently keeps the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.YAMLError(f"a key in line {key_node.start_mark.line + 1} is not text")
            if key in seen:
                raise yaml.YAMLError(f"{key!r} stands twice, again in line {key_node.start_mark.line + 1}")
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_strict(cls: type[T], path: Path, *, find_base: Callable[[str], Path], own: frozenset[str] = frozenset()) -> T:
    """The file at `path` as a `cls`. `find_base` tells where a base lies; the `own` keys of a base are not taken over.

    Raises:
        FamilyError: the file or one of its bases cannot be read, is not YAML, or does not fit `cls`.
    """
    data = _with_bases(path, find_base, own, ())
    try:
        return build_strict(cls, data)
    except ValueError as error:
        raise FamilyError(f"{path}: {error}") from error


def build_strict(cls: type[T], data: object) -> T:
    """`data`, as YAML gives it, as a `cls`.

    Raises:
        ValueError: something in it does not fit; the message names its dotted path.
    """
    return cast(T, _build(cls, data, ""))


def _with_bases(path: Path, find_base: Callable[[str], Path], own: frozenset[str], heirs: tuple[Path, ...]) -> object:
    """What `path` says, over what its base says; `heirs` are the files that have it as their base."""
    if path in heirs:
        raise FamilyError(f"{path} is its own base: {' -> '.join(heir.stem for heir in (*heirs, path))}")
    data = _load(path)
    if not isinstance(data, dict) or "base" not in data:
        return data
    name = data.pop("base")
    if not isinstance(name, str):
        raise FamilyError(f"{path}: base is {name!r}: it must be the name of a family")
    base = _with_bases(find_base(name), find_base, own, (*heirs, path))
    return _merged({key: value for key, value in base.items() if key not in own}, data) if isinstance(base, dict) else data


def _load(path: Path) -> object:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise FamilyError(f"{path} cannot be read: {error}") from error


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merged(base[key], over[key]) for key in over if isinstance(base.get(key), dict) and isinstance(over[key], dict)}
    return base | over | both


def _build(kind: Any, value: object, at: str) -> Any:
    """`value` as a `kind`; `at` is its dotted path."""
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(cast(type, kind), value, at)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return None if value is None else _build(next(arg for arg in get_args(kind) if arg is not type(None)), value, at)
    if origin is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{at} is {value!r}: it must be one of {', '.join(map(str, get_args(kind)))}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{at} is {value!r}: it must be a list")
        return tuple(_build(get_args(kind)[0], item, f"{at}[{index}]") for index, item in enumerate(value))
    return _build_scalar(kind, value, at)


def _build_scalar(kind: type, value: object, at: str) -> object:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:  # not isinstance: True is an int
        words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
        raise ValueError(f"{at} is {value!r}: it must be {words[kind]}")
    return value


def _build_dataclass(cls: type, value: object, at: str) -> object:
    if not isinstance(value, Mapping):
        raise ValueError(f"{at or 'the file'} is {value!r}: it must be a mapping with the keys {', '.join(_names(cls))}")
    hints = get_type_hints(cls)
    for key in value:
        if key not in hints:
            raise ValueError(f"{_dotted(at, key)} is unknown{_did_you_mean(key, _names(cls))}: known here are {', '.join(_names(cls))}")
    for field in dataclasses.fields(cls):
        if field.name not in value and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{_dotted(at, field.name)} is missing: add it")
    return cls(**{key: _build(hints[key], item, _dotted(at, key)) for key, item in value.items()})


def _names(cls: type) -> list[str]:
    return [field.name for field in dataclasses.fields(cls)]


def _dotted(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def _did_you_mean(key: str, names: list[str]) -> str:
    close = get_close_matches(key, names, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
