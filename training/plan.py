"""Which packs each step trains on: epoch after epoch in a fresh order, the same whatever the number of ranks and loader workers.

The plan is made from true lengths alone, so every rank makes all of it and takes its share. A step has a fixed number of packs that the
ranks divide among themselves: started again on more or fewer machines, a run goes on with the same samples in the same steps.

Packs hold equally many tokens, but attention over one long sample costs more than over many short ones, and ranks wait for each other.
So the packs of a few steps are sorted by cost and cut into steps of alike ones, which then come in random order.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from training.packer import Packer, Waiting

WINDOW = 8  # steps whose packs are sorted by cost together


class PlannedPack(NamedTuple):
    """The numbers of its samples, and what it costs."""

    samples: tuple[int, ...]
    epoch: int
    tokens: int
    supervised: int
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One optimizer step; `state` is the plan's state after it."""

    number: int
    packs: tuple[PlannedPack, ...]
    state: Mapping[str, Any]

    @property
    def supervised(self) -> int:
        """Tokens that are learnt in this step, on all ranks together."""
        return sum(pack.supervised for pack in self.packs)

    def shares(self, world_size: int) -> list[list[PlannedPack | None]]:
        """The packs of each rank, equally many for all; `None` where a rank has nothing to do but must take part.

        Ranks wait for each other at every pack, so packs of similar cost are trained on at the same time, and the heavier ones go to the
        rank that has had the least to do.
        """
        by_cost = sorted(self.packs, key=lambda pack: -pack.cost)
        shares: list[list[PlannedPack | None]] = [[] for _ in range(world_size)]
        done = [0.0] * world_size
        for start in range(0, len(by_cost), world_size):
            together = by_cost[start : start + world_size]
            ranks = sorted(range(world_size), key=lambda rank: done[rank])
            for place, rank in enumerate(ranks):
                pack = together[place] if place < len(together) else None
                shares[rank].append(pack)
                done[rank] += pack.cost if pack else 0.0
        return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What the plan knows of the samples, by number: true lengths in tokens, and how many of those are learnt."""

    lengths: Sequence[int]
    supervised: Sequence[int]
    equal_length: int = 24_576  # at which attention costs as much as all the rest: 12 times the hidden size

    def __len__(self) -> int:
        return len(self.lengths)

    def cost(self, number: int) -> float:
        """In tokens' worth of linear layers; causal attention grows with the square of the length."""
        length = self.lengths[number]
        return length + length * length / self.equal_length


class Plan:
    """An endless iterator of steps (`epochs` ends it). `state` and `restore` carry it over, waiting samples and ready packs included."""

    def __init__(
        self, sizes: Sizes, *, pack_length: int, packs_per_step: int, lookahead: int = 1000, seed: int = 0, epochs: int | None = None
    ) -> None:
        if not len(sizes):
            raise ValueError("there are no samples to plan with")
        self._sizes, self._lookahead, self._seed, self._epochs = sizes, lookahead, seed, epochs
        self._packs_per_step = packs_per_step
        self._packer = Packer(pack_length)
        self._step = self._epoch = self._cursor = 0
        self._ready: list[PlannedPack] = []
        self._permutation: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self._permuted = -1  # the epoch whose order that is

    def __iter__(self) -> Iterator[PlannedStep]:
        return self

    def __next__(self) -> PlannedStep:
        if not self._ready:
            self._ready = self._window()
        if not self._ready:
            raise StopIteration
        packs, self._ready = self._ready[: self._packs_per_step], self._ready[self._packs_per_step :]
        self._step += 1
        return PlannedStep(number=self._step, packs=tuple(packs), state=self.state())

    def state(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "step": self._step,
            "epoch": self._epoch,
            "cursor": self._cursor,
            "packer": self._packer.state(),
            "ready": [[list(pack.samples), pack.epoch] for pack in self._ready],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._step, self._epoch, self._cursor = (int(state[key]) for key in ("step", "epoch", "cursor"))
        self._packer.restore(state["packer"])
        self._ready = [self._planned(tuple(samples), epoch) for samples, epoch in state["ready"]]

    def _window(self) -> list[PlannedPack]:
        """The packs of the next few steps, in the order of the steps."""
        size = self._packs_per_step
        packs: list[PlannedPack] = []
        while len(packs) < WINDOW * size and (pack := self._next_pack()):
            packs.append(pack)
        packs.sort(key=lambda pack: -pack.cost)
        steps = [packs[start : start + size] for start in range(0, len(packs), size)]
        whole = [step for step in steps if len(step) == size]
        random.Random(f"{self._seed}/{self._step}").shuffle(whole)
        return [pack for step in (*whole, *steps[len(whole) :]) for pack in step]

    def _next_pack(self) -> PlannedPack | None:
        """The next pack; an epoch's last ones are made of what is left, so that each sample comes once in every epoch."""
        if self._epochs is not None and self._epoch >= self._epochs:
            return None
        while len(self._packer) < self._lookahead and self._cursor < len(self._sizes):
            number = int(self._order()[self._cursor])
            self._packer.add(Waiting(number, self._sizes.lengths[number]))
            self._cursor += 1
        pack = self._planned(self._packer.pop(), self._epoch)
        if not len(self._packer) and self._cursor == len(self._sizes):
            self._epoch, self._cursor = self._epoch + 1, 0
        return pack

    def _order(self) -> npt.NDArray[np.int64]:
        if self._permuted != self._epoch:
            self._permuted = self._epoch
            self._permutation = np.random.default_rng([self._seed, self._epoch]).permutation(len(self._sizes))
        return self._permutation

    def _planned(self, samples: tuple[int, ...], epoch: int) -> PlannedPack:
        return PlannedPack(
            samples,
            epoch,
            tokens=sum(self._sizes.lengths[number] for number in samples),
            supervised=sum(self._sizes.supervised[number] for number in samples),
            cost=sum(map(self._sizes.cost, samples)),
        )
