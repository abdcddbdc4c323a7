// Shape, weights and memory of one member.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "attention.h"
#include "loss.h"
#include "rounded_product.h"

namespace manymasks {

struct Shape {
    int width, heads, layers, hidden, vocabulary, context, is_gelu, is_learned, is_bf16;

    int head() const { return width / heads; }
};

// Where earlier positions come from, as in kinds/gradient_flows.py.
enum class Past : int { OWN, GIVEN, NONE };

struct Route {
    Flow flow;
    Past past;
    double gamma;
};

// Weights of a layer, or their gradients, named as in models/transformer.py.
struct Layer {
    Real *norm_attention, *W_Q, *W_K, *W_V, *W_O, *norm_mlp, *W_in, *W_out;
};

// Weights of a member, or their gradients.
struct Weights {
    Real *W_E, *W_pos, *norm, *W_U;
    std::vector<Layer> layers;

    // `pointers`: in the order W_E, norm, W_U, then those of each layer, then W_pos where it is
    // learned.
    Weights(const Shape& shape, Real* const* pointers)
        : W_E(pointers[0]), W_pos(nullptr), norm(pointers[1]), W_U(pointers[2]) {
        Real* const* next = pointers + 3;
        for (int i = 0; i < shape.layers; i++, next += 8)
            layers.push_back(
                {next[0], next[1], next[2], next[3], next[4], next[5], next[6], next[7]});
        if (shape.is_learned) W_pos = *next;
    }
};

// Arrays that begin at a cache line and are freed together.
class Memory {
  public:
    Real* take(long count) {
        const size_t bytes = (count * sizeof(Real) + 63) / 64 * 64;
        auto* array = static_cast<Real*>(std::aligned_alloc(64, bytes ? bytes : 64));
        if (!array) throw std::bad_alloc();
        arrays_.emplace_back(array, &std::free);
        return array;
    }

  private:
    std::vector<std::unique_ptr<Real, void (*)(void*)>> arrays_;
};

// Which factor of a product is a weight that all windows share.
enum class Shared { NONE, LEFT, RIGHT };

// What the backward pass of a layer needs from the forward pass of a window.
struct Tape {
    Real *unit_attention, *scale_attention, *qkv, *given, *weights, *out;
    Real *unit_mlp, *scale_mlp, *after, *slopes;
};

// Products of a layer's weights with gains, made once for all windows, and sums of its gradients
// over windows where those are not in the layout of the weights.
struct Packed {
    Real *qkv, *qkv_gained, *in_gained;
    Real *d_qkv, *d_in, *d_out_transposed;
};

// A member's memory for windows of up to its context.
struct Member {
    Shape shape;
    Memory memory;
    std::vector<Tape> tapes;
    std::vector<Packed> packed;
    Real *unembedding, *x, *unit, *scale, *logits, *cosines, *sines, *powers;
    Real *wide, *d_wide, *d_read, *narrow, *d_x, *turned, *row, *given;
    AttentionScratch attention;

    // `table`: cosines and sines (2 x head / 2 x context), or null where positions are learned.
    Member(const Shape& shape_, const Real* table) : shape(shape_) {
        const int width = shape.width, head = shape.head();
        const int hidden = shape.hidden, vocabulary = padded(shape.vocabulary, PANEL);
        const int positions = padded(shape.context, LANES);
        const long narrow_size = (long)width * positions, wide_size = (long)hidden * positions;
        const long square = (long)positions * positions;
        for (int i = 0; i < shape.layers; i++) {
            tapes.push_back({memory.take(narrow_size), memory.take(positions),
                             memory.take(3 * narrow_size), memory.take(2 * narrow_size),
                             memory.take(shape.heads * square), memory.take(narrow_size),
                             memory.take(narrow_size), memory.take(positions),
                             memory.take(wide_size), memory.take(wide_size)});
            const long matrix = (long)width * width, mlp = (long)width * hidden;
            packed.push_back({memory.take(3 * matrix), memory.take(3 * matrix), memory.take(mlp),
                              memory.take(3 * matrix), memory.take(mlp), memory.take(mlp)});
        }
        unembedding = memory.take((long)vocabulary * width);
        x = memory.take(narrow_size);
        unit = memory.take(narrow_size);
        scale = memory.take(positions);
        logits = memory.take((long)chunk_of(positions, vocabulary) * vocabulary);
        wide = memory.take(wide_size > 3 * narrow_size ? wide_size : 3 * narrow_size);
        d_wide = memory.take(wide_size > 3 * narrow_size ? wide_size : 3 * narrow_size);
        d_read = memory.take(3 * narrow_size);
        narrow = memory.take(narrow_size);
        d_x = memory.take(narrow_size);
        turned = memory.take(narrow_size);
        row = memory.take(positions);
        given = memory.take(narrow_size);
        const long head_size = (long)head * positions;
        attention = {memory.take(square),    memory.take(head_size), memory.take(head_size),
                     memory.take(head_size), memory.take(positions), memory.take(positions)};
        cosines = memory.take((long)head / 2 * positions);
        sines = memory.take((long)head / 2 * positions);
        powers = memory.take(positions + LANES) + LANES;
        context_table = std::vector<Real>(table, table + (table ? (long)head * shape.context : 0));
    }

    // Angles for windows of `positions`, laid out in `stride` columns.
    void set_positions(int positions, int stride) {
        if (context_table.empty()) return;
        const int half = shape.head() / 2;
        for (int kind = 0; kind < 2; kind++)
            for (int n = 0; n < half; n++) {
                Real* to = (kind ? sines : cosines) + (long)n * stride;
                const Real* from = context_table.data() + ((long)kind * half + n) * shape.context;
                std::memset(to, 0, stride * sizeof(Real));
                std::memcpy(to, from, positions * sizeof(Real));
            }
    }

    // Powers of gamma for a discount; those of negative exponents are 0.
    void set_gamma(double gamma, int positions) {
        for (int i = -LANES; i < 0; i++) powers[i] = 0;
        for (int i = 0; i < positions; i++) powers[i] = std::pow(gamma, i);
    }

    // C = or += A B, a product with weights: of factors rounded to bfloat16 where the member is of
    // that precision. A weight that all windows share is packed once.
    void multiply(int rows, int columns, int depth, Left a, Right b, Real* c, long stride,
                  bool adds = false, Shared shared = Shared::NONE) {
#ifdef MANYMASKS_BF16
        if (shape.is_bf16) {
            const size_t deep = padded(depth, TILE_DEPTH);
            const Tiles left =
                tiles(shared == Shared::LEFT, left_, a.at, a.rows, padded(rows, SIDE) * deep);
            const Tiles right =
                tiles(shared == Shared::RIGHT, right_, b.at, b.line, padded(columns, SIDE) * deep);
            if (!left.is_packed) pack_left(rows, depth, a, left.at);
            if (!right.is_packed) pack_right(columns, depth, b, right.at);
            product_of_rounded(rows, columns, depth, left.at, right.at, c, stride, adds);
            return;
        }
#endif
        (void)shared;
        product(rows, columns, depth, a, b, c, stride, adds);
    }

    // Weights have changed: none is packed.
    void forget_packed() {
        for (PackedWeight& weight : weights_) weight.is_current = false;
    }

  private:
    struct Tiles {
        uint16_t* at;
        bool is_packed;
    };

    // A weight as tiles, known by its address and the distance of its rows.
    struct PackedWeight {
        const Real* weight;
        long rows;
        bool is_current;
        std::vector<uint16_t> tiles;
    };

    std::vector<Real> context_table;
    std::vector<uint16_t> left_, right_;
    std::vector<PackedWeight> weights_;

    // Room for a factor: that of its weight if it is shared, else of any factor of its side.
    Tiles tiles(bool is_shared, std::vector<uint16_t>& room, const Real* at, long rows,
                size_t count) {
        if (!is_shared) {
            if (room.size() < count) room.resize(count);
            return {room.data(), false};
        }
        for (PackedWeight& weight : weights_)
            if (weight.weight == at && weight.rows == rows && weight.tiles.size() == count) {
                const bool is_packed = weight.is_current;
                weight.is_current = true;
                return {weight.tiles.data(), is_packed};
            }
        weights_.push_back({at, rows, true, std::vector<uint16_t>(count)});
        return {weights_.back().tiles.data(), false};
    }
};

}  // namespace manymasks
