"""Compiles the Gluon kernel for Hopper on any machine, and reads what came out.

Triton's wheel brings the assembler and disassembler along, so neither a GPU nor CUDA is needed.

    python -m inference.kernels.flash_attention.gluon.compiled [128-bf16-causal …]    one line of JSON for each, or for all
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, dataclass
from typing import Any

import torch

from inference.kernels.flash_attention.gluon.shapes import SIZES, HopperTile, candidates, constants
from inference.kernels.flash_attention.triton.compiled import disassembled

TYPES = {torch.bfloat16: "bf16", torch.float16: "fp16"}
ALIGNED = ("out", "lse", "starts_q", "starts_k", "out_token", "out_head")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """What the kernel became.

    `num_spills`: loads and stores of local memory. `num_wgmma`: products of a whole warpgroup. `num_tma`: loads of tiles. `registers`: what
    warpgroups ask for when they take up their work and lay it down. `num_waits` for products, of which `num_waits_asked` are in the kernel:
    more of them would mean that the assembler could not let products run beside other work.
    """

    num_registers: int
    num_spills: int
    num_wgmma: int
    num_mma: int
    num_tma: int
    registers: tuple[int, ...]
    num_waits: int
    num_waits_asked: int
    shared_bytes: int


def shared_layout(rows: int, size: int, dtype: torch.dtype) -> Any:
    """How a tile `[rows, size]` lies in shared memory."""
    from triton.experimental.gluon import language as gl

    return gl.NVMMASharedLayout.get_default_for([rows, size], {torch.bfloat16: gl.bfloat16, torch.float16: gl.float16}[dtype])


def compile_for_hopper(size: int, dtype: torch.dtype, tile: HopperTile, *, causal: bool, group: int = 4) -> Compiled:
    """The kernel for sm_90a, as it is launched."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.experimental.gluon._runtime import GluonASTSource

    from inference.kernels.flash_attention.gluon.forward_kernel import forward_kernel

    fixed = constants(size, tile, causal=causal, group=group)
    signature = types_of_arguments(forward_kernel.arg_names, size, dtype, tile, fixed)
    attributes = {(n,): [["tt.divisibility", 16]] for n, name in enumerate(signature) if name in ALIGNED}
    source = GluonASTSource(forward_kernel, signature, fixed, attributes)
    binary = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
    return _read(binary)


def types_of_arguments(names: list[str], size: int, dtype: torch.dtype, tile: HopperTile, fixed: dict[str, Any]) -> dict[str, str]:
    """In Triton's words, as it would work them out from the arguments of a launch."""
    tiles = {name: _descriptor(rows, size, dtype) for name, rows in (("q", tile.bm // 2), ("k", tile.bn), ("v", tile.bn))}
    types = {**tiles, "out": f"*{TYPES[dtype]}", "lse": "*fp32", "starts_q": "*i32", "starts_k": "*i32", "coefficient": "fp32"}
    return {name: "constexpr" if name in fixed else types.get(name, "i32") for name in names}


def every_kernel() -> dict[str, tuple[int, torch.dtype, bool]]:
    """The kernels that are launched where nothing was tuned, by name: head size, dtype, causal or not."""
    kinds = [(size, dtype, causal) for size in SIZES for dtype in TYPES for causal in (True, False)]
    return {f"{size}-{TYPES[dtype]}-{'causal' if causal else 'full'}": (size, dtype, causal) for size, dtype, causal in kinds}


def main(names: list[str]) -> None:
    """Compile these, or all."""
    import triton

    for name in names or every_kernel():
        size, dtype, causal = every_kernel()[name]
        made = compile_for_hopper(size, dtype, candidates(size)[0], causal=causal)
        sys.stdout.write(json.dumps({"triton": triton.__version__, "name": name, **asdict(made)}) + "\n")
        sys.stdout.flush()


def _descriptor(rows: int, size: int, dtype: torch.dtype) -> str:
    return f"tensordesc<{TYPES[dtype]}[{rows}, {size}],{shared_layout(rows, size, dtype)!r}>"


def _read(binary: Any) -> Compiled:
    code, num_registers = disassembled(binary)
    return Compiled(
        num_registers=num_registers,
        num_spills=len(re.findall(r"\b(?:LDL|STL)\b", code)),
        num_wgmma=len(re.findall(r"\bHGMMA\b", code)),
        num_mma=len(re.findall(r"\bHMMA\b", code)),
        num_tma=len(re.findall(r"\bUTMALDG\b", code)),
        registers=tuple(int(number) for number in re.findall(r"setmaxnreg\S+\s+(\d+)", binary.asm["ptx"])),
        num_waits=len(re.findall(r"\bWARPGROUP\.DEPBAR\b", code)),
        num_waits_asked=binary.asm["ptx"].count("wgmma.wait_group"),
        shared_bytes=int(binary.metadata.shared),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
