"""Attention over segments laid end to end, by Deftly's kernels, or `eager`: the formula, for those who want to see it or check it."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from inference.kernels.flash_attention import flash_attention_varlen


class Segments(NamedTuple):
    """Where segments of queries and of keys end, `[S + 1]` int32, and how long the longest is."""

    cu_seqlens_q: Tensor
    cu_seqlens_k: Tensor
    max_seqlen_q: int
    max_seqlen_k: int


def even_segments(batch: int, num_queries: int, num_keys: int, device: torch.device) -> Segments:
    """The rows of a batch, flattened."""
    rows = torch.arange(batch + 1, device=device, dtype=torch.int32)
    return Segments(rows * num_queries, rows * num_keys, num_queries, num_keys)


def attend(q: Tensor, k: Tensor, v: Tensor, segments: Segments, *, causal: bool, scale: float, how: str | None = None) -> Tensor:
    """`q` `[Tq, H, D]`, `k` `[Tk, H, D]`, `v` `[Tk, H, Dv]` -> `[Tq, H, Dv]`; causal masks are aligned at the keys' end."""
    if how == "eager":
        return _eager(q, k, v, segments, causal=causal, scale=scale)
    return flash_attention_varlen(
        q,
        k,
        v,
        segments.cu_seqlens_q,
        segments.cu_seqlens_k,
        max_seqlen_q=segments.max_seqlen_q,
        max_seqlen_k=segments.max_seqlen_k,
        causal=causal,
        scale=scale,
    )


def _eager(q: Tensor, k: Tensor, v: Tensor, segments: Segments, *, causal: bool, scale: float) -> Tensor:
    out = []
    for (a, b), (c, d) in zip(pairwise(segments.cu_seqlens_q.tolist()), pairwise(segments.cu_seqlens_k.tolist()), strict=True):
        scores = torch.einsum("qhd,khd->hqk", q[a:b], k[c:d]).float() * scale
        if causal:
            unseen = torch.ones(b - a, d - c, dtype=torch.bool, device=q.device).triu(d - c - (b - a) + 1)
            scores = scores.masked_fill(unseen, float("-inf"))
        out.append(torch.einsum("hqk,khd->qhd", scores.softmax(-1).to(v.dtype), v[c:d]))
    return torch.cat(out)
