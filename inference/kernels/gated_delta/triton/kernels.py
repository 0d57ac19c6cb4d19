"""The gated delta rule in Triton: a program walks over the chunks of one segment, for one head and some columns of the values.

The formulas are those of `chunked`, and their derivatives. (I + L)⁻¹ is found row by row: powers of L, which take fewer steps, grow beyond
float32's digits where keys are alike. The backward kernel starts from the states that the forward kernel left at every chunk.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def chunk_terms(q, k, v, decay, beta, rows, inside, q_row, v_row, g_row, values, SIZE: tl.constexpr, BD: tl.constexpr, V_SIZE: tl.constexpr,
                C: tl.constexpr, PRECISION: tl.constexpr):  # fmt: skip
    """Of one chunk: `q, k [C, BD]`, `v [C, BV]`, β, the summed log-decays, their differences as factors, and (I + L)⁻¹."""
    columns = tl.arange(0, BD)
    wide = inside[:, None] & (columns < SIZE)[None, :]
    q_c = tl.load(q + rows[:, None] * q_row + columns[None, :], mask=wide, other=0.0)
    k_c = tl.load(k + rows[:, None] * q_row + columns[None, :], mask=wide, other=0.0)
    v_c = tl.load(v + rows[:, None] * v_row + values[None, :], mask=inside[:, None] & (values < V_SIZE)[None, :], other=0.0)
    b = tl.load(beta + rows * g_row, mask=inside, other=0.0)
    total = tl.cumsum(tl.load(decay + rows * g_row, mask=inside, other=0.0), 0)
    place = tl.arange(0, C)
    lower = place[:, None] >= place[None, :]
    strict = place[:, None] > place[None, :]
    faded = tl.where(lower, tl.exp(tl.where(lower, total[:, None] - total[None, :], 0.0)), 0.0)
    alike = tl.dot(k_c, tl.trans(k_c), input_precision=PRECISION)
    inverse = tl.where(strict, -b[:, None] * faded * alike, 0.0)
    for row in range(1, C):
        mine = tl.sum(tl.where((place == row)[:, None], inverse, 0.0), 0)
        mine += tl.sum(mine[:, None] * inverse, 0)
        inverse = tl.where((place == row)[:, None], mine[None, :], inverse)
    inverse += (place[:, None] == place[None, :]).to(tl.float32)
    return q_c, k_c, v_c, b, total, faded, alike, inverse


@triton.jit
def forward_kernel(
    q, k, v, decay, beta, states, starts, first_chunk, out, saved, q_row, q_head, v_row, v_head, g_row, heads,
    SIZE: tl.constexpr, BD: tl.constexpr, V_SIZE: tl.constexpr, BV: tl.constexpr, C: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """`states [S, H, D, Dv]` are read at the start and written over at the end; `saved [chunks, H, D, Dv]` takes those between."""
    values = tl.program_id(0) * BV + tl.arange(0, BV)
    head, segment = tl.program_id(1), tl.program_id(2)
    start = tl.load(starts + segment)
    length = tl.load(starts + segment + 1) - start
    chunk = tl.load(first_chunk + segment).to(tl.int64)
    place, columns = tl.arange(0, C), tl.arange(0, BD)
    box = columns[:, None] * V_SIZE + values[None, :]
    inside_box = (columns < SIZE)[:, None] & (values < V_SIZE)[None, :]
    mine = states + (segment * heads + head).to(tl.int64) * SIZE * V_SIZE
    state = tl.load(mine + box, mask=inside_box, other=0.0)
    for at in range(0, length, C):
        tl.store(saved + (chunk * heads + head) * SIZE * V_SIZE + box, state, mask=inside_box)
        rows = (start + at + place).to(tl.int64)
        inside = at + place < length
        q_c, k_c, v_c, b, total, faded, _, inverse = chunk_terms(
            q + head * q_head, k + head * q_head, v + head * v_head, decay + head, beta + head, rows, inside,
            q_row, v_row, g_row, values, SIZE, BD, V_SIZE, C, PRECISION,
        )  # fmt: skip
        grown = tl.exp(total)
        known = tl.dot(k_c * (b * grown)[:, None], state, input_precision=PRECISION)
        fixed = tl.dot(inverse, v_c * b[:, None] - known, input_precision=PRECISION)
        inner = tl.dot(q_c, tl.trans(k_c), input_precision=PRECISION) * faded
        result = tl.dot(q_c * grown[:, None], state, input_precision=PRECISION)
        result = tl.dot(inner, fixed, result, input_precision=PRECISION)
        tl.store(out + head * v_head + rows[:, None] * v_row + values[None, :], result, mask=inside[:, None] & (values < V_SIZE)[None, :])
        last = tl.sum(tl.where(place == C - 1, total, 0.0), 0)
        left = k_c * tl.exp(last - total)[:, None]
        state = tl.dot(tl.trans(left), fixed, state * tl.exp(last), input_precision=PRECISION)
        chunk += 1
    tl.store(mine + box, state, mask=inside_box)


@triton.jit
def backward_kernel(
    q, k, v, decay, beta, starts, first_chunk, saved, grad_out, grad_states, dq, dk, dv, d_decay, d_beta,
    q_row, q_head, v_row, v_head, g_row, heads, part_q, part_g,
    SIZE: tl.constexpr, BD: tl.constexpr, V_SIZE: tl.constexpr, BV: tl.constexpr, C: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """From the last chunk to the first. What is summed over columns of values is left in parts, one for each program along axis 0."""
    part = tl.program_id(0).to(tl.int64)
    values = tl.program_id(0) * BV + tl.arange(0, BV)
    head, segment = tl.program_id(1), tl.program_id(2)
    start = tl.load(starts + segment)
    length = tl.load(starts + segment + 1) - start
    num_chunks = tl.cdiv(length, C)
    chunk = tl.load(first_chunk + segment).to(tl.int64)
    place, columns = tl.arange(0, C), tl.arange(0, BD)
    box = columns[:, None] * V_SIZE + values[None, :]
    inside_box = (columns < SIZE)[:, None] & (values < V_SIZE)[None, :]
    mine = grad_states + (segment * heads + head).to(tl.int64) * SIZE * V_SIZE
    ds = tl.load(mine + box, mask=inside_box, other=0.0)  # of the state after the chunk
    strict = place[:, None] > place[None, :]
    for back in range(num_chunks):
        number = num_chunks - 1 - back
        state = tl.load(saved + ((chunk + number) * heads + head) * SIZE * V_SIZE + box, mask=inside_box, other=0.0)
        rows = (start + number * C + place).to(tl.int64)
        inside = number * C + place < length
        q_c, k_c, v_c, b, total, faded, alike, inverse = chunk_terms(
            q + head * q_head, k + head * q_head, v + head * v_head, decay + head, beta + head, rows, inside,
            q_row, v_row, g_row, values, SIZE, BD, V_SIZE, C, PRECISION,
        )  # fmt: skip
        seen = inside[:, None] & (values < V_SIZE)[None, :]
        do = tl.load(grad_out + head * v_head + rows[:, None] * v_row + values[None, :], mask=seen, other=0.0)
        grown = tl.exp(total)
        last = tl.sum(tl.where(place == C - 1, total, 0.0), 0)
        fading = tl.exp(last - total)
        keys = k_c * (b * grown)[:, None]
        left = k_c * fading[:, None]
        fixed = tl.dot(inverse, v_c * b[:, None] - tl.dot(keys, state, input_precision=PRECISION), input_precision=PRECISION)
        inner = tl.dot(q_c, tl.trans(k_c), input_precision=PRECISION) * faded

        d_fixed = tl.dot(tl.trans(inner), do, input_precision=PRECISION)
        d_fixed = tl.dot(left, ds, d_fixed, input_precision=PRECISION)
        d_inner = tl.dot(do, tl.trans(fixed), input_precision=PRECISION)
        d_rest = tl.dot(tl.trans(inverse), d_fixed, input_precision=PRECISION)
        d_strict = tl.where(strict, -tl.dot(d_rest, tl.trans(fixed), input_precision=PRECISION), 0.0)
        d_keys = -tl.dot(d_rest, tl.trans(state), input_precision=PRECISION)
        d_left = tl.dot(fixed, tl.trans(ds), input_precision=PRECISION)
        d_grown_q = tl.dot(do, tl.trans(state), input_precision=PRECISION)

        faded_inner = d_inner * faded
        dq_c = d_grown_q * grown[:, None] + tl.dot(faded_inner, k_c, input_precision=PRECISION)
        faded_strict = d_strict * faded * b[:, None]
        dk_c = tl.dot(tl.trans(faded_inner), q_c, input_precision=PRECISION) + d_left * fading[:, None] + d_keys * (b * grown)[:, None]
        dk_c += tl.dot(faded_strict, k_c, input_precision=PRECISION)
        dk_c += tl.dot(tl.trans(faded_strict), k_c, input_precision=PRECISION)
        db = tl.sum(d_rest * v_c, 1) + tl.sum(d_keys * k_c, 1) * grown + tl.sum(d_strict * faded * alike, 1)
        pairs = d_inner * inner + faded_strict * alike
        d_left_total = tl.sum(d_left * left, 1)
        dc = tl.sum(pairs, 1) - tl.sum(pairs, 0) + tl.sum(d_keys * keys, 1) + tl.sum(d_grown_q * q_c, 1) * grown - d_left_total
        d_last = tl.sum(d_left_total, 0) + tl.exp(last) * tl.sum(tl.sum(ds * state, 1), 0)
        dc += tl.where(place == C - 1, d_last, 0.0)
        dg = tl.sum(dc, 0) - tl.cumsum(dc, 0) + dc  # what comes at or after each token

        wide = inside[:, None] & (columns < SIZE)[None, :]
        q_at = part * part_q + head * q_head + rows[:, None] * q_row + columns[None, :]
        tl.store(dq + q_at, dq_c, mask=wide)
        tl.store(dk + q_at, dk_c, mask=wide)
        tl.store(dv + head * v_head + rows[:, None] * v_row + values[None, :], d_rest * b[:, None], mask=seen)
        tl.store(d_beta + part * part_g + head + rows * g_row, db, mask=inside)
        tl.store(d_decay + part * part_g + head + rows * g_row, dg, mask=inside)

        ds = tl.dot(tl.trans(q_c * grown[:, None]), do, ds * tl.exp(last), input_precision=PRECISION)
        ds -= tl.dot(tl.trans(keys), d_rest, input_precision=PRECISION)
    tl.store(mine + box, ds, mask=inside_box)
