"""The gated delta rule on GPUs, in Triton: what is launched. On a CPU it runs in Triton's interpreter only, for tests."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

CHUNK = 32
COLUMNS = 64  # of values, for one program


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why it cannot compute with such tensors; None when it can."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    if device.type != "cuda" and not (device.type == "cpu" and _interpreted()):
        return f"it computes on CUDA devices, and the tensors are on {device}"
    return None if dtype == torch.float32 else f"it computes in float32, and the tensors are {dtype}"


def forward(
    q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor, cu_seqlens: Tensor, states: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Shapes as in `reference.forward`; also the states `[chunks, H, D, Dv]` before each chunk, which `backward` needs."""
    from inference.kernels.gated_delta.triton.kernels import forward_kernel

    q, k, v, decay, beta = (x.contiguous() for x in (q * scale, k, v, decay, beta))
    first, most = _chunks(cu_seqlens, q.shape[0])
    out, states = torch.empty_like(v), states.clone(memory_format=torch.contiguous_format)
    saved = torch.empty(most, *states.shape[1:], dtype=q.dtype, device=q.device)
    if states.numel():
        forward_kernel[_grid(states)](
            *(q, k, v, decay, beta, states, cu_seqlens.contiguous(), first, out, saved),
            *(q.stride(0), q.stride(1), v.stride(0), v.stride(1), decay.stride(0), v.shape[1]),
            **_constants(states),
        )
    return out, states, saved


def backward(
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
    from inference.kernels.gated_delta.triton.kernels import backward_kernel

    q, k, v, decay, beta, grad_out = (x.contiguous() for x in (q * scale, k, v, decay, beta, grad_out))
    first, _ = _chunks(cu_seqlens, q.shape[0])
    d_states = grad_states.clone(memory_format=torch.contiguous_format)
    parts = _grid(d_states)[0]
    dq, dk = (torch.empty(parts, *x.shape, dtype=x.dtype, device=x.device) for x in (q, k))
    d_decay, d_beta = (torch.empty(parts, *x.shape, dtype=x.dtype, device=x.device) for x in (decay, beta))
    dv = torch.empty_like(v)
    if d_states.numel():
        backward_kernel[_grid(d_states)](
            *(q, k, v, decay, beta, cu_seqlens.contiguous(), first, saved, grad_out, d_states, dq, dk, dv, d_decay, d_beta),
            *(q.stride(0), q.stride(1), v.stride(0), v.stride(1), decay.stride(0), v.shape[1], dq.stride(0), d_decay.stride(0)),
            **_constants(d_states),
        )
    return dq.sum(0) * scale, dk.sum(0), dv, d_decay.sum(0), d_beta.sum(0), d_states


def _chunks(cu_seqlens: Tensor, num_tokens: int) -> tuple[Tensor, int]:
    """The number of each segment's first chunk, and how many chunks there can be: no value is waited for."""
    chunks = (cu_seqlens.diff() + CHUNK - 1) // CHUNK
    return (chunks.cumsum(0) - chunks).to(torch.int32), num_tokens // CHUNK + chunks.numel()


def _grid(states: Tensor) -> tuple[int, int, int]:
    return -(-states.shape[3] // COLUMNS), states.shape[1], states.shape[0]


def _constants(states: Tensor) -> dict[str, Any]:
    size, value_size = states.shape[2], states.shape[3]
    precision = "tf32" if torch.backends.cuda.matmul.allow_tf32 else "ieee"
    block = max(16, 1 << (size - 1).bit_length())
    columns = min(COLUMNS, max(16, 1 << (value_size - 1).bit_length()))
    return {"SIZE": size, "BD": block, "V_SIZE": value_size, "BV": columns, "C": CHUNK, "PRECISION": precision, "num_warps": 8}


@cache
def _interpreted() -> bool:
    from triton import knobs

    return bool(knobs.runtime.interpret)
