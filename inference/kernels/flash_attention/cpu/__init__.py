"""Attention on CPUs, in C++ with vector instructions: AVX-512 with bf16 dot products, AVX-512, AVX2, or plain vectors.

build              compiles the library when it is first used, and keeps it
instruction_sets   what the processor has
library            the library, loaded
csrc/              the kernels: call.h is what they are given, forward.h, decode.h and backward.h are the algorithms
"""

from __future__ import annotations

import warnings
from functools import cache

import torch
from torch import Tensor

from inference.kernels.flash_attention.cpu.build import BuildError
from inference.kernels.flash_attention.cpu.instruction_sets import chosen
from inference.kernels.flash_attention.cpu.library import DTYPES, Call, Kernels, StridedTensor, load
from inference.kernels.flash_attention.settings import Settings
from inference.kernels.flash_attention.strides import dense


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this implementation cannot compute such a call; warns, once, when it is because nothing can be built."""
    if device.type != "cpu":
        return f"it computes on CPUs, and the tensors are on {device}"
    if dtype not in DTYPES:
        return f"it computes float32, bfloat16 and float16, and the tensors are {dtype}"
    return _cannot_build()


def forward(q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """`q [Tq, H, D]`, `k [Tk, Hk, D]`, `v [Tk, Hk, Dv]` -> output `[Tq, H, Dv]` and log-sum-exp `[H, Tq]`."""
    out = q.new_empty(q.shape[0], q.shape[1], v.shape[2])
    lse = q.new_empty(q.shape[1], q.shape[0], dtype=torch.float32)
    q, k, v = dense(q), dense(k), dense(v)
    starts_q, starts_k = cu_seqlens_q.contiguous(), cu_seqlens_k.contiguous()
    call = _call(q, k.shape[1], v.shape[2], settings)
    call.q, call.k, call.v, call.out = (StridedTensor.of(x) for x in (q, k, v, out))
    call.lse, call.lse_head = lse.data_ptr(), lse.stride(0)
    call.starts_q, call.starts_k, call.num_segments = starts_q.data_ptr(), starts_k.data_ptr(), starts_q.numel() - 1
    _kernels().forward(call)
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
    """Fill `out [T, H, Dv]` from keys and values in pages, read where they lie; returns the log-sum-exp `[H, T]`."""
    lse = q.new_full((q.shape[1], q.shape[0]), -torch.inf, dtype=torch.float32)
    q, k_cache, v_cache = dense(q), dense(k_cache), dense(v_cache)
    into = dense(out)
    starts_q, lengths, table = cu_seqlens_q.contiguous(), seq_lens.contiguous(), dense(block_table)
    call = _call(q, k_cache.shape[1], v_cache.shape[3], settings)
    call.q, call.out = StridedTensor.of(q), StridedTensor.of(into)
    call.k, call.v = StridedTensor.of_pages(k_cache), StridedTensor.of_pages(v_cache)
    call.lse, call.lse_head = lse.data_ptr(), lse.stride(0)
    call.starts_q, call.lengths_k, call.num_segments = starts_q.data_ptr(), lengths.data_ptr(), lengths.numel()
    call.block_table, call.block_table_row, call.block_size = table.data_ptr(), table.stride(0), k_cache.shape[2]
    call.num_splits = num_splits
    _kernels().forward(call)
    if into is not out:
        out.copy_(into)
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
    """Gradients of `q`, `k` and `v`; weights are computed again from the log-sum-exp."""
    grad_out = torch.zeros_like(out) if grad_out is None else dense(grad_out)
    grads = tuple(torch.empty(x.shape, dtype=x.dtype) for x in (q, k, v))
    q, k, v, out, lse = dense(q), dense(k), dense(v), dense(out), lse.contiguous()
    grad_lse = None if grad_lse is None else grad_lse.contiguous()
    starts_q, starts_k = cu_seqlens_q.contiguous(), cu_seqlens_k.contiguous()
    call = _call(q, k.shape[1], v.shape[2], settings)
    call.q, call.k, call.v, call.out, call.grad_out = (StridedTensor.of(x) for x in (q, k, v, out, grad_out))
    call.grad_q, call.grad_k, call.grad_v = (StridedTensor.of(x) for x in grads)
    call.lse, call.lse_head = lse.data_ptr(), lse.stride(0)
    call.grad_lse = None if grad_lse is None else grad_lse.data_ptr()
    call.starts_q, call.starts_k, call.num_segments = starts_q.data_ptr(), starts_k.data_ptr(), starts_q.numel() - 1
    _kernels().backward(call)
    return grads[0], grads[1], grads[2]


def _call(q: Tensor, num_kv_heads: int, value_size: int, settings: Settings) -> Call:
    return Call(
        num_heads=q.shape[1],
        num_kv_heads=num_kv_heads,
        head_size=q.shape[2],
        value_size=value_size,
        dtype=DTYPES[q.dtype],
        window_left=settings.window_left,
        window_right=settings.window_right,
        scale=settings.scale,
        softcap=settings.softcap,
        num_threads=torch.get_num_threads(),
        deterministic=settings.deterministic,
    )


def _kernels() -> Kernels:
    return load(chosen())


@cache
def _cannot_build() -> str | None:
    try:
        _kernels()
    except BuildError as error:
        warnings.warn(f"attention is computed in pure torch, several times slower: {error}", RuntimeWarning, stacklevel=2)
        return str(error)
    return None
