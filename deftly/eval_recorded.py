"""Evaluation on recorded steps from the command line: ask a model, or take stored answers, and score them."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from deftly.errors import UsageError
from deftly.eval_words import in_words, warn

if TYPE_CHECKING:
    from actions.dialects import Dialect
    from evaluation.datasets import Dataset
    from evaluation.predictions import Answer, Key
    from evaluation.scoring import Result
    from evaluation.steps import EvalStep
    from inference.engines.base import ChatRequest, Engine
    from inference.families import Family

CONCURRENT = 16  # requests in flight where an engine takes several
ONE_AT_A_TIME = ("transformers",)


def evaluate_recorded(options: argparse.Namespace) -> int:
    """Score the answers of `options`: stored ones, or those of a model that is asked now; 1 when the engine left some out."""
    from evaluation.datasets import load_dataset
    from evaluation.scoring import score_answers
    from evaluation.summary import result_as_json

    if options.predictions and (options.rescore or options.out):
        raise UsageError(
            "--predictions are answers in a file of yours, --out and --rescore are about a run of deftly eval: give one of them"
        )
    data = load_dataset(options.what, options.variant)
    answers, dialect, about, failed = _answers(options, data)
    result = score_answers(data, answers, dialect=dialect, metric=options.metric)
    told = result_as_json(result) | ({"run": about} if about else {})
    _write_reports(options, result, told, answers, dialect)
    print(json.dumps(told) if options.json else in_words(result, told["summary"]))
    warn(result)
    if options.out and not options.json:
        print(f"\nlook at {options.out / 'report.html'}")
    if failed:
        print(f"deftly: the engine had no answer for {failed} steps ({options.out}/failures.jsonl): run again to ask them", file=sys.stderr)
    return 1 if failed else 0


def _write_reports(
    options: argparse.Namespace, result: Result, told: dict[str, Any], answers: dict[Key, Answer], dialect: str | Dialect | None
) -> None:
    """The page and the JSON in the run's folder, and whichever of them `--report` names."""
    from agent.durable import write_whole
    from evaluation.report import write_report
    from evaluation.report.recorded import report_recorded

    files = [options.out / "report.json", options.out / "report.html"] if options.out else []
    for file in [*files, *([options.report] if options.report else [])]:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".html":
            write_report(report_recorded(result, told, answers, thought_reader(dialect)), file)
        else:
            write_whole(file, (json.dumps(told, indent=1) + "\n").encode())


def thought_reader(dialect: str | Dialect | None) -> Callable[[str, EvalStep], str]:
    """Reads what a model thought out of its text; a data set's own format has no thoughts."""
    from actions.dialects import get_dialect
    from actions.geometry import Frame

    if dialect is None or dialect == "native":
        return lambda text, step: ""
    reader = get_dialect(dialect) if isinstance(dialect, str) else dialect
    return lambda text, step: reader.parse(text, Frame(screen=step.screen)).thought


def _answers(options: argparse.Namespace, data: Dataset) -> tuple[dict[Key, Answer], str | Dialect | None, dict[str, Any], int]:
    """The answers, how they are written, what they came of, and how many are missing because the engine failed."""
    from evaluation.predictions import read_predictions

    if options.predictions:
        return read_predictions(options.predictions), options.dialect, {}, 0
    from agent.context import dialect_of
    from evaluation.run_folder import RunFolder
    from inference.families import load_family

    if options.rescore:
        if options.out is None:
            raise UsageError("--rescore needs --out DIR: the folder of the run whose answers are scored again")
        folder = RunFolder(options.out)
        about = folder.about()
        return folder.answers(), options.dialect or dialect_of(load_family(options.out / "family.yaml")), about, 0
    family = load_family(options.family)
    about, failed = _ask(options, data, family)
    return RunFolder(options.out).answers(), options.dialect or dialect_of(family), about, failed


def _ask(options: argparse.Namespace, data: Dataset, family: Family) -> tuple[dict[str, Any], int]:
    """Ask the model for every step that has no answer yet."""
    from deftly.eval_progress import shown_progress
    from deftly.workplace import open_engine_for
    from evaluation.contamination import check_recorded, read_card
    from evaluation.run_folder import RunFolder
    from inference.families.dump import to_yaml
    from inference.models import bundled_model

    if not options.allow_trained:
        local = bundled_model() if options.engine in ONE_AT_A_TIME and not options.model else options.model
        check_recorded(read_card(local), data.name, sorted({step.episode for step in data.steps}))
    engine = open_engine_for(family, options.engine, engine_options(options))
    options.out = options.out or default_folder(data, engine.name, family.name, options.context)
    folder, steps = RunFolder(options.out), data.steps[: options.limit]
    about = about_run(options, data, engine.name, family)
    folder.begin(about)
    (options.out / "family.yaml").write_text(to_yaml(family))
    known = {(step.episode, step.step) for step in steps}
    with shown_progress(len(steps), len(known & set(folder.answers()))) as advance:
        ask = _ask_on_ray if options.ray else _ask_here
        return about, ask(options, data, steps, engine, family, advance)


def _ask_here(
    options: argparse.Namespace, data: Dataset, steps: Sequence[EvalStep], engine: Engine, family: Family, advance: Callable[[int], None]
) -> int:
    """Ask in this process; how many steps the engine had no answer for."""
    from evaluation.metrics.registry import get_metric
    from evaluation.run_folder import RunFolder
    from evaluation.runner import Runner

    runner = Runner(
        engine=engine,
        family=family,
        vocabulary=get_metric(data.metric).vocabulary,
        folder=RunFolder(options.out),
        context=options.context,
        concurrency=in_flight(options),
        seed=options.seed,
        watch=lambda step, reply: advance(1),
    )
    try:
        return runner.run(steps)
    finally:
        engine.close()


def _ask_on_ray(
    options: argparse.Namespace, data: Dataset, steps: Sequence[EvalStep], engine: Engine, family: Family, advance: Callable[[int], None]
) -> int:
    """The same with `--ray N` workers, each of which opens an engine of its own."""
    from deftly.workplace import open_engine_for
    from evaluation.datasets import load_dataset
    from evaluation.ray_runner import Plan, run_on_ray

    engine.close()  # it was opened for the model's name
    plan = Plan(
        load=partial(load_dataset, data.path.resolve(), options.variant),
        digest=data.digest,
        open_engine=partial(open_engine_for, family, options.engine, engine_options(options)),
        family=family,
        folder=options.out.resolve(),
        context=options.context,
        concurrency=in_flight(options),
        seed=options.seed,
    )
    return run_on_ray(plan, steps, options.ray, advance)


def in_flight(options: argparse.Namespace) -> int:
    """How many requests an engine is asked at once."""
    return int(options.concurrency or (1 if options.engine in ONE_AT_A_TIME else CONCURRENT))


def engine_options(options: argparse.Namespace) -> dict[str, Any]:
    """What the engine is opened with."""
    if options.engine == "scripted":
        from deftly.workplace import read_script

        if options.script is None:
            raise UsageError("--engine scripted needs --script FILE: its replies, one JSON string a line, said again and again")
        replies = read_script(options.script)
        return {"replies": lambda request: replies[crc32(_words(request)) % len(replies)]}
    told = {"model": options.model, "base_url": options.base_url}
    return {key: value for key, value in told.items() if value}


def _words(request: ChatRequest) -> bytes:
    """What is said in a request, so that the same question has the same scripted answer, in whatever order questions come."""
    return "\n".join(part for message in request.messages for part in message.content if isinstance(part, str)).encode()


def default_folder(data: Dataset, model: str, family: str, context: str) -> Path:
    """Where a run is kept when nobody says: the same run finds its answers again."""
    name = "-".join((data.name, data.variant, data.digest[:8], Path(model).name, family, context))
    return Path("eval") / re.sub(r"[^A-Za-z0-9.]+", "-", name)


def about_run(options: argparse.Namespace, data: Dataset, model: str, family: Family) -> dict[str, Any]:
    """Everything that decides the answers, and with what they were made."""
    from dataclasses import asdict

    from evaluation.weights import fingerprint
    from inference.models import bundled_model

    local = options.model or (bundled_model() if options.engine in ONE_AT_A_TIME else None)
    return {
        "dataset": {"name": data.name, "variant": data.variant, "sha256": data.digest, "limit": options.limit},
        "model": model,
        "weights": fingerprint(local),
        "engine": options.engine,
        "family": asdict(family),
        "context": options.context,
        "seed": options.seed,
        "versions": versions(),
        "started": time.time(),
    }


def versions(*more: str) -> dict[str, str]:
    """Of what decides an answer, where it is installed."""
    from importlib.metadata import PackageNotFoundError, version

    import deftly

    told = {"deftly": deftly.__version__}
    for name in ("torch", "transformers", *more):
        with suppress(PackageNotFoundError):
            told[name] = version(name)
    return told
