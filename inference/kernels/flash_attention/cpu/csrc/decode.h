// Attention of a few queries to many keys: memory is what it waits for, so keys and values are read once, where they lie.
#pragma once
#include "memory.h"
#include "result.h"

constexpr int FEW = 4;           // rows; with more, whole tiles pay
constexpr int DECODE_KEYS = 64;  // keys whose scores are held at a time

template <class T>
class Decode {
  public:
    explicit Decode(const Call& call)
        : call(call), key_vectors(ceil_div(call.head_size, VL)), value_vectors(ceil_div(call.value_size, VL)) {}

    static bool fits(const Call& call, const Queries& queries) { return queries.length * queries.group <= FEW; }

    void operator()(const Task& task, float* partial) {
        const Queries queries = queries_of(call, task);
        num_rows = queries.length * queries.group;
        sight.look(call, queries, 0, num_rows, keys_of(call, task.segment));
        memory.reserve(4 * FEW * (int64_t)(key_vectors + value_vectors) * VL + 4096);
        query = memory.take((int64_t)FEW * key_vectors * VL);
        sums = memory.take((int64_t)FEW * value_vectors * VL);
        load_queries(queries);
        const int from = std::max(sight.some_from, task.first_key), to = std::min(sight.some_to, task.last_key);
        for (int begin = from; begin < to;) {
            const int end = std::min(run_end(begin), std::min(begin + DECODE_KEYS, to));
            const T *keys = row(call.k, task, begin), *values = row(call.v, task, begin);
            if (num_rows == 1) attend<1>(keys, values, begin, end - begin);
            else if (num_rows == 2) attend<2>(keys, values, begin, end - begin);
            else attend<FEW>(keys, values, begin, end - begin);
            begin = end;
        }
        finish(queries, partial);
    }

  private:
    const Call& call;
    const int key_vectors, value_vectors;
    int num_rows;
    float *query, *sums;
    float peak[FEW], sum_of_weights[FEW];
    Sight<FEW> sight;

    // Keys that lie one stride apart: to the end of the page.
    int run_end(int key) const { return call.block_table ? (key / call.block_size + 1) * call.block_size : INT32_MAX; }
    const T* row(const Tensor& x, const Task& task, int key) const { return KeyRows<T>{call, x, task.segment, task.kv_head, key}(0); }

    void load_queries(const Queries& queries) {
        const QueryRows<T> rows{call.q, queries, 0, num_rows};
        for (int r = 0; r < FEW; ++r) {
            peak[r] = NOTHING_YET, sum_of_weights[r] = 0.0f;
            const T* row = rows(r);
            for (int j = 0; j < key_vectors; ++j)
                store(query + (r * key_vectors + j) * VL, row ? load_as_float(row + j * VL, call.head_size - j * VL) : vf{});
            for (int j = 0; j < value_vectors; ++j) store(sums + (r * value_vectors + j) * VL, vf{});
        }
    }

    template <int R>
    void attend(const T* keys, const T* values, int begin, int count) {
        alignas(64) float weights[R][DECODE_KEYS], factors[R];
        for (int r = 0; r < R; ++r)
            for (int n = 0; n < DECODE_KEYS; n += VL) store(weights[r] + n, splat(HIDDEN));
        score<R>(keys, count, weights);
        for (int r = 0; r < R; ++r) factors[r] = weigh(weights[r], r, begin, count);
        int j = 0;
        for (; j + 4 <= value_vectors; j += 4) add_values<R, 4>(values, count, weights, factors, j);
        for (; j < value_vectors; ++j) add_values<R, 1>(values, count, weights, factors, j);
    }

    template <int R>
    void score(const T* keys, int count, float (*weights)[DECODE_KEYS]) const {
        for (int n = 0; n < count; ++n) {
            const T* key = keys + n * call.k.token;
            vf totals[R][2] = {};
            for (int j = 0; j < key_vectors; ++j) {
                const vf part = load_as_float(key + j * VL, call.head_size - j * VL);
                for (int r = 0; r < R; ++r) totals[r][j & 1] += part * load(query + (r * key_vectors + j) * VL);
            }
            for (int r = 0; r < R; ++r) weights[r][n] = sum(totals[r][0] + totals[r][1]);
        }
    }

    // Scores of row `r` become weights; returns by which factor what was summed before shrinks.
    float weigh(float* weights, int r, int begin, int count) {
        const int vectors = ceil_div(count, VL);
        float log2_scale = call.scale * LOG2_E;
        vf top = splat(HIDDEN);
        for (int i = 0; i < vectors; ++i) {
            vf score = load(weights + i * VL);
            if (call.softcap > 0) score = call.softcap * tanh(score * (call.scale / call.softcap));
            for (int lane = 0; lane < VL; ++lane) {
                const int key = begin + i * VL + lane;
                if (key < sight.from[r] || key >= sight.to[r] || key >= begin + count) score[lane] = HIDDEN;
            }
            store(weights + i * VL, score);
            top = max(top, score);
        }
        if (call.softcap > 0) log2_scale = LOG2_E;
        const float before = peak[r], now = std::max(before, largest(top));
        vf total = {};
        for (int i = 0; i < vectors; ++i) {
            const vf weight = exp2<6>((load(weights + i * VL) - now) * log2_scale);
            store(weights + i * VL, weight);
            total += weight;
        }
        const float factor = exp2<6>(splat((before - now) * log2_scale))[0];
        peak[r] = now;
        sum_of_weights[r] = sum_of_weights[r] * factor + sum(total);
        return factor;
    }

    template <int R, int W>
    void add_values(const T* values, int count, float (*weights)[DECODE_KEYS], const float* factors, int vector) {
        vf totals[R][W];
        for (int r = 0; r < R; ++r)
            for (int w = 0; w < W; ++w) totals[r][w] = load(sums + (r * value_vectors + vector + w) * VL) * factors[r];
        for (int n = 0; n < count; ++n) {
            const T* value = values + n * call.v.token + vector * VL;
            for (int w = 0; w < W; ++w) {
                const vf part = load_as_float(value + w * VL, call.value_size - (vector + w) * VL);
                for (int r = 0; r < R; ++r) totals[r][w] += weights[r][n] * part;
            }
        }
        for (int r = 0; r < R; ++r)
            for (int w = 0; w < W; ++w) store(sums + (r * value_vectors + vector + w) * VL, totals[r][w]);
    }

    void finish(const Queries& queries, float* partial) const {
        for (int r = 0; r < num_rows; ++r)
            write_row<T>(call, queries, r, sums + r * value_vectors * VL, peak[r], sum_of_weights[r], partial);
    }
};
