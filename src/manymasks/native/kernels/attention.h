// Causal attention of one head in one window, and the gradients that a route lets through.
//
// All arrays are features x positions, or for weights keys x queries: row j, column i is the weight
// a_ij of key j for query i, so a softmax runs down the columns and works on vectors of queries.
// Queries are taken QUERIES at a time, with the keys that they see. The mathematics is that of
// models/attention.py.
#pragma once

#include "product.h"
#include "transpose.h"

namespace manymasks {

constexpr int QUERIES = 32;

// What a loss at position i changes at an earlier position j.
enum class Flow : int {
    WHOLE,     // all: `causal`
    READ,      // W_K and W_V, not the input h_j: `myopic`
    DECAYED,   // as READ, and gamma^(i-j) of the gradient reaches h_j: `discount`
    DIAGONAL,  // nothing: `myopic-kv`
};

// Keys, values or their gradients, head x positions.
template <class T>
struct KeysValues {
    T *keys, *values;

    KeysValues head(int index, long size) const {
        return {keys ? keys + index * size : keys, values ? values + index * size : values};
    }
};

// One head: its number of features and the positions of a window, a multiple of LANES.
struct HeadShape {
    int features, positions;

    long size() const { return (long)features * positions; }
};

inline int block_end(int begin, int positions) {
    return begin + QUERIES < positions ? begin + QUERIES : positions;
}

// For queries begin .. end: weights = softmax of the scores over keys 0 .. i, and 0 for later keys.
inline void softmax_columns(Real* weights, int begin, int end, int positions) {
    const Vector lowest = splat(-INFINITY);
    for (int i = begin; i < end; i += LANES) {
        Real* column = weights + i;
        Vector highest = lowest;
        for (int j = 0; j < i + LANES; j++) {
            Vector score = load(column + (long)j * positions);
            if (j > i) {
                // Queries before key j do not see it.
                score = ramp() < splat(j - i) ? lowest : score;
                store(column + (long)j * positions, score);
            }
            highest = larger(highest, score);
        }
        Vector sum = {};
        for (int j = 0; j < i + LANES; j++) {
            Vector weight = exponential(load(column + (long)j * positions) - highest);
            if (j > i) weight = ramp() < splat(j - i) ? Vector{} : weight;
            sum += weight;
            store(column + (long)j * positions, weight);
        }
        const Vector share = splat(1) / sum;
        for (int j = 0; j < i + LANES; j++) {
            Real* at = column + (long)j * positions;
            store(at, load(at) * share);
        }
        for (int j = i + LANES; j < end; j++) store(column + (long)j * positions, Vector{});
    }
}

// sums (positions) = columns of a times columns of b, both head x positions.
inline void column_products(const Real* a, const Real* b, HeadShape shape, Real* sums) {
    for (int t = 0; t < shape.positions; t += LANES) {
        Vector sum = {};
        for (int c = 0; c < shape.features; c++) {
            const long at = (long)c * shape.positions + t;
            sum = fused(load(a + at), load(b + at), sum);
        }
        store(sums + t, sum);
    }
}

// out += (a - b) * row, a row of positions.
inline void add_difference(const Real* a, const Real* b, const Real* row, HeadShape shape,
                           Real* out) {
    for (int c = 0; c < shape.features; c++)
        for (int t = 0; t < shape.positions; t += LANES) {
            const long at = (long)c * shape.positions + t;
            store(out + at, fused(load(a + at) - load(b + at), load(row + t), load(out + at)));
        }
}

// out = a * row, a row of positions.
inline void scale_columns(const Real* a, const Real* row, HeadShape shape, Real* out) {
    for (int c = 0; c < shape.features; c++)
        for (int t = 0; t < shape.positions; t += LANES) {
            const long at = (long)c * shape.positions + t;
            store(out + at, load(a + at) * load(row + t));
        }
}

inline void get_diagonal(const Real* square, int positions, Real* row) {
    for (int t = 0; t < positions; t++) row[t] = square[(long)t * positions + t];
}

inline void set_diagonal(Real* square, int positions, const Real* row) {
    for (int t = 0; t < positions; t++) square[(long)t * positions + t] = row ? row[t] : 0;
}

// out (head x positions) and weights (positions x positions) from scaled queries, and the keys and
// values that are read. `present` differs from `read` where the past is that of another model: then
// a position reads its own key and value, and earlier positions those of `read`. `row` is scratch.
inline void attend(const Real* queries, KeysValues<const Real> read, KeysValues<const Real> present,
                   HeadShape shape, Real* weights, Real* out, Real* row) {
    const int head = shape.features, positions = shape.positions;
    const bool is_given = present.keys != read.keys;
    if (is_given) column_products(queries, present.keys, shape, row);
    for (int begin = 0; begin < positions; begin += QUERIES) {
        const int end = block_end(begin, positions), count = end - begin;
        product(end, count, head, by_columns(read.keys, positions), {queries + begin, positions},
                weights + begin, positions);
        if (is_given)
            for (int t = begin; t < end; t++) weights[(long)t * positions + t] = row[t];
        softmax_columns(weights, begin, end, positions);
        product(head, count, end, by_rows(read.values, positions), {weights + begin, positions},
                out + begin, positions);
    }
    if (is_given) {
        get_diagonal(weights, positions, row);
        add_difference(present.values, read.values, row, shape, out);
    }
}

// target (head x positions) = rows of a square times right (positions x head), from the diagonal
// on.
inline void collect(const Real* square, const Real* right, HeadShape shape, Real* scratch,
                    Real* target) {
    const int head = shape.features, positions = shape.positions;
    for (int begin = 0; begin < positions; begin += QUERIES) {
        const int end = block_end(begin, positions);
        product(end - begin, head, positions - begin,
                by_rows(square + (long)begin * positions + begin, positions),
                {right + (long)begin * head, head}, scratch + (long)begin * head, head);
    }
    transpose(scratch, head, positions, head, target, positions);
}

// square_ji *= powers[i - j]; for i < j the square is 0 within the blocks that are read.
inline void decay(Real* square, const Real* powers, int positions) {
    for (int j = 0; j < positions; j++)
        for (int i = j / LANES * LANES; i < positions; i += LANES) {
            Real* at = square + (long)j * positions + i;
            store(at, load(at) * load(powers + i - j));
        }
}

// Results of `attend` and what they were made from, with the gradient of `out`.
struct Attended {
    const Real* queries;
    KeysValues<const Real> read, present;
    Real* weights;
    const Real *out, *grad;
};

// Scratch of `attend_backward`: a square of positions, four of head x positions, two rows.
struct AttentionScratch {
    Real *scores, *queries, *grad, *product, *scores_row, *weights_row;
};

// Gradients of the queries; of keys and values as read by all positions, unless flow is DIAGONAL;
// and of a position's own, unless it is WHOLE, in which case both are one. Overwrites the weights.
// `powers` of gamma, for DECAYED, is preceded by zeros, a vector of them.
inline void attend_backward(Attended attended, Flow flow, const Real* powers, HeadShape shape,
                            Real* d_queries, KeysValues<Real> d_read, KeysValues<Real> d_present,
                            AttentionScratch scratch) {
    const int head = shape.features, positions = shape.positions;
    const bool is_given = attended.present.keys != attended.read.keys;
    Real *scores = scratch.scores, *weights = attended.weights;
    Real *diagonal = scratch.scores_row, *through = scratch.weights_row;
    if (is_given) column_products(attended.grad, attended.present.values, shape, diagonal);
    column_products(attended.grad, attended.out, shape, through);
    for (int begin = 0; begin < positions; begin += QUERIES) {
        const int end = block_end(begin, positions), count = end - begin;
        product(end, count, head, by_columns(attended.read.values, positions),
                {attended.grad + begin, positions}, scores + begin, positions);
        if (is_given)
            for (int t = begin; t < end; t++) scores[(long)t * positions + t] = diagonal[t];
        for (int j = 0; j < end; j++)
            for (int i = begin; i < end; i += LANES) {
                const long at = (long)j * positions + i;
                store(scores + at, load(weights + at) * (load(scores + at) - load(through + i)));
            }
        product(head, count, end, by_rows(attended.read.keys, positions),
                {scores + begin, positions}, d_queries + begin, positions);
    }
    if (flow != Flow::WHOLE) {
        get_diagonal(scores, positions, diagonal);
        get_diagonal(weights, positions, through);
        scale_columns(attended.queries, diagonal, shape, d_present.keys);
        scale_columns(attended.grad, through, shape, d_present.values);
        if (is_given) {
            add_difference(attended.present.keys, attended.read.keys, diagonal, shape, d_queries);
            set_diagonal(scores, positions, nullptr);
            set_diagonal(weights, positions, nullptr);
        }
    }
    if (flow == Flow::DIAGONAL) return;
    transpose(attended.queries, positions, head, positions, scratch.queries, head);
    transpose(attended.grad, positions, head, positions, scratch.grad, head);
    collect(scores, scratch.queries, shape, scratch.product, d_read.keys);
    collect(weights, scratch.grad, shape, scratch.product, d_read.values);
    if (flow != Flow::DECAYED) return;
    decay(scores, powers, positions);
    decay(weights, powers, positions);
    collect(scores, scratch.queries, shape, scratch.product, d_present.keys);
    collect(weights, scratch.grad, shape, scratch.product, d_present.values);
}

}  // namespace manymasks
