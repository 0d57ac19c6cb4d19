// How a call is cut into tasks for threads: a segment and a key head, some tiles of its queries, some of its keys.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "softmax.h"

struct Task {
    int segment, kv_head;
    int first_tile, last_tile;  // of the queries
    int first_key, last_key;
    int64_t cost;
    int64_t partial;  // where the part of a split goes, in floats; -1: straight into the output
};

struct TileRows {
    int first, count;
};

INLINE Queries queries_of(const Call& call, const Task& task) {
    const int group = call.num_heads / call.num_kv_heads, start = call.starts_q[task.segment];
    return {start, call.starts_q[task.segment + 1] - start, task.kv_head * group, group};
}

// Tiles do not cross heads, unless a head's queries are few: then several heads share a tile.
INLINE bool heads_share_tiles(const Queries& q) { return q.length < LANES; }
INLINE int num_tiles(const Queries& q) {
    return heads_share_tiles(q) ? ceil_div(q.length * q.group, LANES) : q.group * ceil_div(q.length, LANES);
}
INLINE TileRows tile_rows(const Queries& q, int tile) {
    if (heads_share_tiles(q)) return {tile * LANES, std::min(LANES, q.length * q.group - tile * LANES)};
    const int per_head = ceil_div(q.length, LANES), here = tile % per_head;
    return {tile / per_head * q.length + here * LANES, std::min(LANES, q.length - here * LANES)};
}

// A row of a part of a split: its log-sum-exp, then its values.
INLINE int64_t partial_floats(const Call& call) { return VL + (int64_t)ceil_div(call.value_size, VL) * VL; }

struct Plan {
    std::vector<Task> tasks;
    std::vector<int> splits;       // of each segment
    std::vector<int64_t> partials; // where the parts of each segment begin, in floats
    int64_t partial_floats = 0;
};

constexpr int TASKS_PER_THREAD = 4;
constexpr int SHARES_PER_THREAD = 32;  // of many short tasks
constexpr int KEYS_WORTH_A_SPLIT = 512;

// Into how many parts the keys of a segment are split: only when there are fewer tiles than threads.
static int splits_of(const Call& call, int keys, int64_t all_tiles) {
    if (call.num_splits > 0) return std::max(1, std::min(call.num_splits, ceil_div(keys, KEYS)));
    if (call.deterministic || all_tiles >= call.num_threads) return 1;
    const int wanted = ceil_div(2 * call.num_threads, std::max<int64_t>(1, all_tiles));
    return std::max(1, std::min(wanted, keys / KEYS_WORTH_A_SPLIT));
}

// Long tasks first: a thread that is left with one at the end would keep all others waiting.
static void sort_by_cost(Plan& plan) {
    std::stable_sort(plan.tasks.begin(), plan.tasks.end(), [](const Task& a, const Task& b) { return a.cost > b.cost; });
}

// Of the backward pass: a segment and a key head with all of its queries; keys are split when there are too few of these for the threads.
static Plan plan_backward(const Call& call) {
    Plan plan;
    const int64_t units = (int64_t)call.num_segments * call.num_kv_heads, row = (int64_t)ceil_div(call.head_size, VL) * VL;
    for (int s = 0; s < call.num_segments; ++s) {
        const Queries queries = queries_of(call, Task{s, 0});
        const int keys = keys_of(call, s), key_blocks = ceil_div(keys, KEYS);
        int splits = 1;
        if (!call.deterministic && units < call.num_threads * 2) splits = std::min<int64_t>(ceil_div(2 * call.num_threads, units), key_blocks / 4);
        splits = std::max(1, splits);
        const int64_t part = (int64_t)queries.length * queries.group * row;
        plan.splits.push_back(splits);
        plan.partials.push_back(plan.partial_floats);
        for (int head = 0; head < call.num_kv_heads; ++head)
            for (int split = 0; split < splits; ++split) {
                Task task{s, head, 0, 0, std::min(keys, key_blocks * split / splits * KEYS),
                          std::min(keys, key_blocks * (split + 1) / splits * KEYS), 0, -1};
                if (splits > 1) task.partial = plan.partial_floats + (head * splits + split) * part;
                task.cost = (int64_t)queries.length * (task.last_key - task.first_key + 1);
                plan.tasks.push_back(task);
            }
        if (splits > 1) plan.partial_floats += call.num_kv_heads * splits * part;
    }
    sort_by_cost(plan);
    return plan;
}

static Plan plan_forward(const Call& call) {
    Plan plan;
    int64_t all_tiles = 0;
    for (int s = 0; s < call.num_segments; ++s) all_tiles += call.num_kv_heads * num_tiles(queries_of(call, Task{s, 0}));
    const int64_t wanted = (int64_t)TASKS_PER_THREAD * call.num_threads;
    const int tiles_a_task = call.num_threads == 1 ? INT32_MAX : std::max<int64_t>(4, all_tiles / wanted);
    for (int s = 0; s < call.num_segments; ++s) {
        const Queries queries = queries_of(call, Task{s, 0});
        const int tiles = num_tiles(queries), keys = keys_of(call, s), key_blocks = ceil_div(keys, KEYS);
        const int splits = splits_of(call, keys, all_tiles), chunks = tiles ? 1 + (tiles - 1) / tiles_a_task : 0;
        const int64_t part = (int64_t)queries.length * queries.group * partial_floats(call);
        plan.splits.push_back(splits);
        plan.partials.push_back(plan.partial_floats);
        for (int head = 0; head < call.num_kv_heads; ++head)
            for (int split = 0; split < splits; ++split)
                for (int c = 0; c < chunks; ++c) {
                    Task task{s, head, (int)((int64_t)tiles * c / chunks), (int)((int64_t)tiles * (c + 1) / chunks),
                              std::min(keys, key_blocks * split / splits * KEYS), std::min(keys, key_blocks * (split + 1) / splits * KEYS),
                              0, -1};
                    if (splits > 1) task.partial = plan.partial_floats + (head * splits + split) * part;
                    const bool causal = call.window_right >= 0;  // then later queries see more keys
                    task.cost = (int64_t)(task.last_tile - task.first_tile) * (task.last_key - task.first_key + 1) * (causal ? c + 1 : 1);
                    plan.tasks.push_back(task);
                }
        if (splits > 1) plan.partial_floats += call.num_kv_heads * splits * part;
    }
    sort_by_cost(plan);
    return plan;
}
