"""The forward pass for Hopper: one warp brings tiles by TMA, two warpgroups compute, each with half of the queries of a tile.

    producer     Q₀ K₀ Q₁ K₁ V₀ K₂ V₁ …              waits for buffers to be empty
    consumers    S₀ = QK₀, softmax; then in every step
                 S_i = QK_i and O += P_{i-1} V_{i-1} are begun together, and the softmax of S_i runs beside the second

Barriers go round with the buffers: `ready` when bytes have come, `empty` when the consumers are done with them. With `PINGPONG` a consumer
begins its products only when the other has begun its own, so that one's softmax runs beside the other's products. Blocks of keys go by from
the last to the first: those that need a mask, at the diagonal and at the end, come first.

The method is FlashAttention-3's (Shah et al. 2024, arXiv:2407.08608); how Gluon writes such things is in its tutorials 05 and 08
(triton-lang/triton, python/tutorials/gluon).
"""

from __future__ import annotations

import triton.experimental.gluon.language as gl
from triton.experimental import gluon
from triton.experimental.gluon.language.nvidia.hopper import mbarrier

from inference.kernels.flash_attention.gluon.consumer import consume
from inference.kernels.flash_attention.gluon.language import async_load
from inference.kernels.flash_attention.gluon.schedule import num_turns, tile_of


@gluon.jit(do_not_specialize=["num_heads", "num_segments", "num_row_tiles", "section", "lse_head"])  # each call has others
def forward_kernel(
    q,  # [Tq, H · SIZE], blocks [BM / 2, SIZE]
    k,  # [Tk, Hk · SIZE], blocks [BN, SIZE]
    v,  # [Tk, Hk · SIZE], blocks [BN, SIZE]
    out,  # [Tq, H, SIZE]
    lse,  # [H, Tq], float32
    starts_q,
    starts_k,
    coefficient,  # from products to scores in units of ln 2
    out_token,
    out_head,
    lse_head,
    num_heads,
    num_segments,
    num_row_tiles,
    section,
    GROUP: gl.constexpr,
    CAUSAL: gl.constexpr,
    SIZE: gl.constexpr,
    BM: gl.constexpr,
    BN: gl.constexpr,
    STAGES: gl.constexpr,
    Q_STAGES: gl.constexpr,
    PINGPONG: gl.constexpr,
    CONSUMER_REGISTERS: gl.constexpr,
    PRODUCER_REGISTERS: gl.constexpr,
):
    q_buffers = gl.allocate_shared_memory(q.dtype, [Q_STAGES * 2, BM // 2, SIZE], q.layout)
    k_buffers = gl.allocate_shared_memory(k.dtype, [STAGES, BN, SIZE], k.layout)
    v_buffers = gl.allocate_shared_memory(v.dtype, [STAGES, BN, SIZE], v.layout)
    q_ready = gl.allocate_shared_memory(gl.int64, [Q_STAGES * 2, 1], mbarrier.MBarrierLayout())
    q_empty = gl.allocate_shared_memory(gl.int64, [Q_STAGES * 2, 1], mbarrier.MBarrierLayout())
    k_ready = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    k_empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    v_ready = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    v_empty = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    begun = gl.allocate_shared_memory(gl.int64, [2, 1], mbarrier.MBarrierLayout())
    for i in gl.static_range(Q_STAGES * 2):
        mbarrier.init(q_ready.index(i), count=1)
        mbarrier.init(q_empty.index(i), count=1)
    for i in gl.static_range(STAGES):
        mbarrier.init(k_ready.index(i), count=1)
        mbarrier.init(k_empty.index(i), count=2)
        mbarrier.init(v_ready.index(i), count=1)
        mbarrier.init(v_empty.index(i), count=2)
    for i in gl.static_range(2):
        mbarrier.init(begun.index(i), count=1)

    buffers = (q_buffers, k_buffers, v_buffers)
    barriers = (q_ready, q_empty, k_ready, k_empty, v_ready, v_empty, begun)
    books = (starts_q, starts_k, num_heads, num_segments, num_row_tiles, section)
    results = (out, lse, out_token, out_head, lse_head)
    gl.warp_specialize(
        [
            (consume, (buffers, barriers, books, results, coefficient, 0, GROUP, CAUSAL, SIZE, BM, BN, STAGES, Q_STAGES, PINGPONG)),
            (consume, (buffers, barriers, books, results, coefficient, 1, GROUP, CAUSAL, SIZE, BM, BN, STAGES, Q_STAGES, PINGPONG)),
            (_produce, (q, k, v, buffers, barriers, books, GROUP, CAUSAL, SIZE, BM, BN, STAGES, Q_STAGES)),
        ],
        [4, 1],
        [CONSUMER_REGISTERS, PRODUCER_REGISTERS],
    )


@gluon.jit
def _bring(source, row, column, buffers, ready, empty, n, STAGES: gl.constexpr):
    """Load the `n`-th tile of a ring when its buffer is empty. A fresh barrier counts as having completed phase 1."""
    stage = n % STAGES
    mbarrier.wait(empty.index(stage), (n // STAGES & 1) ^ 1)
    mbarrier.expect(ready.index(stage), source.block_type.nbytes)
    async_load(source, [row, column], ready.index(stage), buffers.index(stage))


@gluon.jit
def _bring_half(source, row, column, buffers, ready, empty, n, HALF: gl.constexpr, Q_STAGES: gl.constexpr):
    """The same for a consumer's queries: each half has buffers and barriers of its own."""
    stage = n % Q_STAGES * 2 + HALF
    mbarrier.wait(empty.index(stage), (n // Q_STAGES & 1) ^ 1)
    mbarrier.expect(ready.index(stage), source.block_type.nbytes)
    async_load(source, [row, column], ready.index(stage), buffers.index(stage))


@gluon.jit
def _produce(
    q, k, v, buffers, barriers, books,
    GROUP: gl.constexpr, CAUSAL: gl.constexpr, SIZE: gl.constexpr, BM: gl.constexpr, BN: gl.constexpr,
    STAGES: gl.constexpr, Q_STAGES: gl.constexpr,
):  # fmt: skip
    """Bring what the consumers of this program need, in the order in which they need it."""
    q_buffers, k_buffers, v_buffers = buffers
    q_ready, q_empty, k_ready, k_empty, v_ready, v_empty, begun = barriers
    tiles = 0  # done so far
    done = 0  # blocks of keys done so far
    for turn in range(num_turns(books)):
        first_row, head, start_q, num_queries, start_k, num_keys, blocks, whole = tile_of(turn, books, BM, BN, CAUSAL)
        if blocks > 0:
            row = start_q + first_row
            last = start_k + (blocks - 1) * BN
            column = head // GROUP * SIZE
            _bring_half(q, row, head * SIZE, q_buffers, q_ready, q_empty, tiles, 0, Q_STAGES)
            _bring(k, last, column, k_buffers, k_ready, k_empty, done, STAGES)
            _bring_half(q, row + BM // 2, head * SIZE, q_buffers, q_ready, q_empty, tiles, 1, Q_STAGES)
            for i in range(1, blocks):
                _bring(k, last - i * BN, column, k_buffers, k_ready, k_empty, done + i, STAGES)
                _bring(v, last - (i - 1) * BN, column, v_buffers, v_ready, v_empty, done + i - 1, STAGES)
            _bring(v, start_k, column, v_buffers, v_ready, v_empty, done + blocks - 1, STAGES)
            tiles += 1
            done += blocks
