"""Reads a safety policy from YAML, strictly: an unknown key, a wrong type or a name used twice is an error that names the place.

`extends: default` begins with the built-in policy, less the rules named in `without`; what the file says itself comes on top.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from actions.space import ACTION_TYPES
from agent.safety.policy_values import (
    PolicyError,
    Reader,
    list_of,
    number,
    one_of,
    read_as_is,
    read_fields,
    read_host,
    read_key,
    read_keys,
    read_region,
    read_text,
    read_window,
    read_word,
    read_yes_no,
    set_of,
    shown,
)
from agent.safety.rules import (
    SOURCES,
    UNKNOWNS,
    VERDICTS,
    VIEWERS,
    KillKey,
    Redaction,
    Rule,
    SafetyPolicy,
    SecretScope,
)

VERSION = 1
BUILT_IN = ("default", "confirm", "none")


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
    given = read_fields(told, "policy", _TOP)
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


_RULE: dict[str, Reader] = {
    "name": read_text,
    "verdict": one_of(*VERDICTS),
    "reason": read_text,
    "actions": set_of(one_of(*ACTION_TYPES)),
    "windows": list_of(read_window),
    "not_windows": list_of(read_window),
    "hosts": list_of(read_host),
    "not_hosts": list_of(read_host),
    "regions": list_of(read_region),
    "not_regions": list_of(read_region),
    "keys": list_of(read_keys),
    "not_keys": list_of(read_keys),
    "words": list_of(read_word),
    "in": list_of(one_of(*SOURCES)),
    "password_field": read_yes_no,
    "unknown": one_of(*UNKNOWNS),
}
_REDACTION: dict[str, Reader] = {
    "name": read_text,
    "hidden_from": list_of(one_of(*VIEWERS)),
    "regions": list_of(read_region),
    "windows": list_of(read_window),
    "password_fields": read_yes_no,
    "secret_fields": read_yes_no,
    "unknown": one_of(*UNKNOWNS),
}


def _rule(value: object, path: str) -> Rule:
    given = read_fields(value, path, _RULE, ("name", "verdict"))
    if "in" in given:
        if "words" not in given:
            raise PolicyError(f"{path}.in says where words are looked for: give words as well")
        given["sources"] = given.pop("in")
    return Rule(**given)


def _redaction(value: object, path: str) -> Redaction:
    given = read_fields(value, path, _REDACTION, ("name",))
    if not given.keys() - {"name", "hidden_from", "unknown"}:
        raise PolicyError(f"{path} hides nothing: give regions, windows, password_fields or secret_fields")
    return Redaction(**given)


def _secrets(value: object, path: str) -> tuple[tuple[str, SecretScope], ...]:
    if not isinstance(value, dict):
        raise PolicyError(f"{path} is {shown(value)}: it must be a mapping from names to where they may be typed")
    readers: dict[str, Reader] = {"windows": list_of(read_window), "hosts": list_of(read_host)}
    return tuple((read_text(name, path), SecretScope(**read_fields(each, f"{path}.{name}", readers))) for name, each in value.items())


def _kill_key(value: object, path: str) -> KillKey:
    return KillKey(**read_fields(value, path, {"key": read_key, "held_seconds": number(0.2, 10)}))


_TOP: dict[str, Reader] = {
    "version": read_as_is,
    "name": read_text,
    "extends": one_of(*BUILT_IN),
    "without": list_of(read_text),
    "default": one_of(*VERDICTS),
    "rules": list_of(_rule),
    "redact": list_of(_redaction),
    "secrets": _secrets,
    "kill_key": _kill_key,
}
