"""Attention on GPUs, in Triton: what is launched, with which tiles.

tiles              pieces of every kernel
forward_kernels    packed rows and pages, split keys
backward_kernels   gradients, the same bits every time
shapes             sizes of parts and tiles
tuning             tiles chosen by timing them, and kept

On a CPU it computes only in Triton's interpreter (`TRITON_INTERPRET=1` before Python starts), which is for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from inference.kernels.flash_attention.settings import Settings
from inference.kernels.flash_attention.strides import dense
from inference.kernels.flash_attention.triton.shapes import (
    Tile,
    forward_tile,
    keys_tile,
    near,
    num_splits,
    parts,
    power_of_two,
    queries_tile,
)
from inference.kernels.flash_attention.triton.tuning import chosen, shape_name

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
PACKED_ROWS = 64  # up to so many rows of a token's heads share one tile


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this implementation cannot compute such a call; None when it can."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    if device.type != "cuda" and not (device.type == "cpu" and interpreted()):
        return f"it computes on CUDA devices, and the tensors are on {device}"
    if dtype not in DTYPES:
        return f"it computes float32, bfloat16 and float16, and the tensors are {dtype}"
    return None


def forward(q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """`q [Tq, H, D]`, `k [Tk, Hk, D]`, `v [Tk, Hk, Dv]` -> output `[Tq, H, Dv]` and log-sum-exp `[H, Tq]`."""
    from inference.kernels.flash_attention.triton.forward_kernels import forward_kernel

    q, k, v = dense(q), dense(k), dense(v)
    out = q.new_empty(q.shape[0], q.shape[1], v.shape[2])
    lse = q.new_empty(q.shape[1], q.shape[0], dtype=torch.float32)
    num_segments = cu_seqlens_q.numel() - 1
    if not q.shape[0] or not num_segments:
        return out, lse
    starts = (cu_seqlens_q.contiguous(), cu_seqlens_k.contiguous())

    def launch(tile: Tile) -> None:
        forward_kernel[(-(-settings.max_seqlen_q // tile.bm), q.shape[1], num_segments)](
            *(q, k, v, out, lse, *starts, starts[0]),  # the last stands in for a block table
            *(*q.stride()[:2], *k.stride()[:2], 0, *v.stride()[:2], 0, *out.stride()[:2], 0, lse.stride(0), 0, 0),
            *_numbers(settings),
            GROUP=q.shape[1] // k.shape[1],
            PACK=1,
            BLOCK_SIZE=0,
            SPLITS=1,
            **_constants(q, v.shape[2], settings, tile),
        )

    launch(_tile("forward", q, v, settings, forward_tile(q.shape[2], v.shape[2], q.dtype, settings.max_seqlen_q), launch))
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
    from inference.kernels.flash_attention.triton.forward_kernels import forward_kernel, merge_kernel

    q, k_cache, v_cache, table = dense(q), dense(k_cache), dense(v_cache), dense(block_table)
    into = dense(out)
    starts = cu_seqlens_q.contiguous()
    lse = q.new_full((q.shape[1], q.shape[0]), -torch.inf, dtype=torch.float32)
    num_requests, group = seq_lens.numel(), q.shape[1] // k_cache.shape[1]
    if not q.shape[0] or not num_requests or not settings.max_seqlen_q:
        return lse
    pack = group if settings.max_seqlen_q * group <= PACKED_ROWS else 1
    tile = forward_tile(q.shape[2], v_cache.shape[3], q.dtype, settings.max_seqlen_q * pack)
    num_tiles = -(-settings.max_seqlen_q * pack // tile.bm)
    splits = num_splits or _splits(num_tiles * q.shape[1] // pack * num_requests, settings, q.device)
    parts_out, parts_lse = into[None], lse[None]
    if splits > 1:
        parts_out = q.new_empty(splits, q.shape[0], q.shape[1], v_cache.shape[3], dtype=torch.float32)
        parts_lse = lse.new_empty(splits, *lse.shape)
    strides = (k_cache.stride(2), k_cache.stride(1), k_cache.stride(0), v_cache.stride(2), v_cache.stride(1), v_cache.stride(0))
    out_strides = (parts_out.stride(1), parts_out.stride(2), parts_out.stride(0))
    forward_kernel[(num_tiles, q.shape[1] // pack, num_requests * splits)](
        *(q, k_cache, v_cache, parts_out, parts_lse, starts, seq_lens.contiguous(), table),
        *(*q.stride()[:2], *strides, *out_strides, lse.stride(0), parts_lse.stride(0), table.stride(0)),
        *_numbers(settings),
        GROUP=group,
        PACK=pack,
        BLOCK_SIZE=k_cache.shape[2],
        SPLITS=splits,
        **_constants(q, v_cache.shape[3], settings, tile),
    )
    if splits > 1:
        merge_kernel[(q.shape[0], q.shape[1])](
            *(parts_out, parts_lse, into, lse, starts),
            *(*parts_out.stride()[:3], parts_lse.stride(0), lse.stride(0), *into.stride()[:2], num_requests),
            SPLITS=splits,
            V_SIZE=v_cache.shape[3],
            BLOCK=power_of_two(v_cache.shape[3]),
        )
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
    """Gradients of `q`, `k` and `v`, the same bits every time; weights are computed again from the log-sum-exp."""
    from inference.kernels.flash_attention.triton.backward_kernels import delta_kernel, keys_kernel, queries_kernel

    q, k, v, out, lse = dense(q), dense(k), dense(v), dense(out), lse.contiguous()
    grad_out = torch.zeros_like(out) if grad_out is None else dense(grad_out)
    grads = tuple(torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (q, k, v))
    starts = (cu_seqlens_q.contiguous(), cu_seqlens_k.contiguous())
    num_segments, num_heads, num_kv_heads = starts[0].numel() - 1, q.shape[1], k.shape[1]
    delta = torch.empty_like(lse)
    if q.shape[0]:
        delta_kernel[(-(-q.shape[0] // 32), num_heads)](
            *(grad_out, out, lse if grad_lse is None else grad_lse.contiguous(), delta, q.shape[0]),
            *(*grad_out.stride()[:2], *out.stride()[:2], lse.stride(0)),
            HAS_GRAD_LSE=grad_lse is not None,
            V_SIZE=v.shape[2],
            BLOCK=max(16, power_of_two(v.shape[2])),
            BM=32,
            UP=_up(q),
        )
    strides = (*q.stride()[:2], *k.stride()[:2], *v.stride()[:2], *grad_out.stride()[:2])
    group = num_heads // num_kv_heads
    if k.shape[0] and num_segments:

        def launch_keys(tile: Tile) -> None:
            keys_kernel[(-(-settings.max_seqlen_k // tile.bn), num_kv_heads, num_segments)](
                *(q, k, v, grad_out, lse, delta, grads[1], grads[2], *starts),
                *(*strides, *grads[1].stride()[:2], *grads[2].stride()[:2], lse.stride(0), *_numbers(settings)),
                GROUP=group,
                **_constants(q, v.shape[2], settings, tile),
            )

        launch_keys(_tile("keys", q, v, settings, keys_tile(q.shape[2], v.shape[2], q.dtype), launch_keys))
    if q.shape[0] and num_segments:

        def launch_queries(tile: Tile) -> None:
            queries_kernel[(-(-settings.max_seqlen_q // tile.bm), num_heads, num_segments)](
                *(q, k, v, grad_out, lse, delta, grads[0], *starts),
                *(*strides, *grads[0].stride()[:2], lse.stride(0), *_numbers(settings)),
                GROUP=group,
                **_constants(q, v.shape[2], settings, tile),
            )

        launch_queries(_tile("queries", q, v, settings, queries_tile(q.shape[2], v.shape[2], q.dtype), launch_queries))
    return grads[0], grads[1], grads[2]


@cache
def interpreted() -> bool:
    """Whether Triton's kernels run in its interpreter in this process."""
    from triton import knobs

    return bool(knobs.runtime.interpret)


def constants(
    size: int, value_size: int, settings: Settings, tile: Tile, *, precision: str = "ieee", up: bool = False
) -> dict[str, int | bool | str]:
    """What a kernel is compiled for, besides the tile's warps and stages."""
    key, value = parts(size), parts(value_size)
    return {
        "SIZE": size,
        "MAIN": key.main,
        "TAIL": key.tail,
        "V_SIZE": value_size,
        "V_MAIN": value.main,
        "V_TAIL": value.tail,
        "SOFTCAP": settings.softcap > 0,
        "LEFT": settings.window_left >= 0,
        "RIGHT": settings.window_right >= 0,
        "UP": up,
        "PRECISION": precision,
        "BM": tile.bm,
        "BN": tile.bn,
    }


def _tile(kind: str, q: Tensor, v: Tensor, settings: Settings, usual: Tile, launch: Callable[[Tile], None]) -> Tile:
    longest = settings.max_seqlen_k if kind == "keys" else settings.max_seqlen_q
    shape = shape_name(kind, q.shape[2], v.shape[2], q.dtype, longest, settings)
    return chosen(shape, near(usual, q.dtype), launch, q.device, settings)


def _constants(q: Tensor, value_size: int, settings: Settings, tile: Tile) -> dict[str, Any]:
    # TF32 has 10 bits: only where its user allows it for torch's own products.
    precision = "tf32" if torch.backends.cuda.matmul.allow_tf32 else "ieee"
    compiled_for = constants(q.shape[2], value_size, settings, tile, precision=precision, up=_up(q))
    return {**compiled_for, "num_warps": tile.num_warps, "num_stages": tile.num_stages}


def _numbers(settings: Settings) -> tuple[float, float, int, int]:
    return settings.scale, settings.softcap, settings.window_left, settings.window_right


def _up(q: Tensor) -> bool:
    return q.dtype == torch.bfloat16 and interpreted()


def _splits(num_programs: int, settings: Settings, device: torch.device) -> int:
    if settings.deterministic:
        return 1
    processors = torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 1
    return num_splits(num_programs, settings.max_seqlen_k, processors)
