"""The native library: how it is built and kept; other targets, compilers and sanitizers."""

import importlib.util
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from manymasks.errors import UserError
from manymasks.native import build
from manymasks.native.library import open_library

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(
        build.resolved("auto", "float32") == "torch", reason="no compiler of C++ here"
    ),
]


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


OPEN = (
    "import torch; from manymasks.errors import UserError\n"
    "from manymasks.native import build, library\n"
    "try: print(library.open_library(torch.float32).lanes())\n"
    "except UserError as error: print(error)\n"
)


RESOLVED = (
    "from manymasks.native import build\n"
    "for _ in range(2): kernels = build.resolved('auto', 'float32')\n"
    "print(kernels)\n"
)


def test_without_a_compiler_a_message_names_the_setting(tmp_path):
    code = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name: None if name == 'ziglang' else find(name)\n"
    )
    done = run(code + OPEN, MANYMASKS_CACHE=str(tmp_path), PATH=str(tmp_path), CXX="")
    assert "set training.kernels to torch" in done.stdout, done.stderr
    done = run(code + RESOLVED, MANYMASKS_CACHE=str(tmp_path), PATH=str(tmp_path), CXX="")
    assert done.stdout == "torch\n"


def test_a_compiler_that_fails_is_named_with_what_it_said(tmp_path):
    done = run(OPEN, MANYMASKS_CACHE=str(tmp_path), CXX="false")
    assert "'false -std=c++17" in done.stdout, done.stderr
    assert done.stdout.startswith("building the native kernels for this machine with false")
    assert "training.kernels" in done.stdout
    assert not list(tmp_path.glob("*.so"))
    # It is not tried again, and a study falls back to torch with one line.
    done = run(RESOLVED, MANYMASKS_CACHE=str(tmp_path), CXX="false")
    assert done.stdout == "torch\n"
    (line,) = done.stderr.splitlines()
    assert line.startswith("torch computes the models")
    (failure,) = tmp_path.glob("*.failed")
    assert str(failure) in line


def test_a_compiler_that_fails_is_tried_by_one_of_the_jobs_that_start_together(tmp_path):
    program, tries = tmp_path / "slow", tmp_path / "tries"
    program.write_text(f"#!/bin/sh\necho x >> {tries}\nsleep 4\nexit 1\n")
    program.chmod(0o755)
    environment = {"MANYMASKS_CACHE": str(tmp_path / "cache"), "CXX": str(program)}
    with ThreadPoolExecutor(2) as pool:
        jobs = list(pool.map(lambda code: run(code, **environment), [OPEN, OPEN]))
    assert sum("could not be built" in job.stdout for job in jobs) == 2, jobs
    assert tries.read_text() == "x\n"


def test_a_compiler_that_is_too_old_gives_way_to_the_next(tmp_path):
    """g++ stands for one that succeeds; `c++`, tried before it, fails."""
    if not shutil.which("g++"):
        pytest.skip("no g++ here")
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "c++").write_text("#!/bin/sh\nexit 1\n")
    (folder / "c++").chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    done = run(OPEN, MANYMASKS_CACHE=str(tmp_path), PATH=path, CXX="")
    assert done.stdout.splitlines()[-1].isdigit(), done.stdout


@pytest.mark.slow
def test_ziglang_builds_the_same_bits(tmp_path):
    """Every operation rounds as written, whatever the compiler."""
    if not importlib.util.find_spec("ziglang"):
        pytest.skip("the package ziglang is not installed")
    code = (
        "import hashlib, test_native as t; from manymasks.models.attention import Route\n"
        "size, vocabulary, positions = t.SHAPES['text']\n"
        "model = t.model_of(size, vocabulary, positions, (Route('myopic'),))\n"
        "grads = {name: x.clone() for name, x in model.weights_of(0).items()}\n"
        "windows = t.windows_of(vocabulary, 3, positions + 1)\n"
        "t.native_of(model).gradients(windows, grads)\n"
        "text = b''.join(grad.numpy().tobytes() for grad in grads.values())\n"
        "print(hashlib.sha256(text).hexdigest())\n"
    )
    tests = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    zig = f"{sys.executable} -m ziglang c++"
    ours = run(code, PYTHONPATH=tests).stdout.splitlines()[-1]
    theirs = run(code, PYTHONPATH=tests, CXX=zig, MANYMASKS_CACHE=str(tmp_path))
    assert theirs.stdout.splitlines()[-1:] == [ours], theirs.stderr


def test_a_kept_library_needs_no_compiler(tmp_path):
    cache = str(build.library_path().parent)
    open_library(torch.float32)
    done = run(OPEN, MANYMASKS_CACHE=cache, PATH=str(tmp_path), CXX="")
    assert done.stdout.strip() == str(int(open_library(torch.float32).lanes())), done.stderr


def test_native_is_refused_where_there_are_no_kernels_for_the_processor(monkeypatch):
    monkeypatch.setattr(build, "target", lambda: None)
    assert build.resolved("auto", "float32") == "torch"
    with pytest.raises(UserError, match="no native kernels"):
        build.library(print)


CHECKED = """
import torch
from manymasks.native import build
{change}
import test_native
for shape in ("text", "odd"):
    for route in test_native.ROUTES:
        test_native.test_loss_gradients_logits_and_streams(shape, route, torch.float32)
        if build.resolved("auto", "bf16") == "native":
            test_native.test_bf16_is_near_float32(shape, route)
test_native.test_update_is_that_of_the_optimizer("muon")
print("passed")
"""


def assert_passes(change, cache, **environment):
    """The tests of members pass in a process with another build, kept in a cache of its own."""
    done = run(
        CHECKED.format(change=change),
        MANYMASKS_CACHE=str(cache),
        PYTHONPATH=os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        **environment,
    )
    assert done.stdout.endswith("passed\n"), done.stderr[-3000:]


@pytest.mark.parametrize("name", ["avx512-bf16", "avx512", "avx2", "sse2"])
def test_every_target_that_this_processor_can_run(name, tmp_path):
    row = next(row for row in build.X86_TARGETS if row.name == name)
    if build.target() not in build.X86_TARGETS or not row.needs <= build.cpu_features():
        pytest.skip(f"this processor has no {name}")
    if row == build.target():
        pytest.skip("the target of all other tests")
    change = (
        f"row = next(row for row in build.X86_TARGETS if row.name == {name!r})\n"
        "build.target = lambda: row"
    )
    assert_passes(change, tmp_path)


def test_sanitizers_find_nothing(tmp_path):
    """Addresses and undefined behaviour, over every route and shape."""
    if not shutil.which("g++"):
        pytest.skip("no g++ here")
    library = subprocess.run(
        ["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not Path(library).is_absolute():
        pytest.skip("no g++ with its sanitizers here")
    flags = "'-O1', '-g', '-fsanitize=address,undefined', '-fno-sanitize-recover'"
    environment = {"CXX": "g++", "LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0"}
    assert_passes(f"build.FLAGS = (*build.FLAGS, {flags})", tmp_path, **environment)
