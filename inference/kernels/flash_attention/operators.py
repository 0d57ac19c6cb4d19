"""Attention as torch operators: with shapes for fake tensors, so that it compiles and exports, and with gradients.

`deftly::flash_attention` computes output and log-sum-exp, `deftly::flash_attention_backward` the gradients. The name of the
implementation travels with the call, because torch may differentiate in another thread.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from inference.kernels.flash_attention.dispatch import count, implementation
from inference.kernels.flash_attention.reference import softmax_dtype
from inference.kernels.flash_attention.settings import Settings


@torch.library.custom_op("deftly::flash_attention", mutates_args=())
def attention_operator(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    scale: float,
    window_left: int,
    window_right: int,
    softcap: float,
    deterministic: bool,
    name: str,
) -> tuple[Tensor, Tensor]:
    """Output `[Tq, H, Dv]` and log-sum-exp `[H, Tq]`, computed by the implementation `name`."""
    settings = _settings(max_seqlen_q, max_seqlen_k, scale, window_left, window_right, softcap, deterministic)
    return compute_forward(name, q, k, v, cu_seqlens_q, cu_seqlens_k, settings)


@torch.library.custom_op("deftly::flash_attention_backward", mutates_args=())
def backward_operator(
    grad_out: Tensor | None,
    grad_lse: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    max_seqlen_q: int,
    max_seqlen_k: int,
    scale: float,
    window_left: int,
    window_right: int,
    softcap: float,
    deterministic: bool,
    name: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of `q`, `k` and `v`."""
    settings = _settings(max_seqlen_q, max_seqlen_k, scale, window_left, window_right, softcap, deterministic)
    count(name, "backward")
    return implementation(name).backward(grad_out, grad_lse, q, k, v, out, lse, cu_seqlens_q, cu_seqlens_k, settings)


def compute_forward(
    name: str, q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, settings: Settings
) -> tuple[Tensor, Tensor]:
    """What the operator does, without the operator, whose dispatch takes 20 to 40 µs: for calls of which `nobody_watches`."""
    count(name, "forward")
    with torch.no_grad():
        return implementation(name).forward(q, k, v, cu_seqlens_q, cu_seqlens_k, settings)


def nobody_watches(*tensors: Tensor) -> bool:
    """Whether a call may do without the operator: no gradient is asked for, and nothing traces, transforms or intercepts it."""
    if torch.compiler.is_compiling() or any(type(x) is not Tensor for x in tensors):
        return False
    if torch.is_grad_enabled() and any(x.requires_grad for x in tensors):
        return False
    transformed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
    return not (transformed or is_in_torch_dispatch_mode())


def _settings(
    max_seqlen_q: int, max_seqlen_k: int, scale: float, window_left: int, window_right: int, softcap: float, deterministic: bool
) -> Settings:
    return Settings(
        scale=scale,
        window_left=window_left,
        window_right=window_right,
        softcap=softcap,
        max_seqlen_q=max_seqlen_q,
        max_seqlen_k=max_seqlen_k,
        deterministic=deterministic,
    )


@attention_operator.register_fake
def _fake_forward(q: Tensor, k: Tensor, v: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    out = q.new_empty(q.shape[0], q.shape[1], v.shape[2])
    return out, q.new_empty(q.shape[1], q.shape[0], dtype=softmax_dtype(q.dtype))


@backward_operator.register_fake
def _fake_backward(grad_out: Tensor | None, grad_lse: Tensor | None, q: Tensor, k: Tensor, v: Tensor, *_: Any) -> tuple[Tensor, ...]:
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    q, k, v, cu_seqlens_q, cu_seqlens_k, *rest = inputs
    ctx.save_for_backward(q, k, v, *output, cu_seqlens_q, cu_seqlens_k)
    ctx.rest = rest
    ctx.set_materialize_grads(False)


def _differentiate(ctx: Any, grad_out: Tensor | None, grad_lse: Tensor | None) -> tuple[Tensor | None, ...]:
    grads = backward_operator(grad_out, grad_lse, *ctx.saved_tensors, *ctx.rest)
    return (*grads, *(None for _ in range(2 + len(ctx.rest))))


attention_operator.register_autograd(_differentiate, setup_context=_remember)
