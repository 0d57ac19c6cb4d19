"""Packs hold whole samples, labels stay inside them, and the plan of packs is exact, resumable and independent of the world size."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.packer import Packer, Waiting
from training.packing import IGNORED, Picture, Sample, make_pack, shifted
from training.plan import Plan, PlannedStep, Sizes

CAPACITY = 64
length_lists = st.lists(st.integers(1, CAPACITY), min_size=1, max_size=60)


def _sample(name: str, length: int, *, first: int = 0, branches: tuple[int, ...] = (), pictures: tuple[Picture, ...] = ()) -> Sample:
    ids = np.arange(first, first + length)
    supervised = np.arange(length) >= length // 2
    return Sample(
        name=name,
        ids=ids,
        positions=np.stack([np.arange(length)] * 3),
        labels=shifted(ids, supervised),
        branches=branches,
        pictures=pictures,
    )


def _plan(lengths: list[int], epochs: int | None = 2, lookahead: int = 8) -> Plan:
    sizes = Sizes(lengths=lengths, supervised=lengths, equal_length=32)
    return Plan(sizes, pack_length=CAPACITY, packs_per_step=3, lookahead=lookahead, epochs=epochs, seed=5)


def _samples(steps: list[PlannedStep], epoch: int) -> Counter[int]:
    return Counter(number for step in steps for pack in step.packs if pack.epoch == epoch for number in pack.samples)


def test_labels_are_the_next_token_inside_each_sample_and_never_cross_into_another() -> None:
    pack = make_pack([_sample("a", 4, first=10), _sample("b", 3, first=20)])
    assert pack.ids[0].tolist() == [10, 11, 12, 13, 20, 21, 22]
    assert pack.labels[0].tolist() == [IGNORED, 12, 13, IGNORED, 21, 22, IGNORED]
    assert pack.cu_seqlens.tolist() == [0, 4, 7]
    assert (pack.max_seqlen, pack.num_supervised, pack.names) == (4, 4, ("a", "b"))
    assert pack.positions[:, 0].tolist() == [[0, 1, 2, 3, 0, 1, 2]] * 3


def test_a_pack_without_pictures_has_none_and_one_with_them_keeps_their_order() -> None:
    assert make_pack([_sample("a", 4)]).pixel_values is None
    pictures = [Picture(patches=np.full((n, 2), n, np.float32), rows=2, columns=n // 2) for n in (4, 8)]
    pack = make_pack([_sample("a", 4, pictures=(pictures[0],)), _sample("b", 4), _sample("c", 4, pictures=(pictures[1],))])
    assert pack.pixel_values is not None and pack.grid_thw is not None
    assert pack.pixel_values[:, 0].tolist() == [4.0] * 4 + [8.0] * 8
    assert pack.grid_thw.tolist() == [[1, 2, 2], [1, 2, 4]]


def test_branches_are_segments_that_see_the_beginning_and_themselves() -> None:
    pack = make_pack([_sample("a", 2), _sample("b", 7, branches=(3, 5))])
    assert pack.cu_seqlens.tolist() == [0, 2, 5, 7, 9]
    assert pack.cu_seqlens_k.tolist() == [0, 2, 5, 10, 15]
    assert pack.key_index is not None
    assert pack.key_index.tolist() == [0, 1, 2, 3, 4, 2, 3, 4, 5, 6, 2, 3, 4, 7, 8]


@given(length_lists)
def test_every_sample_comes_exactly_once_in_every_epoch_and_no_pack_is_over_full(lengths: list[int]) -> None:
    steps = list(_plan(lengths))
    assert _samples(steps, 0) == _samples(steps, 1) == Counter(range(len(lengths)))
    assert all(pack.tokens == sum(lengths[n] for n in pack.samples) <= CAPACITY for step in steps for pack in step.packs)


@given(length_lists, st.integers(0, 20))
def test_a_plan_that_went_through_json_at_any_step_goes_on_the_same(lengths: list[int], cut: int) -> None:
    whole = [step.packs for step in _plan(lengths)]
    first = _plan(lengths)
    before = list(islice(first, cut))
    state = json.loads(json.dumps(before[-1].state if before else first.state()))
    resumed = _plan(lengths)
    resumed.restore(state)
    assert [step.packs for step in before] + [step.packs for step in resumed] == whole


@given(length_lists, st.integers(1, 5))
def test_the_ranks_share_a_step_without_loss_and_all_take_equally_many_turns(lengths: list[int], world_size: int) -> None:
    for step in _plan(lengths, epochs=1):
        shares = step.shares(world_size)
        assert len({len(share) for share in shares}) == 1
        assert Counter(pack for share in shares for pack in share if pack) == Counter(step.packs)


def test_epochs_come_in_different_orders_and_the_same_seed_gives_the_same_ones() -> None:
    lengths = [1 + n % 40 for n in range(80)]
    orders = [[n for step in _plan(lengths) for pack in step.packs if pack.epoch == epoch for n in pack.samples] for epoch in (0, 1)]
    assert orders[0] != orders[1]
    again = [n for step in _plan(lengths) for pack in step.packs if pack.epoch == 0 for n in pack.samples]
    assert again == orders[0]


@given(st.lists(st.integers(1, CAPACITY), min_size=1, max_size=9))
def test_a_pack_is_the_fullest_that_can_be_made_with_the_oldest_sample(lengths: list[int]) -> None:
    packer = Packer(CAPACITY)
    for number, length in enumerate(lengths):
        packer.add(Waiting(number, length))
    pack = packer.pop()
    sums = {0}
    for length in lengths[1:]:
        sums |= {total + length for total in sums}
    best = max(total for total in (lengths[0] + rest for rest in sums) if total <= CAPACITY)
    assert pack[0] == 0
    assert sum(lengths[number] for number in pack) == best


def test_the_packs_of_a_step_cost_nearly_the_same() -> None:
    """Ranks wait for the slowest: a third as long as with packs in the order in which they were filled."""
    lengths = [int(n) for n in np.random.default_rng(0).choice([4, 6, 10, 25, 50], size=900)]
    whole = [[pack.cost for pack in step.packs] for step in _plan(lengths, epochs=1, lookahead=200)]
    sorted_away = [cost for step in whole for cost in step]
    np.random.default_rng(1).shuffle(sorted_away)
    as_filled = [sorted_away[start : start + 3] for start in range(0, len(sorted_away), 3)]
    waits, waits_as_filled = (np.mean([max(step) / np.mean(step) - 1 for step in steps]) for steps in (whole, as_filled))
    assert waits < waits_as_filled / 3


def test_a_sample_longer_than_a_pack_is_refused_by_number() -> None:
    with pytest.raises(ValueError, match="sample 7 has 65 tokens, and a pack holds 64"):
        Packer(64).add(Waiting(7, 65))
