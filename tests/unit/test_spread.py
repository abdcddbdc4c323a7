"""Metrics of sets: naive loops, maxima against means, weightings, intervals."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch

from kit import diagonal
from manymasks.arrays import Rows
from manymasks.config.analyses import Statistics
from manymasks.kinds.set_metrics import METRICS
from manymasks.rashomon import losses
from manymasks.rashomon.capacity import information_at, shared_capacity
from manymasks.rashomon.multiplicity import (
    Facts,
    PairSums,
    block_facts,
    by_document,
    pair_sums,
    position_metrics,
    rarefied_metrics,
)
from manymasks.rashomon.spread import SetSums, set_rows

STATISTICS = Statistics(resamples=200)
M, N, V, D, TV = 6, 80, 15, 8, 0.3
DOCUMENTS = np.arange(N) % D
KEYS = {
    "metric",
    "weighting",
    "members_used",
    "value",
    "low",
    "high",
    "units",
    "documents",
    "effective_documents",
    "covered",
}


def _logp(seed: int = 0, spread: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    common = 2 * torch.randn(1, N, V, generator=generator)
    own = spread * torch.randn(M, N, V, generator=generator)
    return (common + own).log_softmax(-1)


def _facts(logp: torch.Tensor) -> Facts:
    targets = torch.randint(V, (N,), generator=torch.Generator().manual_seed(9))
    return block_facts(logp, targets, 3)


def _pairs(logp: torch.Tensor) -> PairSums:
    return pair_sums(_facts(logp), DOCUMENTS, D, TV)


def _set(logp: torch.Tensor, subset: list[int], reference: int = 0) -> SetSums:
    facts, members = _facts(logp), np.array(subset)
    found = position_metrics(facts, logp, members, reference, TV, 1e-4)
    shared = shared_capacity(lambda: [logp[members]], 1e-6)
    sums = {name: by_document(x, DOCUMENTS, D) for name, x in found.metrics.items()}
    at = information_at(logp[members], shared.weights[0]).numpy()
    rarefied = {
        k: {
            name: by_document(x, DOCUMENTS, D)
            for name, x in rarefied_metrics(facts, members, reference, k).items()
        }
        for k in range(2, members.size)
    }
    return SetSums(
        members,
        reference,
        sums | {"shared_capacity": by_document(at, DOCUMENTS, D)},
        by_document(found.gain_without, DOCUMENTS, D).T,
        rarefied,
        shared.gap.item(),
    )


def _hard(logp: torch.Tensor, subset: list[int], reference: int = 0) -> Rows:
    return set_rows(
        [(_set(logp, subset, reference), 1.0)],
        _pairs(logp),
        diagonal(len(logp)),
        "hard",
        STATISTICS,
    )


def _values(rows: Rows, members: float) -> dict[str, dict]:
    return {row["metric"]: row for row in rows if row["members_used"] == members}


def test_values_agree_with_naive_loops() -> None:
    logp, subset = _logp(), [4, 0, 5, 2]
    rows = _hard(logp, subset, 2)
    assert all(set(row) == KEYS for row in rows)
    found = {name: row["value"] for name, row in _values(rows, 4).items()}
    assert len({(row["metric"], row["members_used"]) for row in rows}) == len(rows)
    law, facts = logp[subset].double().numpy(), _facts(logp)
    p, pairs = np.exp(law), list(combinations(range(4), 2))
    first = law.argmax(-1)
    tops = [[frozenset(np.argsort(-one)[:3]) for one in member] for member in law]
    tv = {(a, b): np.abs(p[a] - p[b]).sum(-1) / 2 for a in range(4) for b in range(4)}
    kl = [((p[a] - p[b]) * (law[a] - law[b])).sum(-1).mean() / 2 for a, b in pairs]
    differ = {(a, b): (first[a] != first[b]).mean() for a in range(4) for b in range(4)}
    assert found["kl"] == pytest.approx(np.mean(kl), rel=1e-4)
    assert found["tv"] == pytest.approx(np.mean([tv[pair].mean() for pair in pairs]), rel=1e-5)
    assert found["top1_disagreement"] == pytest.approx(np.mean([differ[pair] for pair in pairs]))
    assert found["vote_disagreement"] == pytest.approx(found["top1_disagreement"])
    top_k = [np.mean([x != y for x, y in zip(tops[a], tops[b], strict=True)]) for a, b in pairs]
    assert found["top_k_disagreement"] == pytest.approx(np.mean(top_k))
    far = {pair: (one >= TV).mean() for pair, one in tv.items()}
    assert found["tv_disagreement"] == pytest.approx(np.mean([far[pair] for pair in pairs]))
    assert found["discrepancy"] == pytest.approx(max(differ[2, i] for i in range(4)))
    assert found["discrepancy_tv"] == pytest.approx(max(far[2, i] for i in range(4) if i != 2))
    from_best = [np.mean([x != y for x, y in zip(tops[2], t, strict=True)]) for t in tops]
    assert found["discrepancy_top_k"] == pytest.approx(max(from_best))
    assert found["pair_discrepancy"] == pytest.approx(max(differ.values()))
    assert found["pair_diameter"] == pytest.approx(max(x.mean() for x in tv.values()), rel=1e-5)
    assert found["tokens_to_tell_apart"] == pytest.approx(math.log(20) / np.mean(kl), rel=1e-4)
    q = np.exp(facts.log_p[subset])
    assert found["p_variance"] == pytest.approx(q.var(0, ddof=1).mean())
    assert found["log_p_variance"] == pytest.approx(np.log(q).var(0, ddof=1).mean())
    gain = np.log(q.mean(0)) - np.log(q).mean(0)
    assert found["ensemble_gain"] == pytest.approx(gain.mean())
    assert found["p_range"] == pytest.approx(np.ptp(q, axis=0).mean())
    shared = shared_capacity(lambda: [logp[subset]], 1e-6)
    assert found["shared_capacity"] == pytest.approx(shared.nats.item())
    assert 0 <= found["shared_capacity_gap"] <= 1e-6
    assert found["shared_capacity"] <= found["capacity"] + 1e-4


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
def test_a_maximum_of_means_is_at_most_the_mean_of_maxima(seed: int, spread: float) -> None:
    found = _values(_hard(_logp(seed, spread), [0, 1, 2, 3, 4]), 5)
    value = {name: row["value"] for name, row in found.items()}
    assert value["pair_diameter"] <= value["pair_range"] + 1e-9  # omega <= nu
    for one in ("", "_top_k", "_tv"):
        assert value[f"discrepancy{one}"] <= value[f"ambiguity{one}"] + 1e-9
    assert value["pair_discrepancy"] <= value["pair_ambiguity"] + 1e-9
    assert value["discrepancy"] <= value["pair_discrepancy"] + 1e-9
    assert value["information"] <= value["shared_capacity"] + 1e-9
    assert value["tv"] <= value["pair_diameter"] + 1e-9
    assert value["kl"] >= 2 * value["tv"] ** 2  # Pinsker


def test_rarefied_rows_are_means_over_subsets() -> None:
    logp = _logp(1)
    rows = _hard(logp, [0, 1, 2, 3, 4])
    three = _values(rows, 3)
    assert set(three) == {"ambiguity", "pair_ambiguity", "distinct_top1"}
    each = [_values(_hard(logp, list(s)), 3) for s in combinations(range(5), 3)]
    for name in ("pair_ambiguity", "distinct_top1"):
        mean = np.mean([one[name]["value"] for one in each])
        assert three[name]["value"] == pytest.approx(mean)
    assert _values(rows, 2)["pair_ambiguity"]["value"] == pytest.approx(
        _values(rows, 5)["vote_disagreement"]["value"]
    )


def test_identical_members_and_a_single_one_have_zero_metrics() -> None:
    same = _logp()[:1].expand(M, -1, -1)
    for rows, k in ((_hard(same, [0, 1, 2]), 3), (_hard(_logp(), [3]), 1)):
        found = _values(rows, k)
        for name in ("ambiguity", "discrepancy", "pair_range", "pair_diameter", "capacity"):
            assert found[name]["value"] == pytest.approx(0, abs=1e-12), name
        assert found["effective_models"]["value"] == pytest.approx(1)
    alone = _values(_hard(_logp(), [3]), 1)
    for name in ("kl", "tv", "vote_disagreement", "p_variance", "tokens_to_tell_apart"):
        assert alone[name]["value"] is None, name
        assert alone[name]["low"] is None
    assert alone["ensemble_gain"]["value"] == 0
    assert alone["ensemble_gain"]["low"] is None


def test_every_metric_has_a_row_in_the_table_of_metrics() -> None:
    computed = {row["metric"] for row in _hard(_logp(), [0, 1, 2])}
    assert computed | set(losses.METRICS) == set(METRICS)


def test_intervals_contain_their_values_and_name_their_units() -> None:
    found = _values(_hard(_logp(3), [0, 1, 2, 3]), 4)
    over_models = {name for name, row in found.items() if row["units"] == "models and documents"}
    assert over_models == {
        "kl",
        "tv",
        "top1_disagreement",
        "top_k_disagreement",
        "tv_disagreement",
        "vote_disagreement",
        "p_variance",
        "log_p_variance",
        "ensemble_gain",
        "tokens_to_tell_apart",
    }
    maxima = ("discrepancy", "discrepancy_top_k", "discrepancy_tv", "pair_discrepancy")
    for name, row in found.items():
        assert row["documents"] == D
        assert row["covered"] == 1
        if name == "shared_capacity_gap":
            assert row["low"] is None
        elif name not in (*maxima, "pair_diameter"):
            assert row["low"] <= row["value"] <= row["high"], name
    kl, tokens = found["kl"], found["tokens_to_tell_apart"]
    assert tokens["low"] == pytest.approx(math.log(20) / kl["high"])
    two = _values(_hard(_logp(3), [0, 1]), 2)
    assert two["kl"]["low"] is None and two["kl"]["value"] > 0
    assert two["ensemble_gain"]["low"] is None
    assert two["capacity"]["low"] is not None


def test_resampled_is_the_mean_over_sets() -> None:
    logp = _logp(4)
    one, other, alone = _set(logp, [0, 1, 2]), _set(logp, [1, 2, 3, 4]), _set(logp, [1])
    pairs = _pairs(logp)
    rows = set_rows(
        [(one, 0.5), (other, 0.3), (alone, 0.1)],
        pairs,
        diagonal(len(logp)),
        "resampled",
        STATISTICS,
    )
    used = (0.5 * 3 + 0.3 * 4 + 0.1) / 0.9
    found = _values(rows, rows[0]["members_used"])
    assert len(found) == len(rows)
    assert rows[0]["members_used"] == pytest.approx(used)
    hard = [_values(_hard(logp, s), k) for s, k in (([0, 1, 2], 3), ([1, 2, 3, 4], 4), ([1], 1))]
    for name, shares in (("ambiguity", (0.5, 0.3, 0.1)), ("kl", (0.5, 0.3, 0))):
        values = [each[name]["value"] or 0 for each in hard]
        expected = np.dot(shares, values) / sum(shares)
        assert found[name]["value"] == pytest.approx(expected)
        assert found[name]["low"] <= expected <= found[name]["high"]
    for row in rows:
        assert row["weighting"] == "resampled"
        assert row["units"] == "documents"
        assert row["covered"] == pytest.approx(0.9)
    assert set_rows([], pairs, diagonal(len(logp)), "resampled", STATISTICS) == []
