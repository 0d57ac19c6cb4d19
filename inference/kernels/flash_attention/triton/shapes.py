"""How a head size is cut, and how large the tiles are: decided before anything is compiled."""

from __future__ import annotations

from typing import NamedTuple

import torch

LEAST = 16  # a tensor core's smallest side


class Parts(NamedTuple):
    """A head size as a power of two and a rest padded to one; no rest is 0."""

    main: int
    tail: int

    @property
    def total(self) -> int:
        return self.main + self.tail


class Tile(NamedTuple):
    """Rows of queries, rows of keys, and how a program runs."""

    bm: int
    bn: int
    num_warps: int
    num_stages: int


def parts(size: int) -> Parts:
    """`size` in a main part and a tail: 80 is 64 + 16, 192 is 128 + 64, 33 is 32 + 16."""
    main = 1 << (size.bit_length() - 1)
    if main < LEAST:
        return Parts(LEAST, 0)
    return Parts(main, 0 if main == size else max(LEAST, power_of_two(size - main)))


def power_of_two(number: int) -> int:
    """The least power of two that is not below `number`."""
    return 1 << max(number - 1, 0).bit_length()


def forward_tile(size: int, value_size: int, dtype: torch.dtype, num_rows: int) -> Tile:
    """For a forward pass over `num_rows` queries of the longest segment. Compiled for sm_90, none of these spills (tests say so)."""
    width = max(parts(size).total, parts(value_size).total)
    wide = dtype == torch.float32
    if num_rows <= 64:  # decoding, and the vision towers' windows
        bm = max(LEAST, power_of_two(num_rows))
        bn = 64 if width <= 128 and not wide else 32 if width <= 320 else 16
        return Tile(bm, bn, 8 if width > 320 else 4, 2)
    if wide:
        return Tile(32, 32, 4, 2) if width <= 64 else Tile(32, 16, 8, 2)
    if width <= 128:
        return Tile(128, 64, 8, 3)
    return Tile(128, 32, 8, 2) if width <= 256 else Tile(32, 16, 8, 2)


def keys_tile(size: int, value_size: int, dtype: torch.dtype) -> Tile:
    """For gradients of keys and values: `bn` keys are held, `bm` queries pass by."""
    width = max(parts(size).total, parts(value_size).total)
    if dtype == torch.float32:
        return Tile(16, 64, 8, 1) if width <= 128 else Tile(16, 16, 8, 1)
    if width <= 64:
        return Tile(32, 128, 8, 2)
    if width <= 192:
        return Tile(32, 64, 8, 2) if width <= 128 else Tile(16, 64, 8, 2)
    return Tile(16, 32, 8, 1) if width <= 256 else Tile(16, 16, 8, 1)


def queries_tile(size: int, value_size: int, dtype: torch.dtype) -> Tile:
    """For gradients of queries: `bm` queries are held, `bn` keys pass by."""
    width = max(parts(size).total, parts(value_size).total)
    if dtype == torch.float32:
        return Tile(64, 16, 8, 1) if width <= 64 else Tile(32, 16, 8, 1) if width <= 128 else Tile(16, 16, 8, 1)
    if width <= 128:
        return Tile(128, 64 if width <= 64 else 32, 8, 2)
    return Tile(64, 32, 8, 1) if width <= 192 else Tile(32, 32, 8, 1) if width <= 256 else Tile(16, 16, 8, 1)


def near(usual: Tile, dtype: torch.dtype) -> list[Tile]:
    """`usual`, and tiles beside it that may be faster on some GPU. Those that do not fit drop out when they are measured."""
    if dtype == torch.float32 or usual.bm < 64:
        return [usual]
    bm, bn, num_warps, num_stages = usual
    others = [
        Tile(bm, bn, num_warps, num_stages + 1),
        Tile(bm, bn, num_warps, max(num_stages - 1, 1)),
        Tile(bm, bn * 2, num_warps, num_stages),
        Tile(bm, bn * 2, num_warps, max(num_stages - 1, 1)),
        Tile(bm, max(bn // 2, LEAST), num_warps, num_stages + 1),
        Tile(bm // 2, bn, 4, num_stages),
        Tile(bm // 2, bn * 2, 4, num_stages),
    ]
    return list(dict.fromkeys([usual, *others]))


def num_splits(num_programs: int, max_keys: int, num_processors: int) -> int:
    """Into how many parts keys are split so that all processors have work; none is shorter than 256 keys."""
    return max(1, min(num_processors * 2 // max(num_programs, 1), max_keys // 256, 64))
