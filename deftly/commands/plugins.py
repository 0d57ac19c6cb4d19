"""`deftly plugins`: every public name, what it stands for and who published it; what an installed package broke is said, not raised."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deftly.registries import REGISTRIES, open_registry
from plugins.entry import OURS, Entry
from plugins.errors import PluginError
from plugins.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One line of the list; `error` says why the name cannot be used."""

    kind: str
    name: str
    origin: str
    target: str
    aliases: tuple[str, ...]
    error: str | None

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {"aliases": list(self.aliases)}


def plugins_command(argv: list[str]) -> int:
    """Exit code 0 when every name can be used, 1 when one cannot."""
    options = _options(argv)
    kinds = [options.kind] if options.kind else [*REGISTRIES]
    listed = [line for kind in kinds for line in _list(kind)]
    if options.json:
        print(json.dumps([line.as_json() for line in listed], indent=2, ensure_ascii=False))
    else:
        _print(listed)
    return 1 if any(line.error for line in listed) else 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="deftly plugins",
        description="List what has a public name, where it comes from, and what is broken. Other packages add theirs by entry points.",
        epilog="exit codes: 0 all can be used, 1 something is broken, 2 wrong use",
    )
    parser.add_argument("kind", nargs="?", choices=REGISTRIES, metavar="KIND", help="list only this kind, such as dialects")
    parser.add_argument("--json", action="store_true", help="print [{kind, name, origin, target, aliases, error}]")
    return parser.parse_args(argv)


def _list(kind: str) -> Iterator[Listed]:
    registry = open_registry(kind)
    for entry in registry.entries():
        yield Listed(
            kind=kind,
            name=entry.name,
            origin=entry.origin,
            target=entry.target,
            aliases=registry.aliases_of(entry) if entry.origin == OURS else (),
            error=_error(registry, entry),
        )


def _error(registry: Registry[Any], entry: Entry[Any]) -> str | None:
    """Why `entry` cannot be used. What is our own is not loaded for that: it would import every heavy library there is."""
    try:
        registry.find(entry.name)
        if entry.origin != OURS:
            registry.check(entry)
    except PluginError as error:
        return str(error)
    return None


def _print(listed: list[Listed]) -> None:
    columns = [("KIND", "NAME", "FROM", "TARGET"), *((line.kind, line.name, line.origin, line.target) for line in listed)]
    widths = [max(len(row[column]) for row in columns) for column in range(3)]
    for row in columns:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip())
    for line in listed:
        if line.error:
            print(f"\nbroken: {line.error}")
