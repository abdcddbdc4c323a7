// The forward pass of one window.
#pragma once

#include "activation.h"
#include "model.h"
#include "norm.h"
#include "positions.h"

namespace manymasks {

// A window of tokens: its length, and its columns, the length filled up to whole vectors. Columns
// beyond the length are 0 at the start; no position before them reads them.
struct Window {
    const int64_t* tokens;
    int length, columns;
};

// The past of a window for a route that is given one: inputs of each layer (layers x width x
// `stride`), of which the window's columns begin at `first`.
struct GivenPast {
    const Real* inputs;
    long stride, first;
};

// b_ij = a_ij gain_j, of a matrix with `rows` rows.
inline void multiply_gain(const Real* a, const Real* gain, int rows, int columns, Real* b) {
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            b[(long)i * columns + j] = a[(long)i * columns + j] * gain[j];
}

// What all windows share.
inline void pack_weights(Member& member, const Weights& weights) {
    member.forget_packed();
    const int width = member.shape.width;
    const long matrix = (long)width * width;
    for (int i = 0; i < member.shape.layers; i++) {
        const Layer& layer = weights.layers[i];
        const Packed& packed = member.packed[i];
        const Real* kinds[] = {layer.W_Q, layer.W_K, layer.W_V};
        for (int kind = 0; kind < 3; kind++) {
            std::memcpy(packed.qkv + kind * matrix, kinds[kind], matrix * sizeof(Real));
            multiply_gain(kinds[kind], layer.norm_attention, width, width,
                          packed.qkv_gained + kind * matrix);
        }
        multiply_gain(layer.W_in, layer.norm_mlp, member.shape.hidden, width, packed.in_gained);
    }
    pack_unembedding(weights.W_U, weights.norm, member.shape.vocabulary, width, member.unembedding);
}

// Embeddings of the tokens, width x columns, into member.x.
inline void embed(Member& member, const Weights& weights, Window window) {
    const int width = member.shape.width;
    Real* rows = member.narrow;
    for (int t = 0; t < window.length; t++) {
        Real* row = rows + (long)t * width;
        std::memcpy(row, weights.W_E + window.tokens[t] * width, width * sizeof(Real));
        if (weights.W_pos)
            for (int k = 0; k < width; k++) row[k] += weights.W_pos[(long)t * width + k];
    }
    std::memset(rows + (long)window.length * width, 0,
                sizeof(Real) * width * (window.columns - window.length));
    transpose(rows, width, window.columns, width, member.x, window.columns);
}

// Rotate the heads of queries or keys, width x columns, in place; queries are scaled too.
inline void rotate_heads(const Member& member, Real* x, int columns, bool is_query, bool back) {
    const int head = member.shape.head();
    const Real factor = is_query ? 1 / std::sqrt((Real)head) : 1;
    for (int i = 0; i < member.shape.heads; i++) {
        Real* one = x + (long)i * head * columns;
        if (!member.shape.is_learned)
            rotate(one, head, columns, member.cosines, member.sines, factor, back);
        else if (is_query)
            scale(one, (long)head * columns, factor);
    }
}

// Keys and values of another model's past, from its inputs of one layer, kept in member.given.
inline void read_past(Member& member, int layer, Window window, GivenPast past, Real* keys_values) {
    const int width = member.shape.width, columns = window.columns;
    const Real* inputs = past.inputs + layer * width * past.stride + past.first;
    for (int k = 0; k < width; k++) {
        std::memcpy(member.given + (long)k * columns, inputs + k * past.stride,
                    window.length * sizeof(Real));
        std::memset(member.given + (long)k * columns + window.length, 0,
                    (columns - window.length) * sizeof(Real));
    }
    const Real* keys = member.packed[layer].qkv + (long)width * width;
    member.multiply(2 * width, columns, width, by_rows(keys, width), {member.given, columns},
                    keys_values, columns, false, Shared::LEFT);
    rotate_heads(member, keys_values, columns, false, false);
}

// Queries, keys and values of a layer, width x columns each.
struct Projections {
    Real *queries, *keys, *values, *read_keys, *read_values;

    Projections(const Tape& tape, const Shape& shape, int columns, Past past)
        : queries(tape.qkv),
          keys(queries + (long)shape.width * columns),
          values(keys + (long)shape.width * columns),
          read_keys(past == Past::GIVEN ? tape.given : keys),
          read_values(past == Past::GIVEN ? tape.given + (long)shape.width * columns : values) {}

    KeysValues<const Real> read() const { return {read_keys, read_values}; }
    KeysValues<const Real> present() const { return {keys, values}; }
};

// member.x += the output of a layer's attention, then of its MLP. Where `keeps` is false, nothing
// is kept for a backward pass, and the layers share one tape.
inline void run_layer(Member& member, const Weights& weights, int index, Route route, Window window,
                      GivenPast past, bool keeps) {
    const Shape& shape = member.shape;
    const Tape& tape = member.tapes[keeps ? index : 0];
    const Layer& layer = weights.layers[index];
    const Packed& packed = member.packed[index];
    const int width = shape.width, columns = window.columns;
    const HeadShape head = {shape.head(), columns};

    normalise(member.x, width, columns, tape.unit_attention, tape.scale_attention);
    member.multiply(3 * width, columns, width, by_rows(packed.qkv_gained, width),
                    {tape.unit_attention, columns}, tape.qkv, columns, false, Shared::LEFT);
    const Projections projections(tape, shape, columns, route.past);
    const Real* attended = tape.out;
    if (route.past == Past::NONE) {
        attended = projections.values;
    } else {
        rotate_heads(member, projections.queries, columns, true, false);
        rotate_heads(member, projections.keys, columns, false, false);
        if (route.past == Past::GIVEN) read_past(member, index, window, past, tape.given);
        for (int i = 0; i < shape.heads; i++)
            attend(projections.queries + i * head.size(), projections.read().head(i, head.size()),
                   projections.present().head(i, head.size()), head,
                   tape.weights + (keeps ? (long)i * columns * columns : 0),
                   tape.out + i * head.size(), member.row);
    }
    member.multiply(width, columns, width, by_rows(layer.W_O, width), {attended, columns}, member.x,
                    columns, true, Shared::LEFT);

    normalise(member.x, width, columns, tape.unit_mlp, tape.scale_mlp);
    member.multiply(shape.hidden, columns, width, by_rows(packed.in_gained, width),
                    {tape.unit_mlp, columns}, tape.after, columns, false, Shared::LEFT);
    activate(shape.is_gelu, tape.after, keeps ? tape.slopes : nullptr,
             (long)shape.hidden * columns);
    member.multiply(width, columns, shape.hidden, by_rows(layer.W_out, shape.hidden),
                    {tape.after, columns}, member.x, columns, true, Shared::LEFT);
}

// Logits of positions first .. first + count of the normalised last stream, in member.logits.
inline void score(Member& member, int first, int count, int columns) {
    const int vocabulary = padded(member.shape.vocabulary, PANEL);
    member.multiply(count, vocabulary, member.shape.width, by_columns(member.unit + first, columns),
                    {member.unembedding, PANEL, (long)PANEL * member.shape.width}, member.logits,
                    vocabulary, false, Shared::RIGHT);
}

}  // namespace manymasks
