"""Keys and values in pages give what the same give end to end, wherever the pages lie and however many threads share the work."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from inference.kernels.flash_attention import paged_attention, reference, use_implementation
from tests.inference.kernels.attention_cases import Case, assert_as_good_as_eager, make_case
from tests.inference.kernels.conftest import needs_compiler

PADDING = 3  # rows of q behind the last request


@dataclass(frozen=True)
class Pages:
    """A case whose keys and values lie in shuffled blocks of a cache `[blocks, Hk, block_size, 2 · D]`, NaN where nothing was put."""

    case: Case
    k_cache: Tensor
    v_cache: Tensor
    block_table: Tensor
    seq_lens: Tensor

    def attend(self, *, num_splits: int = 0) -> tuple[Tensor, Tensor]:
        q = torch.cat([self.case.q, self.case.q.new_full((PADDING, *self.case.q.shape[1:]), torch.nan)])
        out = q.new_full((*q.shape[:2], self.v_cache.shape[-1]), 7.0)
        _, lse = paged_attention(
            q,
            self.k_cache,
            self.v_cache,
            self.block_table,
            self.seq_lens,
            self.case.starts_q,
            max_seqlen_q=self.case.max_q,
            max_seqlen_k=self.case.max_k,
            causal=self.case.causal,
            window=self.case.window,
            softcap=self.case.softcap,
            num_splits=num_splits,
            return_lse=True,
            out=out,
        )
        assert (out[-PADDING:] == 7.0).all(), "padding was written over"
        return out[:-PADDING], lse[:, :-PADDING]


def in_pages(case: Case, block_size: int, *, token_major: bool) -> Pages:
    lengths = case.starts_k.diff().tolist()
    needed = [-(-length // block_size) for length in lengths]
    order = torch.randperm(sum(needed) + 2, generator=torch.Generator().manual_seed(1))
    (heads, size), value_size = case.k.shape[1:], case.v.shape[2]
    shape = (len(order), block_size, heads, size + value_size) if token_major else (len(order), heads, block_size, size + value_size)
    cache = torch.full(shape, torch.nan, dtype=case.k.dtype)
    cache = cache.transpose(1, 2) if token_major else cache
    table = torch.zeros(len(lengths), max(needed, default=0) + 1, dtype=torch.int32)
    taken = 0
    for request, (length, blocks) in enumerate(zip(lengths, needed, strict=True)):
        mine = order[taken : taken + blocks]
        table[request, :blocks] = mine
        taken += blocks
        for n in range(length):
            token = int(case.starts_k[request]) + n
            block, place = int(mine[n // block_size]), n % block_size
            cache[block, :, place] = torch.cat([case.k[token], case.v[token]], dim=-1)
    return Pages(case, cache[..., :size], cache[..., size:], table, torch.tensor(lengths, dtype=torch.int32))


def check(pages: Pages, **options: int) -> None:
    case = pages.case
    exact, exact_lse = case.eager(case.q.double(), case.k.double(), case.v.double())
    eager, eager_lse = case.eager(case.q, case.k, case.v)
    out, lse = pages.attend(**options)
    seen = ~torch.isneginf(exact_lse)
    assert torch.equal(torch.isneginf(lse), ~seen)
    assert_as_good_as_eager(out, eager, exact, "output")
    assert_as_good_as_eager(lse[seen], eager_lse[seen], exact_lse[seen], "log-sum-exp")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(
    requests=st.lists(st.tuples(st.sampled_from([0, 1, 2, 5, 40, 70]), st.sampled_from([0, 3, 64, 200])), min_size=1, max_size=4),
    heads=st.sampled_from([(4, 4), (8, 2), (16, 1)]),
    size=st.sampled_from([32, 72, 128]),
    block_size=st.sampled_from([16, 32, 128]),
    token_major=st.booleans(),
    mask=st.sampled_from([(True, (-1, -1)), (False, (-1, -1)), (True, (30, 0))]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    softcap=st.sampled_from([0.0, 20.0]),
)
def test_pages_are_as_good_as_rows(
    implementation: str,
    requests: list[tuple[int, int]],
    heads: tuple[int, int],
    size: int,
    block_size: int,
    token_major: bool,
    mask: tuple[bool, tuple[int, int]],
    dtype: torch.dtype,
    softcap: float,
) -> None:
    """Requests are given as new tokens and tokens already in the cache: decoding, chunked prefill and whole prompts in one batch."""
    lengths = [(new, new + old) for new, old in requests]
    case = make_case(lengths, heads=heads, sizes=(size, size), dtype=dtype, causal=mask[0], window=mask[1], softcap=softcap)
    check(in_pages(case, block_size, token_major=token_major))


@needs_compiler
@pytest.mark.parametrize("num_splits", [0, 1, 2, 5, 100])
@pytest.mark.parametrize("heads", [(1, 1), (12, 1)], ids=str)
def test_splits_of_the_keys_are_put_together(num_splits: int, heads: tuple[int, int]) -> None:
    case = make_case([(1, 3000), (2, 700), (1, 0), (1, 5)], heads=heads, sizes=(64, 64), causal=True)
    with use_implementation("cpu"):
        check(in_pages(case, 16, token_major=False), num_splits=num_splits)


@needs_compiler
def test_a_request_gets_the_same_bits_in_any_batch() -> None:
    case = make_case([(1, 700), (40, 90)], heads=(4, 2), causal=True)
    alone = make_case([(1, 700)], heads=(4, 2), causal=True)
    together = in_pages(case, 16, token_major=False)
    single = Pages(
        Case(**{**vars(alone), "q": case.q[:1], "k": case.k[:700], "v": case.v[:700]}),
        together.k_cache,
        together.v_cache,
        together.block_table[:1],
        together.seq_lens[:1],
    )
    with use_implementation("cpu"):
        assert torch.equal(together.attend(num_splits=1)[0][:1], single.attend(num_splits=1)[0])


def test_the_reference_reads_pages_too() -> None:
    case = make_case([(2, 50), (1, 0)], causal=True)
    with use_implementation("reference"):
        out, _ = in_pages(case, 16, token_major=True).attend()
    torch.testing.assert_close(out, reference.forward(case.q, case.k, case.v, case.starts_q, case.starts_k, case.settings)[0])
