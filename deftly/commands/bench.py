"""`deftly bench step`: what a step costs without the model, by stage, and beside the way peers take it."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from evaluation.step_cost import StepCost


def bench_command(argv: list[str]) -> int:
    """Exit code 0 when everything could be measured, whatever came out."""
    options = _options(argv)
    from evaluation.step_bench import QUICK, Plan, measure_step

    cost = measure_step(QUICK if options.quick else Plan(), lambda what: print(f"  {what}", file=sys.stderr))
    if options.json:
        print(json.dumps(cost.as_json(), allow_nan=False))
    else:
        _print(cost)
    return 0


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="deftly bench",
        description="Measure on a virtual desktop of 1920x1080 what a step costs: seeing, waiting, acting, remembering; all but the model.",
        epilog="Takes about 2 minutes. Needs Xvfb and openbox; its events are those of a Tk program and of Chromium.",
    )
    parser.add_argument("what", choices=["step"], help="what to measure")
    parser.add_argument("--quick", action="store_true", help="a few events and one peer, in 15 seconds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(argv)


def _print(cost: StepCost) -> None:
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    for table in (_stages(cost), _waits(cost), _peers(cost)):
        console.print(table)
    for target, reached in cost.targets.items():
        console.print(f"  {'reached' if reached else 'MISSED '}  {target}")
    for note in cost.notes:
        console.print(f"  note     {note}")


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _stages(cost: StepCost) -> Table:
    table = _table(f"the fixed part of a step at {cost.screen}", "stage", "median ms")
    for stage, seconds in cost.as_json()["stages_seconds"].items():
        table.add_row(stage, f"{seconds * 1e3:.1f}")
    table.add_row("together", f"{cost.fixed * 1e3:.1f}", style="bold")
    table.add_row(
        "while the model thinks: hash, write and sync the picture", f"{statistics.median(cost.background) * 1e3:.1f}", style="dim"
    )
    return table


def _waits(cost: StepCost) -> Table:
    table = _table(
        "the wait until the screen has settled", "event", "seconds", "complete", "caught", "missed", "late, % of screen", "looked again"
    )
    for event in cost.events:
        waits = [wait for wait in cost.waits if wait.event == event]
        counts = [str(sum(wait.verdict == verdict for wait in waits) or "") for verdict in ("complete", "caught", "missed")]
        late = " ".join(f"{wait.late_share:.2%}"[:-1] for wait in waits if wait.late)
        again = " ".join(f"{wait.again:.2f}" for wait in waits if wait.again is not None)
        table.add_row(event, " ".join(f"{wait.seconds:.2f}" for wait in waits), *counts, late, again)
    table.add_row("mean", f"{cost.settle:.3f}", style="bold")
    table.add_row("mean, second looks counted", f"{cost.settle_again:.3f}", style="dim")
    return table


def _peers(cost: StepCost) -> Table:
    table = _table("a step without the model, as others take it", "", "seconds", "ratio")
    for name in sorted(cost.peers, key=cost.peer_step):
        table.add_row(name, f"{cost.peer_step(name):.2f}", f"{cost.peer_step(name) / cost.step:.1f}x")
    table.add_row("Deftly", f"{cost.step:.3f}", "1x", style="bold")
    second = cost.fixed + cost.settle_again
    table.add_row("Deftly, second looks counted", f"{second:.3f}", f"{second / cost.step:.1f}x", style="dim")
    return table
