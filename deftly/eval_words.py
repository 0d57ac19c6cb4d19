"""A result on recorded steps in words: a table for the terminal, and what is to be known about it on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.scoring import Result

SHOWN_UNKNOWN = 3


def in_words(result: Result, summary: dict[str, Any]) -> str:
    """The summary as a table for the terminal."""
    data = result.dataset
    lines = [f"{data.name}: {summary['num_steps']} steps of {summary['num_episodes']} episodes, scored as {result.metric.name}", ""]
    lines += [_line("step score", summary["step"]), _line("  by episode", summary["step_macro"])]
    lines += [_line("step success", summary["step_success"]), _line("episode success", summary["episode_success"])]
    for title, figures in (("part", summary["parts"]), ("action", summary["actions"]), ("platform", summary["by_platform"])):
        lines += ["", *(_line(f"{title} {name}", figure) for name, figure in figures.items())] if figures else []
    lines += ["", *(f"{name.removeprefix('num_'):<26} {summary[name]}" for name in ("num_missing", "num_unreadable", "num_unknown"))]
    return "\n".join(lines)


def warn(result: Result) -> None:
    """Say on stderr what was missing and what was left out."""
    if result.num_missing:
        print(f"deftly: {result.num_missing} of {len(result.scored)} steps have no prediction and count as 0", file=sys.stderr)
    if result.unknown:
        some = "; ".join(f"step {each.step} of {each.episode!r} (line {each.line})" for each in result.unknown[:SHOWN_UNKNOWN])
        more = f" and {len(result.unknown) - SHOWN_UNKNOWN} more" if len(result.unknown) > SHOWN_UNKNOWN else ""
        print(f"deftly: predictions for steps that the data set does not have are left out: {some}{more}", file=sys.stderr)


def _line(name: str, figure: dict[str, Any]) -> str:
    error = "        " if figure["standard_error"] is None else f"± {figure['standard_error']:5.1%}"
    interval = "" if figure["interval"] is None else f"   95 % from {figure['interval'][0]:.1%} to {figure['interval'][1]:.1%}"
    return f"{name:<26} {figure['mean']:6.1%} {error}   {figure['num_steps']:>6}{interval}"
