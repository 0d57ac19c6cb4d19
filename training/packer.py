"""Which samples share a pack: the fullest set that a look-ahead buffer offers, found exactly, online, and the same on every machine.

Each pack begins with the sample that has waited longest, so none starves. The rest is the best fit: of all sets of waiting samples, one
that leaves the fewest tokens free, by subset sum over their true lengths (a bit a length in one big integer, about a millisecond a pack).
Many sets are equally full; a few are drawn, and the one is taken whose attention cost comes nearest to the average, so that packs cost
about the same as well as hold the same number of tokens.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

WIDTH = 256  # of the waiting samples, the oldest are tried first: they nearly always fill a pack to the last token
DRAWS = 8  # sets that are compared by cost


class Waiting(NamedTuple):
    """A sample's number, its true length in tokens and its cost."""

    number: int
    length: int
    cost: float


class Packer:
    """`add` samples, `pop` packs. `state` holds all of it, and what `restore` got from it goes on as if nothing had happened."""

    def __init__(self, capacity: int, *, cost_per_token: float = 1.0, seed: int = 0) -> None:
        self.capacity = capacity
        self._cost_per_token = cost_per_token
        self._seed = seed
        self._popped = 0
        self._waiting: list[Waiting] = []

    def __len__(self) -> int:
        """How many samples wait."""
        return len(self._waiting)

    def add(self, sample: Waiting) -> None:
        """Let `sample` wait for its pack.

        Raises:
            ValueError: it is longer than a pack.
        """
        if not 0 < sample.length <= self.capacity:
            raise ValueError(f"sample {sample.number} has {sample.length} tokens, and a pack holds {self.capacity}")
        self._waiting.append(sample)

    def pop(self) -> tuple[int, ...]:
        """The numbers of the samples of the next pack, oldest first."""
        oldest, rest = self._waiting[0], self._waiting[1:]
        chosen = [0, *(index + 1 for index in self._fill(rest, self.capacity - oldest.length, oldest))]
        pack = tuple(self._waiting[index].number for index in chosen)
        taken = set(chosen)
        self._waiting = [sample for index, sample in enumerate(self._waiting) if index not in taken]
        self._popped += 1
        return pack

    def state(self) -> dict[str, Any]:
        return {"popped": self._popped, "waiting": [list(sample) for sample in self._waiting]}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._popped = int(state["popped"])
        self._waiting = [Waiting(int(number), int(length), float(cost)) for number, length, cost in state["waiting"]]

    def _fill(self, rest: Sequence[Waiting], space: int, oldest: Waiting) -> list[int]:
        """Indices in `rest` of the best fit into `space`."""
        near = rest[:WIDTH]
        sums = _reachable([sample.length for sample in near], space)
        if sums[-1].bit_length() - 1 < space and len(rest) > len(near):
            near, sums = rest, _reachable([sample.length for sample in rest], space)
        total = sums[-1].bit_length() - 1
        wanted = self._cost_per_token * (oldest.length + total) - oldest.cost
        dice = random.Random(f"{self._seed}/{self._popped}")
        draws = [_draw(near, sums, total, dice if number else None) for number in range(DRAWS)]
        return min(draws, key=lambda chosen: abs(sum(near[index].cost for index in chosen) - wanted))


def _reachable(lengths: Sequence[int], space: int) -> list[int]:
    """Bit `b` of entry `n` says that some of the last `n` lengths add up to `b`, up to `space`."""
    mask = (1 << (space + 1)) - 1
    sums = [1]
    for length in reversed(lengths):
        sums.append(sums[-1] | (sums[-1] << length) & mask if length <= space else sums[-1])
    return sums


def _draw(near: Sequence[Waiting], sums: Sequence[int], total: int, dice: random.Random | None) -> list[int]:
    """A set of `near` that adds up to `total`; without `dice` the one of the oldest samples."""
    chosen: list[int] = []
    for index, sample in enumerate(near):
        if total == 0:
            break
        later = sums[len(near) - index - 1]
        takes = sample.length <= total and later >> (total - sample.length) & 1
        leaves = later >> total & 1
        if takes and (not leaves or dice is None or dice.random() < 0.25):
            chosen.append(index)
            total -= sample.length
    return chosen
