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

// Where the rows from `first` on belong; it divides only where heads change.
struct Places {
    const Queries& queries;
    int first_head, first_token;

    Places(const Queries& queries, int first)
        : queries(queries), first_head(queries.length ? first / queries.length : 0), first_token(first - first_head * queries.length) {}
    INLINE int steps(const Places& p, int lane) { return p.first_token + lane < p.queries.length ? 0 : (p.first_token + lane) / p.queries.length; }
    int head(int lane) const { return queries.first_head + first_head + steps(*this, lane); }
    int64_t token(int lane) const { return queries.start + first_token + lane - steps(*this, lane) * queries.length; }
};

// Rows `first … first + count - 1` of the queries in tensor `x`; null past them.
template <class T>
struct QueryRows {
    const Tensor& x;
    const Places places;
    const int count;

    QueryRows(const Tensor& x, const Queries& queries, int first, int count) : x(x), places(queries, first), count(count) {}
    T* operator()(int lane) const { return lane < count ? at<T>(x, places.token(lane), places.head(lane)) : nullptr; }
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

// Rows that are read, or written, soon. They are far apart, and each head's part of them is short: nothing but this would bring them.
template <bool WRITTEN = false, class T>
INLINE void fetch(const T* row, int size) {  // into the second-level cache: the first has no room
    for (int64_t byte = 0; byte < size * (int64_t)sizeof(T); byte += 64) __builtin_prefetch(reinterpret_cast<const char*>(row) + byte, WRITTEN, 2);
}
template <bool WRITTEN = false, class Rows>
INLINE void fetch_rows(const Rows& rows, int count, int size) {
    for (int r = 0; r < count; ++r) fetch<WRITTEN>(rows(r), size);
}

INLINE int keys_of(const Call& call, int segment) {
    return call.block_table ? call.lengths_k[segment] : call.starts_k[segment + 1] - call.starts_k[segment];
}

// The keys `[from, to)` that each lane of a tile of queries sees; of the tile as a whole, those that some lane sees, and those that all see.
template <int LANES>
struct Sight {
    alignas(64) int32_t from[LANES], to[LANES];
    int some_from, some_to, all_from, all_to;

    void look(const Call& call, const Queries& queries, int first, int count, int num_keys) {
        if (call.window_left < 0 && call.window_right < 0 && count == LANES) return look_at_all(num_keys);
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
    void look_at_all(int num_keys) {
        some_from = all_from = 0, some_to = all_to = num_keys;
        for (int lane = 0; lane < LANES; ++lane) from[lane] = 0, to[lane] = num_keys;
    }
    bool whole(int begin, int end) const { return begin >= all_from && end <= all_to; }
};
