"""The chunked gated delta rule is the recurrence token by token, as transformers writes it, and starts afresh at every boundary."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inference.kernels.gated_delta import DeltaRuleInputError, gated_delta_rule, reference, transformers_rule
from tests.inference.kernels.delta_cases import leaves, make_call


def specified(call: dict[str, Any]) -> tuple[Tensor, Tensor]:
    group = call["v"].shape[1] // call["k"].shape[1]
    q, k = (call[name].repeat_interleave(group, dim=1) for name in ("q", "k"))
    rest = (call[name] for name in ("v", "decay", "beta", "cu_seqlens", "initial_states"))
    return reference.forward(q, k, *rest, q.shape[-1] ** -0.5)


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.sampled_from([0, 1, 2, 63, 64, 65, 130]), min_size=1, max_size=4),
    heads=st.sampled_from([(1, 1), (4, 2), (3, 3)]),
    sizes=st.sampled_from([(16, 16), (8, 24), (33, 17)]),
    seed=st.integers(0, 999),
)
def test_outputs_states_and_gradients_are_those_of_the_recurrence(
    lengths: list[int], heads: tuple[int, int], sizes: tuple[int, int], seed: int
) -> None:
    call = make_call(lengths, heads=heads[0], kv_heads=heads[1], size=sizes[0], value_size=sizes[1], dtype=torch.float64, seed=seed)
    inputs = leaves(call)
    ours, theirs = gated_delta_rule(**call), specified(call)
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in ours]
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other)
    grads = [torch.autograd.grad(list(results), inputs, weights, allow_unused=True, materialize_grads=True) for results in (ours, theirs)]
    for mine, other in zip(*grads, strict=True):
        torch.testing.assert_close(mine, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("normalize", [False, True])
def test_it_is_transformers_own_recurrence_on_each_segment(dtype: torch.dtype, normalize: bool) -> None:
    from transformers.models.qwen3_next.modeling_qwen3_next import torch_recurrent_gated_delta_rule

    call = make_call([70, 1, 129], heads=4, kv_heads=4, dtype=dtype)
    out, states = gated_delta_rule(**{**call, "initial_states": None}, normalize=normalize)
    ends = call["cu_seqlens"].tolist()
    for segment, (a, b) in enumerate(itertools.pairwise(ends)):
        rows = [call[name][None, a:b] for name in ("q", "k", "v", "decay", "beta")]
        theirs, state = torch_recurrent_gated_delta_rule(*rows, output_final_state=True, use_qk_l2norm_in_kernel=normalize)
        torch.testing.assert_close(out[a:b], theirs[0], rtol=1e-2 if dtype == torch.bfloat16 else 1e-4, atol=1e-5)
        torch.testing.assert_close(states[segment], state[0], rtol=1e-4, atol=1e-5)


def test_it_stands_in_for_transformers_function() -> None:
    from transformers.models.qwen3_next.modeling_qwen3_next import torch_chunk_gated_delta_rule

    call = make_call([50, 50], heads=4, kv_heads=4)
    rows = [call[name].unflatten(0, (2, 50)) for name in ("q", "k", "v", "decay", "beta")]
    for ours, theirs in zip(
        transformers_rule(*rows, output_final_state=True), torch_chunk_gated_delta_rule(*rows, output_final_state=True), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    packed = [x.flatten(0, 1)[None] for x in rows]
    out, states = transformers_rule(*packed, cu_seqlens=call["cu_seqlens"])
    torch.testing.assert_close(out[0], transformers_rule(*rows)[0].flatten(0, 1))
    assert states is None


def test_segments_do_not_see_each_other() -> None:
    call = make_call([40, 90, 7])
    before, _ = gated_delta_rule(**call)
    call["v"][40:130] = 100.0
    after, _ = gated_delta_rule(**call)
    assert torch.equal(before[:40], after[:40])
    assert torch.equal(before[130:], after[130:])
    assert not torch.equal(before[40:130], after[40:130])


def test_a_state_handed_on_continues_where_it_was() -> None:
    call = make_call([100], dtype=torch.float64)
    whole, end = gated_delta_rule(**call)
    parts, state = [], call["initial_states"]
    for a, b in ((0, 30), (30, 95), (95, 100)):
        rows = {name: call[name][a:b] for name in ("q", "k", "v", "decay", "beta")}
        out, state = gated_delta_rule(**rows, cu_seqlens=torch.tensor([0, b - a], dtype=torch.int32), initial_states=state)
        parts.append(out)
    torch.testing.assert_close(torch.cat(parts), whole)
    torch.testing.assert_close(state, end)


def test_float64_gradients_are_those_of_the_finite_differences() -> None:
    call = make_call([3, 0, 5], heads=2, kv_heads=1, size=3, value_size=2, dtype=torch.float64)
    inputs = leaves(call)
    names = ("q", "k", "v", "decay", "beta", "initial_states")

    def rule(*tensors: Tensor) -> tuple[Tensor, Tensor]:
        return gated_delta_rule(**dict(zip(names, tensors, strict=True)), cu_seqlens=call["cu_seqlens"], normalize=True)

    assert torch.autograd.gradcheck(rule, inputs)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"beta": torch.zeros(9, 3)}, r"beta is \[9, 3\]"),
        ({"cu_seqlens": torch.tensor([0, 5], dtype=torch.int32)}, "must rise from 0 to the 9 tokens"),
        ({"cu_seqlens": torch.tensor([0, 9])}, "give int32"),
        ({"initial_states": torch.zeros(1, 2, 3, 4)}, r"initial_states is \[1, 2, 3, 4\]"),
        ({"v": torch.zeros(9, 3, 8)}, "a multiple of k's heads"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Tensor], words: str) -> None:
    with pytest.raises(DeltaRuleInputError, match=words):
        gated_delta_rule(**{**make_call([4, 5]), **change})
