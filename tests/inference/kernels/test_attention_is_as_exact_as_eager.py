"""Outputs, log-sum-exps and gradients of every implementation are no further from float64 than 1.5 times the eager version's.

Gradients of q and k may be further by what the rounding of the output does to them, a price of flash attention that is worked out apart.
"""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings

from inference.kernels.flash_attention import calls
from tests.inference.kernels.attention_cases import Case, assert_as_good_as_eager, cases, cost_of_rounding_the_output, gradients, make_case

# The fixtures choose an implementation for all examples: nothing of one example is left for the next.
drawn = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)


@drawn
@given(case=cases())
def test_outputs(implementation: str, case: Case) -> None:
    check_outputs(case)


@drawn
@given(case=cases())
def test_gradients(implementation: str, case: Case) -> None:
    check_gradients(case)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("sizes", [(72, 72), (192, 128), (33, 17)], ids=str)
def test_every_instruction_set(level: str, dtype: torch.dtype, sizes: tuple[int, int]) -> None:
    case = make_case([(70, 70), (0, 3), (3, 0), (1, 140), (129, 65)], sizes=sizes, dtype=dtype, causal=True, window=(40, 0), softcap=30.0)
    before = calls().get("cpu.forward", 0)
    check_outputs(case)
    check_gradients(case)
    assert calls()["cpu.forward"] == before + 2


def check_outputs(case: Case) -> None:
    exact, exact_lse = case.eager(case.q.double(), case.k.double(), case.v.double())
    eager, eager_lse = case.eager(case.q, case.k, case.v)
    out, lse = case.ours(case.q, case.k, case.v)
    assert out.dtype == case.q.dtype
    assert lse.dtype == torch.float32
    unseen = torch.isneginf(exact_lse)
    assert torch.equal(torch.isneginf(lse), unseen)
    assert not out.transpose(0, 1)[unseen].any()
    assert_as_good_as_eager(out, eager, exact, "output")
    assert_as_good_as_eager(lse[~unseen], eager_lse[~unseen], exact_lse[~unseen], "log-sum-exp")


def check_gradients(case: Case) -> None:
    exact = gradients(case.eager, case, torch.float64)
    eager = gradients(case.eager, case, case.q.dtype)
    ours = gradients(case.ours, case, case.q.dtype)
    # dS = P ∘ (dP - delta): sums over the value size that may cancel altogether.
    size = case.v.shape[-1] ** 0.5
    for name, mine, theirs, truth, known in zip("qkv", ours, eager, exact, cost_of_rounding_the_output(case), strict=True):
        assert_as_good_as_eager(mine, theirs, truth, f"gradient of {name}", size=size, known=known)
