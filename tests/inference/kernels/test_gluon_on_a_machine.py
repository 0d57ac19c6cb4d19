"""The Hopper kernel's own source, run on a machine in Python (`gluon_machine`), gives what the specification says, whoever runs when."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

pytest.importorskip("triton", reason="no Triton: pip install 'deftly[triton]'")

from inference.kernels.flash_attention.gluon import laid_out
from inference.kernels.flash_attention.gluon.forward_kernel import forward_kernel
from inference.kernels.flash_attention.gluon.shapes import HopperTile
from tests.inference.kernels.attention_cases import Case, assert_as_good_as_eager, make_case
from tests.inference.kernels.gluon_machine import Machine
from tests.inference.kernels.gluon_memory import Barrier, Descriptor, Fault, Memory, Pointer, whole

# The order in which the kernel allocates its barriers, after three buffers.
BARRIERS = {"q_ready": 4, "q_empty": 5, "k_ready": 6, "k_empty": 7, "v_ready": 8, "v_empty": 9, "begun": 10}
TILES = [HopperTile(16, 8, stages, q_stages, pingpong) for stages in (1, 2, 3) for q_stages in (1, 2) for pingpong in (False, True)]
RAGGED = [(20, 20), (0, 5), (33, 50), (3, 0), (40, 9)]  # empty, longer and shorter keys, several tiles
drawn = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def run(case: Case, tile: HopperTile, num_processors: int, machine: Machine) -> tuple[Tensor, Tensor]:
    out, lse = torch.empty_like(case.q), torch.empty(case.q.shape[1], case.q.shape[0])
    inputs = (case.q, case.k, case.v, out, lse, case.starts_q, case.starts_k)
    launch = laid_out(*inputs, case.settings, tile, num_processors)
    machine.num_programs = launch.num_programs
    rows = (tile.bm // 2, tile.bn, tile.bn)
    descriptors = [Descriptor(x, (number, case.q.shape[2])) for x, number in zip(launch.matrices, rows, strict=True)]
    with whole([out, lse]) as results:
        books = [Pointer.to(x) for x in launch.arguments[2:4]]
        machine.run(forward_kernel, *descriptors, *results, *books, *launch.arguments[4:], **launch.constants)
    return out, lse


def check(case: Case, out: Tensor, lse: Tensor) -> None:
    exact, exact_lse = case.eager(case.q.double(), case.k.double(), case.v.double())
    eager, eager_lse = case.eager(case.q, case.k, case.v)
    unseen = torch.isneginf(exact_lse)
    assert torch.equal(torch.isneginf(lse), unseen)
    assert not out.transpose(0, 1)[unseen].any()
    assert_as_good_as_eager(out, eager, exact, "output")
    assert_as_good_as_eager(lse[~unseen], eager_lse[~unseen], exact_lse[~unseen], "log-sum-exp")


@drawn
@given(
    lengths=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=4).filter(lambda x: all(map(sum, zip(*x)))),  # noqa: B905
    heads=st.sampled_from([(1, 1), (2, 2), (4, 2), (3, 1)]),
    dtype=st.sampled_from([torch.bfloat16, torch.float16]),
    causal=st.booleans(),
    tile=st.sampled_from(TILES),
    num_processors=st.integers(1, 7),
    seed=st.integers(0, 2**31),
)
def test_any_segments_any_order_of_events(
    lengths: list[tuple[int, int]],
    heads: tuple[int, int],
    dtype: torch.dtype,
    causal: bool,
    tile: HopperTile,
    num_processors: int,
    seed: int,
) -> None:
    case = make_case(lengths, heads=heads, sizes=(16, 16), dtype=dtype, causal=causal, seed=seed)
    check(case, *run(case, tile, num_processors, Machine(seed=seed)))


@pytest.mark.parametrize("size", [64, 128])
def test_with_the_tiles_of_the_real_kernel(size: int) -> None:
    case = make_case([(200, 200), (129, 257)], heads=(2, 1), sizes=(size, size), dtype=torch.bfloat16, causal=True)
    check(case, *run(case, HopperTile(128, 128, 2, 2, True), 5, Machine(seed=1)))


def test_a_view_of_fused_projections_is_read_where_it_lies() -> None:
    fused = torch.randn(50, 6, 16).bfloat16()
    case = make_case([(50, 50)], heads=(2, 2), sizes=(16, 16), dtype=torch.bfloat16, causal=True)
    parts = {name: fused[:, 2 * n : 2 * n + 2] for n, name in enumerate("qkv")}
    case = Case(**{**vars(case), **parts})
    inputs = (*parts.values(), torch.empty(50, 2, 16), torch.empty(2, 50), case.starts_q, case.starts_k)
    matrices = laid_out(*inputs, case.settings, TILES[0], 3).matrices
    assert [x.data_ptr() for x in matrices] == [x.data_ptr() for x in parts.values()]
    out, lse = torch.empty(50, 2, 16, dtype=torch.bfloat16), torch.empty(2, 50)
    out, lse = run(case, TILES[3], 3, Machine(seed=0))
    check(case, out, lse)


class Hasty(Machine):
    """Does not wait at one kind of barrier."""

    def __init__(self, barrier: int, seed: int) -> None:
        super().__init__(seed=seed)
        self.skipped = f"barrier {barrier}["

    def wait(self, barrier: Barrier, phase: int) -> None:
        if barrier.name.startswith(self.skipped):
            self.pause()
        else:
            super().wait(barrier, phase)


class Silent(Machine):
    """Never tells that a buffer is empty."""

    def arrive(self, barrier: Barrier, count: int = 1) -> None:
        if not barrier.name.startswith(f"barrier {BARRIERS['k_empty']}["):
            super().arrive(barrier, count)


class Unfenced(Machine):
    def fence(self) -> None:
        pass


class Sloppy(Machine):
    """Uses a product that has not been waited for."""

    def warpgroup_mma_wait(self, num_outstanding: int, deps: tuple[object, ...]) -> Tensor:
        return super().warpgroup_mma_wait(num_outstanding + 1, deps)  # type: ignore[arg-type]


def is_right(machine: Machine) -> bool:
    case = make_case(RAGGED, heads=(4, 2), sizes=(16, 16), dtype=torch.bfloat16, causal=True)
    try:
        check(case, *run(case, HopperTile(16, 8, 2, 2, True), 3, machine))
    except AssertionError:  # a Fault, or a wrong result
        return False
    return True


@pytest.mark.parametrize("name", sorted(set(BARRIERS) - {"begun"}))
def test_without_any_of_its_waits_it_is_wrong(name: str) -> None:
    """So the machine sees what is missing, and the kernel waits for nothing in vain. `begun` is for speed."""
    assert is_right(Machine(seed=0))
    assert not all(is_right(Hasty(BARRIERS[name], seed)) for seed in range(5))


def test_taking_turns_is_for_speed_only() -> None:
    assert all(is_right(Hasty(BARRIERS["begun"], seed)) for seed in range(3))


def test_a_buffer_that_is_never_given_back_is_a_deadlock() -> None:
    case = make_case(RAGGED, heads=(4, 2), sizes=(16, 16), dtype=torch.bfloat16, causal=True)
    with pytest.raises(Fault, match=r"deadlock.*_produce\[2\] for phase"):
        run(case, HopperTile(16, 8, 2, 2, True), 3, Silent(seed=0))


@pytest.mark.parametrize("kind", [Unfenced, Sloppy])
def test_a_missing_fence_and_an_unfinished_product_are_seen(kind: type[Machine]) -> None:
    assert not is_right(kind(seed=0))


def test_memory_is_poisoned_until_it_is_filled() -> None:
    machine = Machine(seed=0)
    buffers = machine.allocate(torch.float32, [2, 4, 4], None)
    assert isinstance(buffers, Memory)
    assert buffers.index(1).data.isnan().all()
    with pytest.raises(Fault, match="buffer 2 of 2"):
        buffers.index(2)
