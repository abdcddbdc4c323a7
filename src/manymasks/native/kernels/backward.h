// Loss and gradients of one window, added to those of the windows before.
#pragma once

#include "forward.h"

namespace manymasks {

// a_tk *= factors_t.
inline void multiply_rows(Real* a, const Real* factors, int rows, int columns) {
    for (int t = 0; t < rows; t++)
        for (int k = 0; k < columns; k++) a[(long)t * columns + k] *= factors[t];
}

// Losses of the window's targets, in nats; from the logits' gradients, those of W_U (without its
// gain) and of the last stream, in member.d_x. `share` is one over the number of positions.
inline double score_backward(Member& member, const Weights& weights, const Weights& grads,
                             Window window, Real share) {
    const Shape& shape = member.shape;
    const int width = shape.width, columns = window.columns;
    const int vocabulary = padded(shape.vocabulary, PANEL), chunk = chunk_of(columns, vocabulary);
    double nats = 0;
    Real* factors = member.row;
    normalise(member.x, width, columns, member.unit, member.scale);
    transpose(member.unit, columns, width, columns, member.turned, width);
    for (int first = 0; first < window.length; first += chunk) {
        const int count = window.length - first < chunk ? window.length - first : chunk;
        score(member, first, count, columns);
        Real* stream = member.turned + (long)first * width;
        Real* d_stream = member.narrow + (long)first * width;
        for (int t = 0; t < count; t++) {
            const Scored scored =
                loss_of_row<true>(member.logits + (long)t * vocabulary, shape.vocabulary,
                                  vocabulary, window.tokens[first + t + 1]);
            nats += scored.nats;
            factors[t] = share * scored.factor;
        }
        member.multiply(count, width, shape.vocabulary, by_rows(member.logits, vocabulary),
                        {weights.W_U, width}, d_stream, width, false, Shared::RIGHT);
        multiply_rows(d_stream, factors, count, width);
        multiply_rows(stream, factors, count, width);
        member.multiply(shape.vocabulary, width, count, by_columns(member.logits, vocabulary),
                        {stream, width}, grads.W_U, width, true);
    }
    std::memset(member.narrow + (long)window.length * width, 0,
                sizeof(Real) * width * (columns - window.length));
    transpose(member.narrow, width, columns, width, member.wide, columns);
    normalise_backward(member.wide, member.unit, member.scale, weights.norm, width, columns,
                       member.d_x, false, grads.norm, member.row);
    return nats;
}

inline void mlp_backward(Member& member, const Weights& weights, const Weights& grads, int index,
                         int columns) {
    const int width = member.shape.width, hidden = member.shape.hidden;
    const Layer& layer = weights.layers[index];
    const Tape& tape = member.tapes[index];
    const Packed& packed = member.packed[index];
    transpose(member.d_x, columns, width, columns, member.turned, width);
    member.multiply(hidden, width, columns, by_rows(tape.after, columns), {member.turned, width},
                    packed.d_out_transposed, width, true);
    member.multiply(hidden, columns, width, by_columns(layer.W_out, hidden), {member.d_x, columns},
                    member.wide, columns, false, Shared::LEFT);
    for (long i = 0; i < (long)hidden * columns; i += LANES)
        store(member.wide + i, load(member.wide + i) * load(tape.slopes + i));
    transpose(tape.unit_mlp, columns, width, columns, member.turned, width);
    member.multiply(hidden, width, columns, by_rows(member.wide, columns), {member.turned, width},
                    packed.d_in, width, true);
    member.multiply(width, columns, hidden, by_columns(layer.W_in, width), {member.wide, columns},
                    member.narrow, columns, false, Shared::LEFT);
    normalise_backward(member.narrow, tape.unit_mlp, tape.scale_mlp, layer.norm_mlp, width, columns,
                       member.d_x, true, grads.layers[index].norm_mlp, member.row);
}

inline void attention_backward(Member& member, const Weights& weights, const Weights& grads,
                               int index, Route route, Window window, GivenPast past) {
    const Shape& shape = member.shape;
    const int width = shape.width, columns = window.columns;
    const long size = (long)width * columns, matrix = (long)width * width;
    const Layer& layer = weights.layers[index];
    const Layer& grad = grads.layers[index];
    const Tape& tape = member.tapes[index];
    const Packed& packed = member.packed[index];
    const HeadShape head = {shape.head(), columns};
    const Projections projections(tape, shape, columns, route.past);
    const bool is_none = route.past == Past::NONE;
    const Real* attended = is_none ? projections.values : tape.out;

    transpose(attended, columns, width, columns, member.turned, width);
    member.multiply(width, width, columns, by_rows(member.d_x, columns), {member.turned, width},
                    grad.W_O, width, true);
    Real* d_attended = is_none ? member.d_wide + 2 * size : member.narrow;
    member.multiply(width, columns, width, by_columns(layer.W_O, width), {member.d_x, columns},
                    d_attended, columns, false, Shared::LEFT);

    // Gradients of queries, own keys and own values, then of keys and values as read.
    Real* d_present = member.d_wide;
    const bool is_split = route.flow == Flow::READ || route.flow == Flow::DECAYED;
    Real* d_read = is_split ? member.d_read : d_present + size;
    if (!is_none) {
        for (int i = 0; i < shape.heads; i++) {
            const long at = i * head.size();
            attend_backward(
                {projections.queries + at, projections.read().head(i, head.size()),
                 projections.present().head(i, head.size()),
                 tape.weights + (long)i * columns * columns, tape.out + at, d_attended + at},
                route.flow, member.powers, head, d_present + at, {d_read + at, d_read + size + at},
                {d_present + size + at, d_present + 2 * size + at}, member.attention);
        }
        rotate_heads(member, d_present, columns, true, true);
        rotate_heads(member, d_present + size, columns, false, true);
        if (is_split) rotate_heads(member, d_read, columns, false, true);
    }
    // Rows of W_Q, W_K, W_V with a gradient: without a past only the values have one.
    const int first = is_none ? 2 : 0, kinds = 3 - first;
    member.multiply(width, columns, kinds * width, by_columns(packed.qkv + first * matrix, width),
                    {d_present + first * size, columns}, member.narrow, columns, false,
                    Shared::LEFT);
    transpose(tape.unit_attention, columns, width, columns, member.turned, width);
    const Right units = {member.turned, width};
    if (is_split && route.past == Past::OWN) {
        member.multiply(width, width, columns, by_rows(d_present, columns), units, packed.d_qkv,
                        width, true);
        member.multiply(2 * width, width, columns, by_rows(d_read, columns), units,
                        packed.d_qkv + matrix, width, true);
    } else {
        member.multiply(kinds * width, width, columns, by_rows(d_present + first * size, columns),
                        units, packed.d_qkv + first * matrix, width, true);
    }
    normalise_backward(member.narrow, tape.unit_attention, tape.scale_attention,
                       layer.norm_attention, width, columns, member.d_x, true, grad.norm_attention,
                       member.row);
    if (route.past == Past::GIVEN) {
        // Another model's inputs have their gain already, so these gradients skip it.
        const Real* inputs = past.inputs + index * width * past.stride + past.first;
        for (int t = 0; t < columns; t++)
            for (int k = 0; k < width; k++)
                member.turned[(long)t * width + k] =
                    t < window.length ? inputs[k * past.stride + t] : 0;
        Real* targets[] = {grad.W_K, grad.W_V};
        for (int kind = 0; kind < 2; kind++)
            member.multiply(width, width, columns, by_rows(d_read + kind * size, columns),
                            {member.turned, width}, targets[kind], width, true);
    }
}

inline void clear_gradients(const Member& member, const Weights& grads) {
    const Shape& shape = member.shape;
    const size_t width = shape.width, matrix = width * width, mlp = width * shape.hidden;
    const auto clear = [](Real* array, size_t count) {
        std::memset(array, 0, count * sizeof(Real));
    };
    clear(grads.W_E, shape.vocabulary * width);
    clear(grads.W_U, shape.vocabulary * width);
    clear(grads.norm, width);
    if (grads.W_pos) clear(grads.W_pos, shape.context * width);
    for (int i = 0; i < shape.layers; i++) {
        const Layer& layer = grads.layers[i];
        for (Real* array : {layer.W_Q, layer.W_K, layer.W_V, layer.W_O}) clear(array, matrix);
        for (Real* array : {layer.norm_attention, layer.norm_mlp}) clear(array, width);
        clear(member.packed[i].d_qkv, 3 * matrix);
        clear(member.packed[i].d_in, mlp);
        clear(member.packed[i].d_out_transposed, mlp);
    }
}

inline double window_gradients(Member& member, const Weights& weights, const Weights& grads,
                               Route route, Window window, GivenPast past, Real share) {
    const int width = member.shape.width, columns = window.columns;
    embed(member, weights, window);
    for (int i = 0; i < member.shape.layers; i++)
        run_layer(member, weights, i, route, window, past, true);
    const double nats = score_backward(member, weights, grads, window, share);
    for (int i = member.shape.layers - 1; i >= 0; i--) {
        mlp_backward(member, weights, grads, i, columns);
        attention_backward(member, weights, grads, i, route, window, past);
    }
    transpose(member.d_x, columns, width, columns, member.narrow, width);
    for (int t = 0; t < window.length; t++)
        for (int k = 0; k < width; k++) {
            const Real d = member.narrow[(long)t * width + k];
            grads.W_E[window.tokens[t] * width + k] += d;
            if (grads.W_pos) grads.W_pos[(long)t * width + k] += d;
        }
    return nats;
}

// Sums over windows brought into the layout of the weights.
inline void unpack_gradients(const Member& member, const Weights& weights, const Weights& grads) {
    const int width = member.shape.width, hidden = member.shape.hidden;
    const long matrix = (long)width * width;
    for (int i = 0; i < member.shape.layers; i++) {
        const Layer &layer = weights.layers[i], &grad = grads.layers[i];
        const Packed& packed = member.packed[i];
        Real* kinds[] = {grad.W_Q, grad.W_K, grad.W_V};
        for (int kind = 0; kind < 3; kind++)
            for (long j = 0; j < matrix; j++)
                kinds[kind][j] += packed.d_qkv[kind * matrix + j] * layer.norm_attention[j % width];
        multiply_gain(packed.d_in, layer.norm_mlp, hidden, width, grad.W_in);
        transpose(packed.d_out_transposed, width, hidden, width, grad.W_out, hidden);
    }
    multiply_gain(grads.W_U, weights.norm, member.shape.vocabulary, width, grads.W_U);
}

}  // namespace manymasks
