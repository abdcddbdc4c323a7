// The product with both factors rounded to bfloat16 and float32 sums, on the tile registers of AMX.
//
// A tile has 16 rows of 64 bytes. The factors are rounded and packed into tiles first: of A, 16
// rows of 32 entries; of B, 16 pairs of rows of 16 columns. Factors are filled up with zeros.
#pragma once

#include "product.h"
#include "transpose.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && !defined(MANYMASKS_FLOAT64)
#define MANYMASKS_TILES
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace manymasks {

constexpr int SIDE = 16;
constexpr int TILE_DEPTH = 32;
constexpr int TILE = SIDE * TILE_DEPTH;

inline int padded(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }

#ifdef MANYMASKS_TILES

using Rounded = uint16_t;

// Whether this process may use the tile registers, of which Linux must be asked once.
inline bool has_tiles() {
    constexpr int REQUEST_PERMISSION = 0x1023, TILE_DATA = 18;
    static const bool granted = syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
    return granted;
}

// All eight tile registers with 16 rows of 64 bytes, for as long as this lives, if they are used.
class TileRegisters {
  public:
    explicit TileRegisters(bool is_used) : is_used_(is_used) {
        if (!is_used || !has_tiles()) return;
        struct __attribute__((packed)) {
            uint8_t palette, start, reserved[14];
            uint16_t bytes[16];
            uint8_t rows[16];
        } configuration = {};
        configuration.palette = 1;
        for (int i = 0; i < 8; i++) {
            configuration.bytes[i] = 64;
            configuration.rows[i] = SIDE;
        }
        _tile_loadconfig(&configuration);
    }
    ~TileRegisters() {
        if (is_used_) _tile_release();
    }
    TileRegisters(const TileRegisters&) = delete;
    TileRegisters& operator=(const TileRegisters&) = delete;

  private:
    bool is_used_;
};

// Lanes 0 .. 15 of `low` and 16 .. 31 of `high`, rounded to nearest even.
inline void store_rounded(Rounded* to, Vector low, Vector high) {
    const __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    std::memcpy(to, &both, sizeof both);
}

inline void pack_left_tile(Left a, int rows, int depth, Rounded* to) {
    Real entries[2][SIDE * SIDE];
    for (int half = 0; half < 2; half++) {
        const Left part = a.from(0, half * SIDE);
        const int count = depth - half * SIDE < SIDE ? depth - half * SIDE : SIDE;
        if (rows == SIDE && count == SIDE && a.columns == 1) {
            for (int i = 0; i < SIDE; i++)
                store(entries[half] + i * SIDE, load(part.at + i * a.rows));
        } else if (rows == SIDE && count == SIDE && a.rows == 1) {
            transpose_square(part.at, a.columns, entries[half], SIDE);
        } else {
            for (int i = 0; i < SIDE; i++)
                for (int k = 0; k < SIDE; k++)
                    entries[half][i * SIDE + k] =
                        i < rows && k < count ? part.at[i * a.rows + k * a.columns] : 0;
        }
    }
    for (int i = 0; i < SIDE; i++)
        store_rounded(to + i * TILE_DEPTH, load(entries[0] + i * SIDE),
                      load(entries[1] + i * SIDE));
}

// A as tiles: those of one row of tiles follow one another.
inline void pack_left(int rows, int depth, Left a, Rounded* to) {
    for (int m = 0; m < rows; m += SIDE)
        for (int k = 0; k < depth; k += TILE_DEPTH, to += TILE)
            pack_left_tile(a.from(m, k), rows - m < SIDE ? rows - m : SIDE,
                           depth - k < TILE_DEPTH ? depth - k : TILE_DEPTH, to);
}

inline Vector row_of(Right b, int k, int depth, int n, int columns) {
    if (k >= depth) return Vector{};
    const Real* at = b.from(k, n);
    return columns - n >= SIDE ? load(at) : load_first(at, columns - n);
}

// B as tiles: those of one column of tiles follow one another; two rows are interleaved.
inline void pack_right(int columns, int depth, Right b, Rounded* to) {
    alignas(64) static const Rounded order[TILE_DEPTH] = {
        0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i interleave = _mm512_load_si512(order);
    for (int n = 0; n < columns; n += SIDE)
        for (int k = 0; k < padded(depth, TILE_DEPTH); k += 2, to += TILE_DEPTH) {
            const __m512bh pair = _mm512_cvtne2ps_pbh(row_of(b, k + 1, depth, n, columns),
                                                      row_of(b, k, depth, n, columns));
            __m512i bits;
            std::memcpy(&bits, &pair, sizeof bits);
            bits = _mm512_permutexvar_epi16(interleave, bits);
            std::memcpy(to, &bits, sizeof bits);
        }
}

// A block of C of 2 x 2 tiles, `rows` x `columns` of which exist.
inline void tile_block(int depth, const Rounded* a, const Rounded* b, Real* c, long stride,
                       int rows, int columns, bool adds) {
    alignas(64) Real whole[4 * SIDE * SIDE];
    const bool is_whole = rows == 2 * SIDE && columns == 2 * SIDE;
    Real* at = is_whole ? c : whole;
    const long line = is_whole ? stride : 2 * SIDE;
    if (!is_whole && adds)
        for (int m = 0; m < rows; m++)
            std::memcpy(whole + m * line, c + m * stride, columns * sizeof(Real));
    if (adds) {
        _tile_loadd(0, at, line * sizeof(Real));
        _tile_loadd(1, at + SIDE, line * sizeof(Real));
        _tile_loadd(2, at + SIDE * line, line * sizeof(Real));
        _tile_loadd(3, at + SIDE * line + SIDE, line * sizeof(Real));
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    // Where the second row or column of tiles does not exist, the first stands in for it.
    const Rounded* below = rows > SIDE ? a + (long)SIDE * depth : a;
    const Rounded* right = columns > SIDE ? b + (long)SIDE * depth : b;
    for (int k = 0; k < depth; k += TILE_DEPTH) {
        _tile_loadd(4, a + k * SIDE, 64);
        _tile_loadd(5, below + k * SIDE, 64);
        _tile_loadd(6, b + k * SIDE, 64);
        _tile_loadd(7, right + k * SIDE, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, at, line * sizeof(Real));
    _tile_stored(1, at + SIDE, line * sizeof(Real));
    _tile_stored(2, at + SIDE * line, line * sizeof(Real));
    _tile_stored(3, at + SIDE * line + SIDE, line * sizeof(Real));
    if (!is_whole)
        for (int m = 0; m < rows; m++)
            std::memcpy(c + m * stride, whole + m * line, columns * sizeof(Real));
}

// As `product`, of packed factors.
inline void product_of_tiles(int rows, int columns, int depth, const Rounded* a, const Rounded* b,
                             Real* c, long stride, bool adds) {
    const int deep = padded(depth, TILE_DEPTH);
    for (int n = 0; n < columns; n += 2 * SIDE)
        for (int m = 0; m < rows; m += 2 * SIDE)
            tile_block(deep, a + (long)m * deep, b + (long)n * deep, c + m * stride + n, stride,
                       rows - m < 2 * SIDE ? rows - m : 2 * SIDE,
                       columns - n < 2 * SIDE ? columns - n : 2 * SIDE, adds);
}

#else

inline bool has_tiles() { return false; }

struct TileRegisters {
    explicit TileRegisters(bool) {}
};

#endif

}  // namespace manymasks
