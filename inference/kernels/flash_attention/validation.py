"""What the kernels accept: every refusal names the argument, what is wrong with it, and what would do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from inference.kernels.flash_attention.errors import AttentionInputError
from inference.kernels.flash_attention.settings import Settings

DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
MAX_HEAD_SIZE = 1024


def check_settings(settings: Settings) -> None:
    """Refuse numbers that mean nothing."""
    if not (math.isfinite(settings.scale) and settings.scale > 0):
        raise AttentionInputError(f"scale is {settings.scale}: give a finite number above 0, or None for 1/sqrt(head size)")
    if not (math.isfinite(settings.softcap) and settings.softcap >= 0):
        raise AttentionInputError(f"softcap is {settings.softcap}: give a finite number above 0, or 0 for none")
    if settings.window_left < -1 or settings.window_right < -1:
        window = (settings.window_left, settings.window_right)
        raise AttentionInputError(f"window is {window}: give how many keys to the left and right are seen, -1 for all of them")
    for name, length in (("max_seqlen_q", settings.max_seqlen_q), ("max_seqlen_k", settings.max_seqlen_k)):
        if length < 0:
            raise AttentionInputError(f"{name} is {length}: give the length of the longest segment")


def check_varlen(q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, settings: Settings) -> None:
    """Refuse packed inputs `q [Tq, H, D]`, `k [Tk, Hk, D]`, `v [Tk, Hk, Dv]` that do not fit together."""
    check_settings(settings)
    _check_heads(q, k, v, axes="[T, H, D]", ndim=3, head_axis=1)
    if k.shape[0] != v.shape[0]:
        raise AttentionInputError(f"v has {v.shape[0]} tokens and k has {k.shape[0]}: every key needs its value")
    _check_boundaries("cu_seqlens_q", cu_seqlens_q, q.shape[0], settings.max_seqlen_q, "max_seqlen_q", q.device)
    _check_boundaries("cu_seqlens_k", cu_seqlens_k, k.shape[0], settings.max_seqlen_k, "max_seqlen_k", q.device)
    if cu_seqlens_q.shape != cu_seqlens_k.shape:
        counts = (cu_seqlens_q.numel() - 1, cu_seqlens_k.numel() - 1)
        raise AttentionInputError(f"cu_seqlens_k describes {counts[1]} segments and cu_seqlens_q {counts[0]}: give as many keys' segments")


def check_dense(q: Tensor, k: Tensor, v: Tensor) -> None:
    """Refuse batches `q [B, Tq, H, D]`, `k [B, Tk, Hk, D]`, `v [B, Tk, Hk, Dv]` that do not fit together."""
    _check_heads(q, k, v, axes="[B, T, H, D]", ndim=4, head_axis=2)
    if k.shape[:2] != v.shape[:2]:
        raise AttentionInputError(f"v is {list(v.shape)} and k {list(k.shape)}: every key needs its value")
    if q.shape[0] != k.shape[0]:
        raise AttentionInputError(f"k has a batch of {k.shape[0]} and q of {q.shape[0]}: make them equal")


def check_paged(
    q: Tensor, k_cache: Tensor, v_cache: Tensor, block_table: Tensor, seq_lens: Tensor, cu_seqlens_q: Tensor, settings: Settings
) -> None:
    """Refuse a paged call whose parts do not fit: `k_cache [num_blocks, Hk, block_size, D]`, `block_table [R, max_blocks]`."""
    check_settings(settings)
    if k_cache.ndim != 4 or v_cache.ndim != 4 or k_cache.shape[:3] != v_cache.shape[:3]:
        shapes = f"k_cache is {list(k_cache.shape)} and v_cache {list(v_cache.shape)}"
        raise AttentionInputError(f"{shapes}: give both as [num_blocks, Hk, block_size, head size]")
    _check_heads(q, k_cache, v_cache, axes="q [T, H, D], caches [num_blocks, Hk, block_size, D]", ndim=None, head_axis=1)
    if q.ndim != 3:
        raise AttentionInputError(f"q is {list(q.shape)}: give [T, H, D]")
    num_requests = seq_lens.numel()
    _check_ints("seq_lens", seq_lens, q.device)
    _check_ints("block_table", block_table, q.device, ndim=2)
    if block_table.shape[0] != num_requests:
        raise AttentionInputError(f"block_table has {block_table.shape[0]} rows and seq_lens {num_requests}: give one row per request")
    _check_boundaries("cu_seqlens_q", cu_seqlens_q, q.shape[0], settings.max_seqlen_q, "max_seqlen_q", q.device, may_be_padded=True)
    if cu_seqlens_q.numel() != num_requests + 1:
        raise AttentionInputError(
            f"cu_seqlens_q has {cu_seqlens_q.numel()} entries for {num_requests} requests: give one more than requests"
        )
    if q.device.type == "cpu" and num_requests:
        _check_pages(block_table, seq_lens, k_cache.shape[0], k_cache.shape[2])


def _check_pages(block_table: Tensor, seq_lens: Tensor, num_blocks: int, block_size: int) -> None:
    """Only on CPU, where values can be read for nothing: a wrong page would be read from somebody else's memory."""
    lengths = seq_lens.tolist()
    if min(lengths) < 0 or max(lengths) > block_table.shape[1] * block_size:
        room = f"{block_table.shape[1]} blocks of {block_size}"
        raise AttentionInputError(f"seq_lens goes from {min(lengths)} to {max(lengths)}: block_table has room for {room}")
    if _all_within(block_table, num_blocks):
        return
    used = torch.arange(block_table.shape[1])[None, :] * block_size < seq_lens[:, None]
    blocks = block_table[used]
    if not _all_within(blocks, num_blocks):
        first, last = (int(block) for block in blocks.aminmax())
        raise AttentionInputError(f"block_table names blocks {first} to {last}: the cache has blocks 0 to {num_blocks - 1}")


def _all_within(blocks: Tensor, num_blocks: int) -> bool:
    if not blocks.numel():
        return True
    first, last = blocks.aminmax()
    return int(first) >= 0 and int(last) < num_blocks


def _check_heads(q: Tensor, k: Tensor, v: Tensor, *, axes: str, ndim: int | None, head_axis: int) -> None:
    named: Sequence[tuple[str, Tensor]] = (("q", q), ("k", k), ("v", v))
    for name, tensor in named:
        if ndim is not None and tensor.ndim != ndim:
            raise AttentionInputError(f"{name} is {list(tensor.shape)}: give {axes}")
        if tensor.dtype not in DTYPES:
            raise AttentionInputError(f"{name} is {tensor.dtype}: give float32, bfloat16, float16 or float64")
        if tensor.dtype != q.dtype or tensor.device != q.device:
            here, there = f"{tensor.dtype} on {tensor.device}", f"{q.dtype} on {q.device}"
            raise AttentionInputError(f"{name} is {here} and q is {there}: bring them together")
    num_heads, num_kv_heads = q.shape[head_axis if ndim is not None else 1], k.shape[head_axis]
    if v.shape[head_axis] != num_kv_heads:
        raise AttentionInputError(f"v has {v.shape[head_axis]} heads and k has {num_kv_heads}: make them equal")
    if num_kv_heads == 0 or num_heads % num_kv_heads:
        raise AttentionInputError(f"q has {num_heads} heads and k has {num_kv_heads}: q's must be a multiple of k's")
    if q.shape[-1] != k.shape[-1]:
        raise AttentionInputError(f"k has head size {k.shape[-1]} and q has {q.shape[-1]}: make them equal")
    for name, tensor in named:
        if not 1 <= tensor.shape[-1] <= MAX_HEAD_SIZE:
            raise AttentionInputError(f"{name} has head size {tensor.shape[-1]}: give 1 to {MAX_HEAD_SIZE}")


def _check_ints(name: str, tensor: Tensor, device: torch.device, ndim: int = 1) -> None:
    if tensor.dtype != torch.int32 or tensor.ndim != ndim:
        raise AttentionInputError(
            f"{name} is {tensor.dtype} {list(tensor.shape)}: give int32 with {ndim} axis" + ("es" if ndim > 1 else "")
        )
    if tensor.device != device:
        raise AttentionInputError(f"{name} is on {tensor.device} and q on {device}: bring them together")


def _check_boundaries(
    name: str, bounds: Tensor, num_tokens: int, longest: int, longest_name: str, device: torch.device, *, may_be_padded: bool = False
) -> None:
    """Values are read only on CPU: elsewhere it would wait for the device."""
    _check_ints(name, bounds, device)
    if bounds.numel() < 1:
        raise AttentionInputError(f"{name} is empty: give the boundaries of the segments, from 0 to {num_tokens}")
    if device.type != "cpu" or type(bounds) is not Tensor or torch.compiler.is_compiling():
        return
    values = bounds.tolist()
    ends_well = values[-1] <= num_tokens if may_be_padded else values[-1] == num_tokens
    if values[0] != 0 or not ends_well:
        raise AttentionInputError(f"{name} goes from {values[0]} to {values[-1]}: it must go from 0 to the {num_tokens} tokens")
    lengths = [stop - start for start, stop in pairwise(values)]
    if lengths and min(lengths) < 0:
        where = lengths.index(min(lengths))
        raise AttentionInputError(f"{name} falls from {values[where]} to {values[where + 1]} at {where + 1}: boundaries must not fall")
    if lengths and max(lengths) > longest:
        raise AttentionInputError(f"{longest_name} is {longest}, and {name} has a segment of {max(lengths)}: give the longest length")
