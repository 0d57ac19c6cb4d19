"""The Triton kernels, in Triton's interpreter, under the tests of the CPU path: drawn shapes, pages, split keys, operators.

Only in a process that was started with TRITON_INTERPRET=1: `tests/inference/kernels/test_triton_interpreter.py` starts it.
bfloat16 is computed in float32 there, because the interpreter cannot.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor

from inference.kernels.flash_attention import calls, triton, use_implementation
from inference.kernels.flash_attention.operators import attention_operator
from tests.inference.kernels.attention_cases import gradients, make_case
from tests.inference.kernels.test_attention_is_as_exact_as_eager import check_gradients, check_outputs
from tests.inference.kernels.test_paged_attention import check, in_pages

pytestmark = pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="runs in a process of its own, see above")
RAGGED = [(33, 40), (0, 3), (3, 0), (1, 70)]
LENGTHS = st.sampled_from([0, 1, 7, 33])  # the interpreter is slow: small, and odd
MASKS = [(False, (-1, -1)), (True, (-1, -1)), (True, (40, 0)), (False, (5, 9)), (False, (-1, 3))]


@pytest.fixture(autouse=True)
def chosen() -> Iterator[None]:
    with use_implementation("triton"):
        yield


@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])  # no shrinking: it would take an hour
@given(
    lengths=st.lists(st.tuples(LENGTHS, LENGTHS), min_size=1, max_size=3),
    heads=st.sampled_from([(1, 1), (2, 1), (4, 2)]),
    sizes=st.sampled_from([(32, 32), (72, 72), (80, 80), (33, 17)]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]),
    mask=st.sampled_from(MASKS),
    softcap=st.sampled_from([0.0, 30.0]),
)
def test_drawn_calls(
    lengths: list[tuple[int, int]],
    heads: tuple[int, int],
    sizes: tuple[int, int],
    dtype: torch.dtype,
    mask: tuple[bool, tuple[int, int]],
    softcap: float,
) -> None:
    case = make_case(lengths, heads=heads, sizes=sizes, dtype=dtype, causal=mask[0], window=mask[1], softcap=softcap)
    check_outputs(case)
    check_gradients(case)


@pytest.mark.parametrize(
    ("mask", "dtype"), [*((mask, torch.bfloat16) for mask in MASKS), (MASKS[2], torch.float32), (MASKS[3], torch.float16)], ids=str
)
def test_every_mask_and_dtype(mask: tuple[bool, tuple[int, int]], dtype: torch.dtype) -> None:
    case = make_case(RAGGED, heads=(4, 2), sizes=(33, 17), dtype=dtype, causal=mask[0], window=mask[1], softcap=5.0)
    before = calls().get("triton.forward", 0)
    check_outputs(case)
    check_gradients(case)
    assert calls()["triton.forward"] == before + 2


@pytest.mark.parametrize("sizes", [(64, 64), (72, 72), (80, 80), (128, 128), (256, 256), (192, 128), (576, 512)], ids=str)
def test_head_sizes(sizes: tuple[int, int]) -> None:
    case = make_case([(20, 33), (1, 5)], heads=(2, 1), sizes=sizes, dtype=torch.float32, causal=True)
    check_outputs(case)
    check_gradients(case)


@pytest.mark.parametrize("num_splits", [1, 5])
@pytest.mark.parametrize("token_major", [False, True])
def test_pages_and_splits(num_splits: int, token_major: bool) -> None:
    """Decoding, chunked prefill and an empty request in one batch; pages hold NaN where nothing was put."""
    case = make_case([(1, 130), (0, 7), (3, 70), (1, 0)], heads=(8, 2), sizes=(72, 80), dtype=torch.float16, causal=True)
    check(in_pages(case, 16, token_major=token_major), num_splits=num_splits)


def test_a_long_prompt_in_pages_with_a_window() -> None:
    case = make_case([(90, 130), (1, 40)], heads=(4, 2), sizes=(64, 64), causal=True, window=(30, 0), softcap=20.0)
    check(in_pages(case, 32, token_major=False))


def test_opcheck() -> None:
    case = make_case([(5, 7), (0, 3), (3, 0), (4, 9)], sizes=(16, 24), causal=True)
    inputs = [x.requires_grad_() for x in (case.q, case.k, case.v)]
    arguments = (*inputs, case.starts_q, case.starts_k, case.max_q, case.max_k, 0.25, -1, 0, 0.0, False, "triton")
    assert set(torch.library.opcheck(attention_operator, arguments).values()) == {"SUCCESS"}


def test_the_gradient_of_the_log_sum_exp() -> None:
    case = make_case([(40, 70), (9, 9)], sizes=(32, 16), causal=True)
    weights = torch.randn(4, 49)

    def d_lse(function: object, dtype: torch.dtype) -> list[Tensor]:
        inputs = [x.detach().to(dtype).requires_grad_() for x in (case.q, case.k)]
        _, lse = function(*inputs, case.v.to(dtype))  # type: ignore[operator]
        return list(torch.autograd.grad((lse * weights.to(lse.dtype)).sum(), inputs))

    for ours, exact in zip(d_lse(case.ours, torch.float32), d_lse(case.eager, torch.float64), strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=1e-4, atol=1e-5)


def test_the_same_bits_every_time() -> None:
    case = make_case([(70, 70), (9, 40)], heads=(4, 1), causal=True)
    for one, other in zip(gradients(case.ours, case, torch.float32), gradients(case.ours, case, torch.float32), strict=True):
        assert torch.equal(one, other)


def test_every_element_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """All memory that the kernels are given is poisoned, so that an element left alone would show as NaN."""
    case = make_case(RAGGED, sizes=(72, 33), causal=True)

    def poison(x: Tensor) -> Tensor:
        return x.fill_(torch.nan) if x.is_floating_point() else x

    new_empty, empty = Tensor.new_empty, torch.empty
    monkeypatch.setattr(Tensor, "new_empty", lambda self, *a, **k: poison(new_empty(self, *a, **k)))
    monkeypatch.setattr(torch, "empty", lambda *a, **k: poison(empty(*a, **k)))
    out, lse = triton.forward(case.q, case.k, case.v, case.starts_q, case.starts_k, case.settings)
    grads = triton.backward(case.grad_out, None, case.q, case.k, case.v, out, lse, case.starts_q, case.starts_k, case.settings)
    for x in (out, lse, *grads):
        assert not x.isnan().any()


def test_strides_are_walked_over() -> None:
    q, k, v = torch.randn(50, 3, 4, 64).unbind(1)
    starts = torch.tensor([0, 50], dtype=torch.int32)
    case = make_case([(50, 50)], causal=True)
    sliced, _ = triton.forward(q, k, v, starts, starts, case.settings)
    dense, _ = triton.forward(q.contiguous(), k.contiguous(), v.contiguous(), starts, starts, case.settings)
    assert torch.equal(sliced, dense)
