"""The torch operators behave as torch wants operators to: fake tensors, schemas, gradients, compilation; and every element is written."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from inference.kernels.flash_attention import cpu as cpu_kernels
from inference.kernels.flash_attention import flash_attention, merge_attention, use_implementation
from inference.kernels.flash_attention.operators import attention_operator
from tests.inference.kernels.attention_cases import Case, gradients, make_case
from tests.inference.kernels.conftest import needs_compiler

RAGGED = [(5, 7), (0, 3), (3, 0), (1, 1), (4, 9)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_opcheck(implementation: str, dtype: torch.dtype) -> None:
    case = make_case(RAGGED, sizes=(16, 24), dtype=dtype, causal=True)
    inputs = [x.requires_grad_() for x in (case.q, case.k, case.v)]
    arguments = (*inputs, case.starts_q, case.starts_k, case.max_q, case.max_k, 0.25, -1, 0, 0.0, False, implementation)
    results = torch.library.opcheck(attention_operator, arguments)
    assert set(results.values()) == {"SUCCESS"}


@pytest.mark.parametrize("name", ["reference", "torch"])
@pytest.mark.parametrize("options", [{}, {"causal": True}, {"window": (3, 2)}, {"softcap": 2.0}], ids=str)
def test_float64_gradients_are_those_of_the_finite_differences(name: str, options: dict[str, object]) -> None:
    case = make_case(RAGGED, heads=(2, 1), sizes=(5, 3), dtype=torch.float64, **options)  # type: ignore[arg-type]
    inputs = [x.requires_grad_() for x in (case.q, case.k, case.v)]

    def both(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        out, lse = case.ours(q, k, v)
        return out, lse.masked_fill(torch.isinf(lse), 0.0)

    with use_implementation(name):
        assert torch.autograd.gradcheck(both, inputs)


def test_the_gradient_of_the_log_sum_exp(implementation: str) -> None:
    case = make_case([(40, 70), (9, 9)], sizes=(32, 16), dtype=torch.float32, causal=True)
    weights = torch.randn(4, 49)

    def d_lse(function: object, dtype: torch.dtype) -> list[Tensor]:
        inputs = [x.detach().to(dtype).requires_grad_() for x in (case.q, case.k)]
        _, lse = function(*inputs, case.v.to(dtype))  # type: ignore[operator]
        return list(torch.autograd.grad((lse * weights.to(lse.dtype)).sum(), inputs))

    for ours, exact in zip(d_lse(case.ours, torch.float32), d_lse(case.eager, torch.float64), strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=1e-4, atol=1e-5)


def test_compiled_whole_it_gives_the_same_gradients(implementation: str) -> None:
    case = make_case([(40, 40), (9, 9)], causal=True)
    assert (case.max_q, case.max_k) == (40, 40)  # known to the case from here on: compiled code may not look into tensors
    compiled = torch.compile(case.ours, fullgraph=True, backend="aot_eager")
    for ours, other in zip(gradients(case.ours, case, torch.float32), gradients(compiled, case, torch.float32), strict=True):
        torch.testing.assert_close(ours, other)


class Recorder(TorchDispatchMode):
    """Remembers which operators were called within it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_who_watches_operators_sees_it_whatever_is_differentiated(implementation: str, mode: type[torch.no_grad]) -> None:
    """Where nothing is differentiated, calls go past the operator; not while somebody looks on."""
    case = make_case([(5, 7), (4, 4)], causal=True)
    with mode(), Recorder() as recorder:
        case.ours(case.q, case.k, case.v)
    assert recorder.seen.count(torch.ops.deftly.flash_attention.default) == 1


def test_without_gradients_the_same_bits_with_and_without_the_operator(implementation: str) -> None:
    case = make_case(RAGGED, causal=True)
    settings = (case.max_q, case.max_k, case.settings.scale, -1, 0, 0.0, False, implementation)
    with torch.no_grad():
        out, lse = case.ours(case.q, case.k, case.v)
    for one, other in zip((out, lse), attention_operator(case.q, case.k, case.v, case.starts_q, case.starts_k, *settings), strict=True):
        assert torch.equal(one, other)


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("sizes", [(64, 64), (72, 80), (33, 17)], ids=str)
def test_every_element_is_written(dtype: torch.dtype, sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """All memory that the kernels are given is poisoned, so that an element left alone would show as NaN."""
    case = make_case([(70, 70), (0, 3), (3, 0), (1, 140), (129, 65)], sizes=sizes, dtype=dtype, causal=True)

    poisoned: list[int] = []

    def poison(x: Tensor) -> Tensor:
        poisoned.append(x.numel())
        return x.fill_(torch.nan)

    new_empty, empty = Tensor.new_empty, torch.empty
    monkeypatch.setattr(Tensor, "new_empty", lambda self, *a, **k: poison(new_empty(self, *a, **k)))
    monkeypatch.setattr(torch, "empty", lambda *a, **k: poison(empty(*a, **k)))
    out, lse = cpu_kernels.forward(case.q, case.k, case.v, case.starts_q, case.starts_k, case.settings)
    grads = cpu_kernels.backward(case.grad_out, None, case.q, case.k, case.v, out, lse, case.starts_q, case.starts_k, case.settings)
    assert poisoned == [x.numel() for x in (out, lse, *grads)]
    for x in (out, lse, *grads):
        assert not x.isnan().any()


def test_parts_of_the_keys_merge_into_the_whole(implementation: str) -> None:
    whole = make_case([(30, 90)], sizes=(64, 48))
    parts = [(0, 40), (40, 41), (41, 90)]
    outs, lses = zip(*(part_of(whole, a, b) for a, b in parts), strict=True)
    out, lse = whole.ours(whole.q, whole.k, whole.v)
    merged_out, merged_lse = merge_attention(outs, lses)
    torch.testing.assert_close(merged_out, out)
    torch.testing.assert_close(merged_lse, lse)


def part_of(whole: Case, first: int, last: int) -> tuple[Tensor, Tensor]:
    k, v = whole.k[None, first:last], whole.v[None, first:last]
    out, lse = flash_attention(whole.q[None], k, v, return_lse=True)
    return out[0], lse[0]


def test_a_dense_batch_is_its_rows(implementation: str) -> None:
    q, k, v = (torch.randn(3, n, 4, 32) for n in (20, 33, 33))
    together = flash_attention(q, k, v, causal=True)
    for row in range(3):
        alone = flash_attention(q[row : row + 1], k[row : row + 1], v[row : row + 1], causal=True)
        assert torch.equal(together[row : row + 1], alone)


def test_strides_are_walked_over(implementation: str) -> None:
    """Queries, keys and values as slices of one projection, heads before tokens: nothing is copied, nothing changes."""
    qkv = torch.randn(50, 3, 4, 64)
    q, k, v = qkv.unbind(1)
    assert not k.is_contiguous()
    sliced = flash_attention(q[None], k[None], v[None], causal=True)
    assert torch.equal(sliced, flash_attention(*(x.contiguous()[None] for x in (q, k, v)), causal=True))


@needs_compiler
@pytest.mark.parametrize("threads", [1, 3, 7])
def test_deterministic_means_whatever_the_number_of_threads(threads: int) -> None:
    case = make_case([(300, 900), (3, 1500)], heads=(2, 1), causal=True)
    with use_implementation("cpu"):
        results = []
        before = torch.get_num_threads()
        try:
            for count in (2, threads):
                torch.set_num_threads(count)
                grads = gradients(lambda *x: case.ours(*x, deterministic=True), case, torch.float32)
                results.append([case.ours(case.q, case.k, case.v, deterministic=True)[0], *grads])
        finally:
            torch.set_num_threads(before)
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_under_autocast_it_runs_in_its_dtype(implementation: str) -> None:
    q, k = torch.randn(1, 9, 4, 32), torch.randn(1, 9, 4, 32)
    v = torch.randn(1, 9, 4, 32, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert flash_attention(q, k, v).dtype == torch.bfloat16
