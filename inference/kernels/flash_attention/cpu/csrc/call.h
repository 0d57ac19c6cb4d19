// One call of attention: what Python hands over. Strides count elements; the last axis of every tensor is dense.
#pragma once
#include <cstdint>

enum Dtype : int32_t { FLOAT32 = 0, BFLOAT16 = 1, FLOAT16 = 2 };

struct Tensor {  // [token, head, size]; of a paged cache, [block, token, head, size]
    void* data;
    int64_t token;
    int64_t head;
    int64_t block;
};

struct Call {
    Tensor q, k, v, out;
    Tensor grad_out, grad_q, grad_k, grad_v;  // backward only
    float* lse;                               // [H, T], natural logarithm
    const float* grad_lse;                    // [H, T] or null
    int64_t lse_head;                         // stride of lse and grad_lse
    const int32_t* starts_q;                  // [S + 1]
    const int32_t* starts_k;                  // [S + 1]; null when paged
    const int32_t* lengths_k;                 // [S], paged only
    const int32_t* block_table;               // [S, …], paged only
    int64_t block_table_row;
    int32_t block_size;
    int32_t num_segments, num_heads, num_kv_heads, head_size, value_size;
    int32_t dtype;
    int32_t window_left, window_right;  // -1: no limit
    float scale, softcap;
    int32_t num_threads;
    int32_t num_splits;     // of the keys; 0: as many as the threads can use
    int32_t deterministic;  // nothing may depend on the number of threads
};
