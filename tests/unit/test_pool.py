"""All sets of a pool in one pass: as each of them alone, however the positions are cut."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch

from kit import diagonal
from manymasks.config.analyses import Statistics
from manymasks.config.rashomon import Multiplicity
from manymasks.rashomon.measurement import MeasuredSets, PositionBlock, Subset, measure_pool
from manymasks.rashomon.multiplicity import block_facts, by_document, position_metrics
from manymasks.rashomon.set_tables import component_rows, metric_rows, position_rows, weight_rows
from manymasks.statistics.model_classes import Member

MEMBERS, POSITIONS, VOCABULARY, DOCUMENTS = 4, 60, 12, 5
SETTINGS = Multiplicity(windows=2, top_k=3, tv=0.2, kept=20)
HARD: list[Subset] = [(2, 0, 1, 3), (2, 0), (1,)]
RESAMPLED: list[Subset] = [(2, 0), (2, 0, 1)]
KEPT = np.arange(1, POSITIONS, 3)


def _laws(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(1, POSITIONS, VOCABULARY, generator=generator)
    own = torch.randn(MEMBERS, POSITIONS, VOCABULARY, generator=generator)
    logp = (2 * shared + own).log_softmax(-1)
    targets = torch.randint(VOCABULARY, (POSITIONS,), generator=generator)
    return logp, targets, np.sort(np.arange(POSITIONS) % DOCUMENTS)


def _measured(step: int) -> MeasuredSets:
    logp, targets, documents = _laws()

    def blocks() -> Iterable[PositionBlock]:
        for begin in range(0, POSITIONS, step):
            some = slice(begin, begin + step)
            yield PositionBlock(logp[:, some], targets[some], documents[some], begin)

    return measure_pool(blocks, HARD, RESAMPLED, DOCUMENTS, KEPT, SETTINGS)


def test_a_set_measures_the_same_alone_and_among_others() -> None:
    logp, targets, documents = _laws()
    found = _measured(7)
    facts = block_facts(logp, targets, SETTINGS.top_k)
    for subset in HARD:
        alone = position_metrics(facts, logp, np.array(subset), 0, SETTINGS.tv, SETTINGS.tolerance)
        for name, values in alone.metrics.items():
            sums = by_document(values, documents, DOCUMENTS)
            np.testing.assert_allclose(found.hard[subset].metrics[name], sums, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(found.kept[subset][name], values[KEPT], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(found.mean_weights[subset], alone.weights.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found.log_p, facts.log_p)
    assert sorted(found.hard[HARD[0]].rarefied) == [2, 3]
    assert found.hard[HARD[0]].rarefied[2].keys() == {
        "ambiguity", "pair_ambiguity", "distinct_top1",
    }  # fmt: skip
    assert "shared_capacity" not in found.resampled[2, 0].metrics


def test_metrics_do_not_depend_on_the_blocks() -> None:
    one, other = _measured(POSITIONS), _measured(11)
    for subset in HARD:
        for name, sums in one.hard[subset].metrics.items():
            again = other.hard[subset].metrics[name]
            np.testing.assert_allclose(sums, again, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(one.shared_weights[subset], other.shared_weights[subset])
    np.testing.assert_allclose(one.pairs.kl, other.pairs.kl, rtol=1e-5, atol=1e-7)


def test_shared_capacity_is_at_most_the_mean_capacity() -> None:
    found = _measured(16)
    whole = found.hard[HARD[0]]
    shared = whole.metrics["shared_capacity"].sum()
    assert shared <= whole.metrics["capacity"].sum() + POSITIONS * SETTINGS.tolerance
    assert found.shared_weights[HARD[0]].sum() == pytest.approx(1)
    assert whole.shared_gap is not None
    assert whole.shared_gap <= SETTINGS.tolerance
    assert found.hard[1,].metrics["capacity"].sum() == 0


def test_rows_of_a_set() -> None:
    found, statistics = _measured(16), Statistics(resamples=100)
    resampled = [((2, 0), 0.7), ((2, 0, 1), 0.2), ((), 0.1)]
    rows = metric_rows(found, "some set", HARD[0], diagonal(9), resampled, statistics)
    by_name = {(r["metric"], r["weighting"], r["members_used"]): r for r in rows}
    assert len(by_name) == len(rows)
    kl = by_name["kl", "hard", 4]
    assert kl["low"] < kl["value"] < kl["high"]
    assert kl["covered"] is None
    (used,) = {r["members_used"] for r in rows if r["weighting"] == "resampled"}
    assert used == pytest.approx((0.7 * 2 + 0.2 * 3) / 0.9)
    (covered,) = {r["covered"] for r in rows if r["weighting"] == "resampled"}
    assert covered == pytest.approx(0.9)
    grown = [by_name["ambiguity", "hard", k]["value"] for k in (2, 3, 4)]
    assert grown == sorted(grown)

    kept = position_rows(found, "some set", HARD[0], KEPT, ["d"] * 20, ["t"] * 20)
    assert [row["position"] for row in kept] == KEPT.tolist()
    assert all(1 <= row["effective_models"] <= 4 for row in kept)
    weights = weight_rows(found, "some set", HARD[0], ["c", "a", "b", "d"])
    assert [row["model"] for row in weights] == ["c", "a", "b", "d"]
    assert sum(row["mean_weight"] for row in weights) == pytest.approx(1)
    assert metric_rows(found, "empty", (), diagonal(9), [], statistics) == []


def test_components_of_a_class() -> None:
    seeds = [(0, 0), (0, 1), (1, 0), (1, 1)]
    members = [
        Member(f"m{i}", "c/a/causal", "c", "a", "causal", *each) for i, each in enumerate(seeds)
    ]
    rows = component_rows(_measured(16), members, Statistics(resamples=100))
    shares: dict[str, float] = {}
    for row in rows:
        shares[row["measure"]] = shares.get(row["measure"], 0) + row["share"]
        assert (row["models"], row["inits"], row["orders"]) == (4, 2, 2)
    assert shares == dict.fromkeys(("nats", "kl", "top1_disagreement"), pytest.approx(1))
