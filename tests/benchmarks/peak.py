"""The most multiplications and additions that a core does in a second: a loop of nothing else."""

import ctypes
import subprocess
import tempfile
from pathlib import Path

from manymasks.native import build

SOURCE = """
#include "vector.h"
#include <ctime>
using namespace manymasks;

// Operations a second of one thread's processor time: a fused one counts two a lane.
extern "C" double peak() {
    constexpr int CHAINS = 12;
    constexpr long ROUNDS = 20'000'000;
    Vector sums[CHAINS];
    for (Vector& sum : sums) sum = splat(Real(1));
    const Vector a = splat(Real(1 + 1e-7)), b = splat(Real(1e-9));
    const clock_t began = std::clock();
    for (long i = 0; i < ROUNDS; i++) {
#pragma GCC unroll 12
        for (int chain = 0; chain < CHAINS; chain++) {
            sums[chain] = fused(a, sums[chain], b);
            // Keeps the chain in a register and as it is written.
            asm volatile("" : : REGISTER(sums[chain]));
        }
    }
    const double seconds = double(std::clock() - began) / CLOCKS_PER_SEC;
    return 2.0 * LANES * CHAINS * ROUNDS / seconds;
}
"""
REGISTERS = {"avx512": "v", "avx512-bf16": "v", "amx": "v", "neon": "w"}
"""How inline assembly names a vector register, where it is not `x`."""


def open_peak(folder: Path) -> "ctypes._NamedFuncPointer":
    """A function that measures the rate, float32, in operations a second, on this target."""
    row = build.target()
    assert row is not None
    source, made = folder / "peak.cpp", folder / "peak.so"
    source.write_text(SOURCE, encoding="utf-8")
    program = build.compilers()[0]
    flags = row.zig_flags if "ziglang" in program else row.flags
    letter = REGISTERS.get(row.name, "x")
    subprocess.run(
        [
            *program, *build.FLAGS, *flags, f"-I{build.SOURCE}",
            f'-DREGISTER(x)="{letter}"(x)', str(source), "-o", str(made),
        ],
        check=True,
    )  # fmt: skip
    peak = ctypes.CDLL(str(made)).peak
    peak.restype = ctypes.c_double
    return peak


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        print(f"{open_peak(Path(name))() / 1e9:.0f} GFLOP/s")
