// Rotary positions (Su et al. 2021): each pair of features (n, n + head / 2) turns by its angle.
#pragma once

#include "vector.h"

namespace manymasks {

// x (head x positions), in place. `cosines`, `sines` (head / 2 x positions); `back` turns the other
// way, which is the gradient. All is scaled by `factor`.
inline void rotate(Real* x, int head, int positions, const Real* cosines, const Real* sines,
                   Real factor, bool back) {
    const int half = head / 2;
    for (int n = 0; n < half; n++)
        for (int t = 0; t < positions; t += LANES) {
            Real* first = x + n * positions + t;
            Real* second = first + half * positions;
            const Vector cosine = splat(factor) * load(cosines + n * positions + t);
            const Vector angle = splat(factor) * load(sines + n * positions + t);
            const Vector sine = back ? -angle : angle;
            const Vector a = load(first), b = load(second);
            store(first, fused(-b, sine, a * cosine));
            store(second, fused(a, sine, b * cosine));
        }
}

inline void scale(Real* x, long count, Real factor) {
    for (long i = 0; i < count; i += LANES) store(x + i, splat(factor) * load(x + i));
}

}  // namespace manymasks
