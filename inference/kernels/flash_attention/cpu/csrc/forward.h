// Attention forward, tile by tile: scores transposed (keys × queries), online softmax, weights times values.
#pragma once
#include "memory.h"
#include "product.h"
#include "result.h"

// Packed keys and values of a block of KEYS: rows of keys, panels of values.
struct Block {
    float* keys;
    float* values;
};

template <class A, class T>
class Forward {
  public:
    explicit Forward(const Call& call)
        : call(call),
          key_units(ceil_div(ceil_div(call.head_size, A::PER_UNIT), VL) * VL),
          value_vectors(ceil_div(call.value_size, VL)),
          block_floats((int64_t)KEYS * key_units + (int64_t)KEYS / A::PER_UNIT * value_vectors * VL) {}

    void operator()(const Task& task, float* partial) {
        num_keys = keys_of(call, task.segment);
        const Queries queries = queries_of(call, task);
        const int num_tiles = task.last_tile - task.first_tile;
        const bool keep = num_tiles > 1;  // a block that is read once is packed when it is read
        const int num_blocks = keep ? ceil_div(num_keys, KEYS) : 1;
        memory.reserve(4 * (num_blocks * block_floats + (int64_t)key_units * LANES + 2 * KEYS * LANES + LANES * value_vectors * VL) + 4096);
        blocks = memory.take(num_blocks * block_floats);
        columns = memory.take((int64_t)key_units * LANES);
        scores = memory.take(KEYS * LANES);
        weights = A::PER_UNIT == 1 ? scores : memory.take(KEYS / A::PER_UNIT * LANES);
        sums = memory.take((int64_t)LANES * value_vectors * VL);
        if (keep) pack_all(task, queries);
        else if (num_keys <= 2 * KEYS) fetch_next_head(task, queries);
        for (int tile = task.first_tile; tile < task.last_tile; ++tile) attend(task, queries, tile, keep, partial);
        memory.trim();
    }

  private:
    const Call& call;
    const int key_units, value_vectors;
    const int64_t block_floats;
    int num_keys;
    float *blocks, *columns, *scores, *weights, *sums;
    Online online;
    Sight<LANES> sight;

    Block block(int number) const {
        float* here = blocks + number * block_floats;
        return {here, here + (int64_t)KEYS * key_units};
    }

    void pack(const Task& task, int begin, int count, Block into) const {
        const KeyRows<T> keys{call, call.k, task.segment, task.kv_head, begin}, values{call, call.v, task.segment, task.kv_head, begin};
        pack_rows<A, T>(keys, count, call.head_size, into.keys, key_units);
        pack_panels<A, T>(values, count, call.value_size, into.values);
    }

    // Short segments wait for memory: rows are far apart, and each head's part of them is short. The next head's come while this one computes.
    void fetch_next_head(const Task& task, const Queries& queries) const {
        const int next = task.kv_head + 1;
        if (next == call.num_kv_heads) return;
        fetch(KeyRows<T>{call, call.k, task.segment, next, 0}, num_keys, call.head_size);
        fetch(KeyRows<T>{call, call.v, task.segment, next, 0}, num_keys, call.value_size);
        Queries after = queries;
        after.first_head += queries.group;
        fetch(QueryRows<T>{call.q, after, 0, LANES}, std::min(LANES, queries.length * queries.group), call.head_size);
    }
    template <class Rows>
    static void fetch(const Rows& rows, int count, int size) {
        for (int r = 0; r < count; ++r) {
            const char* row = reinterpret_cast<const char*>(rows(r));
            for (int64_t byte = 0; byte < size * (int64_t)sizeof(T); byte += 64) __builtin_prefetch(row + byte);
        }
    }

    // All blocks that a tile of the task sees.
    void pack_all(const Task& task, const Queries& queries) {
        int from = num_keys, to = 0;
        for (int tile = task.first_tile; tile < task.last_tile; ++tile) {
            const TileRows rows = tile_rows(queries, tile);
            sight.look(call, queries, rows.first, rows.count, num_keys);
            if (sight.some_to == sight.some_from) continue;
            from = sight.some_from < from ? sight.some_from : from;
            to = sight.some_to > to ? sight.some_to : to;
        }
        for (int b = from / KEYS; b * KEYS < to; ++b) pack(task, b * KEYS, block_length(b), block(b));
    }
    int block_length(int b) const { return num_keys - b * KEYS < KEYS ? num_keys - b * KEYS : KEYS; }

    void attend(const Task& task, const Queries& queries, int tile, bool kept, float* partial) {
        const TileRows rows = tile_rows(queries, tile);
        const int vectors = ceil_div(rows.count, VL);
        sight.look(call, queries, rows.first, rows.count, num_keys);
        const int from = sight.some_from > task.first_key ? sight.some_from : task.first_key;
        const int to = sight.some_to < task.last_key ? sight.some_to : task.last_key;
        pack_columns<A, T>(QueryRows<T>{call.q, queries, rows.first, rows.count}, vectors, call.head_size, columns);
        online.begin();
        bool first = true;
        for (int b = from / KEYS; b * KEYS < to; ++b) {
            const Block here = block(kept ? b : 0);
            if (!kept) pack(task, b * KEYS, block_length(b), here);
            int begin = b * KEYS < from ? from : b * KEYS;
            begin -= begin % A::PER_UNIT;  // values come in units: the key before, if any, is hidden
            const int end = (b + 1) * KEYS < to ? (b + 1) * KEYS : to;
            attend_block(here, b, begin, end, vectors, rows.count, first);
            first = false;
        }
        finish_tile(queries, rows, first, partial);
    }

    void attend_block(const Block& here, int b, int begin, int end, int vectors, int num_rows, bool first) {
        const int count = end - begin, offset = begin - b * KEYS;
        const int key_steps = ceil_div(call.head_size, A::PER_UNIT);
        online.begin_tile(vectors);
        product<A, Order::ROWS>(here.keys + (int64_t)offset * key_units, key_units, columns, key_steps, 0, key_steps, count, vectors,
                                StoreScores{online.tile_peak}, scores, LANES);
        const bool hide = !sight.whole(begin, end);
        float log2_scale = call.scale * LOG2_E;
        if (hide || call.softcap > 0) {
            bend_and_hide(scores, vectors, begin, count, sight, call.scale, call.softcap, hide, online.tile_peak);
            if (call.softcap > 0) log2_scale = LOG2_E;
        }
        shrink(online, vectors, log2_scale);
        weigh_tile<A>(scores, count, vectors, weights, online, log2_scale);
        product<A, Order::STEPS>(weights, LANES, here.values, ceil_div(block_length(b), A::PER_UNIT), offset / A::PER_UNIT,
                                 ceil_div(count, A::PER_UNIT), num_rows, value_vectors, Rescale{online.factor, first}, sums,
                                 value_vectors * VL);
    }

    void finish_tile(const Queries& queries, const TileRows& rows, bool nothing_seen, float* partial) {
        for (int r = 0; r < rows.count; ++r)
            write_row<T>(call, queries, rows.first + r, sums + (int64_t)r * value_vectors * VL, online.peak[r],
                         nothing_seen ? 0.0f : online.sum[r], partial);
    }
};
