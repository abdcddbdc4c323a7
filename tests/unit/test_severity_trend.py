"""Trends over severities: against naive loops, scipy and simulations; the stage and its tables."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress, spearmanr

import kit
from kit import diagonal
from manymasks.arrays import Floats
from manymasks.config.analyses import Statistics
from manymasks.divergence.trend import (
    Levels,
    ProbeSeverities,
    fall,
    levels_of,
    rank,
    trend_rows,
    weighted,
)
from manymasks.stages import severity as stage
from manymasks.statistics.bootstrap import document_weights, standard_error
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.model_classes import Member
from manymasks.store.job import Artifact, Job
from manymasks.store.manifest import InputReference

STATISTICS = Statistics(resamples=200)
NATS = np.array([2.0, 2.5, 3.5, 3.0])


def members_of(*counts: int) -> list[Member]:
    """Members of classes a, b, ..., so many of each."""
    return [
        Member(f"{variant}{i}", f"c/s/{variant}", "c", "s", variant, i, 0)
        for variant, count in zip("abc", counts, strict=False)
        for i in range(count)
    ]


def turned_of(
    *counts: int, severities: int = 4, documents: int = 7, seed: int = 0
) -> ProbeSeverities:
    """Random sums of KL and entropy, documents of unlike lengths."""
    generator = np.random.default_rng(seed)
    m = sum(counts)
    tokens = generator.integers(3, 20, (severities, documents)).astype(float)
    kl = tokens[..., None, None] * generator.gamma(2.0, size=(severities, documents, m, m))
    kl[..., np.arange(m), np.arange(m)] = 0
    entropy = tokens[..., None] * (1 + generator.random((severities, documents, m)))
    return ProbeSeverities("p", members_of(*counts), tokens, kl, entropy, NATS[:severities])


def found(rows: list[dict[str, Any]], pool: str, measure: str) -> dict[str, dict[str, Any]]:
    return {row["trend"]: row for row in rows if (row["pool"], row["measure"]) == (pool, measure)}


def naive_levels(
    turned: ProbeSeverities, models: list[int], weights: Floats
) -> tuple[Floats, Floats]:
    """kl and kl per nat of entropy at every severity, (S,) each, with documents so often."""
    kl, share = [], []
    for s, tokens in enumerate(turned.tokens):
        total = sum(w * t for w, t in zip(weights, tokens, strict=True))

        def mean(values: Floats, total: float = total) -> float:
            return float(sum(w * v for w, v in zip(weights, values, strict=True)) / total)

        pairs = [
            (mean(turned.kl[s, :, i, j]) + mean(turned.kl[s, :, j, i])) / 2
            for i, j in combinations(models, 2)
        ]
        entropies = [mean(turned.entropy[s, :, i]) for i in models]
        kl.append(sum(pairs) / len(pairs))
        share.append(kl[-1] / (sum(entropies) / len(entropies)))
    return np.array(kl), np.array(share)


def test_levels_agree_with_naive_loops() -> None:
    turned = turned_of(2, 4)
    pool = np.array([2, 3, 4, 5])
    weights = document_weights(7, 5, 0)
    levels = levels_of(turned, pool, weights)
    for k, measure in enumerate(("kl", "kl_share")):
        each = levels[measure]
        everyone = naive_levels(turned, pool.tolist(), np.ones(7))[k]
        assert each.values == pytest.approx(everyone, rel=1e-12)
        for i, left_out in enumerate(pool):
            rest = [j for j in pool.tolist() if j != left_out]
            without = naive_levels(turned, rest, np.ones(7))[k]
            assert each.without[i] == pytest.approx(without, rel=1e-12)
        for b, drawn in enumerate(weights):
            resample = naive_levels(turned, pool.tolist(), drawn)[k]
            assert each.resamples[:, b] == pytest.approx(resample, rel=1e-12)


def test_rise_is_the_pair_mean_of_differences_with_its_two_errors() -> None:
    turned = turned_of(5)
    means = [
        np.einsum("dij->ij", (kl + kl.swapaxes(1, 2)) / 2) / tokens.sum()
        for kl, tokens in zip(turned.kl, turned.tokens, strict=True)
    ]
    expected = pair_mean(means[-1] - means[0], diagonal(5))
    weights = document_weights(7, STATISTICS.resamples, STATISTICS.seed)
    drawn = [naive_levels(turned, list(range(5)), counts)[0] for counts in weights]
    error = standard_error(
        np.array([levels[-1] - levels[0] for levels in drawn]), turned.tokens.mean(axis=0)
    )
    interval = expected.interval(error, 0.95)
    row = found(trend_rows(turned, STATISTICS)["severity_trend"], "c/s/a", "kl")["rise"]
    assert row["value"] == pytest.approx(interval.estimate, rel=1e-12)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert row["p"] == pytest.approx(interval.p, rel=1e-9)
    assert (row["models"], row["documents"]) == (5, 7)


def test_slope_and_rank_agree_with_scipy() -> None:
    turned = turned_of(4, 4)
    rows = trend_rows(turned, STATISTICS)["severity_trend"]
    for label, pool in (("c/s/a", range(4)), ("c/s/b", range(4, 8))):
        for measure, levels in zip(
            ("kl", "kl_share"), naive_levels(turned, list(pool), np.ones(7)), strict=True
        ):
            trends = found(rows, label, measure)
            assert trends["slope"]["value"] == pytest.approx(linregress(NATS, levels).slope)
            rho = trends["rank"]
            assert rho["value"] == pytest.approx(spearmanr(NATS, levels).statistic)
            assert -1 <= rho["low"] <= rho["value"] <= rho["high"] <= 1
            assert rho["p"] is None


@given(st.lists(st.integers(0, 3), min_size=3, max_size=7), st.integers(0, 2**32 - 1))
def test_ranks_of_ties_and_their_bounds(values: list[int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    against = generator.integers(0, 3, len(values)).astype(float)
    level = np.array(values, dtype=float)
    drawn = level[:, None] + generator.normal(size=(len(values), 20))
    levels = Levels(level, np.zeros((3, len(values))), drawn, np.ones(9), diagonal(3))
    interval = rank(levels, against, 0.95)
    if len(set(values)) < 2 or len(set(against.tolist())) < 2:
        assert np.isnan(interval.estimate)
        return
    assert interval.estimate == pytest.approx(spearmanr(against, level).statistic, abs=1e-12)
    if np.isfinite(interval.low):
        assert -1 - 1e-12 <= interval.low <= interval.estimate <= interval.high <= 1 + 1e-12


def test_fall_corrects_for_picking_the_maximum() -> None:
    generator = np.random.default_rng(0)
    values = np.array([0.1, 0.5, 0.9, 0.6])
    levels = Levels(
        values,
        values + 0.05 * generator.normal(size=(6, 4)),
        values[:, None] + 0.05 * generator.normal(size=(4, 300)),
        np.ones(9),
        diagonal(6),
    )
    named = np.array([0.0, 0.0, -1.0, 1.0])
    interval = fall(levels, 0.95)
    plain = weighted(levels, named, 0.95)
    wide = weighted(levels, named, 1 - 0.05 / 3)
    assert interval.estimate == pytest.approx(-0.3)
    assert (interval.low, interval.high) == (wide.low, wide.high)
    assert interval.low < plain.low
    assert plain.p is not None
    assert interval.p == pytest.approx(min(1, 3 * plain.p))
    # Where the last has the most, it is above the next.
    assert fall(replace(levels, values=np.array([0.1, 0.2, 0.4, 0.9])), 0.95).estimate == (
        pytest.approx(0.5)
    )


def simulated(
    truth: Floats, generator: np.random.Generator, m: int, documents: int
) -> ProbeSeverities:
    """Members with a mean KL of `truth` (S,) in the long run, noisy by member and document."""
    shape = (len(truth), 1, m)
    outlying = truth[:, None, None] / 2 * generator.gamma(16, 1 / 16, shape)
    noise = generator.gamma(4, 1 / 4, (len(truth), documents, m, m))
    kl = (outlying[..., None] + outlying[..., None, :]) * (noise + noise.swapaxes(2, 3)) / 2
    tokens = np.full((len(truth), documents), 1.0)
    entropy = np.full((len(truth), documents, m), 2.0)
    return ProbeSeverities("p", members_of(m), tokens, kl, entropy, np.arange(float(len(truth))))


def test_intervals_cover_and_a_plateau_is_not_a_fall() -> None:
    generator = np.random.default_rng(1)
    settings = Statistics(resamples=100)
    times = 300
    covered = falls = unaware = 0
    weights = document_weights(24, 100, 0)
    truth = np.array([0.2, 1.0, 1.0, 1.0, 1.0, 1.0])
    for _ in range(times):
        turned = simulated(truth, generator, 6, 24)
        rows = found(trend_rows(turned, settings)["severity_trend"], "c/s/a", "kl")
        covered += rows["rise"]["low"] <= 0.8 <= rows["rise"]["high"]
        falls += rows["fall"]["p"] < 0.05
        levels = levels_of(turned, np.arange(6), weights)["kl"]
        named = np.zeros(6)
        named[-1], named[int(levels.values[:-1].argmax())] = 1, -1
        p = weighted(levels, named, 0.95).p
        unaware += p is not None and p < 0.05
    assert 0.91 <= covered / times <= 0.99
    # A fall is one-sided by its making: half of the 5% is asked of it.
    assert falls / times <= 0.03
    assert unaware / times > 0.05


def test_unknown_values_are_left_out() -> None:
    one_severity = turned_of(4, severities=1)
    assert trend_rows(one_severity, STATISTICS) == {"severity_trend": [], "contrast": []}
    two = trend_rows(turned_of(3, severities=2), STATISTICS)
    assert {row["trend"] for row in two["severity_trend"]} == {"rise", "slope"}
    for nats in (None, np.full(4, 2.0)):
        rows = trend_rows(replace(turned_of(3), ngram_nats=nats), STATISTICS)["severity_trend"]
        assert {row["trend"] for row in rows} == {"rise", "fall"}
    few = trend_rows(turned_of(1, 2), STATISTICS)["severity_trend"]
    assert {row["pool"] for row in few} == {"c/s/b"}
    for row in few:
        assert row["value"] is not None
        # Two models have one pair: no error over models. The rank's is over documents.
        assert (row["low"] is None) == (row["trend"] != "rank")
        assert row["p"] is None
    for row in trend_rows(turned_of(4, documents=1), STATISTICS)["severity_trend"]:
        assert row["value"] is not None
        assert (row["low"], row["high"], row["p"]) == (None, None, None)
    sure = replace(turned_of(3), entropy=np.zeros((4, 7, 3)))
    share = found(trend_rows(sure, STATISTICS)["severity_trend"], "c/s/a", "kl_share")
    assert {row["value"] for row in share.values()} == {None}


def test_a_probe_that_changes_nothing_has_no_trend() -> None:
    turned = turned_of(4)
    same = replace(
        turned,
        tokens=np.repeat(turned.tokens[:1], 4, 0),
        kl=np.repeat(turned.kl[:1], 4, 0),
        entropy=np.repeat(turned.entropy[:1], 4, 0),
    )
    for row in trend_rows(same, STATISTICS)["severity_trend"]:
        if row["trend"] == "rank":
            assert row["value"] is None
        else:
            assert row["value"] == pytest.approx(0, abs=1e-15)
            # Documents and models are the same at all severities: nothing is left to err.
            assert row["high"] - row["low"] < 1e-12


def test_rows_have_the_columns_of_their_tables_and_contrasts_name_their_claims() -> None:
    tables = trend_rows(turned_of(3, 2), STATISTICS)
    for row in tables["severity_trend"]:
        assert set(row) == kit.COLUMNS["severity_trend"]
    grain = {(row["pool"], row["measure"], row["trend"]) for row in tables["severity_trend"]}
    assert len(grain) == len(tables["severity_trend"]) == 2 * 2 * 4
    for row in tables["contrast"]:
        assert set(row) == kit.COLUMNS["contrast"]
    names = ("claim", "corpus", "subject", "baseline", "within", "probe", "severity")
    assert [tuple(row[name] for name in names) for row in tables["contrast"]] == [
        (claim, "c", "s", None, variant, "p", 3)
        for variant in ("a", "b")
        for claim in ("rise", "fall")
    ]


# -------------------------------------------------------------------------------------- stage


def probe_of(root: Path, name: str, family: str, nats: list[float] | None) -> Artifact:
    folder = root / f"probe-{name}"
    (folder / "tables").mkdir(parents=True)
    if nats is not None:
        rows = [
            {"probe": name, "severity": severity, "measure": measure, "value": value}
            for severity, value in enumerate(nats)
            for measure in ("unigram_kl", "ngram_nats")
        ]
        pq.write_table(pa.Table.from_pylist(rows), folder / "tables/probe_distance.parquet")
    settings = {"name": name, "probe": {"family": family}}
    return kit.artifact("probe", folder, key=f"of-{name}", settings=settings)


def divergence_of(
    root: Path,
    probe: Artifact,
    turned: ProbeSeverities,
    names: list[dict[str, Any]],
    failed: str = "",
) -> Artifact:
    name = probe.manifest.settings["name"]
    folder = root / f"divergence-{name}"
    folder.mkdir()
    keys = [f"{each['variant']}{each['seed_init']}" for each in names]
    kept = [i for i, key in enumerate(keys) if key != failed]
    generator = np.random.default_rng(len(name))
    skill = 0.1 * np.arange(len(keys))
    noise = generator.normal(size=(*turned.tokens.shape, len(keys)))
    log_p = -turned.tokens[..., None] * (3 + skill + 0.02 * noise)
    np.savez(
        folder / "sums.npz",
        tokens=turned.tokens,
        kl=turned.kl[..., kept, :][..., kept],
        entropy=turned.entropy[..., kept],
        log_p=log_p[..., kept],
        documents=np.array([f"d{i}" for i in range(turned.tokens.shape[1])]),
        models=np.array([keys[i] for i in kept]),
    )
    inputs = {
        "probe": (InputReference("probe", probe.key, probe.key),),
        "training": tuple(InputReference("training", key, key) for key in keys),
    }
    settings = {"members": names}
    return kit.artifact("divergence", folder, key=f"pairs-{name}", settings=settings, inputs=inputs)


def job_of(root: Path, probes: list[Artifact], divergences: list[Artifact]) -> Job:
    return kit.job(
        "severity",
        {"members": [], "statistics": {"resamples": 100}},
        {"probe": tuple(probes), "divergence": tuple(divergences)},
        root / "severity",
        label="c",
    )


def test_the_stage_writes_trends_and_lines(tmp_path: Path) -> None:
    names = [
        {"corpus": "c", "size": "s", "variant": variant, "seed_init": i, "seed_order": 0}
        for variant in "ab"
        for i in range(3)
    ]
    half = names[:2] + names[3:5]
    probes = [
        probe_of(tmp_path, "copy", "copy", None),
        probe_of(tmp_path, "plain", "held-out", [2.0]),
        probe_of(tmp_path, "search", "search", [2.0, 3.0, 4.0]),
    ]
    divergences = [
        divergence_of(tmp_path, probes[0], turned_of(3, 3, severities=3), names, failed="a2"),
        divergence_of(tmp_path, probes[1], turned_of(3, 3, severities=1), names),
        divergence_of(tmp_path, probes[2], turned_of(2, 2, severities=3), half),
    ]
    # The order of inputs is not what matches them.
    job = job_of(tmp_path, probes[::-1], divergences)
    figures = stage.make(job)
    trends = pq.read_table(job.folder / "tables/severity_trend.parquet").to_pylist()
    fits = pq.read_table(job.folder / "tables/line_fit.parquet").to_pylist()
    residuals = pq.read_table(job.folder / "tables/line_residual.parquet").to_pylist()
    contrasts = pq.read_table(job.folder / "tables/contrast.parquet").to_pylist()
    assert figures == {"probes": 3, "trends": len(trends), "lines": len(fits)}
    kinds = {(row["probe"], row["trend"]) for row in trends}
    assert kinds == {("copy", "rise"), ("copy", "fall")} | {
        ("search", each) for each in ("rise", "fall", "slope", "rank")
    }
    models = {(row["probe"], row["pool"]): row["models"] for row in trends}
    assert models == {
        ("copy", "c/s/a"): 2, ("copy", "c/s/b"): 3, ("search", "c/s/a"): 2, ("search", "c/s/b"): 2,
    }  # fmt: skip
    assert {(row["probe"], row["severity"], row["models"]) for row in fits} == {
        *(("copy", severity, 5) for severity in range(3)),
        *(("search", severity, 4) for severity in range(3)),
    }
    of_copy = [row["model"] for row in residuals if (row["probe"], row["severity"]) == ("copy", 0)]
    assert of_copy == ["a0", "a1", "b0", "b1", "b2"]
    assert len(contrasts) == 8


def test_without_held_out_text_there_is_no_line(tmp_path: Path) -> None:
    names = [
        {"corpus": "c", "size": "s", "variant": "a", "seed_init": i, "seed_order": 0}
        for i in range(3)
    ]
    probe = probe_of(tmp_path, "copy", "copy", [1.0, 2.0])
    divergence = divergence_of(tmp_path, probe, turned_of(3, severities=2), names)
    job = job_of(tmp_path, [probe], [divergence])
    assert stage.make(job)["lines"] == 0
    assert {path.stem for path in (job.folder / "tables").iterdir()} == {
        "severity_trend",
        "contrast",
    }
