// Finished rows: written into the tensors, or into the part of a split and merged from there.
#pragma once
#include "tasks.h"

// A row whose weighted values are summed, weights being exp(score - peak).
struct Sums {
    const float* values;
    float peak, weights, log_of_weights;
};

// Output and log-sum-exp of row `first + lane`, `places` being those from `first` on.
template <class T>
INLINE void write_row(const Call& call, const Places& places, int first, int lane, const Sums& sums, float* partial) {
    const int vectors = ceil_div(call.value_size, VL);
    const float* row = sums.values;
    const bool empty = sums.weights == 0.0f;
    const float lse = empty ? -INFINITY : sums.peak * (call.softcap > 0 ? 1.0f : call.scale) + sums.log_of_weights;
    const vf inverse = splat(empty ? 0.0f : 1.0f / sums.weights);
    if (partial) {
        float* into = partial + (first + lane) * partial_floats(call);
        into[0] = lse;
        for (int j = 0; j < vectors; ++j) store(into + VL + j * VL, empty ? vf{} : load(row + j * VL) * inverse);
        return;
    }
    const int64_t token = places.token(lane);
    const int head = places.head(lane);
    if (call.lse) call.lse[head * call.lse_head + token] = lse;
    T* into = at<T>(call.out, token, head);
    for (int j = 0; j < vectors; ++j)
        store_from_float(into + j * VL, empty ? vf{} : load(row + j * VL) * inverse, call.value_size - j * VL);
}

// A row from the parts of its splits, `stride` floats apart, in the order of the keys.
template <class T>
static void merge_row(const Call& call, const Queries& queries, int number, const float* parts, int splits, int64_t stride) {
    const int vectors = ceil_div(call.value_size, VL);
    const float* first = parts + number * partial_floats(call);
    float peak = -INFINITY, total = 0.0f;
    for (int i = 0; i < splits; ++i) peak = std::max(peak, first[i * stride]);
    const bool empty = peak == -INFINITY;
    for (int i = 0; i < splits && !empty; ++i) total += expf(first[i * stride] - peak);
    const int64_t token = Queries::token(queries, number);
    const int head = Queries::head(queries, number);
    if (call.lse) call.lse[head * call.lse_head + token] = empty ? -INFINITY : peak + logf(total);
    T* into = at<T>(call.out, token, head);
    for (int j = 0; j < vectors; ++j) {
        vf value = {};
        for (int i = 0; i < splits && !empty; ++i)
            value += load(first + i * stride + VL + j * VL) * splat(expf(first[i * stride] - peak) / total);
        store_from_float(into + j * VL, value, call.value_size - j * VL);
    }
}
