// Where the rows of a call lie in memory, and which keys each query sees.
#pragma once
#include "call.h"
#include "pack.h"

// Queries of one segment that share a key head, as rows: `[head in the group][token]`.
struct Queries {
    int start, length;       // tokens
    int first_head, group;   // query heads first_head … first_head + group - 1
    INLINE int head(const Queries& q, int row) { return q.first_head + row / q.length; }
    INLINE int64_t token(const Queries& q, int row) { return q.start + row % q.length; }
};

template <class T>
INLINE T* at(const Tensor& x, int64_t token, int head) {
    return static_cast<T*>(x.data) + token * x.token + head * x.head;
}

// Rows `first … first + count - 1` of the queries in tensor `x`; null past them.
template <class T>
struct QueryRows {
    const Tensor& x;
    const Queries& queries;
    int first, count;
    const T* operator()(int lane) const {
        if (lane >= count) return nullptr;
        return at<T>(x, Queries::token(queries, first + lane), Queries::head(queries, first + lane));
    }
};

// Rows of keys or values from `first` on, end to end or in pages.
template <class T>
struct KeyRows {
    const Call& call;
    const Tensor& x;
    int segment, head, first;
    const T* operator()(int row) const {
        const int64_t n = first + row;
        if (!call.block_table) return at<T>(x, call.starts_k[segment] + n, head);
        const int64_t block = call.block_table[segment * call.block_table_row + n / call.block_size];
        return static_cast<const T*>(x.data) + block * x.block + n % call.block_size * x.token + head * x.head;
    }
};

INLINE int keys_of(const Call& call, int segment) {
    return call.block_table ? call.lengths_k[segment] : call.starts_k[segment + 1] - call.starts_k[segment];
}

// The keys `[from, to)` that each lane of a tile of queries sees; of the tile as a whole, those that some lane sees, and those that all see.
template <int LANES>
struct Sight {
    alignas(64) int32_t from[LANES], to[LANES];
    int some_from, some_to, all_from, all_to;

    void look(const Call& call, const Queries& queries, int first, int count, int num_keys) {
        some_from = num_keys, some_to = 0, all_from = 0, all_to = num_keys;
        int token = first % queries.length;  // of a head; then the next head's first
        for (int lane = 0; lane < LANES; ++lane) {
            if (lane >= count) {
                from[lane] = to[lane] = 0;
                continue;
            }
            const int64_t place = token + (int64_t)num_keys - queries.length;
            token = token + 1 == queries.length ? 0 : token + 1;
            int64_t a = call.window_left < 0 ? 0 : place - call.window_left;
            int64_t b = call.window_right < 0 ? num_keys : place + call.window_right + 1;
            a = a < 0 ? 0 : a > num_keys ? num_keys : a;
            b = b < a ? a : b > num_keys ? num_keys : b;
            from[lane] = a, to[lane] = b;
            some_from = a < some_from ? a : some_from;
            some_to = b > some_to ? b : some_to;
            all_from = a > all_from ? a : all_from;
            all_to = b < all_to ? b : all_to;
        }
        if (some_to <= some_from) some_from = some_to = 0;
    }
    bool whole(int begin, int end) const { return begin >= all_from && end <= all_to; }
};
