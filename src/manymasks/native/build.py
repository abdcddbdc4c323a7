"""The library of native kernels: built for this CPU at its first use, then kept for the user.

The source is part of this package. A compiler of C++17 builds it in seconds: `$CXX`, `c++`, `g++`
or `clang++`, or the one that the package ziglang brings. The file lies in the user's cache
(`$MANYMASKS_CACHE`, or `manymasks` in `$XDG_CACHE_HOME` or `~/.cache`), named by a digest of the
source and the flags and by the target, so machines of different kinds may share a cache.
"""

import functools
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from manymasks.disk.atomic import replacing
from manymasks.disk.lock import locked
from manymasks.errors import UserError

SOURCE = Path(__file__).parent / "kernels"
FLAGS = (
    "-std=c++17",
    "-O3",
    # Every operation rounds as written, so compilers agree on the bits.
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fPIC",
    "-shared",
)
COMPILERS = ("c++", "g++", "clang++")
FAILED = ".failed"
"""Ending of the file beside a library that says why it could not be built."""
DOUBLE = ("-DMANYMASKS_FLOAT64",)
"""Flags of the float64 reference."""


@dataclass(frozen=True)
class Target:
    """A kind of CPU that the kernels are compiled for."""

    name: str
    flags: tuple[str, ...] = ()
    zig_flags: tuple[str, ...] = ()
    """The same in the words of ziglang, whose default is the CPU at hand."""
    needs: frozenset[str] = frozenset()
    """Features that the CPU must have, as Linux names them."""


AVX512 = frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "fma"})
WIDE = "-mprefer-vector-width=512"
X86_TARGETS = (
    Target(
        "amx",
        ("-march=x86-64-v4", WIDE, "-mavx512bf16", "-mamx-tile", "-mamx-bf16"),
        ("-mcpu=x86_64_v4+avx512bf16+amx_tile+amx_bf16", WIDE),
        AVX512 | {"avx512_bf16", "amx_tile", "amx_bf16"},
    ),
    Target(
        "avx512-bf16",
        ("-march=x86-64-v4", WIDE, "-mavx512bf16"),
        ("-mcpu=x86_64_v4+avx512bf16", WIDE),
        AVX512 | {"avx512_bf16"},
    ),
    Target("avx512", ("-march=x86-64-v4", WIDE), ("-mcpu=x86_64_v4", WIDE), AVX512),
    Target("avx2", ("-march=x86-64-v3",), ("-mcpu=x86_64_v3",), frozenset({"avx2", "fma", "bmi2"})),
    Target("sse2", ("-march=x86-64",), ("-mcpu=x86_64",)),
)
"""From the fastest to the one that every CPU can run."""


@functools.cache
def target() -> Target | None:
    """The target of this machine; None for a machine that the kernels are not written for."""
    machine = platform.machine().lower()
    if machine in ("aarch64", "arm64"):
        return Target("neon", zig_flags=("-mcpu=generic",))
    if machine not in ("x86_64", "amd64"):
        return None
    features = cpu_features()
    return next(row for row in X86_TARGETS if row.needs <= features)


def cpu_features() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


def availability() -> str:
    """What `doctor` says of the native kernels."""
    row = target()
    if row is None:
        return f"torch: there are no native ones for {platform.machine()}"
    if library_path().exists():
        return f"native, {row.name}, built: {library_path()}"
    failure = library_path().with_suffix(FAILED)
    if failure.exists():
        return (
            f"torch: the native ones could not be built; delete {failure}, which says why, to retry"
        )
    programs = compilers()
    if not programs:
        return "torch: no compiler is there to build the native ones; pip install ziglang"
    return f"native, {row.name}, built at first use with {' '.join(programs[0])}"


def resolved(kernels: str, precision: str) -> str:
    """`native` or `torch`; where `auto` leaves it open, native if the library can be built."""
    if kernels != "auto":
        return kernels
    row = target()
    if row is None or (precision == "bf16" and "avx512_bf16" not in row.needs):
        return "torch"
    try:
        library(_say)
    except UserError as error:
        _say(f"torch computes the models, which takes several times as long: {error}")
        return "torch"
    return "native"


@functools.cache
def _say(text: str) -> None:
    """Print a line, the first time that a process has it to say."""
    print(text, file=sys.stderr, flush=True)


def library_path(extra: Sequence[str] = ()) -> Path:
    """Where the library of this source, target and extra flags is kept."""
    row = target()
    if row is None:
        raise UserError(
            "training.kernels is native, but there are no native kernels for "
            f"{platform.machine()}: set it to auto or torch"
        )
    text = hashlib.sha256(repr((FLAGS, row.flags, *extra)).encode())
    for path in sorted(SOURCE.iterdir()):
        text.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return _cache() / f"kernels-{row.name}-{text.hexdigest()[:16]}.so"


def library(say: Callable[[str], None], extra: Sequence[str] = ()) -> Path:
    """The path of the library, which is built if it is not there.

    `say` is told that it is being built. `extra`: flags of another build, such as `DOUBLE`. Raises
    UserError if it can't be built.
    """
    path = library_path(extra)
    if path.exists():
        return path
    failure = path.with_suffix(FAILED)
    if failure.exists():
        raise UserError(_failed(failure))
    programs = compilers()
    if not programs:
        raise UserError(
            "no compiler is there to build the native kernels (looked for $CXX, "
            f"{', '.join(COMPILERS)} and the Python package ziglang). Type 'pip install ziglang', "
            "or set training.kernels to torch."
        )

    def say_waiting(holder: str) -> None:
        say(f"the native kernels are being built by {holder}; waiting")

    # Jobs that start together build it once.
    with locked(path.with_suffix(".lock"), say_waiting):
        if failure.exists():
            raise UserError(_failed(failure))
        if not path.exists():
            _build(programs, path, extra, say)
    return path


def _build(
    programs: Sequence[Sequence[str]], path: Path, extra: Sequence[str], say: Callable[[str], None]
) -> None:
    """Build with the first compiler that succeeds: one may be too old for the source."""
    row = target()
    assert row is not None
    failures = []
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        built = Path(folder, path.name)
        for program in programs:
            is_zig = "ziglang" in program
            about = "ziglang, about a minute" if is_zig else f"{program[0]}, some seconds"
            say(f"building the native kernels for this machine with {about}")
            flags = row.zig_flags if is_zig else row.flags
            command = [*program, *FLAGS, *flags, *extra, str(SOURCE / "api.cpp"), "-o", str(built)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False)
            except OSError as error:
                failures.append(f"{program[0]}: {error.strerror}")
                continue
            if done.returncode == 0:
                with replacing(path) as temporary:
                    built.replace(temporary)
                return
            failures.append(f"'{' '.join(command)}' ended with\n{done.stderr.strip()[-1000:]}")
    path.with_suffix(FAILED).write_text("\n".join(failures), encoding="utf-8")
    raise UserError(
        "the native kernels could not be built:\n"
        + "\n".join(failures)
        + "\nSet training.kernels to torch to do without them."
    )


def _failed(failure: Path) -> str:
    return f"the native kernels could not be built; delete {failure}, which says why, to retry"


def compilers() -> list[tuple[str, ...]]:
    """Commands of compilers, the first choice first: `$CXX` alone where it is set."""
    chosen = os.environ.get("CXX")
    if chosen:
        return [tuple(chosen.split())]
    programs: list[tuple[str, ...]] = [(name,) for name in COMPILERS if shutil.which(name)]
    if importlib.util.find_spec("ziglang"):
        programs.append((sys.executable, "-m", "ziglang", "c++"))
    return programs


def _cache() -> Path:
    """The user's cache; where it can't be written, a folder for temporary files."""
    named = os.environ.get("MANYMASKS_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "manymasks"
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(existing, os.W_OK):
        return folder
    return Path(tempfile.gettempdir()) / f"manymasks-{os.getuid()}"
