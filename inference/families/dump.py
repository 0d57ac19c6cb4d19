"""A family as YAML: what a file would say that had no base; reading it back gives the same family."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import yaml

from inference.families.spec import Family


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stand as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def to_yaml(family: Family) -> str:
    """`family` as the text of a file, without what is as it is by default."""
    return yaml.dump(_said(family), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _said(thing: Any) -> Any:
    """A dataclass as a mapping of the fields that differ from their defaults."""
    if isinstance(thing, tuple):
        return list(thing)
    if not is_dataclass(thing):
        return thing
    return {field.name: _said(value) for field in fields(thing) if (value := getattr(thing, field.name)) != field.default}
