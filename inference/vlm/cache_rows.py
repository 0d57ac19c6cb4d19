"""The key-value caches of several answers side by side, one row each, so that one pass of the network serves them all.

    layer's keys [R, H, L, D]: R rows, of which the first `len(self)` are in use; L tokens of room; H heads of D numbers

A pass sees the used rows as one batch; what lies behind a row's own length is masked. Rows are moved, never searched for: when an
answer leaves, the last row takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache

ROOM_STEP = 256  # tokens by which the rows grow


class LayerTensors(NamedTuple):
    """Keys and values of one layer."""

    keys: torch.Tensor
    values: torch.Tensor


class CacheRows:
    """Takes the place of transformers' `Cache` in a pass over `len(self)` answers, each one token long."""

    is_compileable = False

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self._layers: list[LayerTensors] = []
        self._rows: torch.Tensor | None = None
        self._ends: torch.Tensor | None = None
        self._span = 0

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def num_bytes(self) -> int:
        return sum(tensor.nbytes for layer in self._layers for tensor in layer)

    def add(self, cache: DynamicCache) -> int:
        """Copy a prompt's cache into a new row; returns the row."""
        layers = [LayerTensors(layer.keys, layer.values) for layer in cache.layers]
        length, row = layers[0].keys.shape[-2], len(self)
        self._make_room(layers, row + 1, length + 1)
        for ours, theirs in zip(self._layers, layers, strict=True):
            for to, source in zip(ours, theirs, strict=True):
                to[row, :, :length] = source[0]
        self.lengths.append(length)
        return row

    def copy_out(self, row: int) -> list[LayerTensors]:
        """What was read in `row`, as tensors `[1, H, length, D]` of their own."""
        length = self.lengths[row]
        return [LayerTensors(*(tensor[row : row + 1, :, :length].clone() for tensor in layer)) for layer in self._layers]

    def remove(self, row: int) -> None:
        """Drop `row`; the last row takes its place."""
        last = len(self) - 1
        if row != last:
            length = self.lengths[last]
            for layer in self._layers:
                for tensor in layer:
                    tensor[row, :, :length] = tensor[last, :, :length]
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()

    def begin_step(self) -> torch.Tensor:
        """Make room for a token in each row; returns who sees what, `[B, 1, 1, span]`, true where seen."""
        import torch

        self._make_room(self._layers, len(self), max(self.lengths) + 1)
        device = self._layers[0].keys.device
        self._rows = torch.arange(len(self), device=device)
        self._ends = torch.tensor(self.lengths, device=device)
        self._span = max(self.lengths) + 1
        return (torch.arange(self._span, device=device) <= self._ends[:, None])[:, None, None]

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer_idx: int, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What transformers' attention calls: keep the new tokens' keys and values `[B, H, 1, D]`, and return all there are."""
        layer = self._layers[layer_idx]
        layer.keys[self._rows, :, self._ends] = keys[:, :, 0]
        layer.values[self._rows, :, self._ends] = values[:, :, 0]
        return layer.keys[: len(self), :, : self._span], layer.values[: len(self), :, : self._span]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self._span - 1

    def end_step(self) -> None:
        """The pass went through all layers: the new tokens count."""
        self.lengths = [length + 1 for length in self.lengths]

    def _make_room(self, like: list[LayerTensors], rows: int, length: int) -> None:
        """Grow to `rows` rows of `length` tokens. Zeros, since what is masked must still be finite: 0 x NaN is NaN."""
        have_rows, have_length = (self._layers[0].keys.shape[0], self._layers[0].keys.shape[2]) if self._layers else (0, 0)
        if rows <= have_rows and length <= have_length:
            return
        shape = max(rows, have_rows), max(have_length, -(-length // ROOM_STEP) * ROOM_STEP)
        grown = [
            LayerTensors(*(tensor.new_zeros(shape[0], tensor.shape[1], shape[1], tensor.shape[3]) for tensor in layer)) for layer in like
        ]
        for new, old in zip(grown, self._layers, strict=False):
            for to, source in zip(new, old, strict=True):
                to[: len(self), :, :have_length] = source[: len(self)]
        self._layers = grown
