"""MoonViT: pictures of any size, patch by patch in one row, each attending to itself; 2 x 2 patches become a token of the text.

    pixel_values [L, 3, p, p], grids [(rows, columns), …] -> features [L, D] -> merged [L / 4, 4, D] -> projected [L / 4, D_text]

Kimi-VL report (arXiv 2504.07491), section 2.1; positions: an interpolated table, and 2-D rotary positions in each layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.modeling_layers import GradientCheckpointingLayer

from inference.models.kimi_vl.attention import Segments, attend
from inference.models.products import Linear, fused, linear

THETA = 10000.0
MAX_SIDE = 512  # patches

Grid = tuple[int, int]


class BadPicture(ValueError):
    """A picture's patches do not fit the model; the message says which, and what would."""


class PositionTable(nn.Module):
    """A learnt position for each place of a `rows x columns` picture, stretched by bicubic interpolation to any other size."""

    def __init__(self, rows: int, columns: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(rows, columns, width))

    def forward(self, grids: Sequence[Grid]) -> Tensor:
        sizes = {grid: self._stretched(grid) for grid in dict.fromkeys(grids)}
        return torch.cat([sizes[grid] for grid in grids])

    def _stretched(self, grid: Grid) -> Tensor:
        if grid == tuple(self.weight.shape[:2]):
            return self.weight.flatten(0, 1)
        planes = self.weight.permute(2, 0, 1)[None]
        return functional.interpolate(planes, size=grid, mode="bicubic")[0].flatten(1).T


class PatchEmbedding(nn.Module):
    """A convolution whose kernel is as large as its patch is a matrix product, and on a CPU several times as fast as one."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, config.hidden_size, config.patch_size, config.patch_size)
        self.pos_emb = PositionTable(config.init_pos_emb_height, config.init_pos_emb_width, config.hidden_size)

    def forward(self, pixels: Tensor, grids: Sequence[Grid]) -> Tensor:
        weight = self.proj.weight
        embedded = linear(pixels.flatten(1).to(weight.dtype), weight.flatten(1), self.proj.bias)
        out: Tensor = embedded + self.pos_emb(grids)
        return out


def rotations(grids: Sequence[Grid], head_size: int, device: torch.device) -> Tensor:
    """Unit complex numbers `[L, 1, head_size / 2]` by which pairs of numbers turn: even pairs by the column, odd ones by the row."""
    speeds = THETA ** (-torch.arange(0, head_size, 4, device=device, dtype=torch.float32) / head_size)
    turned = {}
    for rows, columns in dict.fromkeys(grids):
        by_row = torch.outer(torch.arange(rows, device=device), speeds)[:, None].expand(rows, columns, -1)
        by_column = torch.outer(torch.arange(columns, device=device), speeds)[None].expand(rows, columns, -1)
        turned[rows, columns] = torch.stack([by_column, by_row], dim=-1).reshape(rows * columns, -1)
    angles = torch.cat([turned[grid] for grid in grids])
    return torch.polar(torch.ones_like(angles), angles)[:, None]


class Turns(NamedTuple):
    """What every layer needs to know of the pictures: how each patch's numbers turn, and where each picture ends."""

    rotations: Tensor
    segments: Segments


def turn(x: Tensor, by: Tensor) -> Tensor:
    """`x` `[L, H, D]`, neighbouring numbers as pairs, turned by the complex numbers `by` `[L, 1, D / 2]`."""
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * by).flatten(-2).to(x.dtype)


class VisionMLP(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.fc0 = Linear(config.hidden_size, config.intermediate_size)
        self.fc1 = Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc1(fused(self.fc0, x, "gelu_tanh"))
        return out


class VisionBlock(GradientCheckpointingLayer):  # type: ignore[misc]
    """A pre-norm transformer layer over all pictures' patches `[L, D]`."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        width = config.hidden_size
        self.config = config
        self.num_heads = config.num_attention_heads
        self.norm0 = nn.LayerNorm(width, eps=1e-5)
        self.norm1 = nn.LayerNorm(width, eps=1e-5)
        self.wqkv = Linear(width, 3 * width)
        self.wo = Linear(width, width)
        self.mlp = VisionMLP(config)

    def forward(self, x: Tensor, turns: Turns) -> Tensor:
        x = x + self._attention(self.norm0(x), turns)
        out: Tensor = x + self.mlp(self.norm1(x))
        return out

    def _attention(self, x: Tensor, turns: Turns) -> Tensor:
        qkv = self.wqkv(x).view(len(x), 3 * self.num_heads, -1)
        q, k = turn(qkv[:, : 2 * self.num_heads], turns.rotations).chunk(2, dim=1)
        v = qkv[:, 2 * self.num_heads :]
        seen = attend(q, k, v, turns.segments, causal=False, scale=q.shape[-1] ** -0.5, how=self.config._attn_implementation)
        out: Tensor = self.wo(seen.flatten(1))
        return out


class VisionEncoder(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([VisionBlock(config) for _ in range(config.num_hidden_layers)])
        self.final_layernorm = nn.LayerNorm(config.hidden_size, eps=1e-5)

    def forward(self, x: Tensor, turns: Turns) -> Tensor:
        for block in self.blocks:
            x = block(x, turns)
        out: Tensor = self.final_layernorm(x)
        return out


def picture_turns(grids: Sequence[Grid], head_size: int, device: torch.device) -> Turns:
    lengths = [rows * columns for rows, columns in grids]
    ends = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)
    return Turns(rotations(grids, head_size, device), Segments(ends, ends, max(lengths), max(lengths)))


def check_grids(grids: Sequence[Grid], num_patches: int, merge: Sequence[int]) -> None:
    """Refuse pictures that cannot be merged, are too large, or are not those whose patches there are.

    Raises:
        BadPicture: says which picture, and why.
    """
    for number, (rows, columns) in enumerate(grids):
        if rows % merge[0] or columns % merge[1] or not 0 < rows <= MAX_SIDE or not 0 < columns <= MAX_SIDE:
            raise BadPicture(
                f"picture {number} has {rows} x {columns} patches: both sides must be multiples of {merge[0]} and {merge[1]}, "
                f"and at most {MAX_SIDE}"
            )
    if (wanted := sum(rows * columns for rows, columns in grids)) != num_patches:
        raise BadPicture(f"there are {num_patches} patches, and the grids name {wanted}: give each picture's patches and its grid")


def merge_patches(x: Tensor, grids: Sequence[Grid], merge: Sequence[int]) -> Tensor:
    """`[L, D]` -> `[L / (m·n), m·n, D]`, the `m x n` patches of each square side by side."""
    squares = []
    for part, (rows, columns) in zip(torch.split(x, [rows * columns for rows, columns in grids]), grids, strict=True):
        grid = part.view(rows // merge[0], merge[0], columns // merge[1], merge[1], -1)
        squares.append(grid.transpose(1, 2).reshape(-1, merge[0] * merge[1], x.shape[-1]))
    return torch.cat(squares)


class Projector(nn.Module):
    """From merged patches `[M, m·n, D]` to the text's width `[M, D_text]`."""

    def __init__(self, eyes: Any, text_width: int) -> None:
        super().__init__()
        width = eyes.hidden_size * eyes.merge_kernel_size[0] * eyes.merge_kernel_size[1]
        self.pre_norm = nn.LayerNorm(eyes.hidden_size, eps=1e-5)
        self.linear_1 = Linear(width, width)
        self.linear_2 = Linear(width, text_width)

    def forward(self, merged: Tensor) -> Tensor:
        out: Tensor = self.linear_2(fused(self.linear_1, self.pre_norm(merged).flatten(1), "gelu"))
        return out
