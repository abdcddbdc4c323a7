// Factors of a product rounded to bfloat16 and packed into tiles, for the instructions that
// multiply pairs of them.
//
// A tile has 16 rows of 64 bytes: of A, 16 rows of 32 entries; of B, 16 pairs of rows of 16
// columns. Factors are filled up with zeros.
#pragma once

#include "product.h"
#include "transpose.h"

#if defined(__AVX512BF16__) && !defined(MANYMASKS_FLOAT64)
#define MANYMASKS_BF16
#endif

namespace manymasks {

constexpr int SIDE = 16;
constexpr int TILE_DEPTH = 32;
constexpr int TILE = SIDE * TILE_DEPTH;

#ifdef MANYMASKS_BF16

using Rounded = uint16_t;

// Lanes 0 .. 15 of `low` and 16 .. 31 of `high`, rounded to nearest even.
inline void store_rounded(Rounded* to, Vector low, Vector high) {
    const __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    std::memcpy(to, &both, sizeof both);
}

inline void pack_left_tile(Left a, int rows, int depth, Rounded* to) {
    Real entries[2][SIDE * SIDE];
    for (int half = 0; half < 2; half++) {
        const Left part = a.from(0, half * SIDE);
        const int count = depth - half * SIDE < SIDE ? depth - half * SIDE : SIDE;
        if (rows == SIDE && count == SIDE && a.columns == 1) {
            for (int i = 0; i < SIDE; i++)
                store(entries[half] + i * SIDE, load(part.at + i * a.rows));
        } else if (rows == SIDE && count == SIDE && a.rows == 1) {
            transpose_square(part.at, a.columns, entries[half], SIDE);
        } else {
            for (int i = 0; i < SIDE; i++)
                for (int k = 0; k < SIDE; k++)
                    entries[half][i * SIDE + k] =
                        i < rows && k < count ? part.at[i * a.rows + k * a.columns] : 0;
        }
    }
    for (int i = 0; i < SIDE; i++)
        store_rounded(to + i * TILE_DEPTH, load(entries[0] + i * SIDE),
                      load(entries[1] + i * SIDE));
}

// A as tiles: those of one row of tiles follow one another.
inline void pack_left(int rows, int depth, Left a, Rounded* to) {
    for (int m = 0; m < rows; m += SIDE)
        for (int k = 0; k < depth; k += TILE_DEPTH, to += TILE)
            pack_left_tile(a.from(m, k), rows - m < SIDE ? rows - m : SIDE,
                           depth - k < TILE_DEPTH ? depth - k : TILE_DEPTH, to);
}

// Columns n .. n + 15 of row k of B, which is 0 beyond its edges.
inline Vector row_of(Right b, int k, int depth, int n, int columns) {
    if (k >= depth) return Vector{};
    const Real* at = b.from(k, n);
    return columns - n >= SIDE ? load(at) : load_first(at, columns - n);
}

// B as tiles: those of one column of tiles follow one another; two rows are interleaved.
inline void pack_right(int columns, int depth, Right b, Rounded* to) {
    alignas(64) static const Rounded order[TILE_DEPTH] = {
        0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i interleave = _mm512_load_si512(order);
    for (int n = 0; n < columns; n += SIDE)
        for (int k = 0; k < padded(depth, TILE_DEPTH); k += 2, to += TILE_DEPTH) {
            const __m512bh pair = _mm512_cvtne2ps_pbh(row_of(b, k + 1, depth, n, columns),
                                                      row_of(b, k, depth, n, columns));
            __m512i bits;
            std::memcpy(&bits, &pair, sizeof bits);
            bits = _mm512_permutexvar_epi16(interleave, bits);
            std::memcpy(to, &bits, sizeof bits);
        }
}

#endif

}  // namespace manymasks
