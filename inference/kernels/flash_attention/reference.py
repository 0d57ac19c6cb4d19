"""Attention written out: the specification. Every other implementation must agree with it; it is slow and holds all scores at once.

Scores and weights are in the inputs' dtype, the softmax in float32 or better, as in the eager attention of transformers' models.
"""

from __future__ import annotations

import torch
from torch import Tensor

from inference.kernels.flash_attention.settings import Settings


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this implementation cannot compute such a call: it always can."""
    return None


def forward(q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """`q [Tq, H, D]`, `k [Tk, Hk, D]`, `v [Tk, Hk, Dv]` -> output `[Tq, H, Dv]` and log-sum-exp `[H, Tq]`, differentiable."""
    starts_q, starts_k = cu_seqlens_q.tolist(), cu_seqlens_k.tolist()
    segments = [
        segment_attention(q[a:b], k[c:d], v[c:d], settings)
        for a, b, c, d in zip(starts_q[:-1], starts_q[1:], starts_k[:-1], starts_k[1:], strict=True)
    ]
    if not segments:
        return q.new_zeros(0, q.shape[1], v.shape[2]), q.new_zeros(q.shape[1], 0, dtype=softmax_dtype(q.dtype))
    return torch.cat([out for out, _ in segments]), torch.cat([lse for _, lse in segments], dim=1)


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
    """Gradients of `q`, `k` and `v`, written out: operators lie below torch's own differentiation, which gives the same of `forward`."""
    grads = [torch.zeros_like(x) for x in (q, k, v)]
    d_out = torch.zeros_like(out) if grad_out is None else grad_out
    d_lse = torch.zeros_like(lse) if grad_lse is None else grad_lse
    starts_q, starts_k = cu_seqlens_q.tolist(), cu_seqlens_k.tolist()
    for a, b, c, d in zip(starts_q[:-1], starts_q[1:], starts_k[:-1], starts_k[1:], strict=True):
        pieces = segment_backward(d_out[a:b], d_lse[:, a:b], q[a:b], k[c:d], v[c:d], lse[:, a:b], settings)
        for grad, piece, tokens in zip(grads, pieces, (slice(a, b), slice(c, d), slice(c, d)), strict=True):
            grad[tokens] = piece
    return grads[0], grads[1], grads[2]


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
    starts = cu_seqlens_q.tolist()
    for request, (a, b, length) in enumerate(zip(starts[:-1], starts[1:], seq_lens.tolist(), strict=True)):
        k, v = (gather_pages(cache, block_table[request], length) for cache in (k_cache, v_cache))
        out[a:b], lse[:, a:b] = segment_attention(q[a:b], k, v, settings)
    return lse


def segment_attention(q: Tensor, k: Tensor, v: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """One segment: `q [Lq, H, D]`, `k [Lk, Hk, D]`, `v [Lk, Hk, Dv]` -> output `[Lq, H, Dv]`, log-sum-exp `[H, Lq]`."""
    group = q.shape[1] // k.shape[1]
    k, v = (tensor.repeat_interleave(group, dim=1) for tensor in (k, v))
    scores, _ = segment_scores(q, k, settings)
    lse = torch.logsumexp(scores, dim=-1)
    return torch.matmul(_weights(scores, lse).to(q.dtype), v.transpose(0, 1)).transpose(0, 1), lse


def segment_backward(
    d_out: Tensor, d_lse: Tensor, q: Tensor, k: Tensor, v: Tensor, lse: Tensor, settings: Settings
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of one segment. P are the weights, S the scores: dS = P ∘ (dP - rowsum(P ∘ dP) + d_lse)."""
    group = q.shape[1] // k.shape[1]
    k, v = (tensor.repeat_interleave(group, dim=1) for tensor in (k, v))
    scores, slope = segment_scores(q, k, settings)
    weights = _weights(scores, lse)
    d_weights = torch.matmul(d_out.transpose(0, 1), v.permute(1, 2, 0)).to(weights.dtype)
    d_scores = weights * (d_weights - (weights * d_weights).sum(-1, keepdim=True) + d_lse[..., None])
    d_scores = (d_scores * slope * settings.scale).to(q.dtype)
    dq = torch.matmul(d_scores, k.transpose(0, 1)).transpose(0, 1)
    dk = torch.matmul(d_scores.mT, q.transpose(0, 1)).transpose(0, 1)
    dv = torch.matmul(weights.to(q.dtype).mT, d_out.transpose(0, 1)).transpose(0, 1)
    return dq, _sum_groups(dk, group), _sum_groups(dv, group)


def segment_scores(q: Tensor, k: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """Scores `[H, Lq, Lk]` of `q [Lq, H, D]` and `k [Lk, H, D]`, -inf where not seen; and how the soft cap bends their gradients."""
    scores = torch.matmul(q.transpose(0, 1), k.permute(1, 2, 0)) * settings.scale
    slope = torch.ones((), dtype=softmax_dtype(q.dtype), device=q.device)
    if settings.softcap:
        bent = torch.tanh(scores / settings.softcap)
        scores, slope = settings.softcap * bent, 1 - bent.to(slope.dtype).square()
    seen = visibility(q.shape[0], k.shape[0], settings, q.device)
    return scores.to(softmax_dtype(q.dtype)).masked_fill(~seen, -torch.inf), slope


def _sum_groups(grad: Tensor, group: int) -> Tensor:
    """`[Lk, H, D]` -> `[Lk, Hk, D]`, summed over the query heads that share a key head."""
    return grad.view(grad.shape[0], grad.shape[1] // group, group, grad.shape[2]).sum(2)


def _weights(scores: Tensor, lse: Tensor) -> Tensor:
    """softmax(scores), zeros for a query that sees nothing."""
    return torch.exp(scores - lse.masked_fill(torch.isneginf(lse), 0.0)[..., None])


def visibility(num_queries: int, num_keys: int, settings: Settings, device: torch.device) -> Tensor:
    """Which keys each query sees: bool `[num_queries, num_keys]`."""
    place = torch.arange(num_queries, device=device)[:, None] + (num_keys - num_queries)
    key = torch.arange(num_keys, device=device)[None, :]
    seen = torch.ones(num_queries, num_keys, dtype=torch.bool, device=device)
    if settings.window_left >= 0:
        seen = seen & (key >= place - settings.window_left)
    if settings.window_right >= 0:
        seen = seen & (key <= place + settings.window_right)
    return seen


def gather_pages(cache: Tensor, blocks: Tensor, length: int) -> Tensor:
    """The first `length` tokens `[length, Hk, D]` of a request whose pages are `blocks`."""
    num_blocks = -(-length // cache.shape[2])
    pages = cache[blocks[:num_blocks].long()]  # [n, Hk, block_size, D]
    return pages.transpose(1, 2).flatten(0, 1)[:length]


def softmax_dtype(dtype: torch.dtype) -> torch.dtype:
    """float64 for float64, float32 for everything else."""
    return torch.promote_types(dtype, torch.float32)
