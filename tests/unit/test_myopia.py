"""The myopia gap: known gaps recovered, by position, by size and with their intervals."""

import numpy as np
import pytest
from scipy import stats

import kit
from kit import diagonal
from manymasks.config.analyses import Contrast, Statistics
from manymasks.myopia.gap import myopia_rows
from manymasks.statistics.model_classes import Member

STATISTICS = Statistics(resamples=400)
EDGES = (0, 1, 4)
CONTRAST = Contrast(baseline="causal", variant="myopic")


def _members(sizes: list[str], seeds: list[tuple[int, int]]) -> list[Member]:
    return [
        Member(f"{size}{variant}{i}{o}", f"c/{size}/{variant}", "c", size, variant, i, o)
        for size in sizes
        for variant in ("causal", "myopic")
        for i, o in seeds
    ]


def _tokens(documents: int) -> np.ndarray:
    return np.random.default_rng(1).integers(1, 50, size=(documents, 3)).astype(float)


def _nats(members: list[Member], tokens: np.ndarray, gaps: dict[str, list[float]]) -> np.ndarray:
    """Losses with seed and document effects that both arms share, and gaps by bucket."""
    generator = np.random.default_rng(2)
    documents = generator.normal(3, 1, size=tokens.shape)
    effects = {seeds: generator.normal() for seeds in sorted({m.seeds for m in members})}
    rates = [
        documents
        + effects[member.seeds]
        + (np.array(gaps[member.size]) if member.variant == "myopic" else 0)
        for member in members
    ]
    return np.array(rates) * tokens


def test_constant_gaps_are_recovered_exactly_by_bucket_and_in_total() -> None:
    members = _members(["small", "large"], [(0, 0), (0, 1), (1, 0)])
    tokens = _tokens(8)
    gaps = {"small": [0.1, 0.1, 0.1], "large": [0.4, 0.3, 0.2]}
    nats = _nats(members, tokens, gaps)
    tables = myopia_rows(nats, tokens, EDGES, 16, members, [CONTRAST], STATISTICS)
    rows = tables["myopia_gap"]
    assert len(rows) == 2 * 4
    for size in ("small", "large"):
        buckets = [r for r in rows if r["size"] == size and not r["is_total"]]
        assert [r["gap"] for r in buckets] == pytest.approx(gaps[size])
        ranges = [(r["position_low"], r["position_high"]) for r in buckets]
        assert ranges == [(0, 0), (1, 3), (4, 15)]
        for row in buckets:
            assert row["low"] == pytest.approx(row["gap"])
            assert row["high"] == pytest.approx(row["gap"])
            assert row["variant_nats"] - row["baseline_nats"] == pytest.approx(row["gap"])
            assert row["seeds"] == 3
            assert row["documents"] == 8
    (total,) = [r for r in rows if r["is_total"] and r["size"] == "large"]
    shares = tokens.sum(axis=0) / tokens.sum()
    assert total["gap"] == pytest.approx(shares @ gaps["large"])
    assert (total["position_low"], total["position_high"]) == (0, 15)
    # Buckets differ, so the total varies with the documents though not with the seeds.
    assert total["low"] < total["gap"] < total["high"]


def test_contrasts_are_by_size_and_across_sizes() -> None:
    members = _members(["small", "middle", "large"], [(0, 0), (1, 0)])
    tokens = _tokens(5)
    gaps = {"small": [0.1] * 3, "middle": [0.9] * 3, "large": [0.25] * 3}
    nats = _nats(members, tokens, gaps)
    rows = myopia_rows(nats, tokens, EDGES, 16, members, [CONTRAST], STATISTICS)["contrast"]
    by_claim = {(row["claim"], row["subject"], row["baseline"], row["within"]): row for row in rows}
    assert set(by_claim) == {
        ("gap", "myopic", "causal", "small"),
        ("gap", "myopic", "causal", "middle"),
        ("gap", "myopic", "causal", "large"),
        ("gap_by_size", "large", "small", "myopic"),
    }
    across = by_claim["gap_by_size", "large", "small", "myopic"]
    assert across["within_baseline"] == "causal"
    assert across["estimate"] == pytest.approx(0.15)
    assert across["inits"] == by_claim["gap", "myopic", "causal", "small"]["inits"] == 2


def test_interval_is_the_t_test_over_seeds_when_documents_are_alike() -> None:
    members = _members(["s"], diagonal(6))
    gaps = np.array([0.05, 0.2, 0.1, 0.15, -0.02, 0.12])
    tokens = np.full((4, 3), 10.0)
    rates = np.concatenate([np.full(6, 2.0), 2 + gaps])
    nats = rates[:, None, None] * tokens
    tables = myopia_rows(nats, tokens, EDGES, 16, members, [CONTRAST], STATISTICS)
    (row,) = [r for r in tables["myopia_gap"] if r["is_total"]]
    reference = stats.ttest_1samp(gaps, 0)
    assert row["gap"] == pytest.approx(gaps.mean())
    assert row["p"] == pytest.approx(reference.pvalue)
    assert row["high"] == pytest.approx(reference.confidence_interval(0.95).high)


def test_documents_widen_the_interval() -> None:
    members = _members(["s"], diagonal(3))
    tokens = np.full((40, 3), 10.0)
    by_document = np.random.default_rng(3).normal(0.1, 0.3, size=40)
    nats = np.full((6, 40, 3), 20.0)
    nats[3:] += 10 * by_document[:, None]
    tables = myopia_rows(nats, tokens, EDGES, 16, members, [CONTRAST], STATISTICS)
    (row,) = [r for r in tables["myopia_gap"] if r["is_total"]]
    error = by_document.std() / np.sqrt(40)
    assert row["gap"] == pytest.approx(by_document.mean())
    assert row["high"] - row["gap"] == pytest.approx(1.96 * error, rel=0.15)


def test_only_shared_seeds_enter_and_without_any_there_are_no_rows() -> None:
    members = [
        Member("a", "c/s/causal", "c", "s", "causal", 0, 0),
        Member("b", "c/s/causal", "c", "s", "causal", 1, 0),
        Member("d", "c/s/myopic", "c", "s", "myopic", 1, 0),
        Member("e", "c/s/myopic", "c", "s", "myopic", 2, 0),
    ]
    tokens = np.ones((3, 3))
    nats = np.array([9.0, 2.0, 2.5, 7.0])[:, None, None] * tokens
    tables = myopia_rows(nats, tokens, EDGES, 16, members, [CONTRAST], STATISTICS)
    assert {r["seeds"] for r in tables["myopia_gap"]} == {1}
    assert all(r["gap"] == pytest.approx(0.5) for r in tables["myopia_gap"])
    assert all(r["low"] is r["high"] is r["p"] is None for r in tables["myopia_gap"])
    apart = [members[0], members[3]]
    tables = myopia_rows(nats[[0, 3]], tokens, EDGES, 16, apart, [CONTRAST], STATISTICS)
    assert tables == {"myopia_gap": [], "contrast": []}


def test_a_bucket_without_tokens_has_no_gap() -> None:
    members = _members(["s"], [(0, 0), (1, 0)])
    tokens = np.array([[5.0, 5.0, 0.0], [5.0, 4.0, 0.0]])
    nats = _nats(members, tokens, {"s": [0.1, 0.1, 0.1]})
    tables = myopia_rows(nats, tokens, EDGES, 16, members, [CONTRAST], STATISTICS)
    last = tables["myopia_gap"][-1]
    assert (last["gap"], last["baseline_nats"], last["documents"]) == (None, None, 0)


def test_rows_have_the_columns_of_the_schema_and_wrong_shapes_are_refused() -> None:
    members = _members(["s"], [(0, 0), (1, 0)])
    tokens = _tokens(4)
    nats = _nats(members, tokens, {"s": [0.1, 0.1, 0.1]})
    tables = myopia_rows(nats, tokens, EDGES, 16, members, [CONTRAST], STATISTICS)
    for table, rows in tables.items():
        assert rows
        assert all(set(row) == kit.COLUMNS[table] for row in rows), table
    with pytest.raises(ValueError, match="members, documents and buckets"):
        myopia_rows(nats, tokens, (0, 1), 16, members, [CONTRAST], STATISTICS)
