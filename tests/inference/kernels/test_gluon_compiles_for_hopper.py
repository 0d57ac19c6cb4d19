"""The Gluon kernel, compiled here for sm_90: nothing spills, it fits, and it is made of warpgroup products, TMA and registers handed over.

With the Triton that is installed, and with 3.6, which torch 2.11 for CUDA brings, where `make test` has put it into `.triton-3.6`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", reason="no Triton: pip install 'deftly[triton]'")

from inference.kernels.flash_attention.gluon import laid_out
from inference.kernels.flash_attention.gluon.compiled import ALIGNED, shared_layout, types_of_arguments
from inference.kernels.flash_attention.gluon.shapes import CONSUMER_REGISTERS, PRODUCER_REGISTERS, SHARED_BYTES, candidates
from tests.inference.kernels.attention_cases import make_case

ROOT = Path(__file__).parents[3]
OLD = Path(os.environ.get("DEFTLY_TRITON_36", ROOT / ".triton-3.6"))
needs_old = pytest.mark.skipif(not (OLD / "triton").is_dir(), reason=f"no Triton 3.6 in {OLD}: make setup-triton")


NAMES = ["64-bf16-causal", "128-bf16-causal", "128-fp16-full", "256-bf16-causal", "256-fp16-full"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("version", ["installed", pytest.param("3.6", marks=needs_old)])
def test_nothing_spills_and_hoppers_own_instructions_are_used(version: str) -> None:
    # A process of its own: a Triton cannot be exchanged for another, and the compiler says what it leaks when Python ends.
    environment = os.environ | {"TRITON_INTERPRET": "0", "TRITON_DEFAULT_FP_FUSION": "1"}
    if version == "3.6":
        environment["PYTHONPATH"] = str(OLD)
    command = [sys.executable, "-m", "inference.kernels.flash_attention.gluon.compiled", *NAMES]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["name"] for row in rows] == NAMES
    for row in rows:
        assert version == "installed" or row["triton"].startswith("3.6."), row
        assert row["num_spills"] == 0, row
        assert row["num_wgmma"] > 0, row
        assert row["num_mma"] == 0, row
        assert row["num_waits"] == row["num_waits_asked"], row
        assert row["num_tma"] > 0, row
        assert {CONSUMER_REGISTERS, PRODUCER_REGISTERS} <= set(row["registers"]), row
        assert row["shared_bytes"] <= SHARED_BYTES, row


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("heads", [(1, 1), (8, 2)], ids=str)
def test_what_is_compiled_here_is_what_a_launch_would_compile(heads: tuple[int, int], dtype: torch.dtype) -> None:
    """Also for one head of one segment: Triton makes constants of ones, unless it is told not to."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import make_backend
    from triton.experimental.gluon.nvidia.hopper import TensorDescriptor
    from triton.runtime.jit import create_function_from_signature

    from inference.kernels.flash_attention.gluon.forward_kernel import forward_kernel

    case, tile = make_case([(100, 100)], heads=heads, sizes=(128, 128), dtype=dtype, causal=True), candidates(128)[0]
    results = (torch.empty_like(case.q), torch.empty(heads[0], 100))
    launch = laid_out(case.q, case.k, case.v, *results, case.starts_q, case.starts_k, case.settings, tile, 132)
    descriptors = [
        TensorDescriptor.from_tensor(matrix, [rows, 128], shared_layout(rows, 128, dtype))
        for matrix, rows in zip(launch.matrices, (tile.bm // 2, tile.bn, tile.bn), strict=True)
    ]
    bind = create_function_from_signature(forward_kernel.signature, forward_kernel.params, make_backend(GPUTarget("cuda", 90, 32)))
    _, found, _ = bind(*descriptors, *launch.arguments, **launch.constants, num_warps=4)
    launched = dict(zip(forward_kernel.arg_names, found, strict=True))
    compiled = types_of_arguments(forward_kernel.arg_names, 128, dtype, tile, launch.constants)
    assert {name: kind for name, (kind, _) in launched.items()} == compiled
    assert {name for name, (kind, detail) in launched.items() if detail == "D" and kind != "constexpr"} == set(ALIGNED)
