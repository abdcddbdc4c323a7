// Vectors of one register of the target, and of half of one: all that the kernels know of the CPU,
// except in products of bfloat16.
//
// Every operation rounds once, as IEEE 754 says, and the compiler may fuse none by itself
// (-ffp-contract=off), so different compilers give the same bits for one target. With
// -DMANYMASKS_FLOAT64 the same source computes in float64, as a reference.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace manymasks {

#ifdef MANYMASKS_FLOAT64
using Real = double;
using Bits = uint64_t;
#else
using Real = float;
using Bits = uint32_t;
#endif

#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX2__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif

constexpr int LANES = BYTES / sizeof(Real);

typedef Real Vector __attribute__((vector_size(BYTES)));
typedef Real Half __attribute__((vector_size(BYTES / 2)));
// Unsigned, so that sums may wrap.
typedef Bits Integers __attribute__((vector_size(BYTES)));

template <class V>
constexpr int lanes = sizeof(V) / sizeof(Real);

template <class V = Vector>
inline V load(const Real* from) {
    V x;
    std::memcpy(&x, from, sizeof x);
    return x;
}

template <class V>
inline void store(Real* to, V x) {
    std::memcpy(to, &x, sizeof x);
}

// The first `count` lanes; the others are 0.
inline Vector load_first(const Real* from, int count) {
    Vector x = {};
    std::memcpy(&x, from, count * sizeof(Real));
    return x;
}

inline void store_first(Real* to, Vector x, int count) {
    std::memcpy(to, &x, count * sizeof(Real));
}

template <class V = Vector>
inline V splat(Real x) {
    return x - V{};
}

// a b + c, rounded once where the target has such an instruction.
template <class V>
inline V fused(V a, V b, V c) {
    return a * b + c;
}

#if defined(__AVX512F__)
template <>
inline __m512 fused(__m512 a, __m512 b, __m512 c) {
    return _mm512_fmadd_ps(a, b, c);
}
template <>
inline __m512d fused(__m512d a, __m512d b, __m512d c) {
    return _mm512_fmadd_pd(a, b, c);
}
#endif
#if defined(__FMA__)
template <>
inline __m256 fused(__m256 a, __m256 b, __m256 c) {
    return _mm256_fmadd_ps(a, b, c);
}
template <>
inline __m256d fused(__m256d a, __m256d b, __m256d c) {
    return _mm256_fmadd_pd(a, b, c);
}
template <>
inline __m128 fused(__m128 a, __m128 b, __m128 c) {
    return _mm_fmadd_ps(a, b, c);
}
template <>
inline __m128d fused(__m128d a, __m128d b, __m128d c) {
    return _mm_fmadd_pd(a, b, c);
}
#elif defined(__ARM_NEON)
template <>
inline float32x4_t fused(float32x4_t a, float32x4_t b, float32x4_t c) {
    return vfmaq_f32(c, a, b);
}
template <>
inline float32x2_t fused(float32x2_t a, float32x2_t b, float32x2_t c) {
    return vfma_f32(c, a, b);
}
template <>
inline float64x2_t fused(float64x2_t a, float64x2_t b, float64x2_t c) {
    return vfmaq_f64(c, a, b);
}
#endif

// Of `larger` and `smaller`, b where either is NaN.
inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }

inline Vector smaller(Vector a, Vector b) { return a < b ? a : b; }

// `count` filled up to a multiple.
inline int padded(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }

// 0, 1, 2, ...
inline Vector ramp() {
    Vector x;
    for (int i = 0; i < LANES; i++) x[i] = i;
    return x;
}

// Sum of the lanes, as a tree.
inline Real total(Vector x) {
    for (int half = LANES / 2; half; half /= 2)
        for (int i = 0; i < half; i++) x[i] += x[i + half];
    return x[0];
}

inline Real largest(Vector x) {
    Real most = x[0];
    for (int i = 1; i < LANES; i++) most = x[i] > most ? x[i] : most;
    return most;
}

inline Vector square_root(Vector x) {
    for (int i = 0; i < LANES; i++) x[i] = std::sqrt(x[i]);
    return x;
}

// e^x for x up to 88, for float32 within 2 units in the last place; below -86 it stays e^-86. NaN
// for NaN.
inline Vector exponential(Vector x) {
#ifdef MANYMASKS_FLOAT64
    for (int i = 0; i < LANES; i++) x[i] = std::exp(x[i]);
    return x;
#else
    // x = n ln 2 + r: adding 1.5 x 2^23 rounds to the integer n, which is left in the lowest bits.
    x = larger(splat(-86.0f), x);
    const Vector shift = splat(12582912.0f);
    const Vector shifted = fused(x, splat(1.44269504f), shift);
    const Vector n = shifted - shift;
    // ln 2 in two parts: the product with the first one is exact.
    Vector r = fused(n, splat(-0.693359375f), x);
    r = fused(n, splat(2.12194440e-4f), r);
    // The polynomial of degree 6 with 1 + r at its start whose largest relative error is the
    // smallest, 3e-9. Its terms go in pairs, which wait for one another less than one by one.
    const Vector square = r * r;
    const Vector low = fused(splat(1.66665206e-1f), r, splat(4.99999934e-1f));
    Vector p = fused(splat(8.36872394e-3f), r, splat(4.16683887e-2f));
    p = fused(splat(1.38145840e-3f), square, p);
    p = fused(fused(p, square, low), square, r + splat(1.0f));
    // n is added to the exponent: the lowest 9 bits of `shifted` are those of n.
    return (Vector)((Integers)p + ((Integers)shifted << 23));
#endif
}

}  // namespace manymasks
