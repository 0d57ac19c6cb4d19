"""Which implementation computes a call, and how many calls each has computed.

An implementation is a module with the four functions of `Implementation`. To add one: write the module, name it in `MODULES`, and put it in
`ORDER` where it should be tried. `DEFTLY_ATTENTION` or `use_implementation` ask for one by name.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import ParamSpec, Protocol, TypeVar, cast

import torch
from torch import Tensor

from inference.kernels.flash_attention.errors import AttentionInputError, AttentionUnavailable
from inference.kernels.flash_attention.settings import Settings

MODULES = {
    "cpu": "inference.kernels.flash_attention.cpu",
    "triton": "inference.kernels.flash_attention.triton",
    "gluon": "inference.kernels.flash_attention.gluon",
    "torch": "inference.kernels.flash_attention.tiled",
    "reference": "inference.kernels.flash_attention.reference",
}
# By device; any other device has torch. Gluon is not among them until it has passed `benchmarks/attention_gpu.py` on a GPU.
ORDER = {"cpu": ("cpu", "torch"), "cuda": ("triton", "torch")}

_chosen = "auto"
_calls: Counter[str] = Counter()

P = ParamSpec("P")
R = TypeVar("R")


class Implementation(Protocol):
    """What the module of an implementation holds. Inputs have been validated; the shapes are those of `reference`."""

    def unavailable(self, device: torch.device, dtype: torch.dtype) -> str | None:
        """Why it cannot compute calls with such tensors; None when it can."""

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor, settings: Settings
    ) -> tuple[Tensor, Tensor]: ...

    def backward(
        self,
        grad_out: Tensor | None,
        grad_lse: Tensor | None,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        out: Tensor,
        lse: Tensor,
        cu_seqlens_q: Tensor,
        cu_seqlens_k: Tensor,
        settings: Settings,
    ) -> tuple[Tensor, Tensor, Tensor]: ...

    def paged(
        self,
        q: Tensor,
        k_cache: Tensor,
        v_cache: Tensor,
        block_table: Tensor,
        seq_lens: Tensor,
        cu_seqlens_q: Tensor,
        settings: Settings,
        out: Tensor,
        num_splits: int,
    ) -> Tensor: ...


def _when_traced(function: Callable[P, R]) -> Callable[P, R]:
    """Called when a graph is traced, its result being part of the graph."""
    return cast(Callable[P, R], torch.compiler.assume_constant_result(function))  # type: ignore[no-untyped-call]


@_when_traced
def choose(device: torch.device, dtype: torch.dtype) -> str:
    """The name of the implementation for such tensors: the one asked for, or the first of the device's that can.

    Raises:
        AttentionInputError: no implementation has the name that `DEFTLY_ATTENTION` gives.
        AttentionUnavailable: the one asked for cannot compute the call.
    """
    asked = os.environ.get("DEFTLY_ATTENTION", "auto") if _chosen == "auto" else _chosen
    if asked == "auto":
        return next(name for name in ORDER.get(device.type, ("torch",)) if _why_not(name, device, dtype) is None)
    _check_name(asked, "DEFTLY_ATTENTION" if _chosen == "auto" else "the implementation")
    if (reason := _why_not(asked, device, dtype)) is not None:
        raise AttentionUnavailable(f"attention by {asked!r} was asked for: {reason}")
    return asked


@contextmanager
def use_implementation(name: str) -> Iterator[None]:
    """Within it, every call in this process is computed by `name` ("auto": by the best there is)."""
    global _chosen
    _check_name(name, "the implementation")
    before, _chosen = _chosen, name
    try:
        yield
    finally:
        _chosen = before


@cache
def implementation(name: str) -> Implementation:
    """The module of the implementation `name`."""
    return cast(Implementation, importlib.import_module(MODULES[name]))


def count(name: str, operation: str) -> None:
    """Remember that `name` has computed an `operation`."""
    _calls[f"{name}.{operation}"] += 1


def calls() -> dict[str, int]:
    """How many calls were computed in this process, by implementation and operation: `{"cpu.forward": 3, …}`."""
    return dict(_calls)


def _why_not(name: str, device: torch.device, dtype: torch.dtype) -> str | None:
    if not _exists(name):
        return "this installation has no such module"
    return implementation(name).unavailable(device, dtype)


@cache
def _exists(name: str) -> bool:
    return importlib.util.find_spec(MODULES[name]) is not None


def _check_name(name: str, what: str) -> None:
    if name != "auto" and name not in MODULES:
        raise AttentionInputError(f"{what} is {name!r}: give auto, {', '.join(MODULES)}")
