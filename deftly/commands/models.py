"""`deftly models`: which architectures run in process, and whether ours, transformers and vLLM agree on a model."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deftly.errors import UsageError

if TYPE_CHECKING:
    from inference.parity import Difference, Screen, Way

OTHERS = ("transformers", "vllm")
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.25}


def models_command(argv: list[str]) -> int:
    """Exit code 0 when all agree, 1 when something differs."""
    options = _parser().parse_args(argv)
    if options.action == "list":
        return _list(options.json)
    return _check(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deftly models", description="The models that run in process, and whether they run right.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="architectures that run in process, and the families that have them")
    listing.add_argument("--json", action="store_true", help="print JSON")
    check = actions.add_parser(
        "check",
        help="compare logits and greedy tokens of our path, transformers and vLLM",
        description="Run one model several ways on the same screens: how far apart they are, and where that starts. See docs/models.md",
    )
    check.add_argument("model", nargs="?", metavar="MODEL", help="a Hugging Face folder; without it the bundled model")
    check.add_argument(
        "--against", default="transformers", metavar="WAYS", help=f"with commas: {', '.join(OTHERS)} (default: transformers)"
    )
    check.add_argument("--vllm-url", default=os.environ.get("DEFTLY_VLLM_URL"), metavar="URL", help="a vLLM server that serves MODEL")
    check.add_argument("--screen", action="append", default=[], type=Path, metavar="FILE", help="a screenshot of your own; may be repeated")
    check.add_argument("--max-tokens", type=int, default=16, metavar="N", help="length of the answers (default: 16)")
    check.add_argument("--dtype", choices=tuple(TOLERANCES), default="float32", help="what to compute in (default: float32)")
    check.add_argument("--tolerance", type=float, metavar="X", help="what a logit may differ (default: 0.001 in float32)")
    check.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _list(as_json: bool) -> int:
    from inference.families import FAMILIES
    from inference.families.catalogue import load_entry
    from inference.vlm.checkpoint import MODEL_TYPES

    found: dict[str, list[str]] = {kind: [] for kind in MODEL_TYPES}
    for entry in FAMILIES.entries():
        family = load_entry(entry)
        if family.architecture in found:
            found[family.architecture].append(family.name)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for kind, names in found.items():
            print(f"{kind:<12} {', '.join(names)}")
    return 0


def _check(options: argparse.Namespace) -> int:
    others = [name for name in options.against.split(",") if name]
    if unknown := [name for name in others if name not in OTHERS]:
        raise UsageError(f"--against {unknown[0]}: ways are {', '.join(OTHERS)}")
    if "vllm" in others and not options.vllm_url:
        raise UsageError("--against vllm needs --vllm-url (or DEFTLY_VLLM_URL), the address of a vLLM that serves the same folder")
    if options.max_tokens < 1:
        raise UsageError(f"--max-tokens is {options.max_tokens}: it must be 1 or more")
    tolerance = TOLERANCES[options.dtype] if options.tolerance is None else options.tolerance
    differences = list(_differences(options, others, tolerance))
    if options.json:
        print(json.dumps([asdict(one) | {"agrees": one.agrees} for one in differences], indent=2))
    else:
        _print(differences)
    return 0 if all(one.agrees for one in differences) else 1


def _differences(options: argparse.Namespace, others: list[str], tolerance: float) -> Iterator[Difference]:
    from inference.models import bundled_model
    from inference.parity import built_in_screens, compare
    from inference.parity.ours import OurWay
    from inference.parity.screens import screen_of_file

    folder = bundled_model() if options.model is None else Path(options.model)
    screens = tuple(screen_of_file(file) for file in options.screen) or built_in_screens()
    traces = _traces(OurWay(folder, dtype=options.dtype), screens, options.max_tokens)
    for name in others:
        theirs = _traces(_other(name, folder, options), screens, options.max_tokens)
        for screen in screens:
            yield compare(screen.name, traces[screen.name], theirs[screen.name], other=name, tolerance=tolerance)


def _other(name: str, folder: Path, options: argparse.Namespace) -> Way:
    if name == "vllm":
        from inference.parity.vllm import VllmWay

        return VllmWay(options.vllm_url)
    from inference.parity.library import LibraryWay

    return LibraryWay(folder, dtype=options.dtype)


def _traces(way: Way, screens: tuple[Screen, ...], max_tokens: int) -> dict[str, Any]:
    """One way at a time: two copies of a large model need not fit into memory."""
    try:
        return {screen.name: way.run(screen, max_tokens) for screen in screens}
    finally:
        way.close()


def _print(differences: list[Difference]) -> None:
    for one in differences:
        where = "" if one.at is None else f" at {_place(one, one.at)}"
        print(f"{one.other:<13} {one.screen:<14} {'agrees' if one.agrees else 'DIFFERS':<8} largest difference {one.largest:.2g}{where}")
        if not one.same_prompt:
            print(" " * 14 + "the prompts differ: tokens or pictures are read otherwise")
        if one.starts is not None:
            print(" " * 14 + f"first above {one.tolerance:g} at {_place(one, one.starts)}")
        if one.tokens_part_at is not None:
            margin = "" if one.margin is None else f", where ours was the likeliest by {one.margin:.2g}"
            print(" " * 14 + f"greedy tokens part at {_place(one, one.tokens_part_at)}{margin}")


def _place(one: Difference, at: int) -> str:
    if at < one.num_prompt_tokens:
        return f"prompt token {at} of {one.num_prompt_tokens}"
    return f"answer token {at - one.num_prompt_tokens}"
