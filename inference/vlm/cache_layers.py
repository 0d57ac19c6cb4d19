"""What a context leaves behind in each layer of a network: the keys and values of its tokens, or the state of a recurrence.

Keys and values can be cut at any token. A state cannot: it knows all that was read and nothing of the order, so a context of a hybrid
network can only be gone on from where it ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache


class LayerTensors(NamedTuple):
    """Keys and values of an attention layer, `[B, H, T, D]`."""

    keys: torch.Tensor
    values: torch.Tensor


class LayerState(NamedTuple):
    """What a recurrent layer remembers: its convolution's last inputs `[B, C, K]`, and its state `[B, H, D, Dv]`."""

    inputs: torch.Tensor
    state: torch.Tensor


Layer: TypeAlias = LayerTensors | LayerState


def layers_of(cache: DynamicCache) -> list[Layer]:
    """The tensors of `cache` themselves: the network goes on writing to the states among them."""
    return [
        LayerState(layer.conv_states[0], layer.recurrent_states[0])
        if hasattr(layer, "recurrent_states")
        else LayerTensors(layer.keys, layer.values)
        for layer in cache.layers
    ]


def is_recurrent(layers: Sequence[Layer]) -> bool:
    """Whether a context with these layers can be gone on from only where it ended."""
    return any(isinstance(layer, LayerState) for layer in layers)


def num_tokens(layers: Sequence[Layer]) -> int:
    """How many tokens were read into `layers`; every network that we run has a layer of attention."""
    return next(layer.keys.shape[-2] for layer in layers if isinstance(layer, LayerTensors))


def put_back(cache: DynamicCache, layers: Sequence[Layer], length: int) -> None:
    """Fill a new `cache` with the first `length` tokens of `layers`: keys and values share memory with them, states are copied."""
    for layer, known in zip(cache.layers, layers, strict=True):
        if isinstance(known, LayerState):
            layer.update_conv_state(known.inputs, conv_kernel_size=known.inputs.shape[-1])
            layer.update_recurrent_state(known.state)
        else:
            layer.lazy_initialization(known.keys, known.values)
            layer.keys, layer.values = known.keys[:, :, :length], known.values[:, :, :length]
