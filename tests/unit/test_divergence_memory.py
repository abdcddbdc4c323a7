"""The memory that what has the size of the vocabulary may take, as the system counts it."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manymasks.config.analyses import Divergence
from manymasks.divergence.blocks import positions_at_once, windows_at_once

PROGRAM = """
import resource
import sys

import numpy as np
import torch

from manymasks.config.analyses import Divergence
from manymasks.divergence.blocks import windows_at_once
from manymasks.divergence.pairs import by_document, pair_sums
from manymasks.divergence.position_sample import at_positions

torch.set_num_threads(1)
members, windows, scored, vocabulary = 12, 12, 32, 4096
settings = Divergence(memory_mb=int(sys.argv[1]), batch=windows + 1)
at_once = windows_at_once(members, scored, vocabulary, settings)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def sums(windows, at_once, vocabulary):
    logp = torch.empty(members, at_once, scored, vocabulary)
    for begin in range(0, windows, at_once):
        some = logp[:, : min(at_once, windows - begin)]
        for each in some:
            torch.log_softmax(torch.randn(each.shape), -1, out=each)
        at_positions(some.flatten(1, 2)[:, :4])
        targets = torch.zeros(some.shape[1:3], dtype=torch.int64)
        yield pair_sums(some, targets, [np.arange(members)])


by_document(sums(2, 1, 16), np.arange(2))
before = peak()
by_document(sums(windows, at_once, vocabulary), np.arange(windows))
print(at_once, peak() - before)
"""


@pytest.mark.parametrize("bound", [96, 192])
def test_the_bound_holds(bound: int) -> None:
    """Twice the log-probabilities of all windows, as the engine counts them, are 144 MiB."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(bound)], capture_output=True, text=True, check=True
    )
    at_once, taken = (float(value) for value in done.stdout.split())
    assert at_once > 1
    assert taken < bound


@given(st.integers(1, 200), st.integers(1, 512), st.integers(2, 60_000), st.integers(16, 5000))
def test_sizes_fit_the_bound_or_are_minimal(
    members: int, scored: int, vocabulary: int, bound: int
) -> None:
    settings = Divergence(memory_mb=bound, batch=8)
    windows = windows_at_once(members, scored, vocabulary, settings)
    positions = positions_at_once(members, scored, vocabulary, settings)
    assert 1 <= windows <= 8
    assert 1 <= positions <= scored
    if windows > 1:
        assert positions == scored
    held = 4 * members * vocabulary * (windows * scored if windows > 1 else positions)
    assert held <= bound * 2**20 or positions == 1


def test_the_default_study_fits_the_bound() -> None:
    settings = Divergence()
    assert windows_at_once(16, 128, 1024, settings) == settings.batch
    assert positions_at_once(64, 128, 50_000, settings) < 128
