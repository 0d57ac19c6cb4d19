"""What a consumer of the forward pass does: online softmax over blocks of keys, the products of each beside the softmax of another."""

from __future__ import annotations

import triton.experimental.gluon.language as gl
from triton.experimental import gluon
from triton.experimental.gluon.language.nvidia.hopper import fence_async_shared, mbarrier, warpgroup_mma, warpgroup_mma_wait

from inference.kernels.flash_attention.gluon.schedule import num_turns, tile_of


@gluon.constexpr_function
def product_layout(columns):
    """How four warps hold what they multiply: 16 rows each, and all columns."""
    return gl.NVMMADistributedLayout(version=[3, 0], warps_per_cta=[4, 1], instr_shape=[16, columns, 16])


@gluon.constexpr_function
def rows_of(layout):
    """How they hold a number for each row."""
    return gl.SliceLayout(1, layout)


@gluon.constexpr_function
def weights_layout(columns):
    """How they hold weights to multiply them by values of so many columns."""
    return gl.DotOperandLayout(operand_index=0, parent=product_layout(columns), k_width=2)


@gluon.constexpr_function
def whole_rows_layout(columns):
    """16 bytes a thread, neighbours side by side: what memory is written in."""
    return gl.BlockedLayout([1, 8], [256 // columns, columns // 8], [4, 1], [1, 0])


@gluon.jit
def consume(
    buffers, barriers, books, results, coefficient,
    HALF: gl.constexpr, GROUP: gl.constexpr, CAUSAL: gl.constexpr, SIZE: gl.constexpr, BM: gl.constexpr, BN: gl.constexpr,
    STAGES: gl.constexpr, Q_STAGES: gl.constexpr, PINGPONG: gl.constexpr,
):  # fmt: skip
    """Compute and store half of the queries of each of this program's tiles."""
    q_buffers, k_buffers, v_buffers = buffers
    q_ready, q_empty, k_ready, k_empty, v_ready, v_empty, begun = barriers
    out, lse, out_token, out_head, lse_head = results
    ROWS: gl.constexpr = BM // 2
    SCORES: gl.constexpr = product_layout(BN)
    LINES: gl.constexpr = rows_of(SCORES)
    TOTAL: gl.constexpr = product_layout(SIZE)
    WIDE: gl.constexpr = whole_rows_layout(SIZE)
    tiles = 0
    done = 0
    for turn in range(num_turns(books)):
        first_row, head, start_q, num_queries, start_k, num_keys, blocks, whole = tile_of(turn, books, BM, BN, CAUSAL)
        first_row += HALF * ROWS
        rows = first_row + gl.arange(0, ROWS, layout=LINES)
        if blocks > 0:
            stage = tiles % Q_STAGES * 2 + HALF
            queries = q_buffers.index(stage)
            mbarrier.wait(q_ready.index(stage), tiles // Q_STAGES & 1)
            total, peak, weight_sum = _attend(
                queries, k_buffers, v_buffers, k_ready, k_empty, v_ready, v_empty, begun, done, done - tiles, blocks, whole,
                rows + num_keys - num_queries, num_keys, coefficient, HALF, CAUSAL, SIZE, BN, STAGES, PINGPONG,
            )  # fmt: skip
            safe_sum = gl.where(weight_sum == 0, 1.0, weight_sum)
            sums = (peak * coefficient + gl.log2(safe_sum)) * 0.6931471805599453
            # Nobody reads the queries any more, and they are ours: the output goes through their buffer to come out in whole rows.
            queries.store((total / gl.convert_layout(safe_sum, rows_of(TOTAL))[:, None]).to(q_buffers.dtype))
            result = queries.load(WIDE)
            fence_async_shared()
            mbarrier.arrive(q_empty.index(stage), count=1)
            tiles += 1
            done += blocks
        else:
            sums = gl.full([ROWS], float("-inf"), gl.float32, LINES)
            result = gl.zeros([ROWS, SIZE], q_buffers.dtype, WIDE)
        gl.store(lse + head * lse_head + start_q + rows, sums, mask=rows < num_queries)
        tokens = first_row + gl.arange(0, ROWS, layout=gl.SliceLayout(1, WIDE))
        columns = gl.arange(0, SIZE, layout=gl.SliceLayout(0, WIDE))
        places = (start_q + tokens).to(gl.int64)[:, None] * out_token + head * out_head + columns[None, :]
        gl.store(out + places, result, mask=(tokens < num_queries)[:, None])


@gluon.jit
def _attend(
    queries, k_buffers, v_buffers, k_ready, k_empty, v_ready, v_empty, begun, done, steps, blocks, whole,
    places, num_keys, coefficient,
    HALF: gl.constexpr, CAUSAL: gl.constexpr, SIZE: gl.constexpr, BN: gl.constexpr, STAGES: gl.constexpr, PINGPONG: gl.constexpr,
):  # fmt: skip
    """Online softmax over all `blocks` of keys. `done`: blocks of earlier tiles; `steps`: how often the consumers took turns before."""
    ROWS: gl.constexpr = queries.shape[0]
    SCORES: gl.constexpr = product_layout(BN)
    TOTAL: gl.constexpr = product_layout(SIZE)
    WEIGHTS: gl.constexpr = weights_layout(SIZE)
    LINES: gl.constexpr = rows_of(SCORES)
    total = gl.zeros([ROWS, SIZE], gl.float32, TOTAL)
    peak = gl.full([ROWS], float("-inf"), gl.float32, LINES)
    weight_sum = gl.zeros([ROWS], gl.float32, LINES)

    stage = done % STAGES
    mbarrier.wait(k_ready.index(stage), done // STAGES & 1)
    scores = warpgroup_mma(
        queries, k_buffers.index(stage).permute((1, 0)), gl.zeros([ROWS, BN], gl.float32, SCORES), use_acc=False, is_async=True
    )
    scores = warpgroup_mma_wait(0, deps=(scores,))
    mbarrier.arrive(k_empty.index(stage), count=1)
    scores = _masked(scores, (blocks - 1) * BN, places, num_keys, CAUSAL, BN)
    weights, peak, weight_sum, shrink = _softmax(scores, peak, weight_sum, coefficient, True)
    weights = gl.convert_layout(weights.to(k_buffers.dtype), WEIGHTS)

    num_masked = max(blocks - whole, 1)
    for i in range(1, num_masked):
        weights, total, peak, weight_sum = _step(
            queries, k_buffers, v_buffers, k_ready, k_empty, v_ready, v_empty, begun, done + i, steps + i - 1, (blocks - 1 - i) * BN,
            weights, total, peak, weight_sum, places, num_keys, coefficient, True, HALF, CAUSAL, SIZE, BN, STAGES, PINGPONG,
        )  # fmt: skip
    for i in range(num_masked, blocks):
        weights, total, peak, weight_sum = _step(
            queries, k_buffers, v_buffers, k_ready, k_empty, v_ready, v_empty, begun, done + i, steps + i - 1, (blocks - 1 - i) * BN,
            weights, total, peak, weight_sum, places, num_keys, coefficient, False, HALF, CAUSAL, SIZE, BN, STAGES, PINGPONG,
        )  # fmt: skip

    last = done + blocks - 1
    stage = last % STAGES
    mbarrier.wait(v_ready.index(stage), last // STAGES & 1)
    total = warpgroup_mma(weights, v_buffers.index(stage), total, is_async=True)
    total = warpgroup_mma_wait(0, deps=(total,))
    mbarrier.arrive(v_empty.index(stage), count=1)
    return total, peak, weight_sum


@gluon.jit
def _step(
    queries, k_buffers, v_buffers, k_ready, k_empty, v_ready, v_empty, begun, n, step, first_key,
    weights, total, peak, weight_sum, places, num_keys, coefficient,
    MASKED: gl.constexpr, HALF: gl.constexpr, CAUSAL: gl.constexpr, SIZE: gl.constexpr, BN: gl.constexpr,
    STAGES: gl.constexpr, PINGPONG: gl.constexpr,
):  # fmt: skip
    """The scores of block `n`, beside the sum of values of the block before it."""
    ROWS: gl.constexpr = queries.shape[0]
    SCORES: gl.constexpr = product_layout(BN)
    stage = n % STAGES
    before = (n - 1) % STAGES
    mbarrier.wait(k_ready.index(stage), n // STAGES & 1)
    if PINGPONG:
        mbarrier.wait(begun.index(1 - HALF), step & 1 if HALF else (step & 1) ^ 1)
    scores = warpgroup_mma(
        queries, k_buffers.index(stage).permute((1, 0)), gl.zeros([ROWS, BN], gl.float32, SCORES), use_acc=False, is_async=True
    )
    mbarrier.wait(v_ready.index(before), (n - 1) // STAGES & 1)
    summed = warpgroup_mma(weights, v_buffers.index(before), total, is_async=True)
    if PINGPONG:
        mbarrier.arrive(begun.index(HALF), count=1)
    scores = warpgroup_mma_wait(1, deps=(scores,))
    mbarrier.arrive(k_empty.index(stage), count=1)
    if MASKED:
        scores = _masked(scores, first_key, places, num_keys, CAUSAL, BN)
    new_weights, peak, weight_sum, shrink = _softmax(scores, peak, weight_sum, coefficient, MASKED)
    total = warpgroup_mma_wait(0, deps=(summed,))
    mbarrier.arrive(v_empty.index(before), count=1)
    total = total * gl.convert_layout(shrink, rows_of(product_layout(SIZE)))[:, None]
    new_weights = gl.convert_layout(new_weights.to(k_buffers.dtype), weights_layout(SIZE))
    return new_weights, total, peak, weight_sum


@gluon.jit
def _masked(scores, first_key, places, num_keys, CAUSAL: gl.constexpr, BN: gl.constexpr):
    keys = first_key + gl.arange(0, BN, layout=gl.SliceLayout(0, product_layout(BN)))
    seen = (keys < num_keys)[None, :]
    if CAUSAL:
        seen = seen & (keys[None, :] <= places[:, None])
    return gl.where(seen, scores, float("-inf"))


@gluon.jit
def _softmax(scores, peak, weight_sum, coefficient, MASKED: gl.constexpr):
    """Weights of a block relative to the largest score so far, and what earlier sums are multiplied by to be relative to it, too."""
    new_peak = gl.maximum(peak, gl.max(scores, 1))
    safe_peak = new_peak
    if MASKED:
        safe_peak = gl.where(new_peak == float("-inf"), 0.0, new_peak)
    weights = gl.exp2(scores * coefficient - (safe_peak * coefficient)[:, None])
    shrink = gl.exp2((peak - safe_peak) * coefficient)
    return weights, new_peak, weight_sum * shrink + gl.sum(weights, 1), shrink
