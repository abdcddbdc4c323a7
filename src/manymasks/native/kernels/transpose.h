// Transposition, a square of one vector's side at a time.
#pragma once

#include "vector.h"

namespace manymasks {

// Lanes of a and b by turns, from the first or the second half of both.
template <int FIRST, int... I>
inline Vector interleaved(Vector a, Vector b, std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, (FIRST + I / 2 + I % 2 * LANES)...);
}

inline void transpose_square(const Real* from, long line, Real* to, long stride) {
    using Lanes = std::make_integer_sequence<int, LANES>;
    Vector rows[LANES], mixed[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) rows[i] = load(from + i * line);
    // Each round interleaves row i with row i + LANES / 2: the bits of an index rotate by one.
#pragma GCC unroll 4
    for (int round = 1; round < LANES; round *= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < LANES / 2; i++) {
            mixed[2 * i] = interleaved<0>(rows[i], rows[i + LANES / 2], Lanes{});
            mixed[2 * i + 1] = interleaved<LANES / 2>(rows[i], rows[i + LANES / 2], Lanes{});
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) rows[i] = mixed[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) store(to + i * stride, rows[i]);
}

// `to` (columns x rows) = transpose of `from` (rows x columns).
inline void transpose(const Real* from, long line, int rows, int columns, Real* to, long stride) {
    for (int i = 0; i < rows; i += LANES)
        for (int j = 0; j < columns; j += LANES) {
            if (i + LANES <= rows && j + LANES <= columns) {
                transpose_square(from + i * line + j, line, to + j * stride + i, stride);
                continue;
            }
            for (int k = i; k < rows && k < i + LANES; k++)
                for (int l = j; l < columns && l < j + LANES; l++)
                    to[l * stride + k] = from[k * line + l];
        }
}

}  // namespace manymasks
