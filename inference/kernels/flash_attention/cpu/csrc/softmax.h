// The online softmax of a tile of scores `[keys][LANES]`: queries are lanes, so that nothing is ever summed across a vector.
#pragma once
#include "rows.h"

constexpr int LANES = 64;  // queries of a tile
constexpr int KEYS = 64;   // keys of a tile
constexpr float HIDDEN = -1e30f;        // the score of a key that is not seen
constexpr float NOTHING_YET = -1e29f;   // the peak of a query that has seen no key: above HIDDEN, so that hidden keys weigh 0
constexpr float LOG2_E = 1.4426950408889634f;

struct Online {
    alignas(64) float peak[LANES], sum[LANES], factor[LANES], tile_peak[LANES];

    void begin() {
        for (int i = 0; i < LANES; ++i) peak[i] = NOTHING_YET, sum[i] = 0.0f;
    }
    void begin_tile(int vectors) {
        for (int j = 0; j < vectors; ++j) store(tile_peak + j * VL, splat(HIDDEN));
    }
};

// Soft cap and mask of keys `begin … begin + count - 1`, where they are needed; peaks are taken again.
template <class Sight>
static void bend_and_hide(float* scores, int vectors, int begin, int count, const Sight& sight, float scale, float softcap, bool hide,
                          float* peaks) {
    for (int j = 0; j < vectors; ++j) {
        vi from, to;
        memcpy(&from, sight.from + j * VL, sizeof from);
        memcpy(&to, sight.to + j * VL, sizeof to);
        vf peak = splat(HIDDEN);
        for (int n = 0; n < count; ++n) {
            float* here = scores + n * LANES + j * VL;
            vf score = load(here);
            if (softcap > 0) score = softcap * tanh(score * (scale / softcap));
            if (hide) {
                const vi key = splat_int(begin + n);
                score = (key >= from) & (key < to) ? score : splat(HIDDEN);
            }
            store(here, score);
            peak = max(peak, score);
        }
        store(peaks + j * VL, peak);
    }
}

// New peaks, and by which factors what was summed before shrinks. `log2_scale` takes scores to exponents of 2.
INLINE void shrink(Online& online, int vectors, float log2_scale) {
    for (int j = 0; j < vectors; ++j) {
        const vf before = load(online.peak + j * VL), now = max(before, load(online.tile_peak + j * VL));
        const vf factor = exp2<6>((before - now) * log2_scale);
        store(online.factor + j * VL, factor);
        store(online.peak + j * VL, now);
        store(online.sum + j * VL, load(online.sum + j * VL) * factor);
    }
}

// Weights of the tile, as units along the keys `[steps][LANES]`; for floats they take the place of the scores.
template <class A, int W>
INLINE void weigh(const float* scores, int count, float* weights, Online& online, int vector, float log2_scale) {
    vf peak[W], total[W];
    for (int w = 0; w < W; ++w) peak[w] = load(online.peak + (vector + w) * VL) * -log2_scale, total[w] = vf{};
    const int steps = ceil_div(count, A::PER_UNIT);
    for (int s = 0; s < steps; ++s)
        for (int w = 0; w < W; ++w) {
            const float* here = scores + (int64_t)s * A::PER_UNIT * LANES + (vector + w) * VL;
            const vf first = exp2<A::EXP_DEGREE>(load(here) * log2_scale + peak[w]);
            total[w] += first;
            float* there = weights + (int64_t)s * LANES + (vector + w) * VL;
            if constexpr (A::PER_UNIT == 2) {
                vf second = {};
                if (2 * s + 1 < count) second = exp2<A::EXP_DEGREE>(load(here + LANES) * log2_scale + peak[w]);
                total[w] += second;
                store(there, A::interleave(first, second));
            } else {
                store(there, first);
            }
        }
    for (int w = 0; w < W; ++w) store(online.sum + (vector + w) * VL, load(online.sum + (vector + w) * VL) + total[w]);
}

template <class A>
static void weigh_tile(const float* scores, int count, int vectors, float* weights, Online& online, float log2_scale) {
    int j = 0;
    for (; j + 4 <= vectors; j += 4) weigh<A, 4>(scores, count, weights, online, j, log2_scale);
    for (; j < vectors; ++j) weigh<A, 1>(scores, count, weights, online, j, log2_scale);
}
