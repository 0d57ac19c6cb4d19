"""Live evaluation from the command line: a suite's tasks and seeds in, one line a task out, a folder that a killed run goes on in."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deftly.errors import UsageError

if TYPE_CHECKING:
    from agent.policy import Policy
    from evaluation.contamination import TrainedOn
    from evaluation.live.base import Suite
    from evaluation.live.folder import LiveFolder
    from evaluation.live.trial import Job
    from inference.engines.base import Engine
    from inference.families import Family

LOCAL = ("transformers",)  # engines that run the model in this process, one request at a time


def evaluate_live(options: argparse.Namespace) -> int:
    """Work through every task on every seed; what ended before is not tried again."""
    from deftly.eval_progress import shown_trials
    from evaluation.contamination import check_live, read_card
    from evaluation.live.folder import LiveFolder
    from evaluation.live.runner import LiveRunner, plan
    from inference.families import load_family
    from inference.models import bundled_model

    local = options.model or (bundled_model() if options.engine in LOCAL else None)
    trained = read_card(local)
    suite, seeds = open_suite(options, trained), read_seeds(options.seeds)
    if not options.allow_trained:
        check_live(trained, options.what, suite.tasks, seeds)
    family = load_family(options.family)
    open_engine, model = engines(options, family)
    about = about_live(options, suite, model, family, local, seeds)
    root = options.out or Path("eval") / _file_name(options.what, model, family.name, about["weights"][:8])
    folder = LiveFolder(root, options.episodes)
    folder.begin(about)
    jobs = plan(suite.tasks, seeds, options.repeats)
    known = folder.trials()
    with shown_trials(len(jobs), sum(job in known for job in jobs)) as watch:
        runner = LiveRunner(
            suite=suite,
            folder=folder,
            open_policy=lambda: policies(open_engine(), family, options.seed),
            displays=options.displays,
            max_steps=options.max_steps,
            watch=watch,
        )
        runner.run(jobs)
    _tell(options, folder, jobs, about)
    return 0


def open_suite(options: argparse.Namespace, trained: Sequence[TrainedOn]) -> Suite:
    """The suite that `options` names, with its tasks.

    Raises:
        UsageError: an option is missing that it needs.
    """
    if options.what == "miniwob":
        from evaluation.live.miniwob import miniwob_suite

        return miniwob_suite(options.tasks or default_tasks(trained))
    if not options.tasks:
        raise UsageError(f"{options.what} needs --tasks: which ones? (docs/evaluation.md)")
    if options.what == "osworld":
        from evaluation.live.osworld import osworld_suite

        if not options.computer:
            raise UsageError("osworld needs --computer ADDRESS: the server of the machine, such as http://192.168.56.7:5000")
        return osworld_suite(options.computer, [Path(task) for task in options.tasks])
    from evaluation.live.browsergym import browsergym_suite

    return browsergym_suite(options.tasks)


def engines(options: argparse.Namespace, family: Family) -> tuple[Callable[[], Engine], str]:
    """What opens an engine for one display, and the model's name. A model in this process is opened once and shared."""
    from deftly.eval_recorded import engine_options
    from deftly.workplace import open_engine_for
    from evaluation.live.seats import Table

    first = open_engine_for(family, options.engine, engine_options(options))
    if options.engine in LOCAL:
        return Table(first).seat, first.name
    return lambda: open_engine_for(family, options.engine, engine_options(options)), first.name


def policies(engine: Engine, family: Family, seed: int | None) -> Callable[[Job], Policy]:
    """Who decides in each trial; repeats are sampled with seeds of their own."""
    from agent.policy import ModelPolicy

    return lambda job: ModelPolicy(engine, family, seed=None if seed is None and not job.repeat else (seed or 0) + job.repeat)


def about_live(
    options: argparse.Namespace, suite: Suite, model: str, family: Family, local: Path | str | None, seeds: Sequence[int]
) -> dict[str, Any]:
    """Everything that decides the trials, and with what they were made."""
    from dataclasses import asdict

    from deftly.eval_recorded import versions
    from evaluation.weights import fingerprint

    return {
        "suite": suite.name,
        "model": model,
        "weights": fingerprint(local),
        "engine": options.engine,
        "family": asdict(family),
        "seed": options.seed,
        "max_steps": options.max_steps or suite.max_steps,
        "tasks": list(suite.tasks),
        "seeds": list(seeds),
        "repeats": options.repeats,
        "displays": options.displays,
        "versions": versions("miniwob", "playwright"),
        "started": time.time(),
    }


def default_tasks(trained: Sequence[TrainedOn]) -> list[str]:
    """The tasks that the model's card lists.

    Raises:
        UsageError: it lists none.
    """
    from evaluation.contamination import suite_tasks

    tasks = suite_tasks(trained, "miniwob")
    if not tasks:
        raise UsageError("the model has no card that lists its tasks: say which ones with --tasks TASK …, or --tasks all")
    return tasks


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


def in_words(told: dict[str, Any]) -> str:
    """The result as a table for the terminal."""
    summary, costs = told["summary"], told["summary"]["costs"]
    lines = [_line(task) for task in told["tasks"]]
    lines += ["", f"{'all trials':<28} {_figure(summary['success'])}", f"{'by task':<28} {_figure(summary['success_by_task'])}"]
    lines += [f"{'full reward':<28} {_figure(summary['full_reward'])}", f"{'raw reward':<28} {summary['raw_reward']['mean']:6.3f}"]
    lines.append(
        f"{costs['steps_per_trial']:.1f} steps, {costs['seconds_per_trial']:.1f} s and {costs['tokens_per_trial']:,.0f} tokens a trial; "
        f"{costs['seconds_per_step']:.2f} s a step"
    )
    if summary["num_not_begun"]:
        lines.append(f"{summary['num_not_begun']} trials could not begin, and count as not solved")
    return "\n".join(lines)


def _line(task: dict[str, Any]) -> str:
    error = "      " if task["standard_error"] is None else f"± {task['standard_error']:4.0%}"
    return f"{task['task']:<28} {task['success']:6.1%} {error}   {task['mean_steps']:4.1f} steps   {task['seconds_per_step']:.2f} s a step"


def _figure(told: dict[str, Any]) -> str:
    error = "" if told["standard_error"] is None else f" ± {told['standard_error']:.1%}"
    interval = "" if told["interval"] is None else f"   95 % from {told['interval'][0]:.1%} to {told['interval'][1]:.1%}"
    return f"{told['mean']:6.1%}{error}{interval}"


def _tell(options: argparse.Namespace, folder: LiveFolder, jobs: Sequence[Job], about: dict[str, Any]) -> None:
    """Print the result, and write the page and the JSON."""
    from agent.durable import write_whole
    from evaluation.live.summary import live_as_json
    from evaluation.report import write_report
    from evaluation.report.live import report_live

    kept = folder.trials()
    trials = [kept[job] for job in jobs if job in kept]
    told = live_as_json(trials, about["suite"], about)
    files = [folder.path / "report.json", folder.path / "report.html", *([options.report] if options.report else [])]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".html":
            write_report(report_live(told, trials, folder.path), file)
        else:
            write_whole(file, (json.dumps(told, indent=1) + "\n").encode())
    print(json.dumps(told) if options.json else in_words(told))
    print(f"look at {folder.path / 'report.html'}", file=sys.stderr)


def _file_name(*parts: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(Path(part).name for part in parts if part))
