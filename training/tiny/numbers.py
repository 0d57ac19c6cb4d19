"""Numbers as places on a line: the embeddings of 0-999 are learnt as a smooth function of their value, and written out at export.

With a free embedding for each, a coordinate is learnt only from clicks on that very pixel, and the model falls back on those it saw most.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

SHORTEST_PX, LONGEST_PX, NUM_WAVES = 2.3, 2000.0, 64
SLOPE = 0.3  # short waves weigh less, so that near numbers stay alike


class SmoothNumbers(nn.Module):
    """Puts `features(value) @ mix` in the rows of the number tokens `ids` `[2, 1000]`; the other rows are free."""

    ids: Tensor
    features: Tensor

    def __init__(self, ids: Tensor, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("ids", ids, persistent=False)
        self.register_buffer("features", wave_features(ids.shape[1]), persistent=False)
        fitted = torch.linalg.lstsq(self.features.expand(len(ids), -1, -1), weight.detach()[ids]).solution
        self.mix_first, self.mix_second = nn.Parameter(fitted[0]), nn.Parameter(fitted[1])

    def forward(self, weight: Tensor) -> Tensor:
        rows = torch.cat([self.features @ self.mix_first, self.features @ self.mix_second])
        return weight.index_copy(0, self.ids.flatten(), rows.to(weight.dtype))

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight


def wave_features(count: int) -> Tensor:
    """Sines and cosines of 0..count-1 and a constant, `[count, 2 * NUM_WAVES + 1]`, each row of norm 1."""
    waves = torch.logspace(math.log10(SHORTEST_PX), math.log10(LONGEST_PX), NUM_WAVES)
    angles = 2 * math.pi * torch.arange(count)[:, None] / waves[None]
    size = waves**SLOPE
    features = torch.cat([angles.sin() * size, angles.cos() * size, size.mean().expand(count, 1)], dim=1)
    normed: Tensor = features / features.norm(dim=1, keepdim=True)
    return normed


def smooth_numbers(embedding: nn.Module, ids: Tensor) -> None:
    """Make the numbers of `embedding` smooth, starting from the nearest smooth function to what they are."""
    parametrize.register_parametrization(embedding, "weight", SmoothNumbers(ids, embedding.weight))  # type: ignore[arg-type]


def write_out(embedding: nn.Module) -> None:
    """Make `embedding` an ordinary one again, with the smooth numbers in it."""
    parametrize.remove_parametrizations(embedding, "weight", leave_parametrized=True)
