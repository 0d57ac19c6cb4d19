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

pytest.importorskip("triton", reason="no Triton: pip install 'deftly[triton]'")

from inference.kernels.flash_attention.gluon.shapes import SHARED_BYTES, registers

ROOT = Path(__file__).parents[3]
OLD = Path(os.environ.get("DEFTLY_TRITON_36", ROOT / ".triton-3.6"))
needs_old = pytest.mark.skipif(not (OLD / "triton").is_dir(), reason=f"no Triton 3.6 in {OLD}: make setup-triton")


NAMES = ["64-bf16-causal", "128-bf16-causal", "128-fp16-full", "256-bf16-causal"]


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
        assert set(registers(int(row["name"].split("-")[0]))) <= set(row["registers"]), row
        assert row["shared_bytes"] <= SHARED_BYTES, row
