"""The same run over many workers through Ray: on this machine, or on the cluster that RAY_ADDRESS names.

The driver hands out pieces of work and keeps the count; each worker opens the data set and the engine itself, asks with its own requests in
flight, and keeps answers in a file of its own in the run's folder, which all of them must see. What was answered before is told to
workers, so that none of them reads, and mends, a file that another is writing.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from agent.endings import ModelUnreachable
from evaluation.asking import Context
from evaluation.datasets.base import Dataset
from evaluation.errors import DatasetError
from evaluation.metrics.registry import get_metric
from evaluation.predictions import Answer, Key
from evaluation.run_folder import RunFolder
from evaluation.runner import Runner
from evaluation.steps import EvalStep
from inference.engines.base import Engine
from inference.families import Family

PIECES = 4  # for each worker, so that those that are done early take from the others; each ends with an engine that is not full
LEAST_IN_FLIGHT = 4  # times as many steps are in a piece as requests are in flight
STORE_BYTES = 100_000_000  # of Ray's store, which is hardly used: keys go there, not pictures


class RayMissing(ValueError):
    """Ray is not installed; the message says how to install it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a worker needs to know. Both functions are called where the worker runs."""

    load: Callable[[], Dataset]
    digest: str
    open_engine: Callable[[], Engine]
    family: Family
    folder: Path
    context: Context
    concurrency: int
    seed: int | None


class Asked(NamedTuple):
    """What came of a piece."""

    num_steps: int
    num_failed: int
    unreachable: str


class Worker:
    """Asks for pieces of the data set, one after the other."""

    def __init__(self, plan: Plan, number: int) -> None:
        data = plan.load()
        if data.digest != plan.digest:
            raise DatasetError(f"{data.path} is not the same where worker {number} runs: its annotations differ")
        self._steps = {(step.episode, step.step): step for step in data.steps}
        self._vocabulary = get_metric(data.metric).vocabulary
        self._plan = plan
        self._folder = RunFolder(plan.folder, worker=number)
        self._engine = plan.open_engine()

    def ask(self, keys: Sequence[Key], done: Mapping[Key, Answer]) -> Asked:
        runner = Runner(
            engine=self._engine,
            family=self._plan.family,
            vocabulary=self._vocabulary,
            folder=self._folder,
            context=self._plan.context,
            concurrency=self._plan.concurrency,
            seed=self._plan.seed,
        )
        try:
            failed = runner.run([self._steps[key] for key in keys], done)
        except ModelUnreachable as error:
            return Asked(0, 0, str(error))
        return Asked(len(keys) - len(done), failed, "")


def run_on_ray(plan: Plan, steps: Sequence[EvalStep], workers: int, watch: Callable[[int], None]) -> int:
    """Ask for every step that has no answer yet; the number for which the engine had none. `watch` is told how many more are done.

    Raises:
        RayMissing: Ray is not installed.
        ModelUnreachable: the engine fails at every step, or a worker died. What was answered is kept, and the run can go on.
        DatasetError: a worker does not see the data set, or a picture is missing.
    """
    answers = RunFolder(plan.folder).answers()
    left = pieces(steps, answers, plan, workers)
    with _ray(workers) as ray:
        from ray.exceptions import RayActorError, RayTaskError

        actors = [ray.remote(Worker).options(num_cpus=1).remote(plan, number) for number in range(min(workers, len(left)))]
        try:
            return _hand_out(ray, actors, iter(left), answers, watch)
        except RayTaskError as error:
            raise error.cause from None
        except RayActorError as error:
            cause = getattr(error, "cause", None)
            raise (
                cause if isinstance(cause, ValueError) else ModelUnreachable(f"a worker died: the same command goes on ({error})")
            ) from None


def pieces(steps: Sequence[EvalStep], done: Mapping[Key, Answer], plan: Plan, workers: int) -> list[list[Key]]:
    """What is left to ask, in pieces: steps, or whole episodes where a step is told after the model's own answers."""
    size = max(plan.concurrency * LEAST_IN_FLIGHT, -(-len(steps) // (workers * PIECES)))
    if plan.context == "teacher":
        keys = [_key(step) for step in steps if _key(step) not in done]
        return [keys[start : start + size] for start in range(0, len(keys), size)]
    made: list[list[Key]] = []
    for _, episode in groupby(map(_key, steps), key=lambda key: key[0]):
        chain = list(episode)
        if all(key in done for key in chain):
            continue
        if made and len(made[-1]) < size:
            made[-1] += chain
        else:
            made.append(chain)
    return made


def _hand_out(
    ray: Any, actors: Sequence[Any], left: Iterator[list[Key]], answers: Mapping[Key, Answer], watch: Callable[[int], None]
) -> int:
    """Every worker has a piece until there are none."""

    def give(actor: Any) -> None:
        if (keys := next(left, None)) is not None:
            going[actor.ask.remote(keys, {key: answers[key] for key in keys if key in answers})] = actor

    going: dict[Any, Any] = {}
    failed = 0
    for actor in actors:
        give(actor)
    while going:
        (ready,), _ = ray.wait(list(going), num_returns=1)
        asked: Asked = ray.get(ready)
        if asked.unreachable:
            raise ModelUnreachable(asked.unreachable)
        failed += asked.num_failed
        watch(asked.num_steps)
        give(going.pop(ready))
    return failed


@contextmanager
def _ray(workers: int) -> Iterator[Any]:
    """Ray, begun here or joined; a Ray that was begun here is gone when the block ends."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would call home
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # workers may ask a GPU's engine in this very machine
    try:
        import ray
    except ModuleNotFoundError as error:
        raise RayMissing("--ray needs Ray, which is not installed: pip install 'deftly[ray]'") from error
    own = not os.environ.get("RAY_ADDRESS")
    local: dict[str, Any] = {"num_cpus": workers, "object_store_memory": STORE_BYTES, "include_dashboard": False} if own else {}
    ray.init(log_to_driver=False, logging_level=logging.ERROR, **local)
    try:
        yield ray
    finally:
        ray.shutdown()


def _key(step: EvalStep) -> Key:
    return step.episode, step.step
