"""`deftly families`: the model families, what has been verified for each, and one of them whole, as a file that could be its own."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from inference.families import FAMILIES, Family, Verified, load_family, vllm_arguments
from inference.families.catalogue import load_entry
from inference.families.dump import to_yaml
from plugins.errors import PluginError


def families_command(argv: list[str]) -> int:
    """Exit code 0 when every family that was asked for can be read, 1 when one cannot."""
    options = _options(argv)
    if options.name is not None:
        _show(load_family(options.name), options.json)
        return 0
    rows = list(_rows())
    if options.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        _print(rows)
    return 1 if any(row["error"] for row in rows) else 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="deftly families",
        description="List the model families and what has been verified for each, or show one whole.",
        epilog="A family of your own is a file: in ~/.config/deftly/families, or any .yaml given by its path. See docs/families.md.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this one: a name, an alias, a Hugging Face id or the path of a file")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(argv)


def _show(family: Family, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_whole(family), indent=2, ensure_ascii=False))
        return
    print(to_yaml(family), end="")
    print(f"\n# vllm serve MODEL {shlex.join(vllm_arguments(family))}")


def _whole(family: Family) -> dict[str, Any]:
    return asdict(family) | {"vllm": list(vllm_arguments(family))}


def _rows() -> Iterator[dict[str, Any]]:
    for entry in FAMILIES.entries():
        row = {"name": entry.name, "origin": entry.origin, "error": None}
        try:
            FAMILIES.find(entry.name)
            yield row | _whole(load_entry(entry))
        except PluginError as error:
            yield row | {"error": str(error)}


def _print(rows: list[dict[str, Any]]) -> None:
    table = [("NAME", "MODELS", "DIALECT", "VERIFIED"), *(_cells(row) for row in rows if not row["error"])]
    widths = [max(len(cells[column]) for cells in table) for column in range(3)]
    for cells in table:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)), cells[3]]).rstrip())
    for row in rows:
        if row["error"]:
            print(f"\nbroken: {row['error']}")


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    verified = [field.name.replace("_", " ") for field in fields(Verified) if row["verified"][field.name]]
    return row["name"], row["about"], row["dialect"], ", ".join(verified) or "nothing"
