"""What several answers left in a network's layers side by side, one row each, so that one pass of the network serves them all.

    keys of an attention layer [R, H, L, D]: R rows, of which the first `len(self)` are in use; L tokens of room; H heads of D numbers
    state of a recurrent one   [R, H, D, Dv]: however long the answer is

A pass sees the used rows as one batch; what lies behind a row's own length is masked. Rows are moved, never searched for: when an
answer leaves, the last row takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

from inference.vlm.cache_layers import Layer, LayerState, LayerTensors, is_recurrent, layers_of, num_tokens

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache

ROOM_STEP = 256  # tokens by which the rows grow


class CacheRows:
    """Takes the place of transformers' `Cache` in a pass over `len(self)` answers, each one token long."""

    is_compileable = False

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.layers: list[SimpleNamespace] = []  # where recurrent layers look for their states
        self._layers: list[Layer] = []
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
        layers, row = layers_of(cache), len(self)
        length = num_tokens(layers)
        self._make_room(layers, row + 1, length + 1)
        for ours, theirs in zip(self._layers, layers, strict=True):
            for to, source in zip(ours, theirs, strict=True):
                _used(ours, to, row, length).copy_(source[0])
        self.lengths.append(length)
        return row

    def copy_out(self, row: int) -> list[Layer]:
        """What was read in `row`, as tensors `[1, …]` of their own."""
        length = self.lengths[row]
        return [type(layer)(*(_used(layer, tensor, row, length)[None].clone() for tensor in layer)) for layer in self._layers]

    def remove(self, row: int) -> None:
        """Drop `row`; the last row takes its place."""
        last = len(self) - 1
        if row != last:
            length = self.lengths[last]
            for layer in self._layers:
                for tensor in layer:
                    _used(layer, tensor, row, length).copy_(_used(layer, tensor, last, length))
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()

    def begin_step(self) -> torch.Tensor | dict[str, torch.Tensor | None]:
        """Make room for a token in each row; returns who sees what, `[B, 1, 1, span]`, true where seen.

        Of a hybrid network it is for each kind of layer: recurrent ones have nothing to mask.
        """
        import torch

        self._make_room(self._layers, len(self), max(self.lengths) + 1)
        device = self._layers[0][0].device
        self._rows = torch.arange(len(self), device=device)
        self._ends = torch.tensor(self.lengths, device=device)
        self._span = max(self.lengths) + 1
        seen = (torch.arange(self._span, device=device) <= self._ends[:, None])[:, None, None]
        if not is_recurrent(self._layers):
            return seen
        self.layers = [_place(layer, len(self)) for layer in self._layers]
        return {"full_attention": seen, "linear_attention": None}

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer_idx: int, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What transformers' attention calls: keep the new tokens' keys and values `[B, H, 1, D]`, and return all there are."""
        layer = self._layers[layer_idx]
        assert isinstance(layer, LayerTensors)
        layer.keys[self._rows, :, self._ends] = keys[:, :, 0]
        layer.values[self._rows, :, self._ends] = values[:, :, 0]
        return layer.keys[: len(self), :, : self._span], layer.values[: len(self), :, : self._span]

    def update_recurrent_state(self, states: torch.Tensor, layer_idx: int, **_: object) -> torch.Tensor:
        """What transformers' recurrent layers call; the inputs of their convolution they change in place."""
        state: torch.Tensor = self.layers[layer_idx].recurrent_states[0]
        return state.copy_(states)

    def has_previous_state(self, *_: object, **__: object) -> bool:
        return True

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self._span - 1

    def end_step(self) -> None:
        """The pass went through all layers: the new tokens count."""
        self.lengths = [length + 1 for length in self.lengths]

    def _make_room(self, like: Sequence[Layer], rows: int, length: int) -> None:
        """Grow to `rows` rows of `length` tokens. Zeros, since what is masked must still be finite: 0 x NaN is NaN."""
        have_rows, have_length = (self._layers[0][0].shape[0], num_tokens(self._layers)) if self._layers else (0, 0)
        if rows <= have_rows and length <= have_length:
            return
        import torch

        rows, length = max(rows, have_rows), max(have_length, -(-length // ROOM_STEP) * ROOM_STEP)
        with torch.inference_mode(False):  # rows may grow within a pass, and what is made in that mode cannot be written to out of it
            grown = [type(layer)(*(tensor.new_zeros(_shape(layer, tensor, rows, length)) for tensor in layer)) for layer in like]
        for new, old in zip(grown, self._layers, strict=False):
            for to, source in zip(new, old, strict=True):
                for row in range(len(self)):
                    _used(new, to, row, have_length).copy_(_used(old, source, row, have_length))
        self._layers = grown


def _used(layer: Layer, tensor: torch.Tensor, row: int, length: int) -> torch.Tensor:
    """What of `tensor` holds the first `length` tokens of `row`; a state is one thing, however many there were."""
    return tensor[row] if isinstance(layer, LayerState) else tensor[row, :, :length]


def _shape(layer: Layer, tensor: torch.Tensor, rows: int, length: int) -> tuple[int, ...]:
    if isinstance(layer, LayerState):
        return (rows, *tensor.shape[1:])
    return (rows, tensor.shape[1], length, tensor.shape[3])


def _place(layer: Layer, rows: int) -> SimpleNamespace:
    """A layer's states as transformers' recurrent layers find them in a cache; of attention nothing is looked for there."""
    if isinstance(layer, LayerTensors):
        return SimpleNamespace()
    return SimpleNamespace(record_past=False, conv_states={0: layer.inputs[:rows]}, recurrent_states={0: layer.state[:rows]})
