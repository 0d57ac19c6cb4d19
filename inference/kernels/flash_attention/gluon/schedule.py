"""Who computes which tile, and which keys a tile sees: integers, so that Python can run the functions of the kernel itself (`function.fn`).

A tile is `BM` queries of a head of a segment. A persistent program, one on each processor, takes a tile in each of its turns.

Heads go by in sections whose keys and values fit into the second-level cache together. The tiles of a section are in the order of their
work, the longest first, and dealt out like cards to a row of players that is walked to and fro, 0 1 2 2 1 0 0 1 2 …: what a player is
ahead after one round it is behind after the next. Each section begins where the cards of the one before ran out. FlashAttention-3 has
sections, too, and deals by an atomic counter; here no counter has to be cleared, and the same program computes the same tile every
time. For equal lengths the busiest program has up to 3 % more to do than the average (`test_gluon_schedule.py`); walking to and fro
through all sections as if they were one left 30 %.
"""

from __future__ import annotations

import triton.experimental.gluon.language as gl
from triton.experimental import gluon


@gluon.jit
def num_rounds(num_row_tiles, section, num_players):
    """How many turns a section takes."""
    return (num_row_tiles * section + num_players - 1) // num_players


@gluon.jit
def card(turn, player, num_players, num_row_tiles, section, rounds):
    """The section that a program is in, and which tile of it is its; that may be past the last. `rounds`: see `num_rounds`."""
    number = turn // rounds
    turn = turn % rounds
    left_over = num_row_tiles * section % num_players
    seat = (player + num_players - number * left_over % num_players) % num_players
    return number, turn * num_players + seat + turn % 2 * (num_players - 1 - 2 * seat)


@gluon.jit
def tile_at(number, place, num_row_tiles, num_heads, section):
    """The row tile and the head, counted through all segments, at a place of a section, and whether the place exists."""
    first = number * section
    size = min(section, num_heads - first)
    inside = min(place, num_row_tiles * size - 1)
    return num_row_tiles - 1 - inside // size, first + inside % size, place == inside


@gluon.jit
def key_blocks(first_row, num_queries, num_keys, BM: gl.constexpr, BN: gl.constexpr, CAUSAL: gl.constexpr):
    """How many blocks of `BN` keys any row of the tile sees, and how many of these, from the left, all of its rows see whole.

    Row `i` stands at key `i + num_keys - num_queries`. A tile past the segment's end sees none.
    """
    stop = num_keys
    whole = num_keys
    if CAUSAL:
        stop = max(min(min(first_row + BM, num_queries) + num_keys - num_queries, num_keys), 0)
        whole = max(min(first_row + 1 + num_keys - num_queries, stop), 0)
    if first_row >= num_queries:
        stop = 0
        whole = 0
    return (stop + BN - 1) // BN, whole // BN


@gluon.jit
def num_turns(books):
    """How often a program takes a tile. `books`: where segments start, numbers of heads, segments and row tiles, and heads in a section."""
    starts_q, starts_k, num_heads, num_segments, num_row_tiles, section = books
    return (num_heads * num_segments + section - 1) // section * num_rounds(num_row_tiles, section, gl.num_programs(0))


@gluon.jit
def tile_of(turn, books, BM: gl.constexpr, BN: gl.constexpr, CAUSAL: gl.constexpr):
    """Where this program's tile of a turn is. Past the last tile, and past the end of a segment, it has no queries and sees no keys."""
    starts_q, starts_k, num_heads, num_segments, num_row_tiles, section = books
    rounds = num_rounds(num_row_tiles, section, gl.num_programs(0))
    number, place = card(turn, gl.program_id(0), gl.num_programs(0), num_row_tiles, section, rounds)
    row_tile, head, exists = tile_at(number, place, num_row_tiles, num_heads * num_segments, section)
    segment = head // num_heads
    start_q = gl.load(starts_q + segment)
    start_k = gl.load(starts_k + segment)
    num_queries = gl.load(starts_q + segment + 1) - start_q
    num_keys = gl.load(starts_k + segment + 1) - start_k
    if not exists:
        num_queries = num_queries * 0
    first_row = row_tile * BM
    blocks, whole = key_blocks(first_row, num_queries, num_keys, BM, BN, CAUSAL)
    return first_row, head % num_heads, start_q, num_queries, start_k, num_keys, blocks, whole
