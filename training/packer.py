"""Which samples share a pack: the fullest set that a look-ahead buffer offers, found exactly, online, and the same on every machine.

Each pack begins with the sample that has waited longest, so none starves. The rest is the best fit: of all sets of waiting samples, one
that leaves the fewest tokens free, by subset sum over their true lengths (a bit a length in one big integer, about a millisecond a pack);
of equally full sets, the one with the oldest samples, so that packs keep the shuffled order as far as they can.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WIDTH = 256  # of the waiting samples, the oldest are tried first: they nearly always fill a pack to the last token


class Waiting(NamedTuple):
    """A sample's number and its true length in tokens."""

    number: int
    length: int


class Packer:
    """`add` samples, `pop` packs. `state` holds all of it, and what `restore` got from it goes on as if nothing had happened."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
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
        chosen = [0, *(index + 1 for index in self._fill(rest, self.capacity - oldest.length))]
        pack = tuple(self._waiting[index].number for index in chosen)
        taken = set(chosen)
        self._waiting = [sample for index, sample in enumerate(self._waiting) if index not in taken]
        return pack

    def state(self) -> list[list[int]]:
        """As JSON."""
        return [list(sample) for sample in self._waiting]

    def restore(self, state: Sequence[Sequence[int]]) -> None:
        self._waiting = [Waiting(number, length) for number, length in state]

    def _fill(self, rest: Sequence[Waiting], space: int) -> list[int]:
        """Indices in `rest` of the best fit into `space`."""
        near = rest[:WIDTH]
        sums = _reachable([sample.length for sample in near], space)
        if len(rest) > len(near) and not sums[-1] >> space & 1:
            near, sums = rest, _reachable([sample.length for sample in rest], space)
        return _oldest_of(near, sums)


def _reachable(lengths: Sequence[int], space: int) -> list[int]:
    """Bit `b` of entry `n` says that some of the last `n` lengths add up to `b`, up to `space`."""
    mask = (1 << (space + 1)) - 1
    sums = [1]
    for length in reversed(lengths):
        sums.append(sums[-1] | (sums[-1] << length) & mask if length <= space else sums[-1])
    return sums


def _oldest_of(near: Sequence[Waiting], sums: Sequence[int]) -> list[int]:
    """Of the sets of `near` with the largest sum, the one with the oldest samples."""
    left = sums[-1].bit_length() - 1
    chosen: list[int] = []
    for index, sample in enumerate(near):
        later = sums[len(near) - index - 1]
        if sample.length <= left and later >> (left - sample.length) & 1:
            chosen.append(index)
            left -= sample.length
    return chosen
