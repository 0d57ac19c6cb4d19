"""What cannot be computed is refused in words that name the argument; and which implementation computes is never a guess."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from inference.kernels.flash_attention import (
    AttentionInputError,
    calls,
    flash_attention,
    flash_attention_varlen,
    paged_attention,
    use_implementation,
)
from inference.kernels.flash_attention.errors import AttentionUnavailable

REPO = Path(__file__).resolve().parents[3]


def varlen(**changes: Any) -> torch.Tensor:
    starts = torch.tensor([0, 3, 5], dtype=torch.int32)
    arguments = {name: torch.zeros(5, 4, 32) for name in "qkv"} | {"cu_seqlens_q": starts, "cu_seqlens_k": starts} | changes
    lengths = {"max_seqlen_q": 3, "max_seqlen_k": 3}
    return flash_attention_varlen(**(lengths | arguments))


BAD = [
    ({"q": torch.zeros(5, 4)}, r"q is \[5, 4\]: give \[T, H, D\]"),
    ({"k": torch.zeros(5, 3, 32), "v": torch.zeros(5, 3, 32)}, "q has 4 heads and k has 3"),
    ({"k": torch.zeros(5, 4, 16)}, "k has head size 16 and q has 32"),
    ({"v": torch.zeros(4, 4, 32)}, "v has 4 tokens and k has 5"),
    ({"v": torch.zeros(5, 2, 32)}, "v has 2 heads and k has 4"),
    ({"k": torch.zeros(5, 4, 32, dtype=torch.bfloat16)}, "k is torch.bfloat16 on cpu and q is torch.float32"),
    ({"q": torch.zeros(5, 4, 32, dtype=torch.int64)}, "q is torch.int64: give float32"),
    ({"cu_seqlens_q": torch.tensor([0, 3, 5])}, "cu_seqlens_q is torch.int64"),
    ({"cu_seqlens_q": torch.tensor([0, 3, 4], dtype=torch.int32)}, "cu_seqlens_q goes from 0 to 4: it must go from 0 to the 5 tokens"),
    ({"cu_seqlens_k": torch.tensor([0, 4, 3, 5], dtype=torch.int32), "max_seqlen_k": 5}, "cu_seqlens_k falls from 4 to 3 at 2"),
    ({"cu_seqlens_k": torch.tensor([0, 5], dtype=torch.int32), "max_seqlen_k": 5}, "cu_seqlens_k describes 1 segments and cu_seqlens_q 2"),
    ({"max_seqlen_q": 2}, "max_seqlen_q is 2, and cu_seqlens_q has a segment of 3"),
    ({"scale": -1.0}, "scale is -1.0"),
    ({"softcap": -1.0}, "softcap is -1.0"),
    ({"window": (-2, 0)}, r"window is \(-2, 0\)"),
]


@pytest.mark.parametrize(("changes", "words"), BAD, ids=[words[:30] for _, words in BAD])
def test_a_refusal_names_the_argument(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AttentionInputError, match=words):
        varlen(**changes)


def test_pages_outside_the_cache_are_refused() -> None:
    cache = torch.zeros(4, 2, 16, 32)
    starts, lens = torch.tensor([0, 1], dtype=torch.int32), torch.tensor([20], dtype=torch.int32)

    def paged(table: list[list[int]], seq_lens: torch.Tensor = lens) -> torch.Tensor:
        blocks = torch.tensor(table, dtype=torch.int32)
        return paged_attention(torch.zeros(1, 4, 32), cache, cache, blocks, seq_lens, starts, max_seqlen_q=1, max_seqlen_k=20)

    assert paged([[1, 3, 99]]).shape == (1, 4, 32)  # the third block is not used
    with pytest.raises(AttentionInputError, match="block_table names blocks 1 to 4: the cache has blocks 0 to 3"):
        paged([[1, 4]])
    with pytest.raises(AttentionInputError, match="seq_lens goes from 20 to 20: block_table has room for 1 blocks of 16"):
        paged([[1]])


def test_float64_has_no_kernel_and_is_computed_all_the_same() -> None:
    q = torch.zeros(1, 3, 2, 32, dtype=torch.float64)
    before = calls().get("torch.forward", 0)
    flash_attention(q, q, q)
    assert calls()["torch.forward"] == before + 1
    with use_implementation("cpu"), pytest.raises(AttentionUnavailable, match="float64"):
        flash_attention(q, q, q)


def test_an_unknown_implementation_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AttentionInputError, match="give auto, cpu, triton, gluon, torch, reference"), use_implementation("fast"):
        pass
    monkeypatch.setenv("DEFTLY_ATTENTION", "fast")
    with pytest.raises(AttentionInputError, match="DEFTLY_ATTENTION is 'fast'"):
        varlen()


WITHOUT_COMPILER = """
import warnings, torch
from inference.kernels.flash_attention import flash_attention, calls
q = torch.randn(1, 9, 4, 32)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(3):
        flash_attention(q, q, q)
assert calls() == {"torch.forward": 3}, calls()
print(*[w.message for w in caught], sep="\\n")
"""


def test_without_a_compiler_torch_computes_and_says_so_once(tmp_path: Path) -> None:
    environment = {"PATH": "", "CXX": "no-such-compiler", "DEFTLY_CACHE": str(tmp_path), "PYTHONPATH": str(REPO), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", WITHOUT_COMPILER], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "attention is computed in pure torch, several times slower: there is no C++ compiler (no-such-compiler): "
        "install one, for example with apt-get install g++"
    ]
