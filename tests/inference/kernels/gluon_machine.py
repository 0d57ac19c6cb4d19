"""A machine that runs the warp-specialised Gluon kernel's own source on a CPU, because Gluon has no interpreter.

It runs the Python of `@gluon.jit` functions, itself in the place of the language, with a thread of its own for each partition. One at a
time runs: which, is drawn. It is as unkind as the real one may be:

* A tile's buffer is NaN from when its load is begun until it arrives, at a time that is drawn; so is every buffer at first.
* A product on the tensor cores reads its operands when it is begun or when it is waited for: that is drawn, too.
* An unfinished product's result cannot be read. Letting go of a buffer without a fence is refused, and so is an arrival too many.
* When nobody can go on, that is a deadlock, and it says who waits for what.
* Reading and writing past the end is refused.

What it does not show: whether layouts suit the hardware (the compiler checks them), registers, time.
"""

from __future__ import annotations

import random
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from greenlet import greenlet
from torch import Tensor

from tests.inference.kernels.gluon_memory import NAN, Barrier, Barriers, Descriptor, Fault, Memory, Pointer


@dataclass
class Product:
    """A product on the tensor cores, begun but not waited for."""

    compute: Callable[[], Tensor]
    result: Tensor | None = None

    def finish(self) -> None:
        if self.result is None:
            self.result = self.compute()


@dataclass
class Partition:
    name: str
    ready: Callable[[], bool] = lambda: True
    waits_for: str = ""
    unfenced: bool = False
    products: list[Product] = field(default_factory=list)
    thread: greenlet | None = None

    @property
    def done(self) -> bool:
        return self.thread is None or self.thread.dead


class Machine:
    """Runs one program at a time; `seed` decides who runs when, and when what is asynchronous happens."""

    def __init__(self, *, seed: int) -> None:
        self.random = random.Random(seed)
        self.program, self.num_programs = 0, 1
        self.partitions: list[Partition] = []
        self.arriving: list[Callable[[], None]] = []
        self.scheduler = greenlet.getcurrent()
        self.now = Partition("the kernel")
        self.memories = 0

    def run(self, kernel: Any, *arguments: Any, **constants: Any) -> None:
        function = self.translated(kernel)
        for program in range(self.num_programs):
            self.program, self.memories = program, 0
            self.partitions, self.arriving = [], []
            function(*arguments, **constants)

    # ---- partitions

    def warp_specialize(self, work: Sequence[tuple[Callable[..., None], tuple[Any, ...]]], num_warps: object, registers: object) -> None:
        self.scheduler = greenlet.getcurrent()
        for number, (function, arguments) in enumerate(work):
            thread = greenlet(lambda function=function, arguments=arguments: function(*arguments))
            self.partitions.append(Partition(f"{function.__name__}[{number}]", thread=thread))
        while any(not partition.done for partition in self.partitions):
            self._let_something_happen()
        if self.arriving:
            raise Fault("the program ended while loads were under way")

    def _let_something_happen(self) -> None:
        able = [partition for partition in self.partitions if not partition.done and partition.ready()]
        if not able and not self.arriving:
            waiting = ", ".join(f"{partition.name} for {partition.waits_for}" for partition in self.partitions if not partition.done)
            raise Fault(f"deadlock in program {self.program}: {waiting}")
        chosen = self.random.randrange(len(able) + len(self.arriving))
        if chosen >= len(able):
            self.arriving.pop(chosen - len(able))()
            return
        self.now = able[chosen]
        self.now.thread.switch()

    def pause(self, ready: Callable[[], bool] = lambda: True, waits_for: str = "") -> None:
        partition = self.now
        partition.ready, partition.waits_for = ready, waits_for
        self.scheduler.switch()
        partition.ready = lambda: True

    # ---- barriers and what is asynchronous

    def wait(self, barrier: Barrier, phase: int) -> None:
        self.pause(lambda: barrier.passed(phase), f"phase {phase} of {barrier.name}")

    def arrive(self, barrier: Barrier, count: int = 1) -> None:
        if self.now.unfenced:
            raise Fault(f"{self.now.name} lets go of a buffer that it touched, without a fence")
        barrier.arrive(count)
        self.pause()

    def expect(self, barrier: Barrier, num_bytes: int) -> None:
        barrier.bytes_due += num_bytes
        barrier.arrive()

    def async_load(self, source: Descriptor, at: list[int], barrier: Barrier, into: Memory) -> None:
        into.data.fill_(NAN)

        def arrives() -> None:
            into.data.copy_(source.read(*at))
            barrier.bytes_due -= source.block_type.nbytes
            barrier.settle()

        self.arriving.append(arrives)
        self.pause()

    def warpgroup_mma(self, a: Memory | Tensor, b: Memory, total: Tensor, use_acc: bool = True, is_async: bool = False) -> Product:
        assert is_async
        if isinstance(total, Product):
            raise Fault("an unfinished product was used")

        def compute() -> Tensor:
            left = a.data if isinstance(a, Memory) else a
            return left.float() @ b.data.float() + (total if use_acc else 0.0)

        product = Product(compute)
        if self.random.random() < 0.5:
            product.finish()
        self.now.products.append(product)
        self.pause()
        return product

    def warpgroup_mma_wait(self, num_outstanding: int, deps: tuple[Product, ...]) -> Tensor:
        self.pause()
        products = self.now.products
        while len(products) > num_outstanding:
            products.pop(0).finish()
        (product,) = deps
        if any(product is other for other in products) or product.result is None:
            raise Fault("a product was used that had not been waited for")
        return product.result

    def touch(self) -> None:
        self.now.unfenced = True

    def fence(self) -> None:
        self.now.unfenced = False

    # ---- memory

    def allocate(self, dtype: torch.dtype, shape: list[int], layout: object) -> Memory | Barriers:
        self.memories += 1
        if dtype == torch.int64:
            return Barriers(self.memories, shape[0])
        return Memory(torch.full(shape, NAN, dtype=dtype), self.touch)

    @staticmethod
    def load(pointer: Pointer) -> int:
        if not 0 <= pointer.offset < pointer.data.numel():
            raise Fault(f"element {pointer.offset} of {pointer.data.numel()} was read")
        return int(pointer.data[pointer.offset])

    @staticmethod
    def store(pointer: Pointer, value: Tensor, mask: Tensor) -> None:
        places = pointer.offset[mask.expand(pointer.offset.shape)]
        if places.numel() and (int(places.min()) < 0 or int(places.max()) >= pointer.data.numel()):
            raise Fault("something was written past the end")
        pointer.data[places] = value[mask.expand(value.shape)].to(pointer.data.dtype)
        pointer.written.index_add_(0, places, torch.ones_like(places, dtype=torch.int32))

    # ---- the language

    def translated(self, kernel: Any) -> Callable[..., None]:
        """`kernel`'s Python function, and all that it calls, with this machine in place of Gluon."""
        barriers = types.SimpleNamespace(
            init=lambda barrier, count: barrier.init(count),
            wait=self.wait,
            expect=self.expect,
            arrive=self.arrive,
            MBarrierLayout=lambda: None,
        )
        replaced = {
            "gl": self.language(),
            "mbarrier": barriers,
            "async_load": self.async_load,
            "warpgroup_mma": self.warpgroup_mma,
            "warpgroup_mma_wait": self.warpgroup_mma_wait,
            "fence_async_shared": self.fence,
        }
        done: dict[int, types.FunctionType] = {}

        def rebuilt(function: Any) -> types.FunctionType:
            python = function.fn
            if id(python) not in done:
                names = dict(python.__globals__)
                done[id(python)] = types.FunctionType(python.__code__, names, python.__name__, python.__defaults__)
                for name, value in python.__globals__.items():
                    if name in replaced:
                        names[name] = replaced[name]
                    elif type(value).__name__ == "ConstexprFunction":
                        names[name] = lambda *_: None  # layouts
                    elif hasattr(value, "fn") and hasattr(value, "arg_names"):
                        names[name] = rebuilt(value)
            return done[id(python)]

        return rebuilt(kernel)

    def language(self) -> types.SimpleNamespace:
        def full(shape: list[int], value: float, dtype: torch.dtype, layout: object = None) -> Tensor:
            return torch.full(shape, value, dtype=dtype)

        return types.SimpleNamespace(
            float32=torch.float32,
            int64=torch.int64,
            constexpr=None,
            static_range=range,
            program_id=lambda axis: self.program,
            num_programs=lambda axis: self.num_programs,
            cdiv=lambda a, b: -(-a // b),
            allocate_shared_memory=self.allocate,
            warp_specialize=self.warp_specialize,
            load=self.load,
            store=self.store,
            arange=lambda start, stop, layout: torch.arange(start, stop),
            full=full,
            zeros=lambda shape, dtype, layout: full(shape, 0.0, dtype),
            SliceLayout=lambda *_: None,
            convert_layout=lambda x, layout: x,
            where=torch.where,
            exp2=torch.exp2,
            log2=torch.log2,
            maximum=torch.maximum,
            max=lambda x, axis: x.amax(axis),
            sum=lambda x, axis: x.sum(axis),
        )
