"""The Triton kernels, compiled here for sm_90: nothing spills, it fits into shared memory, and the tensor cores are used."""

from __future__ import annotations

import os

import pytest
import torch

pytest.importorskip("triton", reason="no Triton: pip install 'deftly[triton]'")
pytestmark = pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="the interpreter compiles nothing")

SHARED_BYTES = 227 * 1024  # of an H100, for one program
SIZES = [(64, 64), (80, 80), (128, 128), (192, 128), (256, 256)]
WIDE = [(kind, sizes, torch.bfloat16) for kind in ("forward", "keys", "queries") for sizes in SIZES]
FULL = [("forward", (128, 128), torch.float32), ("queries", (64, 64), torch.float32)]
DECODE = [("decode", (80, 80), torch.bfloat16), ("decode", (128, 128), torch.float16), ("decode", (576, 512), torch.bfloat16)]
MLA = [(kind, (576, 512), torch.bfloat16) for kind in ("forward", "queries")]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "1")  # today's default, of which Triton 3.9 warns


@pytest.mark.parametrize(("kind", "sizes", "dtype"), WIDE + FULL + DECODE + MLA, ids=str)
def test_nothing_spills(kind: str, sizes: tuple[int, int], dtype: torch.dtype) -> None:
    from inference.kernels.flash_attention.triton.compiled import compile_for_hopper

    made = compile_for_hopper(kind, *sizes, dtype)
    assert made.num_spills == 0, made
    assert made.shared_bytes <= SHARED_BYTES, made
    if dtype != torch.float32:
        assert made.num_wgmma + made.num_mma > 0, made
    if kind == "forward" and sizes[0] <= 256 and dtype != torch.float32:
        assert made.num_wgmma > 0, made
