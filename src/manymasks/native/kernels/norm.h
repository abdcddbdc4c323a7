// RMSNorm of the columns of x (width x positions), without its gain (Zhang & Sennrich 2019).
#pragma once

#include "vector.h"

namespace manymasks {

constexpr Real NORM_EPSILON = 1e-6;

// unit = x / rms(x); scale (positions) = 1 / rms(x). `positions` is a multiple of LANES.
inline void normalise(const Real* x, int width, int positions, Real* unit, Real* scale) {
    for (int t = 0; t < positions; t += LANES) {
        Vector squares = {};
        for (int k = 0; k < width; k++) {
            const Vector entry = load(x + k * positions + t);
            squares = fused(entry, entry, squares);
        }
        const Vector mean = squares / splat(width) + splat(NORM_EPSILON);
        const Vector factor = splat(1) / square_root(mean);
        store(scale + t, factor);
        for (int k = 0; k < width; k++)
            store(unit + k * positions + t, factor * load(x + k * positions + t));
    }
}

// From `grad`, that of gain * unit: d_x = or += the gradient of x, and d_gain += that of the gain.
// `means` is scratch for one row of positions.
inline void normalise_backward(const Real* grad, const Real* unit, const Real* scale,
                               const Real* gain, int width, int positions, Real* d_x, bool adds,
                               Real* d_gain, Real* means) {
    std::memset(means, 0, positions * sizeof(Real));
    for (int k = 0; k < width; k++) {
        Vector along_row = {};
        const Vector weight = splat(gain[k]);
        for (int t = 0; t < positions; t += LANES) {
            const Vector along = load(grad + k * positions + t) * load(unit + k * positions + t);
            along_row += along;
            store(means + t, fused(weight, along, load(means + t)));
        }
        d_gain[k] += total(along_row);
    }
    for (int t = 0; t < positions; t += LANES) store(means + t, load(means + t) / splat(width));
    for (int k = 0; k < width; k++) {
        const Vector weight = splat(gain[k]);
        for (int t = 0; t < positions; t += LANES) {
            const long at = (long)k * positions + t;
            Vector d = fused(-load(unit + at), load(means + t), weight * load(grad + at));
            d *= load(scale + t);
            store(d_x + at, adds ? load(d_x + at) + d : d);
        }
    }
}

}  // namespace manymasks
