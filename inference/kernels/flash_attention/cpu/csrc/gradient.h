// Weights and the gradients of scores for one tile, from scores and the gradients of weights: what lies between the products of the backward pass.
#pragma once
#include "softmax.h"

// What the backward pass knows of each query of a tile.
struct TileState {
    int first, count;   // rows
    int vectors;        // that hold them
    Sight<LANES> sight;
    alignas(64) float lse[LANES];    // log-sum-exp; huge where nothing was seen, so that weights are 0
    alignas(64) float delta[LANES];     // Σ dO ∘ O - d(log-sum-exp)
};

struct Gradients {
    float* scores;          // [keys][LANES]
    float* d_weights;       // [keys][LANES]
    float* weights_rows;    // units along the queries, [keys][LANES / PER_UNIT]
    float* d_scores_rows;   // the same
    float* d_scores_steps;  // units along the keys, [keys / PER_UNIT][LANES]
};

template <class A, bool BEND, bool HIDE>
struct Differentiate {
    const Call& call;
    const TileState& tile;
    const Gradients& g;
    int begin, count;

    // dS = scale · P ∘ (dP - delta) for key `n` and vector `j`; P through `weight`. The difference of score and log-sum-exp is taken before
    // it is brought to powers of 2: it is small where they are not, and its error is the weight's.
    INLINE vf one(const Differentiate& d, int n, int j, vf lse, vf delta, vf& weight) {
        const int64_t here = (int64_t)n * LANES + j * VL;
        vf score = load(d.g.scores + here), slope = splat(d.call.scale);
        if (BEND) {
            const vf bent = tanh(score * (d.call.scale / d.call.softcap));
            slope = slope * (1.0f - bent * bent);
            score = bent * d.call.softcap - lse;
        } else {
            score = score * d.call.scale - lse;
        }
        weight = exp2<A::EXP_DEGREE>(score * LOG2_E);
        if (HIDE) {
            vi from, to;
            memcpy(&from, d.tile.sight.from + j * VL, sizeof from);
            memcpy(&to, d.tile.sight.to + j * VL, sizeof to);
            const vi key = splat_int(d.begin + n);
            weight = (key >= from) & (key < to) ? weight : vf{};
        }
        return weight * (load(d.g.d_weights + here) - delta) * slope;
    }

    void operator()() const {
        if constexpr (A::PER_UNIT == 1) {
            for (int n = 0; n < count; ++n)
                for (int j = 0; j < tile.vectors; ++j) {
                    const int64_t here = (int64_t)n * LANES + j * VL;
                    vf weight;
                    store(g.d_scores_rows + here, one(*this, n, j, load(tile.lse + j * VL), load(tile.delta + j * VL), weight));
                    store(g.weights_rows + here, weight);
                }
        } else {
            for (int j = 0; j < tile.vectors; j += 2) {
                const vf sums[2] = {load(tile.lse + j * VL), load(tile.lse + j * VL + VL)};
                const vf deltas[2] = {load(tile.delta + j * VL), load(tile.delta + j * VL + VL)};
                for (int n = 0; n < count; n += 2) pair(n, j, sums, deltas);
            }
        }
    }

    INLINE void square(const Differentiate& d, int n, int j, const vf* sums, const vf* deltas, vf* d_scores) {
        vf weights[2];
        for (int i = 0; i < 2; ++i) d_scores[i] = one(d, n, j + i, sums[i], deltas[i], weights[i]);
        const int64_t row = (int64_t)n * (LANES / 2) + j / 2 * VL;
        store(d.g.weights_rows + row, A::concatenate(weights[0], weights[1]));
        store(d.g.d_scores_rows + row, A::concatenate(d_scores[0], d_scores[1]));
    }

    void pair(int n, int j, const vf* sums, const vf* deltas) const {
        vf first[2], second[2] = {};
        square(*this, n, j, sums, deltas, first);
        if (n + 1 < count) square(*this, n + 1, j, sums, deltas, second);
        for (int i = 0; i < 2; ++i)
            store(g.d_scores_steps + (int64_t)(n / 2) * LANES + (j + i) * VL, A::interleave(first[i], second[i]));
    }
};

template <class A>
static void differentiate(const Call& call, const TileState& tile, const Gradients& g, int begin, int count) {
    const bool hide = !tile.sight.whole(begin, begin + count);
    if (call.softcap > 0) {
        if (hide) Differentiate<A, true, true>{call, tile, g, begin, count}();
        else Differentiate<A, true, false>{call, tile, g, begin, count}();
    } else {
        if (hide) Differentiate<A, false, true>{call, tile, g, begin, count}();
        else Differentiate<A, false, false>{call, tile, g, begin, count}();
    }
}
