"""The Triton kernels of the gated delta rule as torch operators: with shapes for fake tensors, and with gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inference.kernels.gated_delta import triton


@torch.library.custom_op("deftly::gated_delta_rule", mutates_args=())
def delta_rule_operator(
    q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor, cu_seqlens: Tensor, states: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Output, states after the segments, and those before each chunk."""
    with torch.no_grad():
        return triton.forward(q, k, v, decay, beta, cu_seqlens, states, scale)


@torch.library.custom_op("deftly::gated_delta_rule_backward", mutates_args=())
def delta_rule_backward_operator(
    grad_out: Tensor,
    grad_states: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor,
    beta: Tensor,
    cu_seqlens: Tensor,
    saved: Tensor,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of `q, k, v, decay, beta` and of the states at the start."""
    with torch.no_grad():
        return triton.backward(grad_out, grad_states, q, k, v, decay, beta, cu_seqlens, saved, scale)


@delta_rule_operator.register_fake
def _fake_forward(
    q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor, cu_seqlens: Tensor, states: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    most = q.shape[0] // triton.CHUNK + cu_seqlens.shape[0] - 1
    return v.new_empty(v.shape), states.new_empty(states.shape), q.new_empty(most, *states.shape[1:])


@delta_rule_backward_operator.register_fake
def _fake_backward(
    grad_out: Tensor, grad_states: Tensor, q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor, *_: Any
) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(x.shape) for x in (q, k, v, decay, beta, grad_states))


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    q, k, v, decay, beta, cu_seqlens, _, scale = inputs
    ctx.save_for_backward(q, k, v, decay, beta, cu_seqlens, output[2])
    ctx.scale = scale


def _differentiate(ctx: Any, grad_out: Tensor, grad_states: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    dq, dk, dv, d_decay, d_beta, d_states = delta_rule_backward_operator(grad_out, grad_states, *ctx.saved_tensors, ctx.scale)
    return dq, dk, dv, d_decay, d_beta, None, d_states, None


delta_rule_operator.register_autograd(_differentiate, setup_context=_remember)
