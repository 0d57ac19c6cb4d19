"""Layers with a recurrent state (gated delta nets, Mamba) start afresh at every segment.

transformers' CPU paths take the boundaries and ignore them, and its convolutions reach over them on every device: measured, a leak of
0.1 to 2.8 in the logits. So such a layer runs segment by segment. It stays the same module with the same weights under the same names;
only its class becomes a subclass of its own, as `torch.distributed.fsdp.fully_shard` does it.
"""

from __future__ import annotations

import inspect
from typing import Any, cast

import torch
from torch import Tensor, nn

from training.errors import NotPacked


class SegmentWise:
    """Mixed in before the layer's class: one call of the layer for each segment."""

    def forward(self, hidden_states: Tensor, *args: Any, cu_seq_lens_q: Tensor | None = None, **options: Any) -> Tensor:
        layer = super().forward  # type: ignore[misc]
        options = {name: value for name, value in options.items() if not name.startswith(("cu_seq_lens", "max_length"))}
        if options.pop("key_index", None) is not None:
            raise NotPacked(f"{type(self).__name__} keeps a state that questions cannot share: prepare the data without --share-beginnings")
        if cu_seq_lens_q is None:
            return cast(Tensor, layer(hidden_states, *args, **options))
        lengths = cu_seq_lens_q.diff().tolist()
        return torch.cat([layer(segment, *args, **options) for segment in torch.split(hidden_states, lengths, dim=1)], dim=1)


def reset_states_at_boundaries(model: nn.Module) -> list[str]:
    """Make every recurrent layer of `model` segment-wise; returns their names."""
    found = [(name, module) for name, module in model.named_modules() if _is_recurrent(module)]
    for _, module in found:
        if not isinstance(module, SegmentWise):
            module.__class__ = _segment_wise(type(module))
    return [name for name, _ in found]


def _is_recurrent(module: nn.Module) -> bool:
    """A mixer that keeps states in `cache_params` and convolves over time."""
    return (hasattr(module, "conv1d") and "cache_params" in inspect.signature(type(module).forward).parameters) or isinstance(
        module, SegmentWise
    )


def _segment_wise(kind: type[nn.Module]) -> type[nn.Module]:
    if kind not in _CLASSES:
        _CLASSES[kind] = type(f"SegmentWise{kind.__name__}", (SegmentWise, kind), {"__module__": __name__})
    return _CLASSES[kind]


_CLASSES: dict[type[nn.Module], type[nn.Module]] = {}
