"""The gated delta rule token by token: the specification, and slow."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor


def forward(
    q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor, cu_seqlens: Tensor, states: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """`q, k [T, H, D]`, `v [T, H, Dv]`, `decay, beta [T, H]`, `states [S, H, D, Dv]` -> output `[T, H, Dv]` and the states after it.

    All of one dtype; differentiable.
    """
    outs, after = [], []
    for segment, (start, stop) in enumerate(pairwise(cu_seqlens.tolist())):
        state = states[segment]
        for t in range(start, stop):
            state = state * decay[t].exp()[:, None, None]
            known = torch.einsum("hd,hdv->hv", k[t], state)
            state = state + torch.einsum("hd,hv->hdv", k[t], beta[t][:, None] * (v[t] - known))
            outs.append(torch.einsum("hd,hdv->hv", q[t] * scale, state))
        after.append(state)
    out = torch.stack(outs) if outs else v.clone()
    return out, torch.stack(after) if after else states.clone()
