// The optimiser's step: clipping, then AdamW (Loshchilov & Hutter 2019), or Muon (Jordan et al.
// 2024) for the matrices of the blocks. The mathematics is that of training/optimizer.py and
// training/muon.py.
#pragma once

#include "product.h"
#include "transpose.h"

namespace manymasks {

enum class Rule : int { ADAMW, ADAMW_WITHOUT_DECAY, MUON };

// A weight with its gradient and moments; Muon has no second one. Sizes in entries.
struct Parameter {
    Real *weight, *grad, *first, *second;
    int64_t rows, columns;
    int64_t rule;

    int64_t count() const { return rows * columns; }
};

struct Hyperparameters {
    double rate, clip, weight_decay, beta1, beta2, momentum;
    int64_t step;
};

constexpr Real ADAM_EPSILON = 1e-8;
constexpr Real MUON_EPSILON = 1e-7;
constexpr Real MATCHES_ADAMW = 0.2;
constexpr int ITERATIONS = 5;

// Entries i .. of a loop over vectors; the last one may be partial.
template <class Body>
inline void by_vector(int64_t count, Body body) {
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) body(i, LANES);
    if (i < count) body(i, int(count - i));
}

inline Vector load_up_to(const Real* from, int count) {
    return count == LANES ? load(from) : load_first(from, count);
}

inline void store_up_to(Real* to, Vector x, int count) {
    if (count == LANES) {
        store(to, x);
    } else {
        store_first(to, x, count);
    }
}

inline double square_sum(const Real* x, int64_t count) {
    // Blocks, so that float32 sums stay short.
    double sum = 0;
    for (int64_t begin = 0; begin < count; begin += 4096) {
        Vector squares = {};
        by_vector(count - begin < 4096 ? count - begin : 4096, [&](int64_t i, int lanes_) {
            const Vector entry = load_up_to(x + begin + i, lanes_);
            squares = fused(entry, entry, squares);
        });
        sum += total(squares);
    }
    return sum;
}

inline void adamw(const Parameter& p, const Hyperparameters& h, Real factor) {
    const Real bias1 = 1 - std::pow(h.beta1, h.step),
               bias2 = std::sqrt(1 - std::pow(h.beta2, h.step));
    const Real decay = p.rule == (int)Rule::ADAMW ? 1 - h.rate * h.weight_decay : 1;
    const Vector rate = splat(Real(h.rate) / bias1), old = splat(Real(h.beta2));
    const Vector fresh1 = splat(Real(1 - h.beta1)), fresh2 = splat(Real(1 - h.beta2));
    by_vector(p.count(), [&](int64_t i, int count) {
        const Vector grad = splat(factor) * load_up_to(p.grad + i, count);
        Vector first = load_up_to(p.first + i, count);
        first = fused(fresh1, grad - first, first);
        store_up_to(p.first + i, first, count);
        const Vector second = fused(fresh2, grad * grad, old * load_up_to(p.second + i, count));
        store_up_to(p.second + i, second, count);
        const Vector root = square_root(second) / splat(bias2) + splat(ADAM_EPSILON);
        const Vector weight = splat(decay) * load_up_to(p.weight + i, count);
        store_up_to(p.weight + i, fused(-rate, first / root, weight), count);
    });
}

// x (rows x columns, rows <= columns) = nearly U V^T of x = U S V^T. `scratch` has 2 (rows^2 + rows
// columns) entries.
inline void orthogonalise(Real* x, int rows, int columns, Real* scratch) {
    const int64_t count = (int64_t)rows * columns;
    Real *transposed = scratch, *next = transposed + count, *gram = next + count;
    Real *polynomial = gram + (int64_t)rows * rows, *from = x;
    const Real norm = std::sqrt(square_sum(x, count));
    const Vector shrink = splat(1 / (norm > MUON_EPSILON ? norm : MUON_EPSILON));
    by_vector(count, [&](int64_t i, int lanes_) {
        store_up_to(x + i, shrink * load_up_to(x + i, lanes_), lanes_);
    });
    for (int iteration = 0; iteration < ITERATIONS; iteration++) {
        // x <- (a + b x x^T + c (x x^T)^2) x, with the coefficients of Jordan et al.
        transpose(from, columns, rows, columns, transposed, rows);
        product(rows, rows, columns, by_rows(from, columns), {transposed, rows}, gram, rows);
        product(rows, rows, rows, by_rows(gram, rows), {gram, rows}, polynomial, rows);
        by_vector((int64_t)rows * rows, [&](int64_t i, int lanes_) {
            const Vector linear = splat(Real(-4.7750)) * load_up_to(gram + i, lanes_);
            const Vector square = load_up_to(polynomial + i, lanes_);
            store_up_to(polynomial + i, fused(splat(Real(2.0315)), square, linear), lanes_);
        });
        for (int i = 0; i < rows; i++) polynomial[(int64_t)i * rows + i] += Real(3.4445);
        product(rows, columns, rows, by_rows(polynomial, rows), {from, columns}, next, columns);
        std::swap(from, next);
    }
    if (from != x) std::memcpy(x, from, count * sizeof(Real));
}

inline void muon(const Parameter& p, const Hyperparameters& h, Real factor, Real* scratch) {
    Real *update = scratch, *rest = scratch + p.count();
    const Vector fresh = splat(Real(1 - h.momentum)), momentum = splat(Real(h.momentum));
    by_vector(p.count(), [&](int64_t i, int count) {
        const Vector grad = splat(factor) * load_up_to(p.grad + i, count);
        Vector average = load_up_to(p.first + i, count);
        average = fused(fresh, grad - average, average);
        store_up_to(p.first + i, average, count);
        store_up_to(update + i, fused(momentum, average - grad, grad), count);
    });
    const int rows = p.rows, columns = p.columns;
    if (rows > columns) {
        Real *turned = rest, *free = rest + p.count();
        transpose(update, columns, rows, columns, turned, rows);
        orthogonalise(turned, columns, rows, free);
        transpose(turned, rows, columns, rows, update, columns);
    } else {
        orthogonalise(update, rows, columns, rest);
    }
    const int longer = rows > columns ? rows : columns;
    const Vector step = splat(Real(h.rate) * MATCHES_ADAMW * std::sqrt(Real(longer)));
    const Vector kept = splat(Real(1 - h.rate * h.weight_decay));
    by_vector(p.count(), [&](int64_t i, int count) {
        const Vector weight = kept * load_up_to(p.weight + i, count);
        store_up_to(p.weight + i, fused(-step, load_up_to(update + i, count), weight), count);
    });
}

// Apply a step unless the gradient's norm is not finite. Returns the norm before clipping.
// `scratch` has six times the entries of the largest matrix.
inline double update(const Parameter* parameters, int count, const Hyperparameters& h,
                     Real* scratch) {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += square_sum(parameters[i].grad, parameters[i].count());
    const double norm = std::sqrt(sum), excess = (norm + 1e-6) / h.clip;
    if (!std::isfinite(norm)) return norm;
    const Real factor = excess > 1 ? 1 / excess : 1;
    for (int i = 0; i < count; i++) {
        if (parameters[i].rule == (int)Rule::MUON)
            muon(parameters[i], h, factor, scratch);
        else
            adamw(parameters[i], h, factor);
    }
    return norm;
}

}  // namespace manymasks
