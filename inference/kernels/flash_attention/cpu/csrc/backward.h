// Attention backward: weights again from the log-sum-exp, five products a tile. A task owns its keys, so that their gradients are summed by one
// thread; gradients of queries are too, or come in parts that are summed in order: nothing depends on which thread is faster.
#pragma once
#include "gradient.h"
#include "memory.h"
#include "product.h"
#include "result.h"

constexpr int TILES_AT_A_TIME = 64;  // of queries, packed and kept while the keys go by

template <class A, class T>
class Backward {
  public:
    explicit Backward(const Call& call)
        : call(call),
          key_steps(ceil_div(call.head_size, A::PER_UNIT)),
          value_steps(ceil_div(call.value_size, A::PER_UNIT)),
          key_units(ceil_div(key_steps, VL) * VL),
          value_units(ceil_div(value_steps, VL) * VL),
          key_vectors(ceil_div(call.head_size, VL)),
          value_vectors(ceil_div(call.value_size, VL)) {}

    void operator()(const Task& task, float* partial) {
        const Queries queries = queries_of(call, task);
        const int tiles = num_tiles(queries), together = std::min(tiles, TILES_AT_A_TIME);
        num_keys = keys_of(call, task.segment);
        make_room(task, together);
        for (int first = 0; first < tiles; first += together) {
            const int last = std::min(first + together, tiles);
            for (int t = first; t < last; ++t) pack_tile(queries, t, tile(t - first));
            memset(d_queries, 0, sizeof(float) * (last - first) * LANES * key_vectors * VL);
            for (int begin = task.first_key; begin < task.last_key; begin += KEYS) keys_against(task, begin, last - first);
            for (int t = first; t < last; ++t) write_queries(queries, tile(t - first), partial);
        }
        write_keys(task);
        memory.trim();
    }

  private:
    const Call& call;
    const int key_steps, value_steps, key_units, value_units, key_vectors, value_vectors;
    int num_keys;
    float *tiles, *d_queries, *d_keys, *d_values, *key_rows, *key_panels, *value_rows;
    Gradients g;

    // A tile of queries, packed: columns and panels of queries and of the outputs' gradients.
    struct Tile {
        TileState* state;
        float *q_columns, *q_panels, *do_columns, *do_panels, *d_queries;
    };
    static constexpr int64_t STATE = (sizeof(TileState) + 63) / 64 * 16;  // floats
    static constexpr int64_t STEPS = LANES / A::PER_UNIT;
    int64_t tile_floats() const { return STATE + LANES * (int64_t)(key_steps + value_steps) + STEPS * (key_vectors + value_vectors) * VL; }

    Tile tile(int number) const {
        float* state = tiles + number * tile_floats();
        float* q_columns = state + STATE;
        float* q_panels = q_columns + LANES * (int64_t)key_steps;
        float* do_columns = q_panels + STEPS * key_vectors * VL;
        float* do_panels = do_columns + LANES * (int64_t)value_steps;
        return {reinterpret_cast<TileState*>(state), q_columns, q_panels, do_columns, do_panels,
                d_queries + (int64_t)number * LANES * key_vectors * VL};
    }

    void make_room(const Task& task, int together) {
        const int64_t keys = task.last_key - task.first_key, tile_room = together * tile_floats();
        const int64_t d_queries_room = (int64_t)together * LANES * key_vectors * VL;
        const int64_t d_keys_room = keys * key_vectors * VL, d_values_room = keys * value_vectors * VL;
        const int64_t block = KEYS * (int64_t)(key_units + value_units) + KEYS / A::PER_UNIT * key_vectors * VL + 5 * KEYS * LANES;
        memory.reserve(4 * (tile_room + d_queries_room + d_keys_room + d_values_room + block) + 4096);
        tiles = memory.take(tile_room);
        d_queries = memory.take(d_queries_room);
        d_keys = memory.take(d_keys_room);
        d_values = memory.take(d_values_room);
        key_rows = memory.take(KEYS * (int64_t)key_units);
        value_rows = memory.take(KEYS * (int64_t)value_units);
        key_panels = memory.take(KEYS / A::PER_UNIT * (int64_t)key_vectors * VL);
        g.scores = memory.take(KEYS * LANES);
        g.d_weights = memory.take(KEYS * LANES);
        g.weights_rows = A::PER_UNIT == 1 ? g.scores : memory.take(KEYS * LANES / A::PER_UNIT);
        g.d_scores_rows = A::PER_UNIT == 1 ? g.d_weights : memory.take(KEYS * LANES / A::PER_UNIT);
        g.d_scores_steps = A::PER_UNIT == 1 ? g.d_weights : memory.take(KEYS * LANES / A::PER_UNIT);
        memset(d_keys, 0, sizeof(float) * d_keys_room);
        memset(d_values, 0, sizeof(float) * d_values_room);
    }

    void pack_tile(const Queries& queries, int number, const Tile& tile) const {
        const TileRows rows = tile_rows(queries, number);
        TileState& state = *tile.state;
        state.first = rows.first, state.count = rows.count;
        state.vectors = ceil_div(ceil_div(rows.count, VL), A::PER_UNIT) * A::PER_UNIT;
        state.sight.look(call, queries, rows.first, rows.count, num_keys);
        for (int r = 0; r < LANES; ++r) {
            state.lse[r] = 1e30f, state.delta[r] = 0.0f;
            if (r < rows.count) measure(queries, rows.first + r, state.lse[r], state.delta[r]);
        }
        const QueryRows<T> q{call.q, queries, rows.first, rows.count}, d_out{call.grad_out, queries, rows.first, rows.count};
        pack_columns<A, T>(q, state.vectors, call.head_size, tile.q_columns);
        pack_panels<A, T>(q, rows.count, call.head_size, tile.q_panels);
        pack_columns<A, T>(d_out, state.vectors, call.value_size, tile.do_columns);
        pack_panels<A, T>(d_out, rows.count, call.value_size, tile.do_panels);
    }

    void measure(const Queries& queries, int row, float& lse, float& delta) const {
        const int64_t token = Queries::token(queries, row);
        const int head = Queries::head(queries, row);
        const T *out = at<T>(call.out, token, head), *d_out = at<T>(call.grad_out, token, head);
        vf total = {};
        for (int j = 0; j < value_vectors; ++j) {
            const int rest = call.value_size - j * VL;
            total += load_as_float(out + j * VL, rest) * load_as_float(d_out + j * VL, rest);
        }
        const float here = call.lse[head * call.lse_head + token];
        if (here == -INFINITY) return;
        lse = here;
        delta = sum(total) - (call.grad_lse ? call.grad_lse[head * call.lse_head + token] : 0.0f);
    }

    void keys_against(const Task& task, int begin, int tiles_here) {
        const int count = std::min(KEYS, task.last_key - begin);
        const KeyRows<T> keys{call, call.k, task.segment, task.kv_head, begin}, values{call, call.v, task.segment, task.kv_head, begin};
        pack_rows<A, T>(keys, count, call.head_size, key_rows, key_units);
        pack_rows<A, T>(values, count, call.value_size, value_rows, value_units);
        pack_panels<A, T>(keys, count, call.head_size, key_panels);
        for (int t = 0; t < tiles_here; ++t) {
            const Sight<LANES>& sight = tile(t).state->sight;
            if (sight.some_from < begin + count && sight.some_to > begin) against(tile(t), begin, count, begin - task.first_key);
        }
    }

    void against(const Tile& tile, int begin, int count, int64_t place) {
        const TileState& state = *tile.state;
        const int row_units = LANES / A::PER_UNIT, query_steps = ceil_div(state.count, A::PER_UNIT);
        const int block_steps = ceil_div(count, A::PER_UNIT);
        product<A, Order::ROWS>(key_rows, key_units, tile.q_columns, key_steps, 0, key_steps, count, state.vectors, Assign{}, g.scores, LANES);
        product<A, Order::ROWS>(value_rows, value_units, tile.do_columns, value_steps, 0, value_steps, count, state.vectors, Assign{},
                                g.d_weights, LANES);
        differentiate<A>(call, state, g, begin, count);
        product<A, Order::ROWS>(g.weights_rows, row_units, tile.do_panels, query_steps, 0, query_steps, count, value_vectors, Add{},
                                d_values + place * value_vectors * VL, value_vectors * VL);
        product<A, Order::ROWS>(g.d_scores_rows, row_units, tile.q_panels, query_steps, 0, query_steps, count, key_vectors, Add{},
                                d_keys + place * key_vectors * VL, key_vectors * VL);
        product<A, Order::STEPS>(g.d_scores_steps, LANES, key_panels, block_steps, 0, block_steps, state.count, key_vectors, Add{},
                                 tile.d_queries, key_vectors * VL);
    }

    void write_queries(const Queries& queries, const Tile& tile, float* partial) const {
        for (int r = 0; r < tile.state->count; ++r) {
            const int row = tile.state->first + r;
            const float* from = tile.d_queries + (int64_t)r * key_vectors * VL;
            if (partial) memcpy(partial + (int64_t)row * key_vectors * VL, from, sizeof(float) * key_vectors * VL);
            else write(call.grad_q, Queries::token(queries, row), Queries::head(queries, row), from, key_vectors, call.head_size);
        }
    }

    void write_keys(const Task& task) const {
        for (int n = task.first_key; n < task.last_key; ++n) {
            const int64_t token = call.starts_k[task.segment] + n, place = n - task.first_key;
            write(call.grad_k, token, task.kv_head, d_keys + place * key_vectors * VL, key_vectors, call.head_size);
            write(call.grad_v, token, task.kv_head, d_values + place * value_vectors * VL, value_vectors, call.value_size);
        }
    }

    static void write(const Tensor& x, int64_t token, int head, const float* from, int vectors, int size) {
        T* into = at<T>(x, token, head);
        for (int j = 0; j < vectors; ++j) store_from_float(into + j * VL, load(from + j * VL), size - j * VL);
    }
};

// Gradients of a query from the parts that tasks over disjoint keys computed, in the order of the keys.
template <class T>
static void sum_parts(const Call& call, const Queries& queries, int row, const float* parts, int splits, int64_t stride) {
    const int vectors = ceil_div(call.head_size, VL);
    T* into = at<T>(call.grad_q, Queries::token(queries, row), Queries::head(queries, row));
    for (int j = 0; j < vectors; ++j) {
        vf total = {};
        for (int i = 0; i < splits; ++i) total += load(parts + i * stride + (int64_t)row * vectors * VL + j * VL);
        store_from_float(into + j * VL, total, call.head_size - j * VL);
    }
}
