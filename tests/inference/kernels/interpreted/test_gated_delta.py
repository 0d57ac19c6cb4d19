"""The gated delta rule's Triton kernels, in Triton's interpreter: the recurrence, its gradients, its boundaries.

Only in a process that was started with TRITON_INTERPRET=1: `tests/inference/kernels/test_triton_interpreter.py` starts it.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from torch import Tensor

from inference.kernels.gated_delta import gated_delta_rule
from inference.kernels.gated_delta.operators import delta_rule_operator
from tests.inference.kernels.delta_cases import leaves, make_call

pytestmark = pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") != "1", reason="runs in a process of its own, see above")


def results(call: dict[str, Any], by: str) -> list[Tensor]:
    """Output, states, and all gradients."""
    inputs = leaves(call)
    both = gated_delta_rule(**call, by=by)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(3)
    weights = [torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.dtype) for x in both]
    return [*both, *torch.autograd.grad(list(both), inputs, weights)]


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [([33, 0, 1, 32, 7], (16, 24)), ([33, 5], (33, 17)), ([70], (16, 24)), ([64], (33, 17)), ([40], (64, 70))],
    ids=str,
)
def test_outputs_and_gradients_are_those_of_float64(lengths: list[int], sizes: tuple[int, int]) -> None:
    call = make_call(lengths, heads=2, kv_heads=1, size=sizes[0], value_size=sizes[1])
    exact = {name: x.double() if x.is_floating_point() else x for name, x in call.items()}
    for ours, truth in zip(results(call, "triton"), results(exact, "torch"), strict=True):
        torch.testing.assert_close(ours.double(), truth, rtol=1e-4, atol=2e-5)


def test_keys_that_are_all_alike_are_no_danger() -> None:
    """Where powers of the chunk's matrix would grow to 10¹⁸ and cancel."""
    call = make_call([64], heads=1, kv_heads=1)
    call["k"] = call["k"][:1].expand(64, -1, -1).contiguous()
    call["beta"], call["decay"] = torch.ones(64, 1), torch.zeros(64, 1)
    exact = {name: x.double() if x.is_floating_point() else x for name, x in call.items()}
    for ours, truth in zip(results(call, "triton"), results(exact, "torch"), strict=True):
        torch.testing.assert_close(ours.double(), truth, rtol=1e-4, atol=1e-3)


def test_opcheck() -> None:
    call = make_call([5, 0, 40], heads=2, kv_heads=2)
    arguments = (*(call[name] for name in ("q", "k", "v", "decay", "beta", "cu_seqlens", "initial_states")), 0.25)
    tests = ("test_schema", "test_faketensor", "test_autograd_registration")
    assert set(torch.library.opcheck(delta_rule_operator, arguments, test_utils=tests).values()) == {"SUCCESS"}
