"""Evaluation on recorded steps from the command line: answers in, scores out, on paper or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from deftly.errors import UsageError

if TYPE_CHECKING:
    from evaluation.scoring import Result

SHOWN_UNKNOWN = 3


def evaluate_recorded(options: argparse.Namespace) -> int:
    """Score the stored answers of `options`."""
    from evaluation.datasets import load_dataset
    from evaluation.predictions import read_predictions
    from evaluation.scoring import score_answers
    from evaluation.summary import result_as_json

    if options.predictions is None:
        raise UsageError("answers to score are missing: give --predictions FILE")
    answers = read_predictions(options.predictions)
    result = score_answers(load_dataset(options.what, options.variant), answers, dialect=options.dialect, metric=options.metric)
    told = result_as_json(result)
    if options.report:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(json.dumps(told, indent=1) + "\n")
    print(json.dumps(told) if options.json else in_words(result, told["summary"]))
    _warn(result)
    return 0


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


def _line(name: str, figure: dict[str, Any]) -> str:
    error = "        " if figure["standard_error"] is None else f"± {figure['standard_error']:5.1%}"
    interval = "" if figure["interval"] is None else f"   95 % from {figure['interval'][0]:.1%} to {figure['interval'][1]:.1%}"
    return f"{name:<26} {figure['mean']:6.1%} {error}   {figure['num_steps']:>6}{interval}"


def _warn(result: Result) -> None:
    if result.num_missing:
        print(f"deftly: {result.num_missing} of {len(result.scored)} steps have no prediction and count as 0", file=sys.stderr)
    if result.unknown:
        some = "; ".join(f"step {each.step} of {each.episode!r} (line {each.line})" for each in result.unknown[:SHOWN_UNKNOWN])
        more = f" and {len(result.unknown) - SHOWN_UNKNOWN} more" if len(result.unknown) > SHOWN_UNKNOWN else ""
        print(f"deftly: predictions for steps that the data set does not have are left out: {some}{more}", file=sys.stderr)
