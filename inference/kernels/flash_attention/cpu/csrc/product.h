// Products of tiles, held in registers: MAX_ROWS × PANEL_VECTORS vectors of sums, one value of A against a row of a panel of B at a time.
#pragma once
#include "pack.h"

// Where the units of A lie: row after row, or step after step.
enum class Order { ROWS, STEPS };

// What becomes of a finished register tile.
struct StoreScores {  // C = sums, and the largest of each column into `peaks`
    float* peaks;
};
struct Rescale {  // C = C · factor[row] + sums, or C = sums at first
    const float* factors;
    bool first;
};
struct Add {};    // C += sums; not with more than STRETCH steps of floats
struct Assign {}; // C = sums

template <int R, int W>
INLINE void finish(const StoreScores& end, vf (&sums)[R][W], float* c, int64_t stride, int, int vector) {
    for (int w = 0; w < W; ++w) {
        vf peak = load(end.peaks + (vector + w) * VL);
        for (int r = 0; r < R; ++r) {
            store(c + r * stride + w * VL, sums[r][w]);
            peak = max(peak, sums[r][w]);
        }
        store(end.peaks + (vector + w) * VL, peak);
    }
}
template <int R, int W>
INLINE void finish(const Assign&, vf (&sums)[R][W], float* c, int64_t stride, int, int) {
    for (int r = 0; r < R; ++r)
        for (int w = 0; w < W; ++w) store(c + r * stride + w * VL, sums[r][w]);
}
template <int R, int W>
INLINE void finish(const Rescale& end, vf (&sums)[R][W], float* c, int64_t stride, int row, int vector) {
    if (end.first) return finish(Assign{}, sums, c, stride, row, vector);
    for (int r = 0; r < R; ++r) {
        const vf factor = splat(end.factors[row + r]);
        for (int w = 0; w < W; ++w) store(c + r * stride + w * VL, load(c + r * stride + w * VL) * factor + sums[r][w]);
    }
}
template <int R, int W>
INLINE void finish(const Add&, vf (&sums)[R][W], float* c, int64_t stride, int, int) {
    for (int r = 0; r < R; ++r)
        for (int w = 0; w < W; ++w) store(c + r * stride + w * VL, load(c + r * stride + w * VL) + sums[r][w]);
}

template <class A, Order ORDER, int R, int W, class End>
static void register_tile(const float* a, int64_t a_stride, const float* b, int steps, const End& end, float* c, int64_t c_stride,
                          int row, int vector, bool resume) {
    vf sums[R][W];
    for (int r = 0; r < R; ++r)
        for (int w = 0; w < W; ++w) sums[r][w] = vf{};
    for (int s = 0; s < steps; ++s) {
        vf across[W];
#pragma GCC unroll 8
        for (int w = 0; w < W; ++w) across[w] = load(b + ((int64_t)s * W + w) * VL);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
            const vf down = splat(ORDER == Order::ROWS ? a[r * a_stride + s] : a[s * a_stride + r]);
#pragma GCC unroll 8
            for (int w = 0; w < W; ++w) sums[r][w] = A::dot(sums[r][w], down, across[w]);
        }
    }
    if (resume)
        for (int r = 0; r < R; ++r)
            for (int w = 0; w < W; ++w) sums[r][w] += load(c + r * c_stride + w * VL);
    finish<R, W>(end, sums, c, c_stride, row, vector);
}

// Floats are summed in stretches: the error of a sum grows with its length, and then grows with its stretches instead.
constexpr int STRETCH = 64;  // the last may be half as long again

template <class A, Order ORDER, int W, class End>
static void rows_product(const float* a, int64_t a_stride, const float* b, int steps, int rows, const End& end, float* c, int64_t c_stride,
                         int vector, bool resume) {
    const int64_t down = ORDER == Order::ROWS ? a_stride : 1;
    int row = 0;
    for (; row + MAX_ROWS <= rows; row += MAX_ROWS)
        register_tile<A, ORDER, MAX_ROWS, W>(a + row * down, a_stride, b, steps, end, c + row * c_stride, c_stride, row, vector, resume);
    const float* rest = a + row * down;
    float* into = c + row * c_stride;
    switch (rows - row) {
        case 5: return register_tile<A, ORDER, 5, W>(rest, a_stride, b, steps, end, into, c_stride, row, vector, resume);
        case 4: return register_tile<A, ORDER, 4, W>(rest, a_stride, b, steps, end, into, c_stride, row, vector, resume);
        case 3: return register_tile<A, ORDER, 3, W>(rest, a_stride, b, steps, end, into, c_stride, row, vector, resume);
        case 2: return register_tile<A, ORDER, 2, W>(rest, a_stride, b, steps, end, into, c_stride, row, vector, resume);
        case 1: return register_tile<A, ORDER, 1, W>(rest, a_stride, b, steps, end, into, c_stride, row, vector, resume);
    }
}

// All rows of a stretch before the next one: its part of the panel stays in the first-level cache meanwhile.
template <class A, Order ORDER, int W, class End>
static void panel_product(const float* a, int64_t a_stride, const float* b, int steps, int rows, const End& end, float* c,
                          int64_t c_stride, int vector) {
    int done = 0;
    if constexpr (A::PER_UNIT == 1 && ORDER == Order::ROWS)
        for (; steps - done > STRETCH + STRETCH / 2; done += STRETCH)
            rows_product<A, ORDER, W>(a + done, a_stride, b + (int64_t)done * W * VL, STRETCH, rows, Assign{}, c, c_stride, vector, done > 0);
    rows_product<A, ORDER, W>(a + done, a_stride, b + (int64_t)done * W * VL, steps - done, rows, end, c, c_stride, vector, done > 0);
}

// C [rows][vectors] = A [rows][steps] · B [steps][vectors], as `end` says. B is in panels of `panel_steps` steps, of which those from
// `first_step` on are used.
template <class A, Order ORDER, class End>
static void product(const float* a, int64_t a_stride, const float* b, int panel_steps, int first_step, int steps, int rows, int vectors,
                    const End& end, float* c, int64_t c_stride) {
    for (int p = 0; p < num_panels(vectors); ++p) {
        const int first = panel_start(p, vectors), width = panel_start(p + 1, vectors) - first;
        const float* panel = b + ((int64_t)first * panel_steps + (int64_t)first_step * width) * VL;
        float* into = c + first * VL;
        if (width == 1) panel_product<A, ORDER, 1>(a, a_stride, panel, steps, rows, end, into, c_stride, first);
        if (width == 2) panel_product<A, ORDER, 2>(a, a_stride, panel, steps, rows, end, into, c_stride, first);
        if constexpr (PANEL_VECTORS > 2) {
            if (width == 3) panel_product<A, ORDER, 3>(a, a_stride, panel, steps, rows, end, into, c_stride, first);
            if (width == 4) panel_product<A, ORDER, 4>(a, a_stride, panel, steps, rows, end, into, c_stride, first);
        }
    }
}
