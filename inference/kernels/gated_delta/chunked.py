"""The gated delta rule chunk by chunk, in torch's products: any device and dtype, differentiable by torch.

Method: Yang et al., "Gated Delta Networks" (arXiv 2412.06464), section 3.3. Within a chunk, with c_i the summed log-decays from its start,
the corrections U solve (I + L) U = β (v - exp(c) K S), L_ij = β_i exp(c_i - c_j) k_i·k_j for j < i. Then
O = exp(c) Q S + (Q Kᵀ ∘ exp(c_i - c_j) for j ≤ i) U and S ← exp(c_last) S + (exp(c_last - c) K)ᵀ U.

Chunks of all segments are computed together, save the walk of the states from chunk to chunk, which goes over all segments at once.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

CHUNK = 64


class Layout(NamedTuple):
    """Where the tokens of a packed row go: `rows [T]` of a `[C · CHUNK]` one, whose chunks belong to no two segments."""

    rows: Tensor
    num_chunks: int
    ranks: list[Tensor]  # the n-th chunk of every segment that has one
    owners: list[Tensor]  # and those segments


def layout(cu_seqlens: Tensor, chunk: int = CHUNK) -> Layout:
    """Chunks of packed segments; reads `cu_seqlens`, which on a GPU waits for it."""
    lengths = cu_seqlens.diff().cpu()
    chunks = (lengths + chunk - 1) // chunk
    first = functional.pad(chunks.cumsum(0), (1, 0))[:-1]
    padded_start = torch.repeat_interleave(first * chunk, lengths)
    start = torch.repeat_interleave(cu_seqlens[:-1].cpu().long(), lengths)
    rows = torch.arange(int(lengths.sum())) - start + padded_start
    longest = int(chunks.max()) if chunks.numel() else 0
    owners = [(chunks > rank).nonzero()[:, 0] for rank in range(longest)]
    ranks = [first[owner] + rank for rank, owner in enumerate(owners)]
    device = cu_seqlens.device
    return Layout(rows.to(device), int(chunks.sum()), [x.to(device) for x in ranks], [x.to(device) for x in owners])


def forward(
    q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor, cu_seqlens: Tensor, states: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """Shapes as in `reference.forward`."""
    if not q.shape[0]:
        return v.clone(), states.clone()
    where = layout(cu_seqlens)
    q, k, v, decay, beta = (_in_chunks(x, where) for x in (q * scale, k, v, decay, beta))  # [C, H, CHUNK, …]
    total = decay.cumsum(-1)
    apart = total[..., :, None] - total[..., None, :]
    lower = torch.ones(CHUNK, CHUNK, dtype=torch.bool, device=q.device).tril()
    faded = apart.masked_fill(~lower, -torch.inf).exp()
    strict = (k * beta[..., None]) @ k.mT * faded.tril(-1)
    solved = torch.linalg.solve_triangular(
        strict + torch.eye(CHUNK, dtype=q.dtype, device=q.device),
        torch.cat([v * beta[..., None], k * (beta * total.exp())[..., None]], dim=-1),
        upper=False,
        unitriangular=True,
    )
    values, keys = solved.split([v.shape[-1], k.shape[-1]], dim=-1)
    inner = q @ k.mT * faded
    faded_q = q * total.exp()[..., None]
    left = k * (total[..., -1:] - total).exp()[..., None]
    shrink = total[..., -1].exp()[..., None, None]
    outs: list[Tensor] = []
    for chunks, segments in zip(where.ranks, where.owners, strict=True):
        state = states[segments]
        corrections = values[chunks] - keys[chunks] @ state
        outs.append(faded_q[chunks] @ state + inner[chunks] @ corrections)
        states = states.index_copy(0, segments, state * shrink[chunks] + left[chunks].mT @ corrections)
    by_rank = torch.cat(where.ranks)
    out = torch.cat(outs).index_select(0, torch.argsort(by_rank))  # [C, H, CHUNK, Dv]
    return out.transpose(1, 2).flatten(0, 1)[where.rows], states


def _in_chunks(x: Tensor, where: Layout) -> Tensor:
    """`[T, H, …]` -> `[C, H, CHUNK, …]`, zeros behind the end of each segment: they leave a state as it is."""
    padded = x.new_zeros(where.num_chunks * CHUNK, *x.shape[1:]).index_copy(0, where.rows, x)
    return padded.view(where.num_chunks, CHUNK, *x.shape[1:]).transpose(1, 2)
