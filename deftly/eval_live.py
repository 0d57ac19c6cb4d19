"""Live evaluation from the command line: tasks and seeds in, one line a task out."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deftly.errors import UsageError

if TYPE_CHECKING:
    from evaluation.contamination import TrainedOn
    from evaluation.miniwob import TaskResult


def evaluate_live(options: argparse.Namespace) -> int:
    """Play every task on every seed."""
    from agent.computers.miniwob import MiniWob, check_task
    from agent.policy import ModelPolicy
    from deftly.workplace import open_engine_for
    from evaluation.contamination import check_live, read_card
    from evaluation.miniwob import run_suite
    from inference.families import load_family
    from inference.models import bundled_model

    trained = read_card(options.model or bundled_model())
    tasks, seeds = options.tasks or default_tasks(trained), read_seeds(options.seeds)
    for task in tasks:
        check_task(task)
    if not options.allow_trained:
        check_live(trained, options.what, tasks, seeds)
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


def default_tasks(trained: Sequence[TrainedOn]) -> list[str]:
    """The tasks that the model's card lists.

    Raises:
        UsageError: it lists none.
    """
    from evaluation.contamination import suite_tasks

    tasks = suite_tasks(trained, "miniwob")
    if not tasks:
        raise UsageError("the model has no card that lists its tasks: say which ones with --tasks TASK …")
    return tasks


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
