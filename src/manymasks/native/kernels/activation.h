// The nonlinearity of the MLP with its derivative: GELU in its tanh form (Hendrycks & Gimpel 2016),
// which is x sigmoid(2u) with 2u = x (A + B x^2), or the squared ReLU.
#pragma once

#include "vector.h"

namespace manymasks {

constexpr Real GELU_A = 1.5957691216057308;  // 2 sqrt(2 / pi)
constexpr Real GELU_B = 0.044715 * GELU_A;

inline Vector gelu(Vector x, Vector* slope) {
    const Vector square = x * x;
    const Vector doubled = x * fused(square, splat(GELU_B), splat(GELU_A));
    const Vector share = splat(1) / (splat(1) + exponential(smaller(-doubled, splat(88))));
    const Vector result = x * share;
    const Vector steepness = fused(square, splat(3 * GELU_B), splat(GELU_A));
    *slope = fused(steepness, fused(-result, share, result), share);
    return result;
}

inline Vector squared_relu(Vector x, Vector* slope) {
    const Vector positive = larger(Vector{}, x);
    *slope = positive + positive;
    return positive * positive;
}

// x = f(x), and slopes = f'(x) if given, of `count` entries, a multiple of LANES.
inline void activate(bool is_gelu, Real* x, Real* slopes, long count) {
    for (long i = 0; i < count; i += LANES) {
        Vector slope;
        const Vector entry = load(x + i);
        store(x + i, is_gelu ? gelu(entry, &slope) : squared_relu(entry, &slope));
        if (slopes) store(slopes + i, slope);
    }
}

}  // namespace manymasks
