"""Floating-point operations of a pass over a pack, counted honestly: causal attention halved, segments apart, eyes included.

A multiplication and an addition are two. What is left out is small: norms, activations, rotations, softmax. The backward pass is twice
the forward; activations that are computed again are work that the model does not need, and do not count (Chowdhery et al., 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

BACKWARD = 3  # forward and backward, in forwards


def forward_flops(model: Any, lengths: Sequence[int], grids: Sequence[tuple[int, int]] = (), *, num_supervised: int | None = None) -> float:
    """Of a transformers model on segments of `lengths` tokens and pictures of `grids` patches; logits of `num_supervised` tokens or all."""
    config = model.config.get_text_config()
    tokens = sum(lengths)
    head = model.get_output_embeddings().weight.numel()
    text = 2.0 * (_matrices(model, vision=False) - head) * tokens
    text += 2.0 * head * (tokens if num_supervised is None else num_supervised)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    layers = sum(kind != "linear_attention" for kind in getattr(config, "layer_types", None) or ["full"] * config.num_hidden_layers)
    # QKᵀ and PV, each 2 · length² · width, of which causality needs half.
    text += layers * sum(2.0 * length**2 * head_dim * config.num_attention_heads for length in lengths)
    return float(text + _vision_flops(model, grids))


def _vision_flops(model: Any, grids: Sequence[tuple[int, int]]) -> float:
    eyes = getattr(model.config, "vision_config", None)
    if eyes is None or not grids:
        return 0.0
    patches = [rows * columns for rows, columns in grids]
    merged = (getattr(eyes, "spatial_merge_size", None) or 2) ** 2
    blocks, merger = _vision_matrices(model)
    width = getattr(eyes, "embed_dim", None) or eyes.hidden_size
    depth = getattr(eyes, "depth", None) or eyes.num_hidden_layers
    whole = getattr(eyes, "fullatt_block_indexes", None)
    window = (getattr(eyes, "window_size", 0) // eyes.patch_size) ** 2 if whole else 0
    num_whole = depth if whole is None else len(whole)
    attention = sum(4.0 * width * (num_whole * n**2 + (depth - num_whole) * n * min(n, window)) for n in patches)
    return float(2.0 * blocks * sum(patches) + 2.0 * merger * sum(patches) / merged + attention)


def _matrices(model: nn.Module, *, vision: bool) -> int:
    """Numbers in the weights that every token is multiplied with; of a mixture of experts, those of the experts it is sent to."""
    config = model.config.get_text_config()  # type: ignore[union-attr,operator]
    total = 0.0
    for name, parameter in model.named_parameters():
        if (".visual." in name or "vision" in name) != vision or parameter.ndim < 2 or "embed_tokens" in name or "conv1d" in name:
            continue
        share = 1.0
        if ".experts." in name:
            share = config.num_experts_per_tok / (getattr(config, "n_routed_experts", None) or config.num_experts)
        total += parameter.numel() * share
    tied = getattr(model.config, "tie_word_embeddings", False)
    return int(total) + (model.get_output_embeddings().weight.numel() if tied else 0)  # type: ignore[operator]


def _vision_matrices(model: nn.Module) -> tuple[int, int]:
    """Of the blocks, which every patch goes through, and of the mergers, which see merged patches."""
    named = [(name, p.numel()) for name, p in model.named_parameters() if (".visual." in name or "vision" in name) and p.ndim >= 2]
    merger = sum(size for name, size in named if "merger" in name)
    return sum(size for name, size in named if "merger" not in name and "pos_embed" not in name), merger
