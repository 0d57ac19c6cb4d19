"""Compiles the kernels for Hopper on any machine, and reads what came out: registers, spills, tensor-core instructions.

Triton's wheel brings the assembler and disassembler along, so neither a GPU nor CUDA is needed.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from typing import Any

import torch

from inference.kernels.flash_attention.settings import Settings
from inference.kernels.flash_attention.triton import constants
from inference.kernels.flash_attention.triton.shapes import Tile, forward_tile, keys_tile, queries_tile

KINDS = ("forward", "decode", "keys", "queries")
_POINTERS = {torch.bfloat16: "*bf16", torch.float16: "*fp16", torch.float32: "*fp32"}
_BOOKS = {"starts_q": "*i32", "starts_k": "*i32", "block_table": "*i32", "lse": "*fp32", "delta": "*fp32"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What a kernel became. `num_spills`: loads and stores of local memory; `num_wgmma`: products of a whole warpgroup."""

    tile: Tile
    num_registers: int
    num_spills: int
    num_wgmma: int
    num_mma: int
    shared_bytes: int


def compile_for_hopper(kind: str, size: int, value_size: int, dtype: torch.dtype, *, causal: bool = True) -> Compiled:
    """A kernel with the tile that it is launched with, for sm_90."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kernel, tile, fixed, more = _kernel(kind, size, value_size, dtype)
    settings = Settings(scale=1.0, window_right=0 if causal else -1)
    fixed = {**constants(size, value_size, settings, tile), **fixed}
    pointers = {**dict.fromkeys(("q", "k", "v", "out", "grad_out", "grad_q", "grad_k", "grad_v"), _POINTERS[dtype]), **_BOOKS, **more}
    names = kernel.arg_names
    signature = {name: _type(name, fixed, pointers) for name in names}
    aligned = [
        n for n, name in enumerate(names) if name not in fixed and (name in pointers or name.endswith(("_token", "_head", "_block")))
    ]
    source = ASTSource(kernel, signature, fixed, {(n,): [["tt.divisibility", 16]] for n in aligned})
    options = {"num_warps": tile.num_warps, "num_stages": tile.num_stages}
    binary = triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)
    return _read(binary, tile)


def _kernel(kind: str, size: int, value_size: int, dtype: torch.dtype) -> tuple[Any, Tile, dict[str, Any], dict[str, str]]:
    from inference.kernels.flash_attention.triton.backward_kernels import keys_kernel, queries_kernel
    from inference.kernels.flash_attention.triton.forward_kernels import forward_kernel

    if kind == "forward":
        return forward_kernel, forward_tile(size, value_size, dtype, 4096), {"GROUP": 4, "PACK": 1, "BLOCK_SIZE": 0, "SPLITS": 1}, {}
    if kind == "decode":
        fixed = {"GROUP": 4, "PACK": 4, "BLOCK_SIZE": 16, "SPLITS": 4}
        return forward_kernel, forward_tile(size, value_size, dtype, 4), fixed, {"out": "*fp32"}
    if kind == "keys":
        return keys_kernel, keys_tile(size, value_size, dtype), {"GROUP": 4}, {}
    return queries_kernel, queries_tile(size, value_size, dtype), {"GROUP": 4}, {}


def _type(name: str, fixed: dict[str, Any], pointers: dict[str, str]) -> str:
    if name in fixed:
        return "constexpr"
    return pointers.get(name, "fp32" if name in ("scale", "softcap") else "i32")


def disassembled(binary: Any) -> tuple[str, int]:
    """A compiled kernel's instructions, and how many registers a thread begins with."""
    from triton import knobs

    tool = knobs.nvidia.cuobjdump.path
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(binary.asm["cubin"])
        file.flush()
        code, usage = (
            subprocess.run([tool, flag, file.name], capture_output=True, text=True, check=True).stdout for flag in ("-sass", "-res-usage")
        )
    registers = re.search(r"REG:(\d+)", usage)
    assert registers is not None, usage
    return code, int(registers[1])


def _read(binary: Any, tile: Tile) -> Compiled:
    code, num_registers = disassembled(binary)
    return Compiled(
        tile=tile,
        num_registers=num_registers,
        num_spills=len(re.findall(r"\b(?:LDL|STL)\b", code)),
        num_wgmma=len(re.findall(r"\bHGMMA\b", code)),
        num_mma=len(re.findall(r"\bHMMA\b", code)),
        shared_bytes=int(binary.metadata.shared),
    )
