"""The Triton kernels give what the specification says, as far as can be seen without a GPU: in Triton's interpreter.

Triton decides when it is imported whether it interprets, so this takes a process of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="no Triton: pip install 'deftly[triton]'")

LANE = Path(__file__).parent / "interpreted"
ROOT = Path(__file__).parents[3]
# Threads only get in each other's way there: the interpreter goes through small tiles one by one.
ALONE = {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
LEAST = {"test_attention.py": 20, "test_gated_delta.py": 7}  # tests that must have passed: skipping all of them proves nothing


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(path.name for path in LANE.glob("test_*.py")))
def test_in_the_interpreter(name: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(LANE / name)]
    lane = subprocess.run(command, cwd=ROOT, env=os.environ | ALONE, capture_output=True, text=True, check=False)
    assert lane.returncode == 0, lane.stdout[-6000:]
    passed = re.search(r"(\d+) passed", lane.stdout)
    assert passed is not None
    assert int(passed[1]) >= LEAST[name], lane.stdout[-2000:]
