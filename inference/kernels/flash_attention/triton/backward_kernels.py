"""The backward kernels: `delta`, then gradients of keys and values, then gradients of queries.

Method: Dao, "FlashAttention-2" (arXiv 2307.08691), algorithm 2, with the gradients of queries in a pass of their own: scores come twice
(seven products a tile, not five), no sum is shared between programs, and the same input gives the same bits every time.
"""

from __future__ import annotations

import triton
import triton.language as tl

from inference.kernels.flash_attention.triton.tiles import bent, factor, load_rows, store_rows, two_part_dot, visible


@triton.jit
def delta_kernel(
    grad_out,
    out,
    grad_lse,
    delta,
    num_tokens,
    grad_token,
    grad_head,
    out_token,
    out_head,
    lse_head,
    HAS_GRAD_LSE: tl.constexpr,
    V_SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
    BM: tl.constexpr,
    UP: tl.constexpr,
):
    """delta = Σ dO ∘ O - d(lse): what is taken from dP to get dS / P. `[H, T]`."""
    tokens = tl.program_id(0) * BM + tl.arange(0, BM)
    head = tl.program_id(1)
    inside = tokens < num_tokens
    grads = load_rows(grad_out, tokens.to(tl.int64) * grad_token + head * grad_head, inside, 0, BLOCK, V_SIZE, UP)
    outs = load_rows(out, tokens.to(tl.int64) * out_token + head * out_head, inside, 0, BLOCK, V_SIZE, UP)
    total = tl.sum(grads.to(tl.float32) * outs.to(tl.float32), 1)
    if HAS_GRAD_LSE:
        total -= tl.load(grad_lse + head * lse_head + tokens, mask=inside, other=0.0)
    tl.store(delta + head * lse_head + tokens, total, mask=inside)


@triton.jit
def keys_kernel(
    q, k, v, grad_out, lse, delta, grad_k, grad_v, starts_q, starts_k,
    q_token, q_head, k_token, k_head, v_token, v_head, do_token, do_head, dk_token, dk_head, dv_token, dv_head, lse_head,
    scale, softcap, window_left, window_right,
    GROUP: tl.constexpr,
    SIZE: tl.constexpr, MAIN: tl.constexpr, TAIL: tl.constexpr, V_SIZE: tl.constexpr, V_MAIN: tl.constexpr, V_TAIL: tl.constexpr,
    SOFTCAP: tl.constexpr, LEFT: tl.constexpr, RIGHT: tl.constexpr, UP: tl.constexpr, PRECISION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """One tile of keys of one key head: all queries that see it, of all query heads that share it."""
    tile, kv_head, segment = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    start_q, start_k = tl.load(starts_q + segment), tl.load(starts_k + segment)
    num_queries = tl.load(starts_q + segment + 1) - start_q
    num_keys = tl.load(starts_k + segment + 1) - start_k
    if tile * BN >= num_keys:
        return
    offset = num_keys - num_queries
    first_key, last_key = tile * BN, tl.minimum(tile * BN + BN, num_keys) - 1
    low, high = 0, num_queries
    full_low, full_high = 0, num_queries
    if RIGHT:
        low = tl.minimum(tl.maximum(first_key - offset - window_right, 0) // BM * BM, num_queries)
        full_low = tl.cdiv(tl.maximum(last_key - offset - window_right, 0), BM) * BM
    if LEFT:
        high = tl.maximum(tl.minimum(num_queries, last_key - offset + window_left + 1), low)
        full_high = tl.maximum(first_key - offset + window_left + 1, 0) // BM * BM
    full_low = tl.minimum(tl.maximum(full_low, low), high)
    full_high = tl.maximum(tl.minimum(full_high, high), full_low)

    keys = tile * BN + tl.arange(0, BN)
    here = keys < num_keys
    k_rows = (start_k + keys).to(tl.int64) * k_token + kv_head * k_head
    v_rows = (start_k + keys).to(tl.int64) * v_token + kv_head * v_head
    k_main = load_rows(k, k_rows, here, 0, MAIN, SIZE, UP)
    k_tail = load_rows(k, k_rows, here, MAIN, TAIL, SIZE, UP) if TAIL else k_main
    v_main = load_rows(v, v_rows, here, 0, V_MAIN, V_SIZE, UP)
    v_tail = load_rows(v, v_rows, here, V_MAIN, V_TAIL, V_SIZE, UP) if V_TAIL else v_main
    dk = tl.zeros([BN, MAIN], tl.float32)
    dk_tail = tl.zeros([BN, TAIL], tl.float32) if TAIL else dk
    dv = tl.zeros([BN, V_MAIN], tl.float32)
    dv_tail = tl.zeros([BN, V_TAIL], tl.float32) if V_TAIL else dv
    for member in range(GROUP):
        head = kv_head * GROUP + member
        q_here, do_here = q + head * q_head, grad_out + head * do_head
        lse_here, delta_here = lse + head * lse_head + start_q, delta + head * lse_head + start_q
        if RIGHT:
            dk, dk_tail, dv, dv_tail = _queries(
                low, full_low, dk, dk_tail, dv, dv_tail, k_main, k_tail, v_main, v_tail, q_here, do_here, lse_here, delta_here,
                start_q, num_queries, num_keys, keys, offset, q_token, do_token, scale, softcap, window_left, window_right,
                True, SIZE, MAIN, TAIL, V_SIZE, V_MAIN, V_TAIL, SOFTCAP, LEFT, RIGHT, UP, PRECISION, BM,
            )  # fmt: skip
        dk, dk_tail, dv, dv_tail = _queries(
            full_low, full_high, dk, dk_tail, dv, dv_tail, k_main, k_tail, v_main, v_tail, q_here, do_here, lse_here, delta_here,
            start_q, num_queries, num_keys, keys, offset, q_token, do_token, scale, softcap, window_left, window_right,
            False, SIZE, MAIN, TAIL, V_SIZE, V_MAIN, V_TAIL, SOFTCAP, LEFT, RIGHT, UP, PRECISION, BM,
        )  # fmt: skip
        if LEFT:
            dk, dk_tail, dv, dv_tail = _queries(
                full_high, high, dk, dk_tail, dv, dv_tail, k_main, k_tail, v_main, v_tail, q_here, do_here, lse_here, delta_here,
                start_q, num_queries, num_keys, keys, offset, q_token, do_token, scale, softcap, window_left, window_right,
                True, SIZE, MAIN, TAIL, V_SIZE, V_MAIN, V_TAIL, SOFTCAP, LEFT, RIGHT, UP, PRECISION, BM,
            )  # fmt: skip
    dk_rows = (start_k + keys).to(tl.int64) * dk_token + kv_head * dk_head
    dv_rows = (start_k + keys).to(tl.int64) * dv_token + kv_head * dv_head
    store_rows(grad_k, dk_rows, here, dk * scale, 0, MAIN, SIZE)
    store_rows(grad_v, dv_rows, here, dv, 0, V_MAIN, V_SIZE)
    if TAIL:
        store_rows(grad_k, dk_rows, here, dk_tail * scale, MAIN, TAIL, SIZE)
    if V_TAIL:
        store_rows(grad_v, dv_rows, here, dv_tail, V_MAIN, V_TAIL, V_SIZE)


@triton.jit
def _queries(
    low, high, dk, dk_tail, dv, dv_tail, k_main, k_tail, v_main, v_tail, q, grad_out, lse, delta,
    start_q, num_queries, num_keys, keys, offset, q_token, do_token, scale, softcap, window_left, window_right,
    MASKED: tl.constexpr,
    SIZE: tl.constexpr, MAIN: tl.constexpr, TAIL: tl.constexpr, V_SIZE: tl.constexpr, V_MAIN: tl.constexpr, V_TAIL: tl.constexpr,
    SOFTCAP: tl.constexpr, LEFT: tl.constexpr, RIGHT: tl.constexpr, UP: tl.constexpr, PRECISION: tl.constexpr, BM: tl.constexpr,
):  # fmt: skip
    """Queries `low … high` of one head; scores lie keys × queries, so that no tile is turned before it is multiplied."""
    coefficient = factor(scale, softcap, SOFTCAP)
    for first in range(low, high, BM):
        tokens = first + tl.arange(0, BM)
        inside = tokens < num_queries
        q_rows = (start_q + tokens).to(tl.int64) * q_token
        q_main = load_rows(q, q_rows, inside, 0, MAIN, SIZE, UP)
        q_tail = load_rows(q, q_rows, inside, MAIN, TAIL, SIZE, UP) if TAIL else q_main
        row_lse = _lse_of(lse, tokens, inside)
        scores = bent(two_part_dot(k_main, k_tail, q_main, q_tail, TAIL, PRECISION), scale, softcap, SOFTCAP)
        weights = tl.exp2(scores * coefficient - row_lse[None, :])
        if MASKED:
            seen = visible(keys[:, None], (tokens + offset)[None, :], num_keys, window_left, window_right, LEFT, RIGHT)
            weights = tl.where(seen, weights, 0.0)
        do_rows = (start_q + tokens).to(tl.int64) * do_token
        do_main = load_rows(grad_out, do_rows, inside, 0, V_MAIN, V_SIZE, UP)
        do_tail = load_rows(grad_out, do_rows, inside, V_MAIN, V_TAIL, V_SIZE, UP) if V_TAIL else do_main
        dv = tl.dot(weights.to(do_main.dtype), do_main, dv, input_precision=PRECISION)
        if V_TAIL:
            dv_tail = tl.dot(weights.to(do_main.dtype), do_tail, dv_tail, input_precision=PRECISION)
        d_weights = two_part_dot(v_main, v_tail, do_main, do_tail, V_TAIL, PRECISION)
        row_delta = tl.load(delta + tokens, mask=inside, other=0.0)
        d_scores = weights * (d_weights - row_delta[None, :])
        if SOFTCAP:
            d_scores *= 1.0 - scores * scores
        d_scores = d_scores.to(q_main.dtype)
        dk = tl.dot(d_scores, q_main, dk, input_precision=PRECISION)
        if TAIL:
            dk_tail = tl.dot(d_scores, q_tail, dk_tail, input_precision=PRECISION)
    return dk, dk_tail, dv, dv_tail


@triton.jit
def queries_kernel(
    q, k, v, grad_out, lse, delta, grad_q, starts_q, starts_k,
    q_token, q_head, k_token, k_head, v_token, v_head, do_token, do_head, dq_token, dq_head, lse_head,
    scale, softcap, window_left, window_right,
    GROUP: tl.constexpr,
    SIZE: tl.constexpr, MAIN: tl.constexpr, TAIL: tl.constexpr, V_SIZE: tl.constexpr, V_MAIN: tl.constexpr, V_TAIL: tl.constexpr,
    SOFTCAP: tl.constexpr, LEFT: tl.constexpr, RIGHT: tl.constexpr, UP: tl.constexpr, PRECISION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """One tile of queries of one head: all keys that it sees."""
    tile = tl.num_programs(0) - 1 - tl.program_id(0) if RIGHT else tl.program_id(0)
    head, segment = tl.program_id(1), tl.program_id(2)
    start_q, start_k = tl.load(starts_q + segment), tl.load(starts_k + segment)
    num_queries = tl.load(starts_q + segment + 1) - start_q
    num_keys = tl.load(starts_k + segment + 1) - start_k
    if tile * BM >= num_queries:
        return
    offset = num_keys - num_queries
    first_token, last_token = tile * BM, tl.minimum(tile * BM + BM, num_queries) - 1
    low, high = 0, num_keys
    full_low, full_high = 0, num_keys // BN * BN
    if LEFT:
        low = tl.minimum(tl.maximum(first_token + offset - window_left, 0) // BN * BN, num_keys)
        full_low = tl.cdiv(tl.maximum(last_token + offset - window_left, 0), BN) * BN
    if RIGHT:
        high = tl.maximum(tl.minimum(num_keys, last_token + offset + window_right + 1), low)
        full_high = tl.minimum(full_high, tl.maximum(first_token + offset + window_right + 1, 0) // BN * BN)
    full_low = tl.minimum(tl.maximum(full_low, low), high)
    full_high = tl.maximum(tl.minimum(full_high, high), full_low)

    tokens = tile * BM + tl.arange(0, BM)
    inside = tokens < num_queries
    places = tokens + offset
    q_rows = (start_q + tokens).to(tl.int64) * q_token + head * q_head
    do_rows = (start_q + tokens).to(tl.int64) * do_token + head * do_head
    q_main = load_rows(q, q_rows, inside, 0, MAIN, SIZE, UP)
    q_tail = load_rows(q, q_rows, inside, MAIN, TAIL, SIZE, UP) if TAIL else q_main
    do_main = load_rows(grad_out, do_rows, inside, 0, V_MAIN, V_SIZE, UP)
    do_tail = load_rows(grad_out, do_rows, inside, V_MAIN, V_TAIL, V_SIZE, UP) if V_TAIL else do_main
    row_lse = _lse_of(lse + head * lse_head + start_q, tokens, inside)
    row_delta = tl.load(delta + head * lse_head + start_q + tokens, mask=inside, other=0.0)
    dq = tl.zeros([BM, MAIN], tl.float32)
    dq_tail = tl.zeros([BM, TAIL], tl.float32) if TAIL else dq
    k += (head // GROUP) * k_head
    v += (head // GROUP) * v_head
    if LEFT:
        dq, dq_tail = _keys(
            low, full_low, dq, dq_tail, q_main, q_tail, do_main, do_tail, row_lse, row_delta, k, v, start_k, num_keys, places,
            k_token, v_token, scale, softcap, window_left, window_right,
            True, SIZE, MAIN, TAIL, V_SIZE, V_MAIN, V_TAIL, SOFTCAP, LEFT, RIGHT, UP, PRECISION, BN,
        )  # fmt: skip
    dq, dq_tail = _keys(
        full_low, full_high, dq, dq_tail, q_main, q_tail, do_main, do_tail, row_lse, row_delta, k, v, start_k, num_keys, places,
        k_token, v_token, scale, softcap, window_left, window_right,
        False, SIZE, MAIN, TAIL, V_SIZE, V_MAIN, V_TAIL, SOFTCAP, LEFT, RIGHT, UP, PRECISION, BN,
    )  # fmt: skip
    dq, dq_tail = _keys(
        full_high, high, dq, dq_tail, q_main, q_tail, do_main, do_tail, row_lse, row_delta, k, v, start_k, num_keys, places,
        k_token, v_token, scale, softcap, window_left, window_right,
        True, SIZE, MAIN, TAIL, V_SIZE, V_MAIN, V_TAIL, SOFTCAP, LEFT, RIGHT, UP, PRECISION, BN,
    )  # fmt: skip
    dq_rows = (start_q + tokens).to(tl.int64) * dq_token + head * dq_head
    store_rows(grad_q, dq_rows, inside, dq * scale, 0, MAIN, SIZE)
    if TAIL:
        store_rows(grad_q, dq_rows, inside, dq_tail * scale, MAIN, TAIL, SIZE)


@triton.jit
def _keys(
    low, high, dq, dq_tail, q, q_tail, grad_out, do_tail, lse, delta, k, v, start_k, num_keys, places,
    k_token, v_token, scale, softcap, window_left, window_right,
    MASKED: tl.constexpr,
    SIZE: tl.constexpr, MAIN: tl.constexpr, TAIL: tl.constexpr, V_SIZE: tl.constexpr, V_MAIN: tl.constexpr, V_TAIL: tl.constexpr,
    SOFTCAP: tl.constexpr, LEFT: tl.constexpr, RIGHT: tl.constexpr, UP: tl.constexpr, PRECISION: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    coefficient = factor(scale, softcap, SOFTCAP)
    for first in range(low, high, BN):
        keys = first + tl.arange(0, BN)
        here = keys < num_keys
        k_rows, v_rows = (start_k + keys).to(tl.int64) * k_token, (start_k + keys).to(tl.int64) * v_token
        k_main = load_rows(k, k_rows, here, 0, MAIN, SIZE, UP)
        k_tail = load_rows(k, k_rows, here, MAIN, TAIL, SIZE, UP) if TAIL else k_main
        v_main = load_rows(v, v_rows, here, 0, V_MAIN, V_SIZE, UP)
        v_tail = load_rows(v, v_rows, here, V_MAIN, V_TAIL, V_SIZE, UP) if V_TAIL else v_main
        scores = bent(two_part_dot(q, q_tail, k_main, k_tail, TAIL, PRECISION), scale, softcap, SOFTCAP)
        weights = tl.exp2(scores * coefficient - lse[:, None])
        if MASKED:
            seen = visible(keys[None, :], places[:, None], num_keys, window_left, window_right, LEFT, RIGHT)
            weights = tl.where(seen, weights, 0.0)
        d_scores = weights * (two_part_dot(grad_out, do_tail, v_main, v_tail, V_TAIL, PRECISION) - delta[:, None])
        if SOFTCAP:
            d_scores *= 1.0 - scores * scores
        d_scores = d_scores.to(k_main.dtype)
        dq = tl.dot(d_scores, k_main, dq, input_precision=PRECISION)
        if TAIL:
            dq_tail = tl.dot(d_scores, k_tail, dq_tail, input_precision=PRECISION)
    return dq, dq_tail


@triton.jit
def _lse_of(lse, tokens, inside):
    """In units of ln 2; +inf where there is no query or it saw nothing, so that its weights are 0."""
    value = tl.load(lse + tokens, mask=inside, other=float("inf")) * 1.4426950408889634
    return tl.where(value == float("-inf"), float("inf"), value)
