"""A ledger of simulated memory: tensors without contents come and go as in a real step, and their bytes are counted.

A step runs on fake tensors (shapes, types and lifetimes, no contents), with the same code, the same autograd and the same reference
counts as a real one, so its peak is the real one's but for what an allocator adds. Tensors that were made from real ones alone (the
boundaries of segments, the sizes of pictures) stay real: programs ask what is in them.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

INDEX_BYTES = 8


class Moment(NamedTuple):
    """Bytes alive at once: of gradients of parameters, of all else that the step itself made, and of logits among the latter."""

    gradients: int
    others: int
    logits: int


class Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what is made while it is entered. `front` are the moments at which no other had more of both kinds."""

    def __init__(self, *, vocabulary: int = 0, most_logits: int = 0) -> None:
        """Tensors of at most `most_logits` rows of `vocabulary` numbers are taken for logits, or for their gradients."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.front: list[Moment] = []
        self._vocabulary, self._most_logits = vocabulary, most_logits
        self._sizes: dict[int, int] = {}
        self._others = self._gradients = self._logits = 0
        self._is_gradient: set[int] = set()
        self._is_logits: set[int] = set()
        self._known: list[torch.UntypedStorage] = []  # held, so that their keys are nobody else's
        self._left_out: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Sequence[type], args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        if not any(isinstance(leaf, FakeTensor) for leaf in leaves):
            with unset_fake_temporarily():
                return func(*args, **kwargs)
        if func is torch.ops.aten.index.Tensor and (mask := _mask_of(args)) is not None:
            return self._masked(args[0], mask)
        out = _grouped_product(*args, **kwargs) if func is torch.ops.aten._grouped_mm.default else func(*args, **kwargs)
        for tensor in tree_leaves(out):
            if isinstance(tensor, FakeTensor):
                self._count(tensor)
        return out

    def leave_out(self, tensors: Iterable[Tensor]) -> None:
        """Do not count `tensors`, which were there before, when something only looks at them in another way."""
        self._known.extend(tensor.untyped_storage() for tensor in tensors)
        self._left_out = {storage._cdata for storage in self._known}

    def watch_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Count what autograd leaves in `parameters` as gradients, from the moment when it does."""
        for parameter in parameters:
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(self._name_gradient)  # type: ignore[no-untyped-call]

    def begin(self) -> int:
        """Begin a new part of the step, with a front of its own; returns the bytes alive now that are no gradients."""
        self.front = [Moment(self._gradients, self._others, self._logits)]
        return self._others

    @property
    def peak_others(self) -> int:
        return max((moment.others for moment in self.front), default=0)

    def _masked(self, tensor: Tensor, mask: Tensor) -> Tensor:
        """`tensor[mask]`; as many rows as the mask has ones, found by way of their places, which take memory for a moment."""
        with unset_fake_temporarily():
            count = int(mask.sum())
        self._others += INDEX_BYTES * count * mask.ndim
        out = tensor.new_empty((count, *tensor.shape[mask.ndim :]))
        self._count(out)
        self._others -= INDEX_BYTES * count * mask.ndim
        return out

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._sizes or key in self._left_out:
            return
        self._sizes[key] = size = storage.nbytes()
        weakref.finalize(storage, self._release, key)
        self._others += size
        rows = tensor.numel() // max(1, self._vocabulary)
        if tensor.ndim and tensor.shape[-1] == self._vocabulary and rows <= self._most_logits:
            self._is_logits.add(key)
            self._logits += size
        self._note()

    def _name_gradient(self, parameter: Tensor) -> None:
        assert parameter.grad is not None
        key = parameter.grad.untyped_storage()._cdata
        if key in self._sizes and key not in self._is_gradient:
            self._is_gradient.add(key)
            self._others -= self._sizes[key]
            self._gradients += self._sizes[key]
            self._note()

    def _release(self, key: int) -> None:
        size = self._sizes.pop(key)
        if key in self._is_logits:
            self._is_logits.discard(key)
            self._logits -= size
        if key in self._is_gradient:
            self._is_gradient.discard(key)
            self._gradients -= size
        else:
            self._others -= size

    def _note(self) -> None:
        now = Moment(self._gradients, self._others, self._logits)
        if any(old.gradients >= now.gradients and old.others >= now.others for old in self.front):
            return
        self.front = [old for old in self.front if old.gradients > now.gradients or old.others > now.others]
        self.front.append(now)


def _grouped_product(a: Tensor, b: Tensor, offs: Tensor | None = None, *_: Any, **__: Any) -> Tensor:
    """The shape of a product of experts' matrices; torch's own rule for it knows bfloat16 alone."""
    if a.ndim == 2 and b.ndim == 3:
        return a.new_empty(a.shape[0], b.shape[2])
    if a.ndim == 3:
        return a.new_empty(*((a.shape[0], a.shape[1]) if b.ndim == 3 else (a.shape[1],)), b.shape[-1])
    assert offs is not None
    return a.new_empty(offs.shape[0], a.shape[0], b.shape[1])


def _mask_of(args: Sequence[Any]) -> Tensor | None:
    """The mask, where a tensor is indexed by a real one alone."""
    first, *rest = args[1]
    is_real = isinstance(first, Tensor) and not isinstance(first, FakeTensor)
    return first if is_real and not rest and first.dtype == torch.bool else None


@cache
def simulated() -> FakeTensorMode:
    """Where tensors have no contents: the same each time, as a tensor of another such mode would be taken for a new one."""
    return FakeTensorMode(allow_non_fake_inputs=True)
