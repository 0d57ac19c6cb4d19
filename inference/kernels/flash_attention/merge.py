"""Partial results over parts of the keys, put together: what split-KV decoding and ring attention need."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from inference.kernels.flash_attention.errors import AttentionInputError


def merge_attention(outs: Sequence[Tensor], lses: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Attention over all keys from attention over disjoint parts of them.

    Args:
        outs: partial outputs `[T, H, Dv]`, each normalised by itself, as the kernels return them.
        lses: their log-sum-exps `[H, T]`; -inf where a query saw no key of a part.

    Returns:
        The output `[T, H, Dv]` in the dtype of the parts and its log-sum-exp `[H, T]`; weights are summed in the dtype of the log-sum-exp.
    """
    if not outs or len(outs) != len(lses):
        raise AttentionInputError(f"outs has {len(outs)} parts and lses {len(lses)}: give at least one of each, and as many")
    parts = torch.stack(list(lses))  # [P, H, T]
    lse = torch.logsumexp(parts, dim=0)
    weights = torch.exp(parts - lse.masked_fill(torch.isneginf(lse), 0.0))
    merged = sum(out.to(lse.dtype) * weight.transpose(0, 1)[..., None] for out, weight in zip(outs, weights, strict=True))
    return torch.as_tensor(merged).to(outs[0].dtype), lse
