// Products of packed factors on the tile registers of AMX.
#pragma once

#include "rounded.h"

#if defined(__AMX_BF16__) && defined(MANYMASKS_BF16)
#define MANYMASKS_TILES
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace manymasks {

#ifdef MANYMASKS_TILES

// Whether this process may use the tile registers, of which Linux must be asked once.
inline bool has_tiles() {
    constexpr int REQUEST_PERMISSION = 0x1023, TILE_DATA = 18;
    static const bool granted = syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
    return granted;
}

// All eight tile registers with 16 rows of 64 bytes, for as long as this lives, if they are used.
class TileRegisters {
  public:
    explicit TileRegisters(bool is_used) : is_used_(is_used && has_tiles()) {
        if (!is_used_) return;
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

// C (32 x 32) = or += A B, of two rows of tiles of A, `a` and `below`, and two columns of B.
inline void multiply_tiles(int depth, const Rounded* a, const Rounded* below, const Rounded* b,
                           const Rounded* right, Real* c, long stride, bool adds) {
    const long line = stride * sizeof(Real);
    Real* lower = c + SIDE * stride;
    if (adds) {
        _tile_loadd(0, c, line);
        _tile_loadd(1, c + SIDE, line);
        _tile_loadd(2, lower, line);
        _tile_loadd(3, lower + SIDE, line);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
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
    _tile_stored(0, c, line);
    _tile_stored(1, c + SIDE, line);
    _tile_stored(2, lower, line);
    _tile_stored(3, lower + SIDE, line);
}

#else

struct TileRegisters {
    explicit TileRegisters(bool) {}
};

#endif

}  // namespace manymasks
