"""The built kernels, loaded: the call as a C structure, and the threads that they share with torch."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_float, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from inference.kernels.flash_attention.cpu.build import BuildError, library
from inference.kernels.flash_attention.cpu.instruction_sets import InstructionSet

DTYPES = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}


class StridedTensor(Structure):
    """`Tensor` of call.h: `[token, head, size]`, or `[block, token, head, size]` of a paged cache."""

    _fields_ = [("data", c_void_p), ("token", c_int64), ("head", c_int64), ("block", c_int64)]

    @classmethod
    def of(cls, x: Tensor) -> StridedTensor:
        """`x [T, H, D]`, its last axis dense."""
        token, head, _ = x.stride()
        return cls(x.data_ptr(), token, head, 0)

    @classmethod
    def of_pages(cls, x: Tensor) -> StridedTensor:
        """`x [num_blocks, Hk, block_size, D]`, its last axis dense."""
        block, head, token, _ = x.stride()
        return cls(x.data_ptr(), token, head, block)


class Call(Structure):
    """`Call` of call.h."""

    _fields_ = [
        *((name, StridedTensor) for name in ("q", "k", "v", "out", "grad_out", "grad_q", "grad_k", "grad_v")),
        ("lse", c_void_p),
        ("grad_lse", c_void_p),
        ("lse_head", c_int64),
        *((name, c_void_p) for name in ("starts_q", "starts_k", "lengths_k", "block_table")),
        ("block_table_row", c_int64),
        *((name, c_int32) for name in ("block_size", "num_segments", "num_heads", "num_kv_heads", "head_size", "value_size")),
        *((name, c_int32) for name in ("dtype", "window_left", "window_right")),
        ("scale", c_float),
        ("softcap", c_float),
        *((name, c_int32) for name in ("num_threads", "num_splits", "deterministic")),
    ]


class Kernels:
    """The functions of one library. They let go of Python's lock while they work."""

    def __init__(self, path: Path) -> None:
        _share_threads()
        try:
            loaded = ctypes.CDLL(str(path))
        except OSError as error:
            raise BuildError(f"the kernels in {path} cannot be loaded: {error}") from error
        self._forward, self._backward = loaded.deftly_attention_forward, loaded.deftly_attention_backward
        for function in (self._forward, self._backward):
            function.argtypes, function.restype = [POINTER(Call)], None

    def forward(self, call: Call) -> None:
        """Fill `out` and `lse`."""
        self._forward(byref(call))

    def backward(self, call: Call) -> None:
        """Fill `grad_q`, `grad_k` and `grad_v`."""
        self._backward(byref(call))


@cache
def load(level: InstructionSet) -> Kernels:
    """The kernels for `level`, built if need be.

    Raises:
        BuildError: they cannot be built or loaded.
    """
    return Kernels(library(level))


@cache
def _share_threads() -> None:
    """Make the OpenMP that came with torch the one that the kernels find: two pools of threads would fight over the cores."""
    folder = Path(torch.__file__).parent
    found = [path for place in (folder / "lib", folder.parent / "torch.libs") for path in sorted(place.glob("lib*omp*.so*"))]
    pools = [path for path in found if path.name.startswith(("libgomp", "libiomp", "libomp"))]
    if not pools:
        raise BuildError(f"torch in {folder} has no OpenMP library, whose threads the kernels would use")
    ctypes.CDLL(str(pools[0]), mode=ctypes.RTLD_GLOBAL)
