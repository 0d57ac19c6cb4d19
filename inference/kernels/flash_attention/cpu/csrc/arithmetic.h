// The two kinds of arithmetic: floats one by one, and bf16 in pairs with dot products. All tiles are made of 32-bit units: a float, or a pair.
#pragma once
#include "simd.h"

struct FloatArithmetic {
    static constexpr int PER_UNIT = 1;  // values in a unit
    static constexpr int EXP_DEGREE = 6;
    INLINE vf dot(vf total, vf a, vf b) { return a * b + total; }
};

struct Bf16Arithmetic {
    static constexpr int PER_UNIT = 2;
    static constexpr int EXP_DEGREE = 4;  // weights are rounded to 8 bits afterwards
#if defined(__AVX512BF16__)
    INLINE vf dot(vf total, vf a, vf b) { return (vf)_mm512_dpbf16_ps((__m512)total, (__m512bh)a, (__m512bh)b); }
    // (low[0], high[0]), (low[1], high[1]), …
    INLINE vf interleave(vf low, vf high) {
        const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4,
                                               19, 3, 18, 2, 17, 1, 16, 0);
        return (vf)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low));
    }
    // (first[0], first[1]), …, (second[0], second[1]), …
    INLINE vf concatenate(vf first, vf second) { return (vf)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first); }
#endif
};
