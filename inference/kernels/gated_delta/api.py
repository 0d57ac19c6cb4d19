"""The gated delta rule as callers use it: packed rows, and in the form that transformers' layers call."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from inference.kernels.gated_delta import chunked, triton
from inference.kernels.gated_delta.errors import DeltaRuleInputError

Implementation = Literal["auto", "triton", "torch"]

NORM_EPS = 1e-6  # of transformers and flash-linear-attention


def gated_delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor,
    beta: Tensor,
    cu_seqlens: Tensor,
    *,
    initial_states: Tensor | None = None,
    scale: float | None = None,
    normalize: bool = False,
    by: Implementation = "auto",
) -> tuple[Tensor, Tensor]:
    """The recurrence over segments laid end to end, each from its own state, differentiable in everything.

    Args:
        q: `[T, Hk, D]`, float32, bfloat16, float16 or float64.
        k: `[T, Hk, D]`; `Hk` divides `H`.
        v: `[T, H, Dv]`.
        decay: `[T, H]`, logarithms: 0 keeps the state, and nothing may be above it.
        beta: `[T, H]`, how much of what is known of a key is replaced, 0 to 1.
        cu_seqlens: int32 `[S + 1]`, where segments begin and the last one ends; segments may be empty.
        initial_states: `[S, H, D, Dv]`; zeros when not given.
        scale: what queries are multiplied by; `1 / √D` when not given.
        normalize: bring `q` and `k` to length 1 first, as Qwen3-Next does.
        by: "triton", "torch", or the first of them that can; only torch's computes float64.

    Returns:
        Output `[T, H, Dv]` in the dtype of `q`, and the states after each segment, float32 (float64 for float64), in which all is computed.

    Raises:
        DeltaRuleInputError: the arguments do not fit together.
    """
    _check(q, k, v, decay, beta, cu_seqlens, initial_states)
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = 1.0 / math.sqrt(q.shape[-1]) if scale is None else scale
    group = v.shape[1] // k.shape[1]
    wide_q, wide_k = (_unit(x.to(wide)) if normalize else x.to(wide) for x in (q, k))
    wide_q, wide_k = (x if group == 1 else x.repeat_interleave(group, dim=1) for x in (wide_q, wide_k))
    shape = (cu_seqlens.numel() - 1, v.shape[1], k.shape[2], v.shape[2])
    states = torch.zeros(shape, dtype=wide, device=q.device) if initial_states is None else initial_states.to(wide)
    arguments = (wide_q, wide_k, v.to(wide), decay.to(wide), beta.to(wide), cu_seqlens, states, scale)
    if by == "triton" or (by == "auto" and triton.unavailable(q.device, wide) is None):
        if (reason := triton.unavailable(q.device, wide)) is not None:
            raise DeltaRuleInputError(f"by is 'triton': {reason}")
        from inference.kernels.gated_delta.operators import delta_rule_operator

        out, states, _ = delta_rule_operator(*arguments)
    else:
        out, states = chunked.forward(*arguments)
    return out.to(q.dtype), states


def transformers_rule(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    g: Tensor,
    beta: Tensor,
    chunk_size: int = chunked.CHUNK,
    initial_state: Tensor | None = None,
    output_final_state: bool = False,
    use_qk_l2norm_in_kernel: bool = False,
    cu_seqlens: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, Tensor | None]:
    """In the place of transformers' `torch_chunk_gated_delta_rule`, which ignores `cu_seqlens`: `[B, T, H, …]` tensors.

    With `cu_seqlens`, B is 1 and a state of each segment is returned; without, each row of the batch is a segment.
    """
    batch, length = key.shape[:2]
    if cu_seqlens is None:
        cu_seqlens = torch.arange(batch + 1, dtype=torch.int32, device=key.device) * length
    elif batch != 1:
        raise DeltaRuleInputError(f"cu_seqlens was given with a batch of {batch}: packed rows are one row")
    q, k, v, decay, weight = (x.flatten(0, 1) for x in (query, key, value, g, beta))
    out, states = gated_delta_rule(
        q,
        k,
        v,
        decay,
        weight,
        cu_seqlens.to(torch.int32),
        initial_states=initial_state,
        normalize=use_qk_l2norm_in_kernel,
    )
    return out.view(batch, length, *out.shape[1:]), states if output_final_state else None


def _unit(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + NORM_EPS)


def _check(q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor, cu_seqlens: Tensor, states: Tensor | None) -> None:
    if q.ndim != 3 or q.shape != k.shape:
        raise DeltaRuleInputError(f"q is {list(q.shape)} and k {list(k.shape)}: give both as [T, Hk, D]")
    if v.ndim != 3 or v.shape[0] != k.shape[0] or not k.shape[1] or v.shape[1] % k.shape[1]:
        raise DeltaRuleInputError(f"v is {list(v.shape)} and k {list(k.shape)}: give v as [T, H, Dv], H a multiple of k's heads")
    for name, x in (("decay", decay), ("beta", beta)):
        if x.shape != v.shape[:2]:
            raise DeltaRuleInputError(f"{name} is {list(x.shape)}: give one number a token and head of v, {list(v.shape[:2])}")
    if cu_seqlens.dtype != torch.int32 or cu_seqlens.ndim != 1 or not cu_seqlens.numel():
        raise DeltaRuleInputError(f"cu_seqlens is {cu_seqlens.dtype} {list(cu_seqlens.shape)}: give int32 [S + 1]")
    if cu_seqlens.device.type == "cpu":
        ends = cu_seqlens.tolist()
        if ends[0] != 0 or ends[-1] != q.shape[0] or sorted(ends) != ends:
            raise DeltaRuleInputError(f"cu_seqlens goes {ends[:4]} … {ends[-1]}: it must rise from 0 to the {q.shape[0]} tokens")
    shape = (cu_seqlens.numel() - 1, v.shape[1], k.shape[2], v.shape[2])
    if states is not None and states.shape != shape:
        raise DeltaRuleInputError(f"initial_states is {list(states.shape)}: give {list(shape)}")
