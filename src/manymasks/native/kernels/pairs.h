// Products of packed factors on vectors, by the instruction of AVX-512 that adds the product of a
// pair of bfloat16 in each lane.
#pragma once

#include "rounded.h"

namespace manymasks {

#ifdef MANYMASKS_BF16

// Rows of one block, which with two vectors of columns stays in registers.
constexpr int PAIR_ROWS = 8;

inline __m512bh pairs_at(const Rounded* at) {
    __m512bh pairs;
    std::memcpy(&pairs, at, sizeof pairs);
    return pairs;
}

// The pair at `at` in all lanes.
inline __m512bh pair_in_all(const Rounded* at) {
    int bits;
    std::memcpy(&bits, at, sizeof bits);
    const __m512i all = _mm512_set1_epi32(bits);
    __m512bh pairs;
    std::memcpy(&pairs, &all, sizeof pairs);
    return pairs;
}

// C (8 x 32) = or += A B, of half a row of tiles of A and two columns of tiles of B.
inline void multiply_pairs(int depth, const Rounded* a, const Rounded* b, const Rounded* right,
                           Real* c, long stride, bool adds) {
    Vector sums[PAIR_ROWS][2];
#pragma GCC unroll 8
    for (int m = 0; m < PAIR_ROWS; m++)
#pragma GCC unroll 2
        for (int n = 0; n < 2; n++) sums[m][n] = adds ? load(c + m * stride + n * SIDE) : Vector{};
    for (int first = 0; first < depth; first += TILE_DEPTH, a += TILE)
        for (int k = 0; k < TILE_DEPTH; k += 2, b += TILE_DEPTH, right += TILE_DEPTH) {
            const __m512bh columns[2] = {pairs_at(b), pairs_at(right)};
#pragma GCC unroll 8
            for (int m = 0; m < PAIR_ROWS; m++) {
                const __m512bh entries = pair_in_all(a + m * TILE_DEPTH + k);
#pragma GCC unroll 2
                for (int n = 0; n < 2; n++)
                    sums[m][n] = _mm512_dpbf16_ps(sums[m][n], entries, columns[n]);
            }
        }
#pragma GCC unroll 8
    for (int m = 0; m < PAIR_ROWS; m++)
#pragma GCC unroll 2
        for (int n = 0; n < 2; n++) store(c + m * stride + n * SIDE, sums[m][n]);
}

#endif

}  // namespace manymasks
