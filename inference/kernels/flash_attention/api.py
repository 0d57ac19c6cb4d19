"""Attention as callers use it: batches, packed rows, and keys and values in pages."""

from __future__ import annotations

from typing import Literal, overload

import torch
from torch import Tensor

from inference.kernels.flash_attention.dispatch import choose, count, implementation
from inference.kernels.flash_attention.operators import attention_operator, compute_forward, nobody_watches
from inference.kernels.flash_attention.settings import Settings
from inference.kernels.flash_attention.validation import check_dense, check_paged, check_varlen

Window = tuple[int, int]


@overload
def flash_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = ...,
    scale: float | None = ...,
    window: Window = ...,
    softcap: float = ...,
    return_lse: Literal[False] = ...,
    deterministic: bool = ...,
) -> Tensor: ...
@overload
def flash_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = ...,
    scale: float | None = ...,
    window: Window = ...,
    softcap: float = ...,
    return_lse: Literal[True],
    deterministic: bool = ...,
) -> tuple[Tensor, Tensor]: ...
def flash_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    scale: float | None = None,
    window: Window = (-1, -1),
    softcap: float = 0.0,
    return_lse: bool = False,
    deterministic: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Attention of a batch: `q [B, Tq, H, D]`, `k [B, Tk, Hk, D]`, `v [B, Tk, Hk, Dv]` -> `[B, Tq, H, Dv]` (tokens before heads).

    All options mean what they mean in `flash_attention_varlen`; the log-sum-exp is `[B, H, Tq]`.
    """
    q, k, v = _autocast(q, k, v)
    check_dense(q, k, v)
    batch, num_queries, num_keys = q.shape[0], q.shape[1], k.shape[1]
    out, lse = flash_attention_varlen(
        q.flatten(0, 1),
        k.flatten(0, 1),
        v.flatten(0, 1),
        _even_boundaries(batch, num_queries, q.device),
        _even_boundaries(batch, num_keys, q.device),
        max_seqlen_q=num_queries,
        max_seqlen_k=num_keys,
        causal=causal,
        scale=scale,
        window=window,
        softcap=softcap,
        return_lse=True,
        deterministic=deterministic,
    )
    out = out.view(batch, num_queries, *out.shape[1:])
    return (out, lse.view(lse.shape[0], batch, num_queries).transpose(0, 1)) if return_lse else out


@overload
def flash_attention_varlen(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    *,
    max_seqlen_q: int,
    max_seqlen_k: int,
    causal: bool = ...,
    scale: float | None = ...,
    window: Window = ...,
    softcap: float = ...,
    return_lse: Literal[False] = ...,
    deterministic: bool = ...,
) -> Tensor: ...
@overload
def flash_attention_varlen(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    *,
    max_seqlen_q: int,
    max_seqlen_k: int,
    causal: bool = ...,
    scale: float | None = ...,
    window: Window = ...,
    softcap: float = ...,
    return_lse: Literal[True],
    deterministic: bool = ...,
) -> tuple[Tensor, Tensor]: ...
def flash_attention_varlen(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    *,
    max_seqlen_q: int,
    max_seqlen_k: int,
    causal: bool = False,
    scale: float | None = None,
    window: Window = (-1, -1),
    softcap: float = 0.0,
    return_lse: bool = False,
    deterministic: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Attention of segments laid end to end, each by itself, differentiable in `q`, `k` and `v`.

    Args:
        q: `[Tq, H, D]`, float32, bfloat16, float16 or float64.
        k: `[Tk, Hk, D]`; `H` is a multiple of `Hk`, and query head `h` uses key head `h // (H / Hk)`.
        v: `[Tk, Hk, Dv]`; `Dv` need not be `D`.
        cu_seqlens_q: int32 `[S + 1]`, where the segments of queries begin and the last one ends: `0 … Tq`. Segments may be empty.
        cu_seqlens_k: int32 `[S + 1]`, the same of keys: `0 … Tk`.
        max_seqlen_q: length of the longest segment of queries.
        max_seqlen_k: length of the longest segment of keys.
        causal: a query sees no later key. Segments of unequal length are aligned at their ends, as in FlashAttention ≥ 2.1.
        scale: what scores are multiplied by; `1 / √D` when not given.
        window: how many keys to the left and right of its place a query sees, -1 for all.
        softcap: scores become `softcap · tanh(score / softcap)` after scaling; 0 for none.
        return_lse: give the log-sum-exp of each query's scores too, natural logarithm, `[H, Tq]`, float32 (float64 for float64).
        deterministic: the same bits whatever the number of threads, also in the gradients.

    Returns:
        `[Tq, H, Dv]`. A query that sees no key gets zeros, and a log-sum-exp of -inf.

    Raises:
        AttentionInputError: the arguments do not fit together.
    """
    settings = Settings.of(
        head_size=q.shape[-1],
        causal=causal,
        scale=scale,
        window=window,
        softcap=softcap,
        max_seqlen_q=max_seqlen_q,
        max_seqlen_k=max_seqlen_k,
        deterministic=deterministic,
    )
    q, k, v = _autocast(q, k, v)
    check_varlen(q, k, v, cu_seqlens_q, cu_seqlens_k, settings)
    name = choose(q.device, q.dtype)
    if nobody_watches(q, k, v):
        out, lse = compute_forward(name, q, k, v, cu_seqlens_q, cu_seqlens_k, settings)
    else:
        out, lse = attention_operator(
            q,
            k,
            v,
            cu_seqlens_q,
            cu_seqlens_k,
            max_seqlen_q,
            max_seqlen_k,
            settings.scale,
            settings.window_left,
            settings.window_right,
            softcap,
            deterministic,
            name,
        )
    return (out, lse) if return_lse else out


@overload
def paged_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_table: Tensor,
    seq_lens: Tensor,
    cu_seqlens_q: Tensor,
    *,
    max_seqlen_q: int,
    max_seqlen_k: int,
    causal: bool = ...,
    scale: float | None = ...,
    window: Window = ...,
    softcap: float = ...,
    return_lse: Literal[False] = ...,
    num_splits: int = ...,
    deterministic: bool = ...,
    out: Tensor | None = ...,
) -> Tensor: ...
@overload
def paged_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_table: Tensor,
    seq_lens: Tensor,
    cu_seqlens_q: Tensor,
    *,
    max_seqlen_q: int,
    max_seqlen_k: int,
    causal: bool = ...,
    scale: float | None = ...,
    window: Window = ...,
    softcap: float = ...,
    return_lse: Literal[True],
    num_splits: int = ...,
    deterministic: bool = ...,
    out: Tensor | None = ...,
) -> tuple[Tensor, Tensor]: ...
def paged_attention(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_table: Tensor,
    seq_lens: Tensor,
    cu_seqlens_q: Tensor,
    *,
    max_seqlen_q: int,
    max_seqlen_k: int,
    causal: bool = True,
    scale: float | None = None,
    window: Window = (-1, -1),
    softcap: float = 0.0,
    return_lse: bool = False,
    num_splits: int = 0,
    deterministic: bool = False,
    out: Tensor | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Attention of new tokens to what is in a paged cache, for serving: nothing is differentiated, pages are read where they lie.

    Args:
        q: `[T, H, D]`, the new tokens of all requests end to end; rows past `cu_seqlens_q[-1]` are padding and are left alone.
        k_cache: `[num_blocks, Hk, block_size, D]`, any strides with the last axis dense: `cache[..., :D]` of vLLM's fused cache does.
        v_cache: `[num_blocks, Hk, block_size, Dv]`.
        block_table: int32 `[R, max_blocks]`, the blocks of each request in order.
        seq_lens: int32 `[R]`, tokens of each request in the cache, the new ones (already written) included.
        cu_seqlens_q: int32 `[R + 1]`, where each request's new tokens begin.
        max_seqlen_q: most new tokens of a request.
        max_seqlen_k: most tokens of a request in the cache.
        num_splits: into how many parts the keys of a request are split for several threads; 0 to choose.
        out: where to write, `[T, H, Dv]`.

    The other options mean what they mean in `flash_attention_varlen`, and so does what is returned.

    Raises:
        AttentionInputError: the arguments do not fit together.
    """
    settings = Settings.of(
        head_size=q.shape[-1],
        causal=causal,
        scale=scale,
        window=window,
        softcap=softcap,
        max_seqlen_q=max_seqlen_q,
        max_seqlen_k=max_seqlen_k,
        deterministic=deterministic,
    )
    check_paged(q, k_cache, v_cache, block_table, seq_lens, cu_seqlens_q, settings)
    name = choose(q.device, q.dtype)
    out = q.new_empty(q.shape[0], q.shape[1], v_cache.shape[3]) if out is None else out
    count(name, "paged")
    with torch.no_grad():
        lse = implementation(name).paged(q, k_cache, v_cache, block_table, seq_lens, cu_seqlens_q, settings, out, num_splits)
    return (out, lse) if return_lse else out


def _autocast(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Under autocast, attention runs in its dtype, like torch's own."""
    device = q.device.type
    if not torch.is_autocast_enabled(device) or q.dtype == torch.float64:
        return q, k, v
    dtype = torch.get_autocast_dtype(device)
    return q.to(dtype), k.to(dtype), v.to(dtype)


def _even_boundaries(batch: int, length: int, device: torch.device) -> Tensor:
    return torch.arange(batch + 1, dtype=torch.int32, device=device) * length
