// Next-token loss of a window and its gradient, with the logits of a chunk of positions at a time.
#pragma once

#include "product.h"
#include "transpose.h"

namespace manymasks {

// Logits held at once, to fit the L2 cache.
constexpr long LOGITS = 1 << 17;

// Positions of a chunk, whose logits are `vocabulary` entries each.
inline int chunk_of(int positions, int vocabulary) {
    const long fit = LOGITS / vocabulary / LANES * LANES;
    return fit < LANES ? LANES : fit > positions ? positions : fit;
}

// W_U (vocabulary x width) times the gain, in panels of PANEL tokens (width x PANEL each); the last
// one is filled up with zeros.
inline void pack_unembedding(const Real* W_U, const Real* gain, int vocabulary, int width,
                             Real* packed) {
    for (int first = 0; first < vocabulary; first += PANEL) {
        const int count = vocabulary - first < PANEL ? vocabulary - first : PANEL;
        Real* panel = packed + (long)first * width;
        if (count < PANEL) std::memset(panel, 0, sizeof(Real) * PANEL * width);
        transpose(W_U + (long)first * width, width, count, width, panel, PANEL);
        for (int k = 0; k < width; k++)
            for (int n = 0; n < PANEL; n += LANES) {
                Real* at = panel + k * PANEL + n;
                store(at, splat(gain[k]) * load(at));
            }
    }
}

// The loss of a position, in nats; whether no token is more probable than its target; and by what
// its row must be multiplied to be the loss's gradient.
struct Scored {
    double nats;
    bool is_top;
    Real factor;
};

inline Real largest_of_row(const Real* row, int count) {
    // Four at once, since a maximum waits for the one before.
    Vector most[4] = {load(row), load(row), load(row), load(row)};
    int v = 0;
    for (; v + 4 * LANES <= count; v += 4 * LANES)
        for (int i = 0; i < 4; i++) most[i] = larger(most[i], load(row + v + i * LANES));
    for (; v < count; v += LANES) most[0] = larger(most[0], load(row + v));
    return largest(larger(larger(most[0], most[1]), larger(most[2], most[3])));
}

// The loss of one position. Where it LEARNS, `row`, its logits, becomes the loss's gradient without
// the factor of the result, by which rows of the stream are multiplied, which are shorter. `row`
// has `padded` entries; those from `vocabulary` on only fill it up and count for nothing.
template <bool LEARNS>
inline Scored loss_of_row(Real* row, int vocabulary, int padded, long target) {
    for (int v = vocabulary; v < padded; v++) row[v] = -INFINITY;
    const Real highest = largest_of_row(row, padded), scored = row[target];
    Vector sums = {};
    for (int v = 0; v < padded; v += LANES) {
        const Vector weight = exponential(load(row + v) - splat(highest));
        sums += weight;
        if (LEARNS) store(row + v, weight);
    }
    const Real sum = total(sums);
    if (LEARNS) row[target] -= sum;
    return {std::log((double)sum) + highest - scored, scored == highest, 1 / sum};
}

}  // namespace manymasks
