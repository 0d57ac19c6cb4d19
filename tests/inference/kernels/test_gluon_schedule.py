"""The Hopper kernel's schedule, run as Python: every tile once, the longest first, dealt out evenly, with the keys that its rows see."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("triton", reason="no Triton: pip install 'deftly[triton]'")

from inference.kernels.flash_attention.gluon.schedule import card, key_blocks, num_rounds, tile_at
from inference.kernels.flash_attention.gluon.shapes import SHARED_BYTES, SIZES, candidates, heads_together
from inference.kernels.flash_attention.settings import Settings

H100_PROCESSORS = 132


def dealt(num_row_tiles: int, num_heads: int, section: int, num_players: int) -> list[list[tuple[int, int]]]:
    """What each program computes, in its order: row tiles and heads."""
    rounds = num_rounds.fn(num_row_tiles, section, num_players)
    num_turns = -(-num_heads // section) * rounds
    hands = []
    for player in range(num_players):
        cards = [card.fn(turn, player, num_players, num_row_tiles, section, rounds) for turn in range(num_turns)]
        tiles = [tile_at.fn(*place, num_row_tiles, num_heads, section) for place in cards]
        hands.append([(row, head) for row, head, exists in tiles if exists])
    return hands


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 12), st.integers(1, 20))
def test_every_tile_is_computed_once(num_row_tiles: int, num_heads: int, section: int, num_players: int) -> None:
    hands = dealt(num_row_tiles, num_heads, min(section, num_heads), num_players)
    tiles = [tile for hand in hands for tile in hand]
    assert sorted(tiles) == [(row, head) for row in range(num_row_tiles) for head in range(num_heads)]


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 12))
def test_the_longest_tiles_of_a_section_come_first(num_row_tiles: int, num_heads: int, section: int) -> None:
    section = min(section, num_heads)
    order = dealt(num_row_tiles, num_heads, section, num_players=1)[0]
    assert order == sorted(order, key=lambda tile: (tile[1] // section, -tile[0]))


@pytest.mark.parametrize("length", [512, 1024, 2048, 4096, 8192, 16384, 32768])
@pytest.mark.parametrize("num_tokens", [32768, 131072])
def test_a_causal_batch_keeps_all_processors_busy(length: int, num_tokens: int) -> None:
    """Of 16 heads: the busiest processor has at most 3.5 % more blocks of keys to go through than the average."""
    tile = candidates(128)[0]
    num_row_tiles, num_heads = length // tile.bm, num_tokens // length * 16
    section = heads_together(length, 128, 1, num_heads)

    def blocks(row: int) -> int:
        return int(key_blocks.fn(row * tile.bm, length, length, tile.bm, tile.bn, True)[0])

    work = [sum(blocks(row) for row, _ in hand) for hand in dealt(num_row_tiles, num_heads, section, H100_PROCESSORS)]
    assert max(work) <= 1.035 * sum(work) / len(work)


@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from([16, 64, 128]), st.sampled_from([8, 64, 128]), st.booleans())
def test_a_tile_sees_the_keys_that_any_of_its_rows_sees(num_queries: int, num_keys: int, bm: int, bn: int, causal: bool) -> None:
    settings = Settings(scale=1.0, window_right=0 if causal else -1)
    for first in range(0, 384, bm):
        blocks, whole = key_blocks.fn(first, num_queries, num_keys, bm, bn, causal)
        rows = range(first, min(first + bm, num_queries))
        seen = [settings.visible(row, row, num_queries, num_keys)[1] for row in rows]
        assert blocks == -(-max(seen, default=0) // bn)
        assert whole == min(seen, default=0) // bn


@pytest.mark.parametrize("size", SIZES)
def test_every_candidate_fits_into_shared_memory(size: int) -> None:
    assert all(tile.shared_bytes(size) + 1024 <= SHARED_BYTES for tile in candidates(size))
