"""The tiles of each head size, and how a call is laid over them."""

from __future__ import annotations

from typing import NamedTuple

SIZES = (64, 128, 256)
SHARED_BYTES = 227 * 1024  # of an H100, for one program
NEAR_BYTES = 32 * 2**20  # of keys and values that go by together: well within the 50 MB of an H100's second-level cache


# Of a consumer's thread, and of the one that brings tiles; the first consumer gets what the others leave of 504.
# FlashAttention-3 has 240 and 24; with 24 the assembler of Triton 3.6 spills.
CONSUMER_REGISTERS = 232
PRODUCER_REGISTERS = 40


class HopperTile(NamedTuple):
    """`bm` queries, half of them for each consumer, and `bn` keys; buffers of keys and values, and of queries.

    `pingpong`: the consumers take turns at beginning their products.
    """

    bm: int
    bn: int
    stages: int
    q_stages: int
    pingpong: bool

    def shared_bytes(self, size: int) -> int:
        """What its buffers take, in two-byte numbers."""
        return 2 * size * (self.q_stages * self.bm + 2 * self.stages * self.bn)


def candidates(size: int) -> list[HopperTile]:
    """What may be fastest; the first is taken where nothing has been measured."""
    if size == 256:
        return [HopperTile(128, 32, 3, 1, pingpong) for pingpong in (False, True)]  # with 64 keys, some kernels spill
    stages = (2,) if size == 128 else (2, 3)
    return [HopperTile(128, 128, count, 2, pingpong) for count in stages for pingpong in (True, False)]


def constants(size: int, tile: HopperTile, *, causal: bool, group: int) -> dict[str, int | bool]:
    """What the kernel is compiled for; `group`: query heads to a key head."""
    return {
        "GROUP": group,
        "CAUSAL": causal,
        "SIZE": size,
        "BM": tile.bm,
        "BN": tile.bn,
        "STAGES": tile.stages,
        "Q_STAGES": tile.q_stages,
        "PINGPONG": tile.pingpong,
        "CONSUMER_REGISTERS": CONSUMER_REGISTERS,
        "PRODUCER_REGISTERS": PRODUCER_REGISTERS,
    }


def heads_together(max_seqlen_k: int, size: int, group: int, num_heads: int) -> int:
    """How many query heads are a section: whole groups, of which the keys and values fit into the cache together."""
    near = NEAR_BYTES // max(4 * size * max_seqlen_k, 1)
    return min(max(near, 1) * group, num_heads)
