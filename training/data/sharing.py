"""Many questions about one screen: samples that begin alike become one sample with branches, and what they share is computed once.

The method of the bundled model's training (`training.tiny.shared_prefix`), for any model whose state is attention alone: a branch sees
the beginning and itself, at the positions that it has alone, so what is learnt is what the samples would teach one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from training.data.encode import Encoded


def share_beginnings(samples: Iterable[Encoded], *, max_length: int | None = None, most: int = 16) -> Iterator[Encoded]:
    """`samples` in their order, neighbours that show the same pictures and begin alike put together, `most` at most."""
    together: list[Encoded] = []
    for sample in samples:
        if together and not _fits(together, sample, max_length, most):
            yield _joined(together)
            together = []
        together.append(sample)
    if together:
        yield _joined(together)


def _fits(together: Sequence[Encoded], sample: Encoded, max_length: int | None, most: int) -> bool:
    first = together[0]
    if not sample.pictures or sample.pictures != first.pictures or len(together) == most:
        return False
    shared = _shared([*together, sample])
    length = shared + sum(len(each.ids) - shared for each in (*together, sample))
    return shared > 0 and (max_length is None or length <= max_length)


def _shared(samples: Sequence[Encoded]) -> int:
    """How many tokens they share at the beginning, all pictures among them; 0 if the pictures are not.

    The first token of a branch is never one that is learnt: nothing in its sample's own order would stand before it.
    """
    first = samples[0]
    shared = min(int(np.flatnonzero(sample.supervised)[0]) - 1 for sample in samples)
    for other in samples[1:]:
        length = min(len(first.ids), len(other.ids), shared)
        same = (first.ids[:length] == other.ids[:length]) & (first.positions[:, :length] == other.positions[:, :length]).all(0)
        shared = length if same.all() else int(np.argmin(same))
    # A picture's tokens stand at places that do not rise one by one in all three rows.
    seen = np.flatnonzero((first.positions != first.positions[0]).any(0))
    return shared if len(seen) and shared > seen[-1] else 0


def _joined(samples: Sequence[Encoded]) -> Encoded:
    if len(samples) == 1:
        return samples[0]
    shared = _shared(samples)
    starts = shared + np.cumsum([0, *(len(sample.ids) - shared for sample in samples)])
    first, rest = samples[0], samples[1:]
    return replace(
        first,
        name=f"{first.name} and {len(rest)} more that begin alike",
        ids=np.concatenate([first.ids, *(sample.ids[shared:] for sample in rest)]),
        positions=np.concatenate([first.positions, *(sample.positions[:, shared:] for sample in rest)], axis=1),
        supervised=np.concatenate([first.supervised, *(sample.supervised[shared:] for sample in rest)]),
        turns=sum(sample.turns for sample in samples),
        branches=tuple(int(start) for start in starts[:-1]),
    )
