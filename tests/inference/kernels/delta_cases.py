"""Drawn calls of the gated delta rule: packed tensors such as a layer makes them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.inference.kernels.attention_cases import starts


def make_call(
    lengths: list[int],
    *,
    heads: int = 2,
    kv_heads: int = 2,
    size: int = 16,
    value_size: int = 24,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    total = sum(lengths)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    call = {
        "q": drawn(total, kv_heads, size),
        "k": torch.nn.functional.normalize(drawn(total, kv_heads, size), dim=-1),
        "v": drawn(total, heads, value_size),
        "decay": -torch.nn.functional.softplus(drawn(total, heads)) * 0.3,
        "beta": drawn(total, heads).sigmoid(),
        "initial_states": drawn(len(lengths), heads, size, value_size) * 0.3,
    }
    return {name: x.to(dtype) for name, x in call.items()} | {"cu_seqlens": starts(lengths)}


def leaves(call: dict[str, Any]) -> list[Tensor]:
    """The tensors that gradients are asked of, made so."""
    names = ("q", "k", "v", "decay", "beta", "initial_states")
    for name in names:
        call[name] = call[name].detach().requires_grad_()
    return [call[name] for name in names]
