// Next-token loss of a window and its gradient, with the logits of a chunk of positions at a time.
#pragma once

#include "tiles.h"

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

// The loss of a position, in nats, and whether no token is more probable than its target.
struct Scored {
    double nats;
    bool is_top;
};

// The loss of one position. Where it LEARNS, `row`, its logits, becomes the loss's
// gradient times `share`. `row` has `padded` entries; those from `vocabulary` on only fill it up.
template <bool LEARNS>
inline Scored loss_of_row(Real* row, int vocabulary, int padded, long target, Real share = 0) {
    for (int v = vocabulary; v < padded; v++) row[v] = -INFINITY;
    Vector highest_lanes = load(row);
    for (int v = LANES; v < padded; v += LANES)
        highest_lanes = larger(highest_lanes, load(row + v));
    const Real highest = largest(highest_lanes), scored = row[target];
    Vector sums = {};
    for (int v = 0; v < padded; v += LANES) {
        Vector weight = exponential(load(row + v) - splat(highest));
        for (int i = vocabulary - v; i < LANES; i++)
            if (i >= 0) weight[i] = 0;
        sums += weight;
        if (LEARNS) store(row + v, weight);
    }
    const Real sum = total(sums);
    if (LEARNS) {
        const Vector factor = splat(share / sum);
        for (int v = 0; v < padded; v += LANES) store(row + v, factor * load(row + v));
        row[target] -= share;
    }
    return {std::log((double)sum) + highest - scored, scored == highest};
}

}  // namespace manymasks
