"""`deftly eval miniwob`: live tasks with a model, success by the tasks' own rewards, with standard errors."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deftly.errors import UsageError

if TYPE_CHECKING:
    from evaluation.miniwob import TaskResult

SUITES = ("miniwob",)


def eval_command(argv: list[str]) -> int:
    """Run the suite that `argv` names; 0 when it ran to its end, however well the model did."""
    options = _parser().parse_args(argv)
    from agent.computers.miniwob import MiniWob, check_task
    from agent.policy import ModelPolicy
    from deftly.workplace import open_engine_for
    from evaluation.miniwob import run_suite
    from inference.families import load_family
    from training.experts.registry import EXPERTS

    tasks = options.tasks or sorted(EXPERTS)
    for task in tasks:
        check_task(task)
    seeds = read_seeds(options.seeds)
    family = load_family(options.family)
    told = {"model": options.model, "base_url": options.base_url}
    engine = open_engine_for(family, options.engine, {key: value for key, value in told.items() if value})
    policy = ModelPolicy(engine, family)
    results = []
    with MiniWob() as computer:
        for result in run_suite(computer, policy, tasks, seeds, options.episodes, observers=[]):
            results.append(result)
            if not options.json:
                print(in_words(result), flush=True)
            if options.report:
                _write(options.report, results, policy.about())
    engine.close()
    if options.json:
        print(json.dumps(as_json(results, policy.about())))
    elif results:
        print(f"mean success {sum(r.success for r in results) / len(results):.1%} over {len(results)} tasks, {len(seeds)} seeds each")
    return 0


def in_words(result: TaskResult) -> str:
    """One line of the terminal's table."""
    return (
        f"{result.task:<26} {result.success:6.1%} ± {result.standard_error:4.1%}   "
        f"{result.mean_steps:4.1f} steps   {result.seconds_per_step:.2f} s a step"
    )


def as_json(results: Sequence[TaskResult], about: Any) -> dict[str, Any]:
    """All results as one JSON object."""
    return {
        "suite": "miniwob",
        **about,
        "mean_success": sum(r.success for r in results) / len(results) if results else None,
        "tasks": [result.as_json() for result in results],
    }


def read_seeds(said: str) -> list[int]:
    """The seeds in a list such as `0-49` or `1,5,8`.

    Raises:
        UsageError: it is no such list.
    """
    seeds: list[int] = []
    for part in said.split(","):
        match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part.strip())
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise UsageError(f"--seeds is {said!r}: give a range such as 0-49, or a list such as 1,5,8")
        seeds += range(int(match[1]), int(match[2] or match[1]) + 1)
    return seeds


def _write(file: Path, results: Sequence[TaskResult], about: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(as_json(results, about), indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deftly eval", description="Run a suite of live tasks and score it.", allow_abbrev=False)
    parser.add_argument("suite", choices=SUITES, help="miniwob: MiniWoB++ in a browser on a virtual desktop, pixels and real events")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="default: every task that the bundled model was trained on")
    parser.add_argument("--seeds", default="0-49", metavar="LIST", help="variants of each task, such as 0-49 (default) or 1,5,8")
    parser.add_argument("--engine", default="transformers", metavar="NAME", help="who runs the model (default: transformers)")
    parser.add_argument("--model", metavar="PATH", help="a folder, or the server's name for it (default: deftly-tiny)")
    parser.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server")
    parser.add_argument("--family", default="deftly-tiny", metavar="NAME", help="model family (default: deftly-tiny)")
    parser.add_argument("--episodes", type=Path, default=Path("episodes"), metavar="DIR", help="where the episodes are kept")
    parser.add_argument("--report", type=Path, metavar="FILE", help="also write the results as JSON, after each task")
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object, and nothing else")
    return parser
