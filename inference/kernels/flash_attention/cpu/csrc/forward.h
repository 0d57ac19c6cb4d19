// Attention forward, tile by tile: scores transposed (keys × queries), online softmax, weights times values.
#pragma once
#include "memory.h"
#include "product.h"
#include "result.h"

constexpr int BLOCK = 128;  // keys that are packed together, and whose scores are held at a time

// Packed keys and values of a block: rows of keys, panels of values.
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
          block_floats((int64_t)BLOCK * key_units + (int64_t)BLOCK / A::PER_UNIT * value_vectors * VL) {}

    void operator()(const Task& task, const Task* next, float* partial) {
        num_keys = keys_of(call, task.segment);
        const Queries queries = queries_of(call, task);
        const bool keep = task.last_tile - task.first_tile > 1;  // a block that is read once is not kept
        const int num_blocks = keep ? ceil_div(num_keys, BLOCK) : 1;
        memory.reserve(4 * (num_blocks * (block_floats + 1) + (int64_t)key_units * LANES + 2 * BLOCK * LANES + LANES * value_vectors * VL) + 4096);
        blocks = memory.take(num_blocks * block_floats);
        packed = reinterpret_cast<bool*>(memory.take(num_blocks));
        columns = memory.take((int64_t)key_units * LANES);
        scores = memory.take(BLOCK * LANES);
        weights = A::PER_UNIT == 1 ? scores : memory.take(BLOCK / A::PER_UNIT * LANES);
        sums = memory.take((int64_t)LANES * value_vectors * VL);
        memset(packed, 0, num_blocks);
        for (int tile = task.first_tile; tile < task.last_tile; ++tile) attend(task, next, queries, tile, keep, partial);
        memory.trim();
    }

  private:
    const Call& call;
    const int key_units, value_vectors;
    const int64_t block_floats;
    int num_keys;
    float *blocks, *columns, *scores, *weights, *sums;
    bool* packed;  // for each block that is kept
    Online online;
    Sight<LANES> sight;

    Block block(int number) const {
        float* here = blocks + number * block_floats;
        return {here, here + (int64_t)BLOCK * key_units};
    }

    void pack(const Task& task, int begin, int count, Block into) const {
        const KeyRows<T> keys{call, call.k, task.segment, task.kv_head, begin}, values{call, call.v, task.segment, task.kv_head, begin};
        pack_rows<A, T>(keys, count, call.head_size, into.keys, key_units);
        pack_panels<A, T>(values, count, call.value_size, into.values);
    }

    void fetch_block(const Task& task, int begin, int count) const {
        fetch_rows(KeyRows<T>{call, call.k, task.segment, task.kv_head, begin}, count, call.head_size);
        fetch_rows(KeyRows<T>{call, call.v, task.segment, task.kv_head, begin}, count, call.value_size);
    }
    void fetch_queries(const Queries& queries, int tile) const {
        const TileRows rows = tile_rows(queries, tile);
        fetch_rows(QueryRows<T>{call.q, queries, rows.first, rows.count}, rows.count, call.head_size);
    }
    void fetch_output(const Queries& queries, const TileRows& rows) const {
        fetch_rows<true>(QueryRows<T>{call.out, queries, rows.first, rows.count}, rows.count, call.value_size);
    }
    void fetch_after(const Task& task, const Task* next, const Queries& queries, int tile) const {
        if (tile + 1 < task.last_tile) fetch_queries(queries, tile + 1);
        else if (next) fetch_beginning(*next);
    }
    void fetch_beginning(const Task& task) const {
        fetch_block(task, task.first_key, std::min(BLOCK, task.last_key - task.first_key));
        if (task.first_tile < task.last_tile) fetch_queries(queries_of(call, task), task.first_tile);
    }

    int block_length(int b) const { return num_keys - b * BLOCK < BLOCK ? num_keys - b * BLOCK : BLOCK; }

    void attend(const Task& task, const Task* next, const Queries& queries, int tile, bool kept, float* partial) {
        const TileRows rows = tile_rows(queries, tile);
        const int vectors = ceil_div(rows.count, VL);
        sight.look(call, queries, rows.first, rows.count, num_keys);
        const int from = sight.some_from > task.first_key ? sight.some_from : task.first_key;
        const int to = sight.some_to < task.last_key ? sight.some_to : task.last_key;
        pack_columns<A, T>(QueryRows<T>{call.q, queries, rows.first, rows.count}, vectors, call.head_size, columns);
        online.begin();
        bool first = true;
        for (int b = from / BLOCK; b * BLOCK < to; ++b) {
            const Block here = block(kept ? b : 0);
            if (!kept || !packed[b]) pack(task, b * BLOCK, block_length(b), here);
            packed[kept ? b : 0] = true;
            if ((b + 1) * BLOCK < num_keys && !(kept && packed[b + 1])) fetch_block(task, (b + 1) * BLOCK, block_length(b + 1));
            if (first) fetch_after(task, next, queries, tile);
            if ((b + 1) * BLOCK >= to && !partial) fetch_output(queries, rows);
            int begin = b * BLOCK < from ? from : b * BLOCK;
            begin -= begin % A::PER_UNIT;  // values come in units: the key before, if any, is hidden
            const int end = (b + 1) * BLOCK < to ? (b + 1) * BLOCK : to;
            attend_block(here, b, begin, end, vectors, rows.count, first);
            first = false;
        }
        finish_tile(queries, rows, first, partial);
    }

    void attend_block(const Block& here, int b, int begin, int end, int vectors, int num_rows, bool first) {
        const int count = end - begin, offset = begin - b * BLOCK;
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
        alignas(64) float logs[LANES];
        for (int j = 0; j < LANES; j += VL) store(logs + j, log(load(online.sum + j)));
        const Places places(queries, rows.first);
        for (int r = 0; r < rows.count; ++r) {
            const float* values = sums + (int64_t)r * value_vectors * VL;
            write_row<T>(call, places, rows.first, r, {values, online.peak[r], nothing_seen ? 0.0f : online.sum[r], logs[r]}, partial);
        }
    }
};
