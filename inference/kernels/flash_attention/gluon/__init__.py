"""Attention on Hopper, in Gluon: a forward pass whose warps are specialised. Everything else is Triton's.

forward_kernel   one warp brings tiles, two warpgroups compute
schedule         who computes which tile
shapes           how large tiles are
language         what differs between versions of Gluon
compiled         compiles it for Hopper on any machine

It computes head sizes of 64, 128 and 256 in bfloat16 and float16, causal or bidirectional. Windows, soft caps, other sizes, pages and
gradients are computed by `triton`, and `calls()` counts such forward passes as `triton.forward` too. It has not run on a GPU yet, so it is
never chosen: ask for it by name.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor

from inference.kernels.flash_attention import triton
from inference.kernels.flash_attention.dispatch import count
from inference.kernels.flash_attention.gluon.shapes import SIZES, HopperTile, candidates, constants, heads_together
from inference.kernels.flash_attention.settings import Settings
from inference.kernels.flash_attention.triton.tuning import chosen, shape_name

DTYPES = (torch.bfloat16, torch.float16)
HOPPER = (9, 0)

backward = triton.backward
paged = triton.paged


class Launch(NamedTuple):
    """The arguments of `forward_kernel`, but for `q [Tq, H · D]`, `k` and `v` being tensors yet, not their descriptors."""

    num_programs: int
    matrices: tuple[Tensor, Tensor, Tensor]
    arguments: tuple[Any, ...]
    constants: dict[str, Any]


def unavailable(device: torch.device, dtype: torch.dtype) -> str | None:
    """Why this implementation cannot compute such a call; None when it can."""
    if (reason := triton.unavailable(device, dtype)) is not None:
        return reason
    if device.type != "cuda" or torch.cuda.get_device_capability(device) != HOPPER:
        return f"it is for GPUs of compute capability 9.0 (H100, H200), and the tensors are on {device}"
    if find_spec("triton.experimental.gluon") is None:
        return "this Triton has no Gluon: pip install 'triton>=3.6'"
    return None


def forward(q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, settings: Settings) -> tuple[Tensor, Tensor]:
    """`q [Tq, H, D]`, `k [Tk, Hk, D]`, `v [Tk, Hk, Dv]` -> output `[Tq, H, Dv]` and log-sum-exp `[H, Tq]`."""
    if not fits(q, k, v, settings):
        count("triton", "forward")
        return triton.forward(q, k, v, cu_seqlens_q, cu_seqlens_k, settings)
    from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

    from inference.kernels.flash_attention.gluon.compiled import shared_layout
    from inference.kernels.flash_attention.gluon.forward_kernel import forward_kernel

    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    lse = q.new_empty(q.shape[1], q.shape[0], dtype=torch.float32)
    num_processors = torch.cuda.get_device_properties(q.device).multi_processor_count

    def launch(tile: HopperTile) -> None:
        call = laid_out(q, k, v, out, lse, cu_seqlens_q, cu_seqlens_k, settings, tile, num_processors)
        rows = (tile.bm // 2, tile.bn, tile.bn)
        descriptors = (
            TensorDescriptor.from_tensor(matrix, [number, q.shape[2]], shared_layout(number, q.shape[2], q.dtype))
            for matrix, number in zip(call.matrices, rows, strict=True)
        )
        forward_kernel[(call.num_programs,)](*descriptors, *call.arguments, **call.constants, num_warps=4)

    if settings.max_seqlen_q and cu_seqlens_q.numel() > 1:
        shape = shape_name("gluon", q.shape[2], v.shape[2], q.dtype, settings.max_seqlen_q, settings)
        launch(chosen(shape, candidates(q.shape[2]), launch, q.device, settings))
    return out, lse


def fits(q: Tensor, k: Tensor, v: Tensor, settings: Settings) -> bool:
    """Whether the kernel computes such a call."""
    plain = settings.softcap == 0 and settings.window_left < 0 and settings.window_right <= 0
    return plain and q.dtype in DTYPES and q.shape[2] in SIZES and v.shape[2] == q.shape[2] and 0 not in (q.numel(), k.numel())


def laid_out(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    cu_seqlens_q: Tensor,
    cu_seqlens_k: Tensor,
    settings: Settings,
    tile: HopperTile,
    num_processors: int,
) -> Launch:
    """A call as the kernel takes it."""
    num_heads, num_segments, size = q.shape[1], cu_seqlens_q.numel() - 1, q.shape[2]
    group = num_heads // k.shape[1]
    num_row_tiles = -(-settings.max_seqlen_q // tile.bm)
    section = heads_together(settings.max_seqlen_k, size, group, num_heads * num_segments)
    arguments = (
        *(out, lse, cu_seqlens_q.contiguous(), cu_seqlens_k.contiguous(), settings.scale * 1.4426950408889634),
        *(out.stride(0), out.stride(1), lse.stride(0), num_heads, num_segments, num_row_tiles, section),
    )
    fixed = constants(size, tile, causal=settings.window_right == 0, group=group)
    num_programs = min(num_row_tiles * num_heads * num_segments, num_processors)
    return Launch(num_programs, (_matrix(q), _matrix(k), _matrix(v)), arguments, fixed)


def _matrix(x: Tensor) -> Tensor:
    """`[T, H, D]` as `[T, H · D]`, as TMA takes it: heads side by side, tokens and the first byte at multiples of 16 bytes."""
    beside = x.stride(2) == 1 and (x.stride(1) == x.shape[2] or x.shape[1] == 1)
    if not (beside and x.stride(0) % 8 == 0 and x.stride(0) > 0 and x.data_ptr() % 16 == 0):
        x = x.contiguous()
    return x.as_strided((x.shape[0], x.shape[1] * x.shape[2]), (x.stride(0), 1))
