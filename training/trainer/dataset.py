"""What a run trains on and what it holds out, and the loader that brings each rank its packs."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from training.data.store import SampleStore
from training.errors import DataSetError, Overlong
from training.packing import IGNORED, Pack, Sample, make_pack
from training.plan import Plan, PlannedStep, Sizes
from training.trainer.config import DataConfig

NAMED = 5  # overlong samples that an error names; all of them are in the run's folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Numbers of samples in the store: to train on, held out, and too long for a pack."""

    train: tuple[int, ...]
    held_out: tuple[int, ...]
    overlong: tuple[int, ...]


def split(store: SampleStore, config: DataConfig) -> Split:
    """Whole episodes are held out, chosen by their names, so that no screen of theirs is seen, in whatever order they were prepared.

    Raises:
        Overlong: samples do not fit into a pack, and `config.overlong` is `stop`.
        DataSetError: nothing is left to train on.
    """
    index = store.index()
    overlong = tuple(number for number, length in enumerate(index.lengths) if length > config.pack_length)
    if overlong and config.overlong == "stop":
        names = "; ".join(f"{index.sources[n]}, {index.names[n]}: {index.lengths[n]} tokens" for n in overlong[:NAMED])
        more = f"; and {len(overlong) - NAMED} more" if len(overlong) > NAMED else ""
        raise Overlong(
            f"{len(overlong)} samples do not fit into data.pack_length {config.pack_length} ({names}{more}): "
            "raise it, prepare with --max-length, or leave them out with data.overlong=skip"
        )
    fitting = [number for number in range(len(store)) if number not in set(overlong)]
    held_out = tuple(number for number in fitting if _share(index.sources[number], config.seed) < config.held_out)
    train = tuple(number for number in fitting if number not in set(held_out))
    if not train:
        raise DataSetError(f"{store.folder}: no sample is left to train on ({len(held_out)} held out, {len(overlong)} too long)")
    return Split(train=train, held_out=held_out, overlong=overlong)


def _share(source: str, seed: int) -> float:
    """A number in [0, 1) that depends on the name of an episode alone, not on where it lies."""
    digest = hashlib.sha256(f"{seed}/{Path(source).name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 256**6


def make_plan(store: SampleStore, numbers: Sequence[int], config: DataConfig, *, epochs: int | None, equal_length: int) -> Plan:
    """The plan of packs of the samples `numbers`."""
    index = store.index()
    sizes = Sizes(
        lengths=[index.lengths[number] for number in numbers],
        supervised=[index.supervised[number] for number in numbers],
        equal_length=equal_length,
    )
    return Plan(
        sizes,
        pack_length=config.pack_length,
        packs_per_step=config.packs_per_step,
        lookahead=config.lookahead,
        seed=config.seed,
        epochs=epochs,
    )


class Work(NamedTuple):
    """A step of the plan and this rank's packs of it."""

    step: PlannedStep
    packs: list[Pack]


class PackLoader:
    """Iterates over this rank's `Work`. The plan runs ahead of it where workers load ahead; each step carries the state after it."""

    def __init__(self, store: SampleStore, numbers: Sequence[int], plan: Plan, *, rank: int, world_size: int, workers: int) -> None:
        self._makers = _PackMaker(store, tuple(numbers))
        self._plan = plan
        self._rank, self._world_size, self._workers = rank, world_size, workers
        self._planned: deque[tuple[PlannedStep, int]] = deque()

    def __iter__(self) -> Iterator[Work]:
        packs = iter(
            DataLoader(
                self._makers,
                sampler=_Tasks(self._tasks()),
                batch_size=None,
                num_workers=self._workers,
                collate_fn=_as_it_is,
                prefetch_factor=2 if self._workers else None,
                worker_init_fn=_end_with_the_trainer,
            )
        )
        first = next(packs, None)
        while first is not None:
            step, count = self._planned.popleft()
            mine = [first, *(next(packs) for _ in range(count - 1))]
            yield Work(step, mine)
            first = next(packs, None)

    def _tasks(self) -> Iterator[tuple[int, ...]]:
        for step in self._plan:
            share = step.shares(self._world_size)[self._rank]
            self._planned.append((step, len(share)))
            yield from (pack.samples if pack else () for pack in share)


def _end_with_the_trainer(_: int) -> None:
    """A worker does not outlive a trainer that is killed: torch compares parents, but a worker of `forkserver` has the server for one."""
    trainer = multiprocessing.parent_process()
    if trainer is not None:
        Thread(target=lambda: (connection.wait([trainer.sentinel]), os._exit(1)), daemon=True).start()


class _Tasks(Sampler[tuple[int, ...]]):
    """What the packs are made of, one at a time, in a plan's order."""

    def __init__(self, tasks: Iterator[tuple[int, ...]]) -> None:
        self._tasks = tasks

    def __iter__(self) -> Iterator[tuple[int, ...]]:
        return self._tasks


class _PackMaker(Dataset[Pack]):
    """Reads the samples of a pack; lives in the workers."""

    def __init__(self, store: SampleStore, numbers: tuple[int, ...]) -> None:
        self._store, self._numbers = store, numbers

    def __getitem__(self, planned: tuple[int, ...]) -> Pack:
        samples = [self._store[self._numbers[number]] for number in planned]
        return make_pack(samples or [idle_sample(self._store)])


def idle_sample(store: SampleStore) -> Sample:
    """One token and nothing to learn, for a rank that has no pack and must take part."""
    rows = len(store[0].positions)
    return Sample(
        name="idle",
        ids=np.zeros(1, np.int64),
        positions=np.zeros((rows, 1), np.int64),
        labels=np.full(1, IGNORED, np.int64),
    )


def _as_it_is(pack: Any) -> Any:
    return pack
