"""Memory of the machine that runs Gluon kernels in tests: barriers, shared and global memory, matrices for TMA."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

NAN = float("nan")


class Fault(AssertionError):
    """The kernel did what the hardware does not allow, or waits for what never comes."""


@dataclass
class Barrier:
    name: str
    expected: int = 0
    pending: int = 0
    bytes_due: int = 0
    phase: int = 0  # how many are complete

    def init(self, count: int) -> None:
        self.expected = self.pending = count

    def passed(self, parity: int) -> bool:
        return self.phase & 1 != parity

    def arrive(self, count: int = 1) -> None:
        self.pending -= count
        if self.pending < 0:
            raise Fault(f"one arrival too many at {self.name}")
        self.settle()

    def settle(self) -> None:
        if self.pending == 0 and self.bytes_due == 0:
            self.phase += 1
            self.pending = self.expected


class Memory:
    """Shared memory; `touched` is told when it is read or written without TMA or the tensor cores."""

    def __init__(self, data: Tensor, touched: Callable[[], None]) -> None:
        self.data, self.touched, self.dtype, self.shape = data, touched, data.dtype, list(data.shape)

    def index(self, n: int) -> Memory:
        if not 0 <= n < self.shape[0]:
            raise Fault(f"buffer {n} of {self.shape[0]}")
        return Memory(self.data[n], self.touched)

    def permute(self, order: tuple[int, ...]) -> Memory:
        return Memory(self.data.permute(order), self.touched)

    def load(self, layout: object) -> Tensor:
        self.touched()
        return self.data.clone()

    def store(self, value: Tensor) -> None:
        self.touched()
        self.data.copy_(value)


class Barriers:
    def __init__(self, number: int, count: int) -> None:
        self.all = [Barrier(f"barrier {number}[{n}]") for n in range(count)]

    def index(self, n: int) -> Barrier:
        return self.all[n]


@dataclass
class Descriptor:
    """A matrix `[rows, columns]` with blocks of `block`; rows past the end are zeros."""

    matrix: Tensor
    block: tuple[int, int]
    layout: object = None

    @property
    def dtype(self) -> torch.dtype:
        return self.matrix.dtype

    @property
    def block_type(self) -> Any:
        return types.SimpleNamespace(nbytes=self.block[0] * self.block[1] * self.matrix.element_size())

    def read(self, row: int, column: int) -> Tensor:
        tile = torch.zeros(self.block, dtype=self.matrix.dtype)
        found = self.matrix[row : row + self.block[0], column : column + self.block[1]]
        if row < 0 or found.shape[1] != self.block[1]:
            raise Fault(f"a tile at ({row}, {column}) of {list(self.matrix.shape)}")
        tile[: found.shape[0]] = found
        return tile


@dataclass
class Pointer:
    data: Tensor  # flat
    written: Tensor
    offset: Any = 0

    @classmethod
    def to(cls, tensor: Tensor) -> Pointer:
        flat = tensor.view(-1)
        return cls(flat, torch.zeros(flat.shape, dtype=torch.int32))

    def __add__(self, more: Any) -> Pointer:
        return Pointer(self.data, self.written, self.offset + more)


@contextmanager
def whole(tensors: Sequence[Tensor]) -> Iterator[list[Pointer]]:
    """Poisoned results for a kernel; afterwards every element must have been written, once."""
    for tensor in tensors:
        tensor.fill_(NAN)
    pointers = [Pointer.to(tensor) for tensor in tensors]
    yield pointers
    for pointer in pointers:
        if not bool((pointer.written == 1).all()):
            counts = pointer.written.unique(return_counts=True)
            raise Fault(f"elements were written so many times: {counts}")
