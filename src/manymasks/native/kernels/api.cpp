// The functions that Python calls. Arrays belong to the caller. Where there is no memory for a
// member, `manymasks_member` returns null; later, with bf16, the process ends.
#include "backward.h"
#include "update.h"

using namespace manymasks;

namespace {

// Positions of a batch: windows of `length` tokens that lie `apart` tokens from one another.
struct Batch {
    const int64_t* tokens;
    int64_t windows, length, apart;
};

Window prepared(Member& member, const Batch& batch, int64_t index) {
    const int columns = padded(batch.length, LANES);
    if (index == 0) member.set_positions(batch.length, columns);
    return {batch.tokens + index * batch.apart, (int)batch.length, columns};
}

GivenPast past_of(const Real* inputs, const Batch& batch, int64_t index) {
    return {inputs, batch.windows * batch.length, index * batch.length};
}

}  // namespace

extern "C" {

int manymasks_lanes() { return LANES; }

int manymasks_has_bf16() { return HAS_BF16; }

Member* manymasks_member(const Shape* shape, const Real* table) {
    try {
        return new Member(*shape, table);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

void manymasks_free(Member* member) { delete member; }

// Mean loss in nats of the windows' next tokens, and its gradients. `apart` is at least length + 1.
double manymasks_gradients(Member* member, Real* const* weights_at, Real* const* grads_at,
                           const Route* route, const Batch* batch, const Real* past) {
    const Weights weights(member->shape, weights_at), grads(member->shape, grads_at);
    const Real share = 1.0 / (batch->windows * batch->length);
    double nats = 0;
    const TileRegisters tiles(member->shape.is_bf16);
    pack_weights(*member, weights);
    clear_gradients(*member, grads);
    member->set_gamma(route->gamma, padded(batch->length, LANES));
    for (int64_t i = 0; i < batch->windows; i++)
        nats += window_gradients(*member, weights, grads, *route, prepared(*member, *batch, i),
                                 past_of(past, *batch, i), share);
    unpack_gradients(*member, weights, grads);
    return nats / (batch->windows * batch->length);
}

// Logits of the last positions (windows x last x vocabulary), and residual streams before each
// block and after the last (levels x windows x length x width); either may be null. `inputs`
// (layers x width x windows x length), the normalised inputs of attention, may be null too.
void manymasks_forward(Member* member, Real* const* weights_at, const Route* route,
                       const Batch* batch, const Real* past, int64_t last, Real* logits,
                       Real* streams, Real* inputs) {
    const Weights weights(member->shape, weights_at);
    const Shape& shape = member->shape;
    const int width = shape.width;
    const long tokens = batch->windows * batch->length;
    const TileRegisters tiles(member->shape.is_bf16);
    pack_weights(*member, weights);
    for (int64_t i = 0; i < batch->windows; i++) {
        const Window window = prepared(*member, *batch, i);
        const int columns = window.columns;
        const auto keep_stream = [&](int level) {
            if (!streams) return;
            Real* to = streams + ((level * batch->windows + i) * batch->length) * width;
            transpose(member->x, columns, width, window.length, to, width);
        };
        embed(*member, weights, window);
        for (int layer = 0; layer < shape.layers; layer++) {
            keep_stream(layer);
            run_layer(*member, weights, layer, *route, window, past_of(past, *batch, i), false);
            if (!inputs) continue;
            for (int k = 0; k < width; k++)
                for (int t = 0; t < window.length; t++)
                    inputs[(layer * width + k) * tokens + i * batch->length + t] =
                        member->tapes[0].unit_attention[(long)k * columns + t] *
                        weights.layers[layer].norm_attention[k];
        }
        keep_stream(shape.layers);
        if (!logits) continue;
        normalise(member->x, width, columns, member->unit, member->scale);
        const int padded_size = padded(shape.vocabulary, PANEL),
                  chunk = chunk_of(columns, padded_size);
        for (int first = window.length - last; first < window.length; first += chunk) {
            const int count = window.length - first < chunk ? window.length - first : chunk;
            score(*member, first, count, columns);
            for (int t = 0; t < count; t++)
                std::memcpy(
                    logits + (i * last + first + t - (window.length - last)) * shape.vocabulary,
                    member->logits + (long)t * padded_size, shape.vocabulary * sizeof(Real));
        }
    }
}

// Mean loss in nats of the windows' next tokens, of which `apart` is at least length + 1. The loss
// of each position, and whether its target is the most probable token, (windows x length), may be
// null.
double manymasks_scores(Member* member, Real* const* weights_at, const Route* route,
                        const Batch* batch, const Real* past, Real* losses, uint8_t* tops) {
    const Weights weights(member->shape, weights_at);
    const Shape& shape = member->shape;
    double nats = 0;
    const TileRegisters tiles(member->shape.is_bf16);
    pack_weights(*member, weights);
    for (int64_t i = 0; i < batch->windows; i++) {
        const Window window = prepared(*member, *batch, i);
        const int vocabulary = padded(shape.vocabulary, PANEL);
        const int chunk = chunk_of(window.columns, vocabulary);
        embed(*member, weights, window);
        for (int layer = 0; layer < shape.layers; layer++)
            run_layer(*member, weights, layer, *route, window, past_of(past, *batch, i), false);
        normalise(member->x, shape.width, window.columns, member->unit, member->scale);
        for (int first = 0; first < window.length; first += chunk) {
            const int count = window.length - first < chunk ? window.length - first : chunk;
            score(*member, first, count, window.columns);
            for (int t = 0; t < count; t++) {
                const Scored scored =
                    loss_of_row<false>(member->logits + (long)t * vocabulary, shape.vocabulary,
                                       vocabulary, window.tokens[first + t + 1]);
                const long at = i * batch->length + first + t;
                nats += scored.nats;
                if (losses) losses[at] = scored.nats;
                if (tops) tops[at] = scored.is_top;
            }
        }
    }
    return nats / (batch->windows * batch->length);
}

double manymasks_update(const Parameter* parameters, int count,
                        const Hyperparameters* hyperparameters, Real* scratch) {
    return update(parameters, count, *hyperparameters, scratch);
}

// Kernels alone, for their tests.

void manymasks_product(int rows, int columns, int depth, const Real* a, long a_rows, long a_columns,
                       const Real* b, long line, Real* c, long stride, int adds) {
    product(rows, columns, depth, {a, a_rows, a_columns}, {b, line}, c, stride, adds);
}

void manymasks_product_of_rounded(int rows, int columns, int depth, const Real* a, long a_rows,
                                  long a_columns, const Real* b, long line, Real* c, long stride,
                                  int adds) {
    Member member({2, 1, 0, 2, 1, 1, 1, 1, 1}, nullptr);
    const TileRegisters tiles(true);
    member.multiply(rows, columns, depth, {a, a_rows, a_columns}, {b, line}, c, stride, adds);
}

void manymasks_transpose(const Real* from, long line, int rows, int columns, Real* to,
                         long stride) {
    transpose(from, line, rows, columns, to, stride);
}

void manymasks_exponential(Real* x, long count) {
    for (long i = 0; i < count; i += LANES) store(x + i, exponential(load(x + i)));
}

void manymasks_activate(int is_gelu, Real* x, Real* slopes, long count) {
    activate(is_gelu, x, slopes, count);
}

void manymasks_orthogonalise(Real* x, int rows, int columns, Real* scratch) {
    orthogonalise(x, rows, columns, scratch);
}
}
