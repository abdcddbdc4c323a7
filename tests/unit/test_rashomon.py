"""Rashomon sets: membership by every reference and unit, probabilities and metrics."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import kit
from kit import diagonal
from manymasks.config.analyses import Statistics
from manymasks.config.rashomon import Epsilons, Rashomon, Reference
from manymasks.rashomon.losses import loss_rows, metric_rows
from manymasks.rashomon.membership import Losses, rashomon_sets, set_rows
from manymasks.statistics.bootstrap import document_weights
from manymasks.statistics.jackknife import jackknife_error
from manymasks.statistics.model_classes import Member
from manymasks.statistics.proportions import wilson

STATISTICS = Statistics(resamples=300)
REFERENCES = {
    "class": Reference(kind="best_of_class"),
    "pool": Reference(kind="best_of_pool"),
    "fixed": Reference(kind="absolute", nats=2.0),
    "typical": Reference(kind="mean_minus_sd", k=1.0),
}


def _members(*counts: tuple[str, int]) -> list[Member]:
    return [
        Member(f"{size}{i}", f"c/{size}/causal", "c", size, "causal", i, 0)
        for size, count in counts
        for i in range(count)
    ]


def _losses(values: list[float], documents: int = 6, noise: float = 0.0) -> Losses:
    """Members with the given losses per token in every document, of 10 to 60 tokens."""
    tokens = np.linspace(10, 60, documents)
    generator = np.random.default_rng(0)
    shift = noise * generator.normal(size=(len(values), documents))
    return Losses((np.array(values)[:, None] + shift) * tokens, tokens)


def _tables(
    select: Losses,
    measure: Losses,
    members: list[Member],
    settings: Rashomon,
    statistics: Statistics = STATISTICS,
) -> dict[str, list[dict[str, Any]]]:
    sets = list(rashomon_sets(select, members, settings, statistics))
    weights = document_weights(measure.tokens.size, statistics.resamples, 0)
    seeds = [member.seeds for member in members]
    metrics = [
        row
        for rashomon_set in sets
        for row in loss_rows(rashomon_set, seeds, measure, weights, 0.95)
    ]
    return {**set_rows(sets, members, 0.95), "rashomon_metric": metrics}


def _rows(
    losses: Losses, members: list[Member], eps: Epsilons, **kinds: Reference
) -> dict[str, list[dict[str, Any]]]:
    settings = Rashomon(references=kinds or REFERENCES, eps=eps)
    return _tables(losses, losses, members, settings)


def _hard(tables: dict[str, list[dict[str, Any]]], name: str) -> dict[str, dict[str, Any]]:
    return {
        row["metric"]: row
        for row in tables["rashomon_metric"]
        if row["rashomon_set"] == name and row["weighting"] == "hard"
    }


def _inside(tables: dict[str, list[dict[str, Any]]], name: str) -> set[str]:
    return {
        r["model"]
        for r in tables["rashomon_member"]
        if r["rashomon_set"] == name and r["is_member"]
    }


def test_membership_by_every_reference_and_unit() -> None:
    members = _members(("a", 3), ("b", 2))
    values = [2.0, 2.12, 2.4, 1.8, 2.05]
    eps = Epsilons(nats=(0.13, 0.3), percent=(6.5,), seed_sd=(1.0,))
    tables = _rows(_losses(values), members, eps)
    sets = {row["rashomon_set"]: row for row in tables["rashomon_set"]}
    assert len(sets) == 2 * 4 * 4
    assert _inside(tables, "c/a/causal | class | 0.13 nats") == {"a0", "a1"}
    assert _inside(tables, "c/a/causal | pool | 0.13 nats") == set()
    assert _inside(tables, "c/a/causal | pool | 0.3 nats") == {"a0"}
    assert _inside(tables, "c/a/causal | class | 6.5 percent") == {"a0", "a1"}
    assert _inside(tables, "c/b/causal | fixed | 0.13 nats") == {"b0", "b1"}
    sd = np.std(values[:3], ddof=1)
    row = sets["c/a/causal | class | 1 seed_sd"]
    assert row["eps_nats"] == pytest.approx(sd)
    assert row["reference_nats"] == pytest.approx(2.0)
    row = sets["c/a/causal | typical | 0.3 nats"]
    assert row["reference_nats"] == pytest.approx(np.mean(values[:3]) - sd)
    assert sets["c/a/causal | pool | 6.5 percent"]["eps_nats"] == pytest.approx(0.117)
    assert sets["c/a/causal | class | 0.13 nats"]["share"] == pytest.approx(2 / 3)


def test_the_best_member_is_in_its_own_set_at_eps_0() -> None:
    members = _members(("a", 3))
    eps = Epsilons(nats=(0.0,), percent=(), seed_sd=())
    tables = _rows(_losses([2.0, 2.1, 2.4], noise=0.01), members, eps, best=REFERENCES["class"])
    assert _inside(tables, "c/a/causal | best | 0 nats") == {"a0"}
    probability = {r["model"]: r["probability"] for r in tables["rashomon_member"]}
    assert probability == {"a0": 1.0, "a1": 0.0, "a2": 0.0}


def test_only_absolute_references_have_a_wilson_interval() -> None:
    members = _members(("a", 4))
    eps = Epsilons(nats=(0.05,), percent=(), seed_sd=())
    tables = _rows(_losses([2.0, 2.04, 2.2, 2.3]), members, eps)
    for row in tables["rashomon_set"]:
        if row["reference"] == "fixed":
            assert (row["share_low"], row["share_high"]) == pytest.approx(wilson(2, 4, 0.95))
        else:
            assert row["share_low"] is row["share_high"] is None


def test_probability_is_the_share_of_paired_resamples() -> None:
    # Two members that differ in one document by 1 nat a token of 4: member b is within 0.3 of
    # the best (a) exactly when that document is drawn at most once in four.
    tokens = np.ones(4)
    nats = np.array([[2.0, 2, 2, 2], [3.0, 2, 2, 2]])
    members = _members(("a", 2))
    eps = Epsilons(nats=(0.3,), percent=(), seed_sd=())
    statistics = Statistics(resamples=4000)
    losses = Losses(nats, tokens)
    settings = Rashomon(references={"best": REFERENCES["class"]}, eps=eps)
    rows = _tables(losses, losses, members, settings, statistics)["rashomon_member"]
    expected = 0.75**4 + 4 * 0.25 * 0.75**3
    assert [r["probability"] for r in rows] == [1.0, pytest.approx(expected, abs=0.03)]
    assert [r["excess_nats"] for r in rows] == pytest.approx([0, 0.25])
    assert [r["is_member"] for r in rows] == [True, True]


def test_common_difficulty_of_documents_cancels_in_the_probability() -> None:
    tokens = np.ones(8)
    hard = 5 * np.random.default_rng(1).normal(size=8)
    losses = Losses(np.array([[2.0], [2.02], [2.2]]) + hard, tokens)
    eps = Epsilons(nats=(0.05,), percent=(), seed_sd=())
    rows = _rows(losses, _members(("a", 3)), eps, best=REFERENCES["class"])["rashomon_member"]
    assert [r["probability"] for r in rows] == [1, 1, 0]


def test_metrics_use_the_measure_split_and_have_closed_forms() -> None:
    members = _members(("a", 4))
    select = _losses([2.0, 2.01, 2.02, 3.0])
    measure = _losses([2.5, 2.1, 2.3, 9.0], documents=5)
    eps = Epsilons(nats=(0.05,), percent=(), seed_sd=())
    settings = Rashomon(references={"best": REFERENCES["class"]}, eps=eps)
    tables = _tables(select, measure, members, settings)
    rows = _hard(tables, "c/a/causal | best | 0.05 nats")
    chosen = np.array([2.5, 2.1, 2.3])
    assert rows["mean_nats"]["value"] == pytest.approx(chosen.mean())
    # The same differences in every document: both deviations are that of the losses.
    assert rows["sd_nats"]["value"] == pytest.approx(0.2)
    assert rows["document_sd_nats"]["value"] == pytest.approx(0.2)
    half = 4.302653 * chosen.std(ddof=1) / math.sqrt(3)
    assert rows["mean_nats"]["high"] == pytest.approx(chosen.mean() + half)
    left_out = np.array([np.delete(chosen, i).std(ddof=1) for i in range(3)])
    half = 4.302653 * jackknife_error(left_out)
    assert rows["sd_nats"]["high"] == pytest.approx(0.2 + half)
    assert half > 0.2
    assert rows["sd_nats"]["low"] == 0
    assert all(r["members_used"] == 3 and r["documents"] == 5 for r in rows.values())


def test_opposite_documents_change_only_the_document_deviation() -> None:
    losses = Losses(np.array([[1.0, 3.0], [3.0, 1.0]]), np.ones(2))
    rows = {
        r["metric"]: r for r in metric_rows(losses, diagonal(2), document_weights(2, 100, 0), 0.95)
    }
    assert rows["sd_nats"]["value"] == 0
    assert rows["document_sd_nats"]["value"] == pytest.approx(math.sqrt(2))
    assert rows["document_sd_nats"]["low"] is None


def test_small_and_empty_sets_have_rows_with_null_estimates() -> None:
    members = _members(("a", 3), ("b", 1))
    eps = Epsilons(nats=(0.01,), percent=(), seed_sd=(1.0,))
    tables = _rows(_losses([2.0, 2.5, 3.0, 1.0]), members, eps, pool=REFERENCES["pool"])
    sets = {r["rashomon_set"]: r for r in tables["rashomon_set"]}
    empty = "c/a/causal | pool | 0.01 nats"
    assert (sets[empty]["members"], sets[empty]["share"]) == (0, 0)
    metrics = [r for r in tables["rashomon_metric"] if r["rashomon_set"] == empty]
    assert len(metrics) == 6
    assert all(r["value"] is r["low"] is None and r["members_used"] == 0 for r in metrics)
    one = {m: r["value"] for m, r in _hard(tables, "c/b/causal | pool | 0.01 nats").items()}
    assert one == {"mean_nats": pytest.approx(1.0), "sd_nats": None, "document_sd_nats": None}
    assert "c/b/causal | pool | 1 seed_sd" not in sets


def test_a_single_document_gives_no_probability() -> None:
    eps = Epsilons(nats=(0.2,), percent=(), seed_sd=())
    tables = _rows(_losses([2.0, 2.1, 2.2], documents=1), _members(("a", 3)), eps)
    assert all(r["probability"] is None for r in tables["rashomon_member"])
    assert all(r["low"] is None for r in tables["rashomon_metric"])


def test_rows_have_the_columns_of_the_schema() -> None:
    tables = _rows(_losses([2.0, 2.1, 2.2]), _members(("a", 3)), Epsilons())
    for table, rows in tables.items():
        assert rows
        assert all(set(row) == kit.COLUMNS[table] for row in rows), table


def test_rejects_losses_of_another_shape_than_the_members() -> None:
    with pytest.raises(ValueError, match="select losses"):
        list(rashomon_sets(_losses([2.0]), _members(("a", 2)), Rashomon(), STATISTICS))


def test_a_derived_member_is_compared_with_trained_ones() -> None:
    """Its loss moves no reference and no threshold, not even where it is the best of all."""
    members = _members(("a", 3))
    members += [replace(members[0], model=f"n{i}", method="noise") for i in range(2)]
    values = [2.0, 2.02, 2.3, 1.5, 2.2]
    eps = Epsilons(nats=(0.05,), percent=(), seed_sd=(1.0,))
    tables = _rows(_losses(values), members, eps)
    alone = _rows(_losses(values[:3]), members[:3], eps)
    trained = [row for row in tables["rashomon_set"] if row["method"] == "trained"]
    assert trained == alone["rashomon_set"]
    assert _inside(tables, "c/a/causal | class | 0.05 nats | noise") == {"n0"}
    (row,) = (
        r for r in tables["rashomon_set"] if r["rashomon_set"].endswith("class | 0.05 nats | noise")
    )
    assert row["reference_nats"] == pytest.approx(2.0)
    # The reference is not one of these candidates: their share has an interval.
    assert (row["share_low"], row["share_high"]) == pytest.approx(wilson(1, 2, 0.95))


def test_an_average_over_resamples_weights_members_by_their_probability() -> None:
    """The mean loss over the sets of the resamples, each as often as it comes up."""
    tokens = np.ones(4)
    nats = np.array([[2.0, 2, 2, 2], [3.0, 2, 2, 2]])
    eps = Epsilons(nats=(0.3,), percent=(), seed_sd=())
    settings = Rashomon(references={"best": REFERENCES["class"]}, eps=eps)
    losses = Losses(nats, tokens)
    (found,) = rashomon_sets(losses, _members(("a", 2)), settings, Statistics(resamples=1000))
    subsets = {tuple(subset.tolist()): share for subset, share in found.resampled(8)}
    assert found.members.tolist() == [0, 1]
    both = float(found.resampled_inside.all(axis=0).mean())
    assert subsets == {(0, 1): pytest.approx(both), (0,): pytest.approx(1 - both)}
    assert found.resampled(1)[0][1] == max(subsets.values())
    measure = Losses(np.array([[1.0, 1, 1, 1], [2.0, 2, 2, 2]]), tokens)
    rows = loss_rows(found, diagonal(2), measure, document_weights(4, 100, 0), 0.95)
    mean = {r["weighting"]: r for r in rows if r["metric"] == "mean_nats"}
    assert mean["hard"]["value"] == pytest.approx(1.5)
    assert mean["resampled"]["value"] == pytest.approx(both * 1.5 + (1 - both) * 1.0)
    sd = {r["weighting"]: r for r in rows if r["metric"] == "sd_nats"}
    assert sd["resampled"]["covered"] == pytest.approx(both)


@pytest.mark.parametrize(("members", "share"), [(5, 0.79), (10, 0.67), (20, 0.56), (50, 0.42)])
def test_the_share_near_the_best_falls_with_their_number(members: int, share: float) -> None:
    """Gaussian losses: the published shares within 2 sd of the best of m; no size of a class."""
    generator = np.random.default_rng(members)
    found = []
    for _ in range(400):
        values = 3 + 0.01 * generator.standard_normal(members)
        losses = Losses(values[:, None], np.ones(1))
        eps = Epsilons(nats=(0.02,), percent=(), seed_sd=())
        settings = Rashomon(references={"best": REFERENCES["class"]}, eps=eps)
        of = _members(("a", members))
        (each,) = rashomon_sets(losses, of, settings, Statistics(resamples=100))
        found.append(each.inside.mean())
    assert np.mean(found) == pytest.approx(share, abs=0.025)
