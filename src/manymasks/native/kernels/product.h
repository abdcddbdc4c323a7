// The tile product: C = A B or C += A B.
//
// A block of C stays in registers while k runs: ROWS rows, each entry of A broadcast, by PANEL
// columns. Sums run over k in its order, so the entries of C do not depend on the shape of the
// rest.
#pragma once

#include "vector.h"

namespace manymasks {

// Registers for one block of C: 6 x 4 of 32, or 6 x 2 of 16.
#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr int ACROSS = 4;
#else
constexpr int ACROSS = 2;
#endif
constexpr int ROWS = 6;
constexpr int PANEL = ACROSS * LANES;
// Depth of a product that is accumulated at once: a panel of B of this depth fits the L1 cache.
constexpr int DEPTH = 256;

// A matrix that is read by entry: (m, k) at m * rows + k * columns.
struct Left {
    const Real* at;
    long rows, columns;

    Left from(long m, long k) const { return {at + m * rows + k * columns, rows, columns}; }
};

// A matrix that is read by rows of vectors: `line` from one row to the next, and `panel` from one
// panel of PANEL columns to the next.
struct Right {
    const Real* at;
    long line, panel = PANEL;

    const Real* from(long k, long n) const { return at + k * line + n / PANEL * panel + n % PANEL; }
};

inline Left by_rows(const Real* at, long columns) { return {at, columns, 1}; }
inline Left by_columns(const Real* at, long rows) { return {at, 1, rows}; }

// One block of M rows and N vectors of C.
template <class V, int M, int N>
inline __attribute__((always_inline)) void block(int depth, Left a, const Real* b, long line,
                                                 Real* c, long stride, bool adds) {
    V sums[M][N];
#pragma GCC unroll 16
    for (int m = 0; m < M; m++)
#pragma GCC unroll 4
        for (int n = 0; n < N; n++)
            sums[m][n] = adds ? load<V>(c + m * stride + n * lanes<V>) : V{};
    for (int k = 0; k < depth; k++) {
        V row[N];
#pragma GCC unroll 4
        for (int n = 0; n < N; n++) row[n] = load<V>(b + k * line + n * lanes<V>);
        const Real* entry = a.at + k * a.columns;
#pragma GCC unroll 16
        for (int m = 0; m < M; m++) {
            const V x = splat<V>(entry[m * a.rows]);
#pragma GCC unroll 4
            for (int n = 0; n < N; n++) sums[m][n] = fused(x, row[n], sums[m][n]);
        }
    }
#pragma GCC unroll 16
    for (int m = 0; m < M; m++)
#pragma GCC unroll 4
        for (int n = 0; n < N; n++) store(c + m * stride + n * lanes<V>, sums[m][n]);
}

// N vectors of all rows of C, M rows at a time.
template <class V, int M, int N>
inline void strip(int rows, int depth, Left a, const Real* b, long line, Real* c, long stride,
                  bool adds) {
    int m = 0;
    for (; m + M <= rows; m += M)
        block<V, M, N>(depth, a.from(m, 0), b, line, c + m * stride, stride, adds);
    for (; m + 4 <= rows; m += 4)
        block<V, 4, N>(depth, a.from(m, 0), b, line, c + m * stride, stride, adds);
    for (; m + 2 <= rows; m += 2)
        block<V, 2, N>(depth, a.from(m, 0), b, line, c + m * stride, stride, adds);
    if (m < rows) block<V, 1, N>(depth, a.from(m, 0), b, line, c + m * stride, stride, adds);
}

// The last columns of C, fewer than half a vector.
inline void margin(int rows, int columns, int depth, Left a, const Real* b, long line, Real* c,
                   long stride, bool adds) {
    for (int m = 0; m < rows; m++) {
        Vector sum = adds ? load_first(c + m * stride, columns) : Vector{};
        for (int k = 0; k < depth; k++)
            sum = fused(splat(a.at[m * a.rows + k * a.columns]), load_first(b + k * line, columns),
                        sum);
        store_first(c + m * stride, sum, columns);
    }
}

// C (rows x columns, `stride` from row to row) = or += A (rows x depth) B (depth x columns).
inline void product(int rows, int columns, int depth, Left a, Right b, Real* c, long stride,
                    bool adds = false) {
    for (int k = 0; k < depth; k += DEPTH) {
        const int part = depth - k < DEPTH ? depth - k : DEPTH;
        const bool more = adds || k;
        const Left left = a.from(0, k);
        int n = 0;
        for (; n + PANEL <= columns; n += PANEL)
            strip<Vector, ROWS, ACROSS>(rows, part, left, b.from(k, n), b.line, c + n, stride,
                                        more);
        if (ACROSS > 2 && n + 2 * LANES <= columns) {
            strip<Vector, 2 * ROWS, 2>(rows, part, left, b.from(k, n), b.line, c + n, stride, more);
            n += 2 * LANES;
        }
        if (n + LANES <= columns) {
            strip<Vector, 2 * ROWS, 1>(rows, part, left, b.from(k, n), b.line, c + n, stride, more);
            n += LANES;
        }
        if (n + LANES / 2 <= columns) {
            strip<Half, 2 * ROWS, 1>(rows, part, left, b.from(k, n), b.line, c + n, stride, more);
            n += LANES / 2;
        }
        if (n < columns)
            margin(rows, columns - n, part, left, b.from(k, n), b.line, c + n, stride, more);
    }
}

}  // namespace manymasks
