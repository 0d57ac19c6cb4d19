"""Reads a safety policy from YAML, strictly: an unknown key, a wrong type or a name used twice is an error that names the place.

`extends: default` begins with the built-in policy, less the rules named in `without`; what the file says itself comes on top.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml

from actions.keys import canonical_key
from actions.space import ACTION_TYPES
from agent.safety.rules import (
    SOURCES,
    UNKNOWNS,
    VERDICTS,
    VIEWERS,
    KillKey,
    Redaction,
    Region,
    Rule,
    SafetyPolicy,
    SecretScope,
    WindowPattern,
)

VERSION = 1
BUILT_IN = ("default", "confirm", "none")
T = TypeVar("T")
Reader = Callable[[object, str], Any]


class PolicyError(ValueError):
    """A policy that cannot be used; the message names the file, the place in it, and what belongs there."""


def user_policy_path() -> Path:
    """Where a user's own policy lies: `$XDG_CONFIG_HOME/deftly/policy.yaml`."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "deftly" / "policy.yaml"


def load_policy(name: str | os.PathLike[str] | None = None) -> SafetyPolicy:
    """The policy in a file or built in under `name`; without one the user's own, or else the built-in default.

    Raises:
        PolicyError: there is no such policy, or it cannot be used.
    """
    if name is None:
        return _read_file(user_policy_path()) if user_policy_path().is_file() else built_in("default")
    if str(name) in BUILT_IN:
        return built_in(str(name))
    if not Path(name).is_file():
        raise PolicyError(f"no policy is called {str(name)!r}: give a YAML file, or one of {', '.join(BUILT_IN)}")
    return _read_file(Path(name))


@cache
def built_in(name: str) -> SafetyPolicy:
    """One of those that come with Deftly: `default`, `confirm` (asks before everything that has an effect), `none` (allows everything)."""
    if name == "none":
        return SafetyPolicy(name="none")
    return _read_file(Path(__file__).with_name(f"{name}.yaml"))


def _read_file(path: Path) -> SafetyPolicy:
    try:
        told = yaml.load(path.read_text(encoding="utf-8"), _StrictLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise PolicyError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    try:
        return read_policy(told, path.stem)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from None


def read_policy(told: object, name: str) -> SafetyPolicy:
    """The policy that `told`, as YAML gives it, describes.

    Raises:
        PolicyError: a value is wrong; the message has its dotted path.
    """
    if isinstance(told, dict) and told.get("version") != VERSION:
        raise PolicyError(f"version is {told.get('version')!r}: this Deftly reads version {VERSION}, so write `version: {VERSION}`")
    given = _fields(told, "policy", _TOP)
    base = _base(given)
    without = given.get("without", ())
    rules = tuple(rule for rule in base.rules if rule.name not in without) + given.get("rules", ())
    redactions = tuple(each for each in base.redactions if each.name not in without) + given.get("redact", ())
    known = {rule.name for rule in base.rules} | {each.name for each in base.redactions}
    for index, gone in enumerate(without):
        if gone not in known:
            raise PolicyError(f"without[{index}] is {gone!r}: the policy that is extended has {', '.join(sorted(known)) or 'no rules'}")
    _check_once([each.name for each in rules], "rules")
    _check_once([each.name for each in redactions], "redact")
    return replace(
        base,
        name=given.get("name", name),
        default=given.get("default", base.default),
        rules=rules,
        redactions=redactions,
        secrets=(*base.secrets, *given.get("secrets", ())),
        kill_key=given.get("kill_key", base.kill_key),
    )


def _base(given: Mapping[str, Any]) -> SafetyPolicy:
    if "extends" in given:
        return built_in(given["extends"])
    if "without" in given:
        raise PolicyError("without leaves out rules of a policy that is extended: add `extends: default`")
    return SafetyPolicy(name="")


def _check_once(names: list[str], path: str) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise PolicyError(f"{path}: two are called {name!r}; give each its own name, or leave the extended one out by `without`")


class _StrictLoader(yaml.SafeLoader):
    """A key that is said twice would silently lose its first value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)


# --- readers: from what YAML gives to the value, by dotted path


def _fields(value: object, path: str, readers: Mapping[str, Reader], required: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PolicyError(f"{path} is {_shown(value)}: it must be a mapping with {', '.join(readers)}")
    where = "" if path == "policy" else f"{path}."
    for key in value:
        if key not in readers:
            near = difflib.get_close_matches(str(key), readers, n=1)
            raise PolicyError(f"{where}{key} is unknown: {f'did you mean {near[0]}?' if near else 'known are ' + ', '.join(readers)}")
    for key in required:
        if key not in value:
            raise PolicyError(f"{where}{key} is missing")
    return {key: readers[key](each, f"{where}{key}") for key, each in value.items()}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise PolicyError(f"{path} is {_shown(value)}: it must be text (in quotes, where YAML would read a number or a word such as no)")
    return value


def _yes_no(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise PolicyError(f"{path} is {_shown(value)}: it must be true or false")
    return value


def _as_is(value: object, path: str) -> object:
    return value


def _number(least: float, most: float) -> Reader:
    def read(value: object, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise PolicyError(f"{path} is {_shown(value)}: it must be a number from {least:g} to {most:g}")
        return float(value)

    return read


def _one_of(*choices: str) -> Reader:
    def read(value: object, path: str) -> str:
        if value not in choices:
            raise PolicyError(f"{path} is {_shown(value)}: it must be one of {', '.join(choices)}")
        return str(value)

    return read


def _list_of(read: Reader) -> Reader:
    def read_all(value: object, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or not value:
            raise PolicyError(f"{path} is {_shown(value)}: it must be a list with something in it")
        return tuple(read(each, f"{path}[{index}]") for index, each in enumerate(value))

    return read_all


def _set_of(read: Reader) -> Reader:
    return lambda value, path: frozenset(_list_of(read)(value, path))


def _window(value: object, path: str) -> WindowPattern:
    if isinstance(value, str):
        return WindowPattern(title=_text(value, path))
    given = _fields(value, path, {"title": _text, "class": _text})
    if not given:
        raise PolicyError(f"{path} is empty: give title or class")
    return WindowPattern(title=given.get("title", "*"), cls=given.get("class", "*"))


def _host(value: object, path: str) -> str:
    text = _text(value, path).lower()
    if "/" in text or ":" in text or "*" in text.removeprefix("*."):
        raise PolicyError(f"{path} is {value!r}: it must be a host such as example.org, or *.example.org for all below it")
    return text


def _region(value: object, path: str) -> Region:
    sides = _list_of(_number(0, 1))(value, path)
    if len(sides) != 4 or sides[0] >= sides[2] or sides[1] >= sides[3]:
        raise PolicyError(f"{path} is {_shown(value)}: it must be [left, top, right, bottom] in fractions of the screen")
    return Region(*sides)


def _keys(value: object, path: str) -> frozenset[str]:
    parts = [part for part in _text(value, path).split("+") if part] or ["+"]
    try:
        return frozenset(canonical_key(part.strip()) for part in parts)
    except ValueError as error:
        raise PolicyError(f"{path}: {error}") from None


def _key(value: object, path: str) -> str:
    keys = _keys(value, path)
    if len(keys) != 1:
        raise PolicyError(f"{path} is {value!r}: it must be one key, such as escape or f12")
    return next(iter(keys))


def _word(value: object, path: str) -> str:
    text = _text(value, path)
    if not text.strip("* "):
        raise PolicyError(f"{path} is {value!r}: it must be a word, or the beginning of one with a * after it")
    return text


_RULE: dict[str, Reader] = {
    "name": _text,
    "verdict": _one_of(*VERDICTS),
    "reason": _text,
    "actions": _set_of(_one_of(*ACTION_TYPES)),
    "windows": _list_of(_window),
    "not_windows": _list_of(_window),
    "hosts": _list_of(_host),
    "not_hosts": _list_of(_host),
    "regions": _list_of(_region),
    "not_regions": _list_of(_region),
    "keys": _list_of(_keys),
    "not_keys": _list_of(_keys),
    "words": _list_of(_word),
    "in": _list_of(_one_of(*SOURCES)),
    "password_field": _yes_no,
    "unknown": _one_of(*UNKNOWNS),
}
_REDACTION: dict[str, Reader] = {
    "name": _text,
    "hidden_from": _list_of(_one_of(*VIEWERS)),
    "regions": _list_of(_region),
    "windows": _list_of(_window),
    "password_fields": _yes_no,
    "secret_fields": _yes_no,
    "unknown": _one_of(*UNKNOWNS),
}


def _rule(value: object, path: str) -> Rule:
    given = _fields(value, path, _RULE, ("name", "verdict"))
    if "in" in given:
        if "words" not in given:
            raise PolicyError(f"{path}.in says where words are looked for: give words as well")
        given["sources"] = given.pop("in")
    return Rule(**given)


def _redaction(value: object, path: str) -> Redaction:
    given = _fields(value, path, _REDACTION, ("name",))
    if not given.keys() - {"name", "hidden_from", "unknown"}:
        raise PolicyError(f"{path} hides nothing: give regions, windows, password_fields or secret_fields")
    return Redaction(**given)


def _secrets(value: object, path: str) -> tuple[tuple[str, SecretScope], ...]:
    if not isinstance(value, dict):
        raise PolicyError(f"{path} is {_shown(value)}: it must be a mapping from names to where they may be typed")
    readers: dict[str, Reader] = {"windows": _list_of(_window), "hosts": _list_of(_host)}
    return tuple((_text(name, path), SecretScope(**_fields(each, f"{path}.{name}", readers))) for name, each in value.items())


def _kill_key(value: object, path: str) -> KillKey:
    return KillKey(**_fields(value, path, {"key": _key, "held_seconds": _number(0.2, 10)}))


_TOP: dict[str, Reader] = {
    "version": _as_is,
    "name": _text,
    "extends": _one_of(*BUILT_IN),
    "without": _list_of(_text),
    "default": _one_of(*VERDICTS),
    "rules": _list_of(_rule),
    "redact": _list_of(_redaction),
    "secrets": _secrets,
    "kill_key": _kill_key,
}
