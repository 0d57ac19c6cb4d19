// The functions that Python calls, for one instruction set. OpenMP's threads are torch's own: this library is not linked to a pool of its own.
#include <type_traits>

#include "backward.h"
#include "decode.h"
#include "forward.h"

namespace {

using HalfArithmetic = std::conditional_t<HAS_BF16_DOT, Bf16Arithmetic, FloatArithmetic>;

// `work(task, the thread's next task if it is known, part of a split)` for each task.
template <class Work>
void run_tasks(const Call& call, const Plan& plan, float* partials, const Work& work) {
    const int num_tasks = plan.tasks.size(), threads = std::max(1, std::min(call.num_threads, num_tasks));
    const int together = std::max(1, num_tasks / (threads * SHARES_PER_THREAD));  // neighbours, whose rows lie side by side
#pragma omp parallel for num_threads(threads) schedule(dynamic, together) if (threads > 1)
    for (int i = 0; i < num_tasks; ++i) {
        const Task& task = plan.tasks[i];
        const bool more = i + 1 < num_tasks && (threads == 1 || (i + 1) % together);
        work(task, more ? &plan.tasks[i + 1] : nullptr, task.partial < 0 ? nullptr : partials + task.partial);
    }
}

// `merge(queries, row, parts, splits, stride)` for each row of each segment whose keys were split into parts of `row_floats` a row.
template <class Merge>
void merge_parts(const Call& call, const Plan& plan, const float* partials, int64_t row_floats, const Merge& merge) {
    if (plan.partial_floats == 0) return;
    const int units = call.num_segments * call.num_kv_heads;
#pragma omp parallel for num_threads(call.num_threads) schedule(dynamic, 1) if (call.num_threads > 1)
    for (int unit = 0; unit < units; ++unit) {
        const int s = unit / call.num_kv_heads, head = unit % call.num_kv_heads;
        if (plan.splits[s] == 1) continue;
        const Queries queries = queries_of(call, Task{s, head});
        const int rows = queries.length * queries.group;
        const int64_t stride = rows * row_floats;
        const float* parts = partials + plan.partials[s] + head * plan.splits[s] * stride;
        for (int r = 0; r < rows; ++r) merge(queries, r, parts, plan.splits[s], stride);
    }
}

template <class A, class T>
void forward(const Call& call) {
    const Plan plan = plan_forward(call);
    std::vector<float> partials(plan.partial_floats);
    run_tasks(call, plan, partials.data(), [&](const Task& task, const Task* next, float* partial) {
        if (Decode<T>::fits(call, queries_of(call, task))) Decode<T>{call}(task, partial);
        else Forward<A, T>{call}(task, next, partial);
    });
    merge_parts(call, plan, partials.data(), partial_floats(call), [&](const Queries& queries, int row, const float* parts, int splits, int64_t stride) {
        merge_row<T>(call, queries, row, parts, splits, stride);
    });
}

template <class A, class T>
void backward(const Call& call) {
    const Plan plan = plan_backward(call);
    std::vector<float> partials(plan.partial_floats);
    run_tasks(call, plan, partials.data(), [&](const Task& task, const Task*, float* partial) { Backward<A, T>{call}(task, partial); });
    const int64_t row_floats = (int64_t)ceil_div(call.head_size, VL) * VL;
    merge_parts(call, plan, partials.data(), row_floats, [&](const Queries& queries, int row, const float* parts, int splits, int64_t stride) {
        sum_parts<T>(call, queries, row, parts, splits, stride);
    });
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void deftly_attention_forward(const Call* call) {
    if (call->dtype == FLOAT32) forward<FloatArithmetic, float>(*call);
    else if (call->dtype == BFLOAT16) forward<HalfArithmetic, bf16>(*call);
    else forward<FloatArithmetic, fp16>(*call);
}

extern "C" __attribute__((visibility("default"))) void deftly_attention_backward(const Call* call) {
    if (call->dtype == FLOAT32) backward<FloatArithmetic, float>(*call);
    else if (call->dtype == BFLOAT16) backward<HalfArithmetic, bf16>(*call);
    else backward<FloatArithmetic, fp16>(*call);
}
