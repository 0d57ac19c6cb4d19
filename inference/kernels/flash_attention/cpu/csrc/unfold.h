// Rows read two vectors at a time, halves in the order in which they unfold without a shuffle, and sums of many vectors at once.
#pragma once
#include <type_traits>

#include "simd.h"

constexpr int TWO = 2 * VL;  // values

struct Two {
    vf first, second;
};

// `count` values from `p` as floats, zeros after them: of bf16, those at even places and those at odd ones.
template <class T>
INLINE Two load_two(const T* p, int count) {
    return {load_as_float(p, count), load_as_float(p + VL, count - VL)};
}
INLINE Two load_two(const bf16* p, int count) {
    vu bits = {};
    if (count >= TWO) memcpy(&bits, p, sizeof bits);
#if defined(__AVX512F__)
    else bits = (vu)_mm512_maskz_loadu_epi16((1u << count) - 1, p);
#else
    else memcpy(&bits, p, count * 2);
#endif
    return {(vf)(bits << 16), (vf)(bits & 0xffff0000u)};
}

// The place in the row of value `i` of the two vectors.
template <class T>
INLINE int place_in_row(int i) {
    return std::is_same_v<T, bf16> ? i % VL * 2 + i / VL : i;
}

// The sum of each vector, in its lane.
INLINE vf sums_of(const vf x[VL]) {
#if defined(__AVX512F__)
    __m512 a[8], b[4], c[2];
    for (int i = 0; i < 8; ++i) {
        const __m512 even = (__m512)x[2 * i], odd = (__m512)x[2 * i + 1];
        a[i] = _mm512_unpacklo_ps(even, odd) + _mm512_unpackhi_ps(even, odd);
    }
    for (int i = 0; i < 4; ++i) {
        const __m512d even = (__m512d)a[2 * i], odd = (__m512d)a[2 * i + 1];
        b[i] = (__m512)_mm512_unpacklo_pd(even, odd) + (__m512)_mm512_unpackhi_pd(even, odd);
    }
    for (int i = 0; i < 2; ++i)
        c[i] = _mm512_shuffle_f32x4(b[2 * i], b[2 * i + 1], 0x88) + _mm512_shuffle_f32x4(b[2 * i], b[2 * i + 1], 0xdd);
    return (vf)(_mm512_shuffle_f32x4(c[0], c[1], 0x88) + _mm512_shuffle_f32x4(c[0], c[1], 0xdd));
#else
    vf totals;
    for (int i = 0; i < VL; ++i) totals[i] = sum(x[i]);
    return totals;
#endif
}

INLINE vi lane_numbers() {
    vi numbers;
    for (int i = 0; i < VL; ++i) numbers[i] = i;
    return numbers;
}
