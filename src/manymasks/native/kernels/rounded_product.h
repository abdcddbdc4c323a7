// The product with both factors rounded to bfloat16 and float32 sums, on the fastest instructions
// that the CPU has for it.
#pragma once

#include "pairs.h"
#include "tiles.h"

namespace manymasks {

#ifdef MANYMASKS_BF16

constexpr bool HAS_BF16 = true;

// A block of C of 2 x 2 tiles, `rows` x `columns` of which exist.
inline void rounded_block(int depth, const Rounded* a, const Rounded* b, Real* c, long stride,
                          int rows, int columns, bool adds) {
    alignas(64) Real whole[4 * SIDE * SIDE];
    const bool is_whole = rows == 2 * SIDE && columns == 2 * SIDE;
    Real* at = is_whole ? c : whole;
    const long line = is_whole ? stride : 2 * SIDE;
    if (!is_whole && adds)
        for (int m = 0; m < rows; m++)
            std::memcpy(whole + m * line, c + m * stride, columns * sizeof(Real));
    // Where the second row or column of tiles does not exist, the first stands in for it.
    const Rounded* below = rows > SIDE ? a + (long)SIDE * depth : a;
    const Rounded* right = columns > SIDE ? b + (long)SIDE * depth : b;
#ifdef MANYMASKS_TILES
    if (has_tiles())
        multiply_tiles(depth, a, below, b, right, at, line, adds);
    else
#endif
        for (int m = 0; m < rows; m += PAIR_ROWS)
            multiply_pairs(depth, (m < SIDE ? a : below) + m % SIDE * TILE_DEPTH, b, right,
                           at + m * line, line, adds);
    if (!is_whole)
        for (int m = 0; m < rows; m++)
            std::memcpy(c + m * stride, whole + m * line, columns * sizeof(Real));
}

// As `product`, of packed factors.
inline void product_of_rounded(int rows, int columns, int depth, const Rounded* a, const Rounded* b,
                               Real* c, long stride, bool adds) {
    const int deep = padded(depth, TILE_DEPTH);
    for (int n = 0; n < columns; n += 2 * SIDE)
        for (int m = 0; m < rows; m += 2 * SIDE)
            rounded_block(deep, a + (long)m * deep, b + (long)n * deep, c + m * stride + n, stride,
                          rows - m < 2 * SIDE ? rows - m : 2 * SIDE,
                          columns - n < 2 * SIDE ? columns - n : 2 * SIDE, adds);
}

#else

constexpr bool HAS_BF16 = false;

#endif

}  // namespace manymasks
