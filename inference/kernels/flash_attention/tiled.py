"""Attention in pure torch, tile by tile with an online softmax: for any device and dtype, when no kernel can be had.

Method: Dao, "FlashAttention-2" (arXiv 2307.08691), algorithms 1 and 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor

from inference.kernels.flash_attention.reference import gather_pages, softmax_dtype
from inference.kernels.flash_attention.settings import Settings

NUM_QUERIES = 256  # a tile of scores is [H, 256, 512]
NUM_KEYS = 512


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this implementation cannot compute such a call: it always can."""
    return None


def forward(q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """`q [Tq, H, D]`, `k [Tk, Hk, D]`, `v [Tk, Hk, Dv]` -> output `[Tq, H, Dv]` and log-sum-exp `[H, Tq]`."""
    out = q.new_empty(q.shape[0], q.shape[1], v.shape[2])
    lse = q.new_empty(q.shape[1], q.shape[0], dtype=softmax_dtype(q.dtype))
    for a, b, c, d in _segments(cu_seqlens_q, cu_seqlens_k):
        _segment(q[a:b], k[c:d], v[c:d], settings, out[a:b], lse[:, a:b])
    return out, lse


def paged(
    q: Tensor,
    k_cache: Tensor,
    v_cache: Tensor,
    block_table: Tensor,
    seq_lens: Tensor,
    cu_seqlens_q: Tensor,
    settings: Settings,
    out: Tensor,
    num_splits: int,
) -> Tensor:
    """Fill `out [T, H, Dv]` from keys and values in pages; returns the log-sum-exp `[H, T]`."""
    lse = q.new_full((q.shape[1], q.shape[0]), -torch.inf, dtype=softmax_dtype(q.dtype))
    for request, ((a, b), length) in enumerate(zip(pairwise(cu_seqlens_q.tolist()), seq_lens.tolist(), strict=True)):
        k, v = (gather_pages(cache, block_table[request], length) for cache in (k_cache, v_cache))
        _segment(q[a:b], k, v, settings, out[a:b], lse[:, a:b])
    return lse


def backward(
    grad_out: Tensor | None,
    grad_lse: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    settings: Settings,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `q`, `k` and `v`: weights are computed again from the log-sum-exp. Sums run in a fixed order."""
    wide = softmax_dtype(q.dtype)
    grad_out = torch.zeros_like(out) if grad_out is None else grad_out
    # d(lse) adds to the scores' gradient what delta takes away: dS = P ∘ (dP - delta + d(lse))
    delta = (grad_out.to(wide) * out.to(wide)).sum(-1).transpose(0, 1)
    delta = delta if grad_lse is None else delta - grad_lse
    grads = [torch.zeros(x.shape, dtype=wide, device=x.device) for x in (q, k, v)]
    for a, b, c, d in _segments(cu_seqlens_q, cu_seqlens_k):
        into = (grads[0][a:b], grads[1][c:d], grads[2][c:d])
        _segment_backward(grad_out[a:b], delta[:, a:b], q[a:b], k[c:d], v[c:d], lse[:, a:b], settings, into)
    dq, dk, dv = (grad.to(q.dtype) for grad in grads)
    return dq, dk, dv


def _segment(q: Tensor, k: Tensor, v: Tensor, settings: Settings, out: Tensor, lse: Tensor) -> None:
    group = q.shape[1] // k.shape[1]
    wide = softmax_dtype(q.dtype)
    for rows in _steps(q.shape[0], NUM_QUERIES):
        total = q.new_zeros(q.shape[1], len(rows), v.shape[2], dtype=wide)
        peak = q.new_full((q.shape[1], len(rows), 1), -torch.inf, dtype=wide)
        weight_sum = torch.zeros_like(peak)
        q_tile = _heads_first(q, rows, 1, wide)
        for keys in _steps_seen(rows, q.shape[0], k.shape[0], settings):
            scores = _scores(q_tile, _heads_first(k, keys, group, wide), rows, keys, q.shape[0], k.shape[0], settings)[0]
            new_peak = torch.maximum(peak, scores.amax(-1, keepdim=True))
            safe_peak = new_peak.masked_fill(torch.isneginf(new_peak), 0.0)
            weights = torch.exp(scores - safe_peak)
            shrink = torch.exp(peak - safe_peak)
            weight_sum = weight_sum * shrink + weights.sum(-1, keepdim=True)
            total = total * shrink + weights @ _heads_first(v, keys, group, wide)
            peak = new_peak
        safe_sum = weight_sum.masked_fill(weight_sum == 0, 1.0)
        out[rows.start : rows.stop] = (total / safe_sum).transpose(0, 1).to(out.dtype)
        lse[:, rows.start : rows.stop] = (peak + safe_sum.log())[..., 0]


def _segment_backward(
    grad_out: Tensor,
    delta: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    lse: Tensor,
    settings: Settings,
    grads: tuple[Tensor, Tensor, Tensor],
) -> None:
    group = q.shape[1] // k.shape[1]
    wide = lse.dtype
    dq, dk, dv = grads
    for rows in _steps(q.shape[0], NUM_QUERIES):
        q_tile, do_tile = _heads_first(q, rows, 1, wide), _heads_first(grad_out, rows, 1, wide)
        row_lse = lse[:, rows.start : rows.stop, None]
        row_lse = row_lse.masked_fill(torch.isneginf(row_lse), 0.0)
        row_delta = delta[:, rows.start : rows.stop, None]
        for keys in _steps_seen(rows, q.shape[0], k.shape[0], settings):
            k_tile, v_tile = _heads_first(k, keys, group, wide), _heads_first(v, keys, group, wide)
            scores, slope = _scores(q_tile, k_tile, rows, keys, q.shape[0], k.shape[0], settings)
            weights = torch.exp(scores - row_lse)
            d_scores = weights * (do_tile @ v_tile.mT - row_delta) * settings.scale
            d_scores = d_scores if slope is None else d_scores * slope
            dq[rows.start : rows.stop] += (d_scores @ k_tile).transpose(0, 1)
            dk[keys.start : keys.stop] += _sum_groups(d_scores.mT @ q_tile, group)
            dv[keys.start : keys.stop] += _sum_groups(weights.mT @ do_tile, group)


def _scores(
    q: Tensor, k: Tensor, rows: range, keys: range, num_queries: int, num_keys: int, settings: Settings
) -> tuple[Tensor, Tensor | None]:
    """A tile of scores `[H, rows, keys]`, -inf where not seen, and how they change with the scores before the soft cap."""
    scores = (q @ k.mT) * settings.scale
    slope = None
    if settings.softcap:
        bent = torch.tanh(scores / settings.softcap)
        scores, slope = settings.softcap * bent, 1 - bent * bent
    place = torch.arange(rows.start, rows.stop, device=q.device)[:, None] + (num_keys - num_queries)
    key = torch.arange(keys.start, keys.stop, device=q.device)[None, :]
    if settings.window_left >= 0:
        scores = scores.masked_fill(key < place - settings.window_left, -torch.inf)
    if settings.window_right >= 0:
        scores = scores.masked_fill(key > place + settings.window_right, -torch.inf)
    return scores, slope


def _segments(cu_seqlens_q: Tensor, cu_seqlens_k: Tensor) -> Iterator[tuple[int, int, int, int]]:
    for (a, b), (c, d) in zip(pairwise(cu_seqlens_q.tolist()), pairwise(cu_seqlens_k.tolist()), strict=True):
        yield a, b, c, d


def _steps(length: int, step: int, start: int = 0) -> Iterator[range]:
    for first in range(start, length, step):
        yield range(first, min(first + step, length))


def _steps_seen(rows: range, num_queries: int, num_keys: int, settings: Settings) -> Iterator[range]:
    start, stop = settings.visible(rows.start, rows.stop - 1, num_queries, num_keys)
    return _steps(stop, NUM_KEYS, start)


def _heads_first(x: Tensor, tokens: range, group: int, dtype: torch.dtype) -> Tensor:
    """Tokens of `x [T, H, D]` as `[H · group, tokens, D]`."""
    tile = x[tokens.start : tokens.stop].to(dtype).transpose(0, 1)
    return tile if group == 1 else tile.repeat_interleave(group, dim=0)


def _sum_groups(x: Tensor, group: int) -> Tensor:
    """`[H, tokens, D]` -> `[tokens, Hk, D]`, summed over the query heads that share a key head."""
    return x.view(x.shape[0] // group, group, *x.shape[1:]).sum(1).transpose(0, 1)
