// Vectors as wide as the instruction set that this file is compiled for, and the few things that are done with them.
#pragma once
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
constexpr int VL = 16;           // floats in a vector
constexpr int PANEL_VECTORS = 4; // a register tile is MAX_ROWS × PANEL_VECTORS vectors
#elif defined(__AVX2__)
constexpr int VL = 8;
constexpr int PANEL_VECTORS = 2;
#elif defined(__aarch64__)
constexpr int VL = 4;
constexpr int PANEL_VECTORS = 4;
#else
constexpr int VL = 4;
constexpr int PANEL_VECTORS = 2;
#endif
constexpr int MAX_ROWS = 6;

#if defined(__AVX512BF16__)
constexpr bool HAS_BF16_DOT = true;
#else
constexpr bool HAS_BF16_DOT = false;
#endif

typedef float vf __attribute__((vector_size(VL * 4)));
typedef int32_t vi __attribute__((vector_size(VL * 4)));
typedef uint32_t vu __attribute__((vector_size(VL * 4)));
typedef uint16_t vh __attribute__((vector_size(VL * 2)));

struct bf16 { uint16_t bits; };
struct fp16 { uint16_t bits; };

#define INLINE static inline __attribute__((always_inline))

INLINE vf load(const float* p) { vf x; memcpy(&x, p, sizeof x); return x; }
INLINE void store(float* p, vf x) { memcpy(p, &x, sizeof x); }
INLINE vi splat_int(int32_t x) { return x - vi{}; }
INLINE vf splat(float x) {  // of any bits: units may be pairs of halves, which no float arithmetic may touch
#if defined(__AVX512F__)
    return (vf)_mm512_set1_ps(x);
#elif defined(__AVX2__)
    return (vf)_mm256_set1_ps(x);
#else
    int32_t bits;
    memcpy(&bits, &x, 4);
    return (vf)splat_int(bits);
#endif
}

#if defined(__AVX512F__)
INLINE vf max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vf round_nearest(vf x) { return (vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE vf times_power_of_two(vf x, vf n) { return (vf)_mm512_scalef_ps((__m512)x, (__m512)n); }
#else
#if defined(__AVX2__)
INLINE vf max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
#else
INLINE vf max(vf a, vf b) { return a > b ? a : b; }
#endif
INLINE vf round_nearest(vf x) {
    const vf shift = splat(12582912.0f);  // 1.5 · 2^23: adding it leaves no bits behind the point
    return (x + shift) - shift;
}
INLINE vf times_power_of_two(vf x, vf n) {
    vi exponent = __builtin_convertvector(max(n, splat(-127.0f)), vi);
    vf scaled = (vf)((vi)x + (exponent << 23));
    return exponent <= -126 ? vf{} : scaled;
}
#endif

// 2^x for x ≤ 0 or so; what is below 2^-126 becomes 0. Near-minimax polynomials on [-0.5, 0.5]: error 2e-9 with degree 6, 3e-6 with 4.
template <int DEGREE>
INLINE vf exp2(vf x) {
    vf n = round_nearest(x), f = x - n, p;
    if (DEGREE == 6) {
        p = 0.000153458114f * f + 0.00133999312f;
        p = p * f + 0.00961848896f;
        p = p * f + 0.0555032878f;
        p = p * f + 0.240226469f;
        p = p * f + 0.693147206f;
        p = p * f + 1.0f;
    } else {
        p = 0.00957010128f * f + 0.0559178603f;
        p = p * f + 0.240247448f;
        p = p * f + 0.693121815f;
        p = p * f + 0.999999261f;
    }
    return times_power_of_two(p, n);
}

// Natural logarithm of normal numbers above 0, after Cephes: 1 ulp.
INLINE vf log(vf x) {
    const vi bits = (vi)x, exponent = ((bits - 0x3f3504f3) >> 23);  // so that the fraction is from √½ to √2
    const vf n = __builtin_convertvector(exponent, vf), f = (vf)(bits - (exponent << 23)) - 1.0f, square = f * f;
    vf p = 7.0376836292e-2f * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    vf y = p * f * square - 2.12194440e-4f * n - 0.5f * square;
    y = f + y + 0.693359375f * n;
    return x == x ? y : x;
}

// tanh, after Cephes: a polynomial near 0, where the other form would lose its digits, and exponentials elsewhere.
INLINE vf tanh(vf x) {
    vf size = x < 0.0f ? -x : x, square = x * x;
    vf p = -5.70498872745e-3f * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    vf near = p * square * x + x;
    vf shrunk = exp2<6>(size * -2.885390081777927f);  // e^(-2|x|)
    vf far = (1.0f - shrunk) / (1.0f + shrunk);
    far = x < 0.0f ? -far : far;
    return size < 0.625f ? near : far;
}

INLINE float sum(vf x) {
#if defined(__AVX512F__)
    return _mm512_reduce_add_ps((__m512)x);
#else
    float total = 0;
    for (int i = 0; i < VL; ++i) total += x[i];
    return total;
#endif
}

INLINE float largest(vf x) {
#if defined(__AVX512F__)
    return _mm512_reduce_max_ps((__m512)x);
#else
    float top = x[0];
    for (int i = 1; i < VL; ++i) top = x[i] > top ? x[i] : top;
    return top;
#endif
}

// Halves, widened and narrowed.

INLINE vh load_halves(const uint16_t* p) { vh x; memcpy(&x, p, sizeof x); return x; }
INLINE vu widen(vh x) { return __builtin_convertvector(x, vu); }

INLINE vf to_float(vh x, bf16) { return (vf)(widen(x) << 16); }
INLINE vf to_float(vh x, fp16) {
#if defined(__AVX512F__)
    return (vf)_mm512_cvtph_ps((__m256i)x);
#elif defined(__AVX2__)
    return (vf)_mm256_cvtph_ps((__m128i)x);
#else
    vu h = widen(x), sign = (h & 0x8000u) << 16, rest = (h & 0x7fffu) << 13;
    vf scaled = (vf)rest * 5.192296858534828e+33f;  // 2^112: the difference of the biases, right for subnormals too
    vu bits = (h & 0x7c00u) == 0x7c00u ? (rest | 0x7f800000u) : (vu)scaled;
    return (vf)(bits | sign);
#endif
}

INLINE vh to_halves(vf x, bf16) {
#if defined(__AVX512BF16__)
    return (vh)_mm512_cvtneps_pbh((__m512)x);
#else
    vu bits = (vu)x, rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return __builtin_convertvector((x == x ? rounded : (bits >> 16) | 0x40u), vh);
#endif
}
INLINE vh to_halves(vf x, fp16) {
#if defined(__AVX512F__)
    return (vh)_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT);
#elif defined(__AVX2__)
    return (vh)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT);
#else
    // Round by letting the float unit do it: scaled so that the last kept bit is where a float's last bit is.
    vu bits = (vu)x, sign = bits & 0x80000000u;
    vf size = (vf)(bits ^ sign);
    vf capped = size > 65536.0f ? splat(65536.0f) : size;
    vu even = (vu)capped, normal = (even + 0xfffu + ((even >> 13) & 1u)) >> 13;
    vu tiny = (vu)(capped + 0.5f) - 0x3f000000u;
    vu half = capped < 6.103515625e-05f ? tiny : normal - (112u << 10);
    half = half > 0x7c00u ? (vu)splat_int(0x7c00) : half;
    half = size == size ? half : (vu)splat_int(0x7e00);
    return __builtin_convertvector(half | (sign >> 16), vh);
#endif
}

// `count` halves from `p`, zeros after them.
INLINE vh load_some_halves(const uint16_t* p, int count) {
    if (count >= VL) return load_halves(p);
#if defined(__AVX512F__)
    return (vh)_mm256_maskz_loadu_epi16(count > 0 ? (1u << count) - 1 : 0, p);
#else
    vh x = {};
    if (count > 0) memcpy(&x, p, count * 2);
    return x;
#endif
}

// `count` values from `p` as floats, zeros after them; nothing is read behind them.
INLINE vf load_as_float(const float* p, int count) {
    if (count >= VL) return load(p);
#if defined(__AVX512F__)
    return (vf)_mm512_maskz_loadu_ps(count > 0 ? (1u << count) - 1 : 0, p);
#else
    vf x = {};
    if (count > 0) memcpy(&x, p, count * 4);
    return x;
#endif
}
template <class Half>
INLINE vf load_as_float(const Half* p, int count) {
    return to_float(load_some_halves((const uint16_t*)p, count), Half{});
}

INLINE void store_from_float(float* p, vf x, int count) {
    if (count >= VL) return store(p, x);
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (1u << count) - 1, (__m512)x);
#else
    memcpy(p, &x, count * 4);
#endif
}
template <class Half>
INLINE void store_from_float(Half* p, vf x, int count) {
    const vh halves = to_halves(x, Half{});
    if (count >= VL) memcpy(p, &halves, sizeof halves);
    else if (count == VL / 2) memcpy(p, &halves, sizeof halves / 2);  // masked stores of halves are slow
#if defined(__AVX512F__)
    else _mm256_mask_storeu_epi16(p, (1u << count) - 1, (__m256i)halves);
#else
    else memcpy(p, &halves, count * 2);
#endif
}

INLINE vu load_half_bits(const uint16_t* p, int count) {
    return widen(load_some_halves(p, count));
}
