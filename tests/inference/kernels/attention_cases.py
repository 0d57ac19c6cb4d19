"""Drawn calls of attention, their exact results in float64, and how wrong an implementation may be.

The bound: at most 1.5 times the error of the eager version in the same dtype, both against float64. Where the eager version happens to be
exact (one key: all weights are 1) a few rounding steps of the dtype's sums are allowed, in units of the operands' sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from inference.kernels.flash_attention import flash_attention_varlen, reference
from inference.kernels.flash_attention.settings import Settings

TIMES_EAGER = 1.5
ROUNDING_STEPS = 2

LENGTHS = st.sampled_from([0, 1, 2, 7, 16, 63, 64, 65, 100, 130])
HEADS = st.sampled_from([(1, 1), (4, 4), (4, 2), (6, 1), (6, 3)])
HEAD_SIZES = st.sampled_from([(32, 32), (64, 64), (72, 72), (80, 80), (96, 96), (128, 128), (256, 256), (192, 128), (576, 512), (33, 17)])
MASKS = st.sampled_from([(False, (-1, -1)), (True, (-1, -1)), (False, (5, 9)), (True, (20, 0)), (False, (0, 0)), (False, (-1, 3))])
DTYPES = st.sampled_from([torch.float32, torch.bfloat16, torch.float16])


@dataclass(frozen=True)
class Case:
    """A call: packed tensors in their dtype, boundaries, and options."""

    q: Tensor
    k: Tensor
    v: Tensor
    grad_out: Tensor
    starts_q: Tensor
    starts_k: Tensor
    causal: bool
    window: tuple[int, int]
    softcap: float

    @property
    def settings(self) -> Settings:
        return Settings.of(
            head_size=self.q.shape[-1],
            causal=self.causal,
            scale=None,
            window=self.window,
            softcap=self.softcap,
            max_seqlen_q=self.max_q,
            max_seqlen_k=self.max_k,
            deterministic=False,
        )

    @cached_property
    def max_q(self) -> int:
        return longest(self.starts_q)

    @cached_property
    def max_k(self) -> int:
        return longest(self.starts_k)

    def ours(self, q: Tensor, k: Tensor, v: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
        return flash_attention_varlen(
            q,
            k,
            v,
            self.starts_q,
            self.starts_k,
            max_seqlen_q=self.max_q,
            max_seqlen_k=self.max_k,
            causal=self.causal,
            window=self.window,
            softcap=self.softcap,
            return_lse=True,
            **options,
        )

    def eager(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return reference.forward(q, k, v, self.starts_q, self.starts_k, self.settings)


@st.composite
def cases(draw: st.DrawFn, dtypes: st.SearchStrategy[torch.dtype] = DTYPES) -> Case:
    lengths = draw(st.lists(st.tuples(LENGTHS, LENGTHS), min_size=1, max_size=4))
    heads, kv_heads = draw(HEADS)
    size, value_size = draw(HEAD_SIZES)
    causal, window = draw(MASKS)
    return make_case(
        lengths,
        heads=(heads, kv_heads),
        sizes=(size, value_size),
        dtype=draw(dtypes),
        causal=causal,
        window=window,
        softcap=draw(st.sampled_from([0.0, 0.0, 5.0, 30.0])),
        seed=draw(st.integers(0, 2**31)),
    )


def make_case(
    lengths: list[tuple[int, int]],
    *,
    heads: tuple[int, int] = (4, 2),
    sizes: tuple[int, int] = (64, 64),
    dtype: torch.dtype = torch.float32,
    causal: bool = False,
    window: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    seed: int = 0,
) -> Case:
    generator = torch.Generator().manual_seed(seed)
    num_q, num_k = sum(q for q, _ in lengths), sum(k for _, k in lengths)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(dtype)

    return Case(
        q=drawn(num_q, heads[0], sizes[0]),
        k=drawn(num_k, heads[1], sizes[0]),
        v=drawn(num_k, heads[1], sizes[1]),
        grad_out=drawn(num_q, heads[0], sizes[1]),
        starts_q=starts([q for q, _ in lengths]),
        starts_k=starts([k for _, k in lengths]),
        causal=causal,
        window=window,
        softcap=softcap,
    )


def starts(lengths: list[int]) -> Tensor:
    return torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)


def longest(bounds: Tensor) -> int:
    return int(bounds.diff().max()) if bounds.numel() > 1 else 0


def assert_as_good_as_eager(ours: Tensor, eager: Tensor, exact: Tensor, what: str, *, size: float = 1.0, known: float = 0.0) -> None:
    """`size`: how large the numbers are that cancel in each element, if they do. `known`: the error of a cause that is measured apart."""
    assert torch.isfinite(ours).all(), f"{what} has elements that are not finite"
    floor = ROUNDING_STEPS * torch.finfo(torch.float32).eps * size * max(exact.numel(), 1) ** 0.5
    allowed = TIMES_EAGER * (error(eager, exact) + known) + floor
    assert error(ours, exact) <= allowed, f"{what}: error {error(ours, exact):.3g}, eager {error(eager, exact):.3g}, allowed {allowed:.3g}"


def error(x: Tensor, exact: Tensor) -> float:
    return float((x.double() - exact).norm())


def cost_of_rounding_the_output(case: Case) -> list[float]:
    """How wrong the gradients of q, k and v get because flash attention takes `delta = Σ dO ∘ O` from the output as it was rounded.

    The eager version keeps all weights and need not. An error of delta acts on the scores as a gradient of the log-sum-exp does.
    """
    inputs = [x.detach().double().requires_grad_() for x in (case.q, case.k, case.v)]
    out, lse = case.eager(*inputs)
    d_delta = ((out.detach().to(case.q.dtype).double() - out.detach()) * case.grad_out.double()).sum(-1).transpose(0, 1)
    seen = ~torch.isneginf(lse)
    grads = torch.autograd.grad(lse[seen], inputs[:2], d_delta[seen])
    return [*(float(grad.norm()) for grad in grads), 0.0]


def gradients(function: Any, case: Case, dtype: torch.dtype) -> list[Tensor]:
    inputs = [x.detach().to(dtype).requires_grad_() for x in (case.q, case.k, case.v)]
    out, _ = function(*inputs)
    return list(torch.autograd.grad(out, inputs, case.grad_out.to(out.dtype)))
