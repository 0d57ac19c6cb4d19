// Working memory of a thread, kept between calls so that its pages need not be mapped again.
#pragma once
#include <cstdint>
#include <cstdlib>

namespace {

struct Memory {
    static constexpr int64_t KEPT = 64 << 20;  // bytes that stay with a thread when a call is over

    char* start = nullptr;
    int64_t size = 0, used = 0;

    ~Memory() { free(start); }

    // Make room for `bytes` and forget what was taken.
    void reserve(int64_t bytes) {
        used = 0;
        if (bytes <= size) return;
        free(start);
        size = (bytes + (1 << 16)) & ~int64_t(4095);
        start = static_cast<char*>(aligned_alloc(4096, size));
        if (!start) abort();  // as C++ would, were it told
    }
    float* take(int64_t floats) {
        float* here = reinterpret_cast<float*>(start + used);
        used += (floats * 4 + 63) & ~int64_t(63);
        return here;
    }
    void trim() {
        if (size <= KEPT) return;
        free(start);
        start = nullptr;
        size = 0;
    }
};

thread_local Memory memory;

}  // namespace
