"""Rows of keys and values: what goes in comes out, whoever joins and leaves."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from inference.vlm.cache_rows import ROOM_STEP, CacheRows

LAYERS, HEADS, DIM = 2, 3, 4


def prompt_cache(length: int, seed: int) -> DynamicCache:
    dice = torch.Generator().manual_seed(seed)
    cache = DynamicCache()
    for layer in range(LAYERS):
        cache.update(*(torch.randn(1, HEADS, length, DIM, generator=dice) for _ in range(2)), layer)
    return cache


@given(
    st.lists(
        st.one_of(st.tuples(st.just("join"), st.integers(1, 300)), st.tuples(st.just("leave"), st.integers(0, 9)), st.just(("step", 0))),
        max_size=14,
    )
)
def test_every_row_holds_its_own_sequence(changes: list[tuple[str, int]]) -> None:
    rows, truth = CacheRows(), list[DynamicCache]()
    for number, (change, value) in enumerate(changes):
        if change == "join":
            truth.append(prompt_cache(value, number))
            rows.add(truth[-1])
        elif change == "leave" and truth:
            row = value % len(truth)
            rows.remove(row)
            truth[row] = truth[-1]
            truth.pop()
        elif change == "step" and truth:
            seen = rows.begin_step()
            assert seen[:, 0, 0].sum(-1).tolist() == [length + 1 for length in rows.lengths]
            for layer in range(LAYERS):
                new = [torch.full((len(truth), HEADS, 1, DIM), float(number + layer + part)) for part in range(2)]
                rows.update(new[0], new[1], layer)
                for row, cache in enumerate(truth):
                    cache.update(new[0][row : row + 1], new[1][row : row + 1], layer)
            rows.end_step()
    for row, cache in enumerate(truth):
        for ours, theirs in zip(rows.copy_out(row), cache.layers, strict=True):
            assert torch.equal(ours.keys, theirs.keys)
            assert torch.equal(ours.values, theirs.values)


def test_rows_that_grew_within_a_pass_can_be_joined_and_left_after_it() -> None:
    rows = CacheRows()
    with torch.inference_mode():
        caches = [prompt_cache(length, seed=length) for length in (ROOM_STEP - 1, 5)]
    for cache in caches:
        rows.add(cache)
    rows.remove(1)  # its place is free, so that whoever joins next needs no new room
    for _ in range(2):
        with torch.inference_mode():  # as the network does
            rows.begin_step()
            for layer in range(LAYERS):
                rows.update(torch.ones(1, HEADS, 1, DIM), torch.ones(1, HEADS, 1, DIM), layer)
        rows.end_step()
    rows.add(caches[1])
    rows.remove(0)
    assert rows.lengths == [5]
    for ours, theirs in zip(rows.copy_out(0), caches[1].layers, strict=True):
        assert torch.equal(ours.keys, theirs.keys)
