// Brings tensors into the tiles that the products read: rows, transposed columns, and pairs of rows in panels.
#pragma once
#include "arithmetic.h"

// A panel is at most PANEL_VECTORS vectors wide; widths of a matrix's panels differ by one at most.
INLINE int num_panels(int vectors) { return (vectors + PANEL_VECTORS - 1) / PANEL_VECTORS; }
INLINE int panel_start(int panel, int vectors) { return panel * vectors / num_panels(vectors); }
INLINE int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Columns `[first, first + VL)` of values of a row as units: floats, or pairs; zeros behind the row's end.
template <class A, class T>
struct Units;

template <class T>
struct Units<FloatArithmetic, T> {
    INLINE vf row(const T* row, int first, int size) { return load_as_float(row + first, size - first); }
    INLINE vf pair(const T* a, const T*, int first, int size) { return row(a, first, size); }
};

template <>
struct Units<Bf16Arithmetic, bf16> {
    INLINE vf row(const bf16* row, int first, int size) {  // 2 · VL values from 2 · first on
        const int count = size - 2 * first;
        if (count >= 2 * VL) return load((const float*)(row + 2 * first));
#if defined(__AVX512F__)
        return (vf)_mm512_maskz_loadu_epi16(count > 0 ? (1u << count) - 1 : 0, row + 2 * first);
#else
        vf x = {};
        if (count > 0) memcpy(&x, row + 2 * first, count * 2);
        return x;
#endif
    }
    INLINE vf pair(const bf16* a, const bf16* b, int first, int size) {
        vu low = load_half_bits((const uint16_t*)a + first, size - first);
        vu high = b ? load_half_bits((const uint16_t*)b + first, size - first) : vu{};
        return (vf)(low | (high << 16));
    }
#if defined(__AVX512F__)
    // `pair` of the columns `first … first + 2 · VL - 1`, none of them behind the row's end.
    INLINE void two_pairs(const bf16* a, const bf16* b, int first, float* into) {
        const __m512i low = _mm512_set_epi32(47 << 16 | 15, 46 << 16 | 14, 45 << 16 | 13, 44 << 16 | 12, 43 << 16 | 11, 42 << 16 | 10,
                                             41 << 16 | 9, 40 << 16 | 8, 39 << 16 | 7, 38 << 16 | 6, 37 << 16 | 5, 36 << 16 | 4,
                                             35 << 16 | 3, 34 << 16 | 2, 33 << 16 | 1, 32 << 16 | 0);  // places in a, then in b
        const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(VL));
        const __m512i x = _mm512_loadu_si512(a + first), y = _mm512_loadu_si512(b + first);
        store(into, (vf)_mm512_permutex2var_epi16(x, low, y));
        store(into + VL, (vf)_mm512_permutex2var_epi16(x, high, y));
    }
#endif
};

// Row-major units `[rows][units]`, `units` a multiple of VL where rows are written.
template <class A, class T, class Rows>
static void pack_rows(const Rows& rows, int count, int size, float* into, int units) {
    for (int r = 0; r < count; ++r) {
        const T* row = rows(r);
        for (int u = 0; u < units; u += VL) store(into + (int64_t)r * units + u, Units<A, T>::row(row, u, size));
    }
}

#if defined(__AVX512F__)
INLINE void transpose(vf x[VL]) {
    __m512 a[16], b[16];
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_ps((__m512)x[i], (__m512)x[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps((__m512)x[i], (__m512)x[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        b[i] = (__m512)_mm512_unpacklo_pd((__m512d)a[i], (__m512d)a[i + 2]);
        b[i + 1] = (__m512)_mm512_unpackhi_pd((__m512d)a[i], (__m512d)a[i + 2]);
        b[i + 2] = (__m512)_mm512_unpacklo_pd((__m512d)a[i + 1], (__m512d)a[i + 3]);
        b[i + 3] = (__m512)_mm512_unpackhi_pd((__m512d)a[i + 1], (__m512d)a[i + 3]);
    }
    for (int i = 0; i < 4; ++i) {
        a[i] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xdd);
        a[i + 8] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; ++i) {
        x[i] = (vf)_mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
        x[i + 4] = (vf)_mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0x88);
        x[i + 8] = (vf)_mm512_shuffle_f32x4(a[i], a[i + 8], 0xdd);
        x[i + 12] = (vf)_mm512_shuffle_f32x4(a[i + 4], a[i + 12], 0xdd);
    }
}
#else
INLINE void transpose(vf x[VL]) {
    for (int i = 0; i < VL; ++i)
        for (int j = i + 1; j < VL; ++j) {
            float keep = x[i][j];
            x[i][j] = x[j][i];
            x[j][i] = keep;
        }
}
#endif

// Transposed units in panels: for each panel `[steps][width]` vectors, a lane for each row; lanes without a row (null) are zero.
template <class A, class T, class Rows>
static void pack_columns(const Rows& rows, int vectors, int size, float* into) {
    const int steps = ceil_div(size, A::PER_UNIT);
    for (int p = 0; p < num_panels(vectors); ++p) {
        const int first = panel_start(p, vectors), width = panel_start(p + 1, vectors) - first;
        float* panel = into + (int64_t)first * steps * VL;
        for (int j = 0; j < width; ++j) {
            const T* here_rows[VL];
            for (int lane = 0; lane < VL; ++lane) here_rows[lane] = rows((first + j) * VL + lane);
            for (int u = 0; u < steps; u += VL) {
                vf block[VL];
                for (int lane = 0; lane < VL; ++lane) block[lane] = here_rows[lane] ? Units<A, T>::row(here_rows[lane], u, size) : vf{};
                transpose(block);
                const int here = steps - u < VL ? steps - u : VL;
                for (int i = 0; i < here; ++i) store(panel + ((int64_t)(u + i) * width + j) * VL, block[i]);
            }
        }
    }
}

// Units along the tokens in panels: for each panel `[steps][width]` vectors over the columns, a step for each row or pair of rows.
template <class A, class T, class Rows>
static void pack_panels(const Rows& rows, int count, int size, float* into) {
    const int vectors = ceil_div(size, VL), steps = ceil_div(count, A::PER_UNIT);
    for (int p = 0; p < num_panels(vectors); ++p) {
        const int first = panel_start(p, vectors), width = panel_start(p + 1, vectors) - first;
        float* panel = into + (int64_t)first * steps * VL;
        for (int s = 0; s < steps; ++s) {
            const int r = s * A::PER_UNIT;
            const T* a = rows(r);
            const T* b = A::PER_UNIT == 2 && r + 1 < count ? rows(r + 1) : nullptr;
            int j = 0;
#if defined(__AVX512F__)
            if constexpr (A::PER_UNIT == 2)
                for (; b && j + 2 <= width && (first + j + 2) * VL <= size; j += 2)
                    Units<A, T>::two_pairs(a, b, (first + j) * VL, panel + ((int64_t)s * width + j) * VL);
#endif
            for (; j < width; ++j) store(panel + ((int64_t)s * width + j) * VL, a ? Units<A, T>::pair(a, b, (first + j) * VL, size) : vf{});
        }
    }
}
