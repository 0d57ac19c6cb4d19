// Finished rows: written into the tensors, or into the part of a split and merged from there.
#pragma once
#include "tasks.h"

// Output and log-sum-exp of a row whose weighted values are summed in `row`, weights being exp(score - peak).
template <class T>
INLINE void write_row(const Call& call, const Queries& queries, int number, const float* row, float peak, float sum_of_weights, float* partial) {
    const int vectors = ceil_div(call.value_size, VL);
    const bool empty = sum_of_weights == 0.0f;
    const float lse = empty ? -INFINITY : peak * (call.softcap > 0 ? 1.0f : call.scale) + logf(sum_of_weights);
    const vf inverse = splat(empty ? 0.0f : 1.0f / sum_of_weights);
    if (partial) {
        float* into = partial + number * partial_floats(call);
        into[0] = lse;
        for (int j = 0; j < vectors; ++j) store(into + VL + j * VL, empty ? vf{} : load(row + j * VL) * inverse);
        return;
    }
    const int64_t token = Queries::token(queries, number);
    const int head = Queries::head(queries, number);
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
