// Attention of a few queries to many keys: memory is what it waits for, so keys and values are read once, where they lie; values are
// fetched while their keys are read, and the next keys while values are.
#pragma once
#include "memory.h"
#include "result.h"
#include "unfold.h"

constexpr int FEW = 4;                   // rows; with more, whole tiles pay
constexpr int DECODE_KEYS = 64;          // keys whose scores are held at a time
constexpr int SUMS = VL == 16 ? 16 : 8;  // vectors of sums that fit into registers

template <class T>
class Decode {
  public:
    explicit Decode(const Call& call) : call(call), key_twos(ceil_div(call.head_size, TWO)), value_twos(ceil_div(call.value_size, TWO)) {}

    static bool fits(const Call& call, const Queries& queries) { return queries.length * queries.group <= FEW; }

    void operator()(const Task& task, float* partial) {
        const Queries queries = queries_of(call, task);
        num_rows = queries.length * queries.group;
        sight.look(call, queries, 0, num_rows, keys_of(call, task.segment));
        memory.reserve(4 * (FEW * (int64_t)(key_twos + value_twos) + value_twos) * TWO + 4096);
        query = memory.take((int64_t)FEW * key_twos * TWO);
        sums = memory.take((int64_t)FEW * value_twos * TWO);
        load_queries(queries);
        const int from = std::max(sight.some_from, task.first_key), to = std::min(sight.some_to, task.last_key);
        for (int begin = from; begin < to;) {
            const int end = std::min(run_end(begin), std::min(begin + DECODE_KEYS, to));
            const Run run{row(call.k, task, begin), row(call.v, task, begin), row(call.k, task, end < to ? end : begin), begin, end - begin};
            if (num_rows == 1) attend<1>(run);
            else if (num_rows == 2) attend<2>(run);
            else attend<FEW>(run);
            begin = end;
        }
        finish(queries, partial);
    }

  private:
    struct Run {  // of keys and values that lie one stride apart, and the keys after them
        const T *keys, *values, *next_keys;
        int begin, count;
    };

    const Call& call;
    const int key_twos, value_twos;
    int num_rows;
    float *query, *sums;  // [FEW][twos][TWO], in the order of `load_two`
    float peak[FEW], sum_of_weights[FEW];
    Sight<FEW> sight;

    int run_end(int key) const { return call.block_table ? (key / call.block_size + 1) * call.block_size : INT32_MAX; }
    const T* row(const Tensor& x, const Task& task, int key) const { return KeyRows<T>{call, x, task.segment, task.kv_head, key}(0); }

    void load_queries(const Queries& queries) {
        const QueryRows<T> rows{call.q, queries, 0, num_rows};
        for (int r = 0; r < FEW; ++r) {
            peak[r] = NOTHING_YET, sum_of_weights[r] = 0.0f;
            const T* row = rows(r);
            for (int u = 0; u < key_twos; ++u) {
                const Two part = row ? load_two(row + u * TWO, call.head_size - u * TWO) : Two{};
                store(query + (r * key_twos + u) * TWO, part.first);
                store(query + (r * key_twos + u) * TWO + VL, part.second);
            }
        }
        memset(sums, 0, sizeof(float) * FEW * value_twos * TWO);
    }

    template <int R>
    void attend(const Run& run) {
        alignas(64) float weights[R][DECODE_KEYS], factors[R];
        for (int first = 0; first < run.count; first += VL) score<R>(run, first, weights);
        for (int r = 0; r < R; ++r) factors[r] = weigh(weights[r], r, run.begin, run.count);
        constexpr int W = std::min(4, SUMS / (2 * R));
        const int whole = call.value_size / TWO;
        int u = 0;
        for (; u + W <= whole; u += W) add_values<R, W, false>(run, weights, factors, u);
        for (; u < whole; ++u) add_values<R, 1, false>(run, weights, factors, u);
        if (u < value_twos) add_values<R, 1, true>(run, weights, factors, u);
    }

    // Scores of VL keys. The sum of each stays spread over a vector until all are there.
    template <int R>
    void score(const Run& run, int first, float (*weights)[DECODE_KEYS]) const {
        constexpr int K = R * 4 <= SUMS ? 2 : 1;  // keys at a time
        const int count = std::min(VL, run.count - first);
        vf spread[R][VL] = {};
        int n = 0;
        for (; n + K <= count; n += K) score_keys<R, K>(run, first + n, n, spread);
        for (; n < count; ++n) score_keys<R, 1>(run, first + n, n, spread);
        for (int r = 0; r < R; ++r) store(weights[r] + first, sums_of(spread[r]));
    }

    template <int R, int K>
    void score_keys(const Run& run, int number, int into, vf (*spread)[VL]) const {
        const T* key = run.keys + number * call.k.token;
        for (int k = 0; k < K; ++k) fetch(run.values + (number + k) * call.v.token, call.value_size);
        vf totals[R][K][2] = {};
        const int whole = call.head_size / TWO;
        for (int u = 0; u < whole; ++u) add_products<R, K>(key + u * TWO, u, TWO, totals);
        if (whole < key_twos) add_products<R, K>(key + whole * TWO, whole, call.head_size - whole * TWO, totals);
        for (int r = 0; r < R; ++r)
            for (int k = 0; k < K; ++k) spread[r][into + k] = totals[r][k][0] + totals[r][k][1];
    }

    template <int R, int K>
    __attribute__((always_inline)) void add_products(const T* key, int u, int count, vf (&totals)[R][K][2]) const {
        for (int k = 0; k < K; ++k) {
            const Two part = load_two(key + k * call.k.token, count);
            for (int r = 0; r < R; ++r) {
                const float* mine = query + (r * key_twos + u) * TWO;
                totals[r][k][0] += part.first * load(mine);
                totals[r][k][1] += part.second * load(mine + VL);
            }
        }
    }

    // Scores of row `r` become weights; returns by which factor what was summed before shrinks.
    float weigh(float* weights, int r, int begin, int count) {
        const int vectors = ceil_div(count, VL), from = sight.from[r], to = std::min(sight.to[r], begin + count);
        float log2_scale = call.scale * LOG2_E;
        vf top = splat(HIDDEN);
        for (int i = 0; i < vectors; ++i) {
            vf score = load(weights + i * VL);
            if (call.softcap > 0) score = call.softcap * tanh(score * (call.scale / call.softcap));
            const vi key = lane_numbers() + (begin + i * VL);
            score = (key >= from) & (key < to) ? score : splat(HIDDEN);
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

    template <int R, int W, bool TAIL>
    void add_values(const Run& run, const float (*weights)[DECODE_KEYS], const float* factors, int u) {
        vf totals[R][2 * W];
        for (int r = 0; r < R; ++r)
            for (int w = 0; w < 2 * W; ++w) totals[r][w] = load(sums + (r * value_twos + u) * TWO + w * VL) * factors[r];
        for (int n = 0; n < run.count; ++n) {
            const T* value = run.values + n * call.v.token + u * TWO;
            if (u == 0) fetch(run.next_keys + n * call.k.token, call.head_size);
            for (int w = 0; w < W; ++w) {
                const Two part = load_two(value + w * TWO, TAIL ? call.value_size - u * TWO : TWO);
                for (int r = 0; r < R; ++r) {
                    totals[r][2 * w] += weights[r][n] * part.first;
                    totals[r][2 * w + 1] += weights[r][n] * part.second;
                }
            }
        }
        for (int r = 0; r < R; ++r)
            for (int w = 0; w < 2 * W; ++w) store(sums + (r * value_twos + u) * TWO + w * VL, totals[r][w]);
    }

    void finish(const Queries& queries, float* partial) const {
        float* in_order = memory.take((int64_t)value_twos * TWO);
        const Places places(queries, 0);
        for (int r = 0; r < num_rows; ++r) {
            const float* row = sums + (int64_t)r * value_twos * TWO;
            for (int u = 0; u < value_twos; ++u)
                for (int i = 0; i < TWO; ++i) in_order[u * TWO + place_in_row<T>(i)] = row[u * TWO + i];
            write_row<T>(call, places, 0, r, {in_order, peak[r], sum_of_weights[r], logf(sum_of_weights[r])}, partial);
        }
    }
};
