"""The forward kernel: packed rows or pages, whole or a part of the keys for each program; and the kernel that puts parts together.

Method: Dao, "FlashAttention-2" (arXiv 2307.08691), algorithm 1; split keys: "Flash-Decoding" (Dao et al., 2023).

One program: a tile of `BM` rows of one segment. A row is a query of a head; with `PACK` > 1 the rows of a token's heads that share a key
head lie in one tile, so that decoding reads each key once.
"""

from __future__ import annotations

import triton
import triton.language as tl

from inference.kernels.flash_attention.triton.tiles import bent, factor, load_rows, store_rows, two_part_dot, visible


@triton.jit
def forward_kernel(
    q,
    k,
    v,
    out,
    lse,
    starts_q,  # [S + 1]
    starts_k,  # [S + 1]; with pages: lengths [S]
    block_table,
    q_token,
    q_head,
    k_token,
    k_head,
    k_block,
    v_token,
    v_head,
    v_block,
    out_token,
    out_head,
    out_split,
    lse_head,
    lse_split,
    table_row,
    scale,
    softcap,
    window_left,
    window_right,
    GROUP: tl.constexpr,  # query heads for each key head
    PACK: tl.constexpr,  # of which so many are rows of one tile
    BLOCK_SIZE: tl.constexpr,  # tokens of a page; 0: keys are packed rows
    SPLITS: tl.constexpr,
    SIZE: tl.constexpr,
    MAIN: tl.constexpr,
    TAIL: tl.constexpr,
    V_SIZE: tl.constexpr,
    V_MAIN: tl.constexpr,
    V_TAIL: tl.constexpr,
    SOFTCAP: tl.constexpr,
    LEFT: tl.constexpr,
    RIGHT: tl.constexpr,
    UP: tl.constexpr,
    PRECISION: tl.constexpr,
    BM: tl.constexpr,
    BN: tl.constexpr,
):
    # The last tiles of a causal segment see most keys: they begin first.
    tile = tl.num_programs(0) - 1 - tl.program_id(0) if RIGHT else tl.program_id(0)
    head = tl.program_id(1) * PACK
    segment, split = tl.program_id(2) // SPLITS, tl.program_id(2) % SPLITS
    start_q = tl.load(starts_q + segment)
    num_queries = tl.load(starts_q + segment + 1) - start_q
    if BLOCK_SIZE:
        start_k = 0
        num_keys = tl.load(starts_k + segment)
    else:
        start_k = tl.load(starts_k + segment)
        num_keys = tl.load(starts_k + segment + 1) - start_k
    if tile * BM >= num_queries * PACK:
        return

    rows = tile * BM + tl.arange(0, BM)
    tokens, heads = rows // PACK, head + rows % PACK
    inside = tokens < num_queries
    offset = num_keys - num_queries
    first_token = tile * BM // PACK
    last_token = tl.minimum((tile * BM + BM - 1) // PACK, num_queries - 1)

    low, high = 0, num_keys
    if LEFT:
        low = tl.minimum(tl.maximum(first_token + offset - window_left, 0) // BN * BN, num_keys)
    if RIGHT:
        high = tl.maximum(tl.minimum(num_keys, last_token + offset + window_right + 1), low)
    if SPLITS > 1:
        part = tl.cdiv(tl.cdiv(high - low, BN), SPLITS) * BN
        low = tl.minimum(low + split * part, high)
        high = tl.minimum(low + part, high)
    # Tiles in [full_low, full_high) are seen whole by every row; their bounds are multiples of BN, as low is.
    full_low, full_high = low, num_keys // BN * BN
    if LEFT:
        full_low = tl.cdiv(tl.maximum(last_token + offset - window_left, 0), BN) * BN
    if RIGHT:
        full_high = tl.minimum(full_high, tl.maximum(first_token + offset + window_right + 1, 0) // BN * BN)
    full_low = tl.minimum(tl.maximum(full_low, low), high)
    full_high = tl.maximum(tl.minimum(full_high, high), full_low)

    q_rows = (start_q + tokens).to(tl.int64) * q_token + heads * q_head
    q_main = load_rows(q, q_rows, inside, 0, MAIN, SIZE, UP)
    q_tail = load_rows(q, q_rows, inside, MAIN, TAIL, SIZE, UP) if TAIL else q_main
    total = tl.zeros([BM, V_MAIN], tl.float32)
    total_tail = tl.zeros([BM, V_TAIL], tl.float32) if V_TAIL else total
    peak = tl.full([BM], float("-inf"), tl.float32)
    weight_sum = tl.zeros([BM], tl.float32)
    k += (head // GROUP) * k_head
    v += (head // GROUP) * v_head
    table = block_table + segment * table_row
    places = tokens + offset
    if LEFT:
        total, total_tail, peak, weight_sum = _attend(
            low, full_low, total, total_tail, peak, weight_sum, q_main, q_tail, k, v, table, start_k, num_keys, places,
            k_token, k_block, v_token, v_block, scale, softcap, window_left, window_right,
            True, BLOCK_SIZE, SIZE, MAIN, TAIL, V_SIZE, V_MAIN, V_TAIL, SOFTCAP, LEFT, RIGHT, UP, PRECISION, BN,
        )  # fmt: skip
    total, total_tail, peak, weight_sum = _attend(
        full_low, full_high, total, total_tail, peak, weight_sum, q_main, q_tail, k, v, table, start_k, num_keys, places,
        k_token, k_block, v_token, v_block, scale, softcap, window_left, window_right,
        False, BLOCK_SIZE, SIZE, MAIN, TAIL, V_SIZE, V_MAIN, V_TAIL, SOFTCAP, LEFT, RIGHT, UP, PRECISION, BN,
    )  # fmt: skip
    total, total_tail, peak, weight_sum = _attend(
        full_high, high, total, total_tail, peak, weight_sum, q_main, q_tail, k, v, table, start_k, num_keys, places,
        k_token, k_block, v_token, v_block, scale, softcap, window_left, window_right,
        True, BLOCK_SIZE, SIZE, MAIN, TAIL, V_SIZE, V_MAIN, V_TAIL, SOFTCAP, LEFT, RIGHT, UP, PRECISION, BN,
    )  # fmt: skip

    safe_sum = tl.where(weight_sum == 0, 1.0, weight_sum)
    out_rows = split * out_split + (start_q + tokens).to(tl.int64) * out_token + heads * out_head
    store_rows(out, out_rows, inside, total / safe_sum[:, None], 0, V_MAIN, V_SIZE)
    if V_TAIL:
        store_rows(out, out_rows, inside, total_tail / safe_sum[:, None], V_MAIN, V_TAIL, V_SIZE)
    tl.store(lse + split * lse_split + heads * lse_head + start_q + tokens, (peak + tl.log2(safe_sum)) * 0.6931471805599453, mask=inside)


@triton.jit
def _attend(
    low, high, total, total_tail, peak, weight_sum, q, q_tail, k, v, table, start_k, num_keys, places,
    k_token, k_block, v_token, v_block, scale, softcap, window_left, window_right,
    MASKED: tl.constexpr, BLOCK_SIZE: tl.constexpr,
    SIZE: tl.constexpr, MAIN: tl.constexpr, TAIL: tl.constexpr, V_SIZE: tl.constexpr, V_MAIN: tl.constexpr, V_TAIL: tl.constexpr,
    SOFTCAP: tl.constexpr, LEFT: tl.constexpr, RIGHT: tl.constexpr, UP: tl.constexpr, PRECISION: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """Online softmax over the keys `low … high`; `MASKED`: some of them some rows do not see."""
    coefficient = factor(scale, softcap, SOFTCAP)
    for first in range(low, high, BN):
        keys = first + tl.arange(0, BN)
        here = keys < num_keys
        if BLOCK_SIZE:
            blocks = tl.load(table + keys // BLOCK_SIZE, mask=here, other=0).to(tl.int64)
            k_rows = blocks * k_block + (keys % BLOCK_SIZE) * k_token
            v_rows = blocks * v_block + (keys % BLOCK_SIZE) * v_token
        else:
            k_rows = (start_k + keys).to(tl.int64) * k_token
            v_rows = (start_k + keys).to(tl.int64) * v_token
        k_main = load_rows(k, k_rows, here, 0, MAIN, SIZE, UP)
        k_tail = load_rows(k, k_rows, here, MAIN, TAIL, SIZE, UP) if TAIL else k_main
        scores = bent(two_part_dot(q, q_tail, k_main, k_tail, TAIL, PRECISION), scale, softcap, SOFTCAP)
        if MASKED:
            seen = visible(keys[None, :], places[:, None], num_keys, window_left, window_right, LEFT, RIGHT)
            scores = tl.where(seen, scores, float("-inf"))
        new_peak = tl.maximum(peak, tl.max(scores, 1) * coefficient)
        safe_peak = tl.where(new_peak == float("-inf"), 0.0, new_peak) if MASKED else new_peak
        weights = tl.exp2(scores * coefficient - safe_peak[:, None])
        shrink = tl.exp2(peak - safe_peak)
        weight_sum = weight_sum * shrink + tl.sum(weights, 1)
        v_main = load_rows(v, v_rows, here, 0, V_MAIN, V_SIZE, UP)
        weights = weights.to(v_main.dtype)
        total = tl.dot(weights, v_main, total * shrink[:, None], input_precision=PRECISION)
        if V_TAIL:
            v_tail = load_rows(v, v_rows, here, V_MAIN, V_TAIL, V_SIZE, UP)
            total_tail = tl.dot(weights, v_tail, total_tail * shrink[:, None], input_precision=PRECISION)
        peak = new_peak
    return total, total_tail, peak, weight_sum


@triton.jit
def merge_kernel(
    parts,  # [SPLITS, T, H, V_SIZE], float32
    part_lse,  # [SPLITS, H, T]
    out,
    lse,
    starts_q,
    part_split,
    part_token,
    part_head,
    lse_split,
    lse_head,
    out_token,
    out_head,
    num_segments,
    SPLITS: tl.constexpr,
    V_SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """One query of one head: its parts, weighed by how much of the sum each saw. Rows past the last request are left alone."""
    token, head = tl.program_id(0), tl.program_id(1)
    if token >= tl.load(starts_q + num_segments):
        return
    columns = tl.arange(0, BLOCK)
    peak = float("-inf")
    for split in range(SPLITS):
        peak = tl.maximum(peak, tl.load(part_lse + split * lse_split + head * lse_head + token))
    safe_peak = tl.where(peak == float("-inf"), 0.0, peak)
    total = tl.zeros([BLOCK], tl.float32)
    weight_sum = 0.0
    for split in range(SPLITS):
        weight = tl.exp(tl.load(part_lse + split * lse_split + head * lse_head + token) - safe_peak)
        row = parts + split * part_split + token.to(tl.int64) * part_token + head * part_head
        total += weight * tl.load(row + columns, mask=columns < V_SIZE, other=0.0)
        weight_sum += weight
    safe_sum = tl.where(weight_sum == 0, 1.0, weight_sum)
    into = out + token.to(tl.int64) * out_token + head * out_head
    tl.store(into + columns, (total / safe_sum).to(out.dtype.element_ty), mask=columns < V_SIZE)
    tl.store(lse + head * lse_head + token, peak + tl.log(safe_sum))
