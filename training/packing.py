"""One flat training row: a `Pack` holds whole samples end to end, with no padding to remove because none is ever added.

Legend: T tokens of the pack, S segments, P rows of positions (3 for M-RoPE, 1 otherwise), N patches, M pictures, D numbers a patch.

A sample may hold branches: questions that share its beginning (a screenshot, say). Each branch is then a segment of its own whose keys
are the beginning's and its own, so the beginning is computed once. `Pack.key_index` says which keys; without branches it is `None`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

IGNORED = -100  # label of a token that is not learnt
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture's patches `[N, D]` and its size in patches."""

    patches: npt.NDArray[np.float32]
    rows: int
    columns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sample, ready to be packed: `ids` `[T]`, `positions` `[P, T]`, `labels` `[T]`.

    `labels[t]` is the token to be predicted from `t`: shifted here, inside the sample, so that no label crosses into another one.
    `branches` are the offsets at which questions begin that share what stands before the first of them.
    """

    name: str
    ids: Ids
    positions: Ids
    labels: Ids
    pictures: tuple[Picture, ...] = ()
    branches: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        length = len(self.ids)
        if self.positions.shape[-1] != length or len(self.labels) != length:
            raise ValueError(f"{self.name}: {length} ids, {self.positions.shape[-1]} positions and {len(self.labels)} labels")
        if self.branches and (list(self.branches) != sorted(set(self.branches)) or not 0 < self.branches[0] <= self.branches[-1] < length):
            raise ValueError(f"{self.name}: branches {self.branches} must rise, between 0 and {length}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """What a forward pass reads.

    `ids` and `labels` `[1, T]`, `positions` `[P, 1, T]`, `cu_seqlens` `[S + 1]` int32; `pixel_values` `[N, D]` and `grid_thw` `[M, 3]`
    are `None` in a pack without pictures. `cu_seqlens_k`, `max_seqlen_k` and `key_index` `[K]` differ from the queries' only where
    branches share a beginning. The longest segment is a number, so that no layer has to ask the device for it.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    cu_seqlens: torch.Tensor
    max_seqlen: int
    cu_seqlens_k: torch.Tensor
    max_seqlen_k: int
    key_index: torch.Tensor | None
    pixel_values: torch.Tensor | None
    grid_thw: torch.Tensor | None
    num_supervised: int
    names: tuple[str, ...]

    @property
    def num_tokens(self) -> int:
        return int(self.ids.shape[1])

    def to(self, device: torch.device | str) -> Pack:
        """The same on `device`."""
        import torch

        moved: dict[str, Any] = {
            field.name: value.to(device, non_blocking=True)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), torch.Tensor)
        }
        return replace(self, **moved)


def make_pack(samples: Sequence[Sample]) -> Pack:
    """`samples` end to end."""
    import torch

    if not samples:
        raise ValueError("a pack needs at least one sample")
    lengths, keys = _segments(samples)
    key_lengths = [len(index) for index in keys]
    labels = np.concatenate([sample.labels for sample in samples])
    pictures = [picture for sample in samples for picture in sample.pictures]
    return Pack(
        ids=torch.from_numpy(np.concatenate([sample.ids for sample in samples]))[None],
        positions=torch.from_numpy(np.concatenate([sample.positions for sample in samples], axis=1))[:, None],
        labels=torch.from_numpy(labels)[None],
        cu_seqlens=_boundaries(lengths),
        max_seqlen=max(lengths),
        cu_seqlens_k=_boundaries(key_lengths),
        max_seqlen_k=max(key_lengths),
        key_index=torch.from_numpy(np.concatenate(keys)) if any(sample.branches for sample in samples) else None,
        pixel_values=torch.from_numpy(np.concatenate([picture.patches for picture in pictures])) if pictures else None,
        grid_thw=torch.tensor([[1, picture.rows, picture.columns] for picture in pictures]) if pictures else None,
        num_supervised=int((labels != IGNORED).sum()),
        names=tuple(sample.name for sample in samples),
    )


def shifted(ids: Ids, supervised: npt.NDArray[np.bool_]) -> Ids:
    """Labels of one sample: at each place the id that follows it, where that id is to be learnt.

    The first id of a sample is never learnt: nothing stands before it to predict it from.
    """
    labels = np.full(len(ids), IGNORED, dtype=np.int64)
    labels[:-1][supervised[1:]] = ids[1:][supervised[1:]]
    return labels


def _segments(samples: Sequence[Sample]) -> tuple[list[int], list[Ids]]:
    """The length of each segment, and the places in the pack of its keys."""
    lengths: list[int] = []
    keys: list[Ids] = []
    start = 0
    for sample in samples:
        edges = [0, *sample.branches, len(sample.ids)]
        shared = np.arange(start, start + edges[1])
        for number, (left, right) in enumerate(pairwise(edges)):
            own = np.arange(start + left, start + right)
            lengths.append(right - left)
            keys.append(own if number == 0 else np.concatenate([shared, own]))
        start += len(sample.ids)
    return lengths, keys


def _boundaries(lengths: Sequence[int]) -> torch.Tensor:
    import torch

    return torch.tensor([0, *np.cumsum(lengths)], dtype=torch.int32)
