"""`deftly eval compare`: two runs on the same steps or tasks, with a paired test, and a page of where they differ."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evaluation.comparison import Comparison
    from evaluation.scoring import Result


def compare_command(argv: list[str]) -> int:
    """0 when both could be read and compared, whichever is better."""
    from evaluation.comparison import as_json, compare, read_report
    from evaluation.report import write_report
    from evaluation.report.compared import report_compared

    options = _parser().parse_args(argv)
    found = compare(read_report(options.first), read_report(options.second), (options.first.stem, options.second.stem))
    told = as_json(found)
    if options.out:
        write_report(report_compared(found, _results(options, found)), options.out)
    print(json.dumps(told) if options.json else in_words(told))
    if options.out and not options.json:
        print(f"\nlook at {options.out}")
    return 0


def in_words(told: Mapping[str, Any]) -> str:
    """The comparison as a table for the terminal."""
    groups = told.get("by_action") or told.get("by_task") or {}
    success = told["success"]
    lines = [f"first   {told['first']}", f"second  {told['second']}", "", f"{'':<26}  first  second  difference            p"]
    lines += [_line("all", told), *(_line(name, group) for name, group in groups.items())]
    lines += [
        "",
        f"right in both {success['both']}, only in the first {success['only_first']}, only in the second {success['only_second']}, ",
    ]
    lines[-1] += f"in neither {success['neither']}; McNemar's p {success['mcnemar_p_value']:.3f}"
    if told["only_in_first"] or told["only_in_second"]:
        lines.append(f"left out: {told['only_in_first']} that only the first has, {told['only_in_second']} that only the second has")
    return "\n".join(lines)


def _line(name: str, told: Mapping[str, Any]) -> str:
    difference, (first, second) = told["difference"], told["means"]
    error = f"± {difference['standard_error']:5.1%}" if difference["standard_error"] is not None else ""
    return f"{name:<26} {first:6.1%}  {second:6.1%}  {difference['mean']:+7.1%} {error:<8}  {told['p_value']:.3f}"


def _results(options: argparse.Namespace, found: Comparison) -> tuple[Result, Result] | None:
    """Both runs scored anew, for what they wrote and where it landed; `None` where the data set or the answers are not there."""
    from evaluation.datasets import load_dataset
    from evaluation.errors import DatasetError

    if found.live or not (options.first.is_dir() and options.second.is_dir()):
        return None
    about = found.first["dataset"]
    try:
        data = load_dataset(options.data or about["path"], about["variant"] or None)
    except (DatasetError, OSError):
        if options.data:
            raise
        return None
    if data.digest != about["sha256"]:
        return None
    scored = [_scored(run, told, data) for run, told in ((options.first, found.first), (options.second, found.second))]
    return scored[0], scored[1]


def _scored(run: Path, told: Mapping[str, Any], data: Any) -> Result:
    from agent.context import dialect_of
    from evaluation.run_folder import RunFolder
    from evaluation.scoring import score_answers
    from inference.families import load_family

    family = dialect_of(load_family(run / "family.yaml")) if (run / "family.yaml").is_file() else None
    dialect = family if family is not None and family.name == told["dialect"] else told["dialect"]
    return score_answers(data, RunFolder(run).answers(), dialect=dialect, metric=told["metric"]["name"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="deftly eval compare",
        description="Compare two runs of deftly eval, step by step, with a paired test.",
        allow_abbrev=False,
    )
    parser.add_argument("first", type=Path, metavar="RUN_A", help="a run's folder (--out), or its report.json")
    parser.add_argument("second", type=Path, metavar="RUN_B", help="another run on the same data")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write a page of the steps that differ")
    parser.add_argument("--data", metavar="DATA", help="where the data set is (default: where the first run found it)")
    parser.add_argument("--json", action="store_true", help="print one JSON object, and nothing else")
    return parser
