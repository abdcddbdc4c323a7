"""The memory that what has the size of the vocabulary may take, as the system counts it."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import example_laws as example
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from manymasks.config.analyses import Divergence
from manymasks.divergence import pairs
from manymasks.divergence.blocks import positions_at_once, windows_at_once
from manymasks.divergence.grouping import Collected
from manymasks.engine.environment import ENVIRONMENT

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


LARGE = """
import resource
import sys

import example_laws as example
import torch

from manymasks.config.analyses import Divergence

torch.set_num_threads(1)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


models = example.models(3, vocabulary=50_000)


def measured(models, settings):
    probe_pass = example.probe_pass(models, settings)
    with torch.no_grad():
        for severity in range(example.SEVERITIES):
            probe_pass.severity(severity, lambda done: None)
    return probe_pass


measured(example.models(3, vocabulary=16), Divergence())
before = peak()
probe_pass = measured(models, Divergence(memory_mb=int(sys.argv[1])))
print(len(probe_pass.pieces), peak() - before)
"""


def test_the_bound_holds_with_a_large_vocabulary() -> None:
    """In the environment of a worker, where freed memory is kept: laws of all members at all
    positions are 110 MiB at a severity, and the logits of a batch of the noise floor 37 MiB."""
    bound = 96
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(bound)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
        env={**os.environ, **ENVIRONMENT},
    )
    pieces, taken = (float(value) for value in done.stdout.split())
    assert pieces > example.WINDOWS
    assert taken < bound


def test_single_positions_give_the_sums_of_the_laws_in_float64() -> None:
    models = example.models(3, vocabulary=60_000)
    probe_pass = example.probe_pass(models, Divergence(memory_mb=16, sampled=4, shown=2), scored=3)
    assert len(probe_pass.pieces) == 3 * example.WINDOWS
    (tokens, _), names = probe_pass.windows.levels, probe_pass.windows.names
    windows = torch.from_numpy(tokens)
    with torch.no_grad():
        severity = probe_pass.severity(0, lambda done: None)
        laws = torch.cat([model(windows[None, :, :-1], 3) for model in models])
    logp = laws.double().log_softmax(-1).numpy()
    p = np.exp(logp)
    entropy = -(p * logp).sum(-1)
    kl = -entropy[:, None] - np.einsum("awsv,bwsv->abws", p, logp)
    for d in range(len(names)):
        at = probe_pass.windows.owners == d
        expected = kl[:, :, at].sum((2, 3))
        np.testing.assert_allclose(severity.sums.kl[d], expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(severity.sums.entropy[d], entropy[:, at].sum((1, 2)), rtol=1e-5)
    assert (severity.sums.first.sum(1) == 3 * example.WINDOWS).all()
    assert severity.floor.kl.max() < 1e-6
    assert (severity.items.tokens == 3).all()


def test_collected_sums_are_those_of_all_units() -> None:
    logp = torch.randn(2, 3, 4, 9, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    targets = torch.zeros(3, 4, dtype=torch.int64)
    whole = pairs.floor_sums(logp, logp.flip(0), targets)
    collected = Collected[pairs.FloorSums](3)
    assert collected.parts == []
    collected.add(pairs.floor_sums(logp[:, :1], logp.flip(0)[:, :1], targets[:1]))
    with pytest.raises(ValueError, match="expected 3 units, found 1"):
        _ = collected.parts
    collected.add(pairs.floor_sums(logp[:, 1:], logp.flip(0)[:, 1:], targets[1:]))
    (part,) = collected.parts
    for field in fields(part):
        assert (getattr(part, field.name) == getattr(whole, field.name)).all()


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


def test_totals_and_the_noise_floor_take_a_share_of_the_bound() -> None:
    settings = Divergence()
    few, many = (positions_at_once(8, 128, 50_000, settings, severities=n) for n in (1, 20))
    assert many < few
    larger = Divergence(floor_batch=20)
    assert positions_at_once(2, 128, 50_000, larger) < positions_at_once(2, 128, 50_000, settings)
    assert windows_at_once(64, 32, 1024, settings, severities=5) == settings.batch
