"""Sets by price and what members have of a capability, for predictors whose answers are known."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.registry import process
from manymasks.statistics.model_classes import Member
from manymasks.truth.excess import counted_tokens, divergences, document_sums
from manymasks.truth.price_sets import kept_rows, kept_sums, priced_rows
from manymasks.truth.prices import Price, cheapest, exact_prices

STATISTICS = Statistics(resamples=200)
Array = np.ndarray[Any, np.dtype[np.float64]]


def member(seed: int, variant: str = "causal") -> Member:
    return Member(f"{variant}{seed}", f"masks/base/{variant}", "masks", "base", variant, seed, 0)


def logs_of(*laws: Array) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Laws as members': of single precision, and 0 is a number that is very small."""
    return np.stack([np.log(np.maximum(law, 1e-30)).astype(np.float32) for law in laws])


def price(nats: float, elsewhere: float = 0.0) -> dict[tuple[str, str], Price]:
    return {("all", "all"): Price(nats), ("role", "x"): Price(elsewhere)}


# ------------------------------------------------------------------------------------- sets


def test_cheapest_capability_has_a_positive_finite_price() -> None:
    prices = {
        "dear": price(0.5),
        "rounding": price(1e-12),
        "cheap": price(0.2),
        "elsewhere": price(0.3, 0.1),
        "unbounded": price(float("inf")),
    }
    assert cheapest(prices) == ("cheap", prices["cheap"]["all", "all"])
    assert cheapest({"nothing": price(0.0)}) is None
    assert cheapest({}) is None


def test_sets_and_members_by_hand() -> None:
    tokens = np.array([10.0, 10, 10, 10])
    select = np.array([[1.0, 1, 1, 1], [1, 3, 1, 3], [9, 9, 9, 9]])
    measure = np.array([[2.0, 2, 2, 2], [1, 1, 1, 1], [1, 1, 1, 1]])
    members = [member(0), member(1), member(0, "myopic")]
    sums = (select, tokens), (measure, tokens)
    tables = priced_rows(*sums, members, ("commit", Price(0.2, 0.0)), (1, 0.5), STATISTICS)
    sets = {(row["variant"], row["share"]): row for row in tables["priced_set"]}
    assert list(sets) == [("causal", 0.5), ("myopic", 0.5), ("causal", 1), ("myopic", 1)]
    assert sets["causal", 1] == {
        "corpus": "masks",
        "size": "base",
        "variant": "causal",
        "share": 1,
        "eps": 0.2,
        "cheapest": "commit",
        "members": 2,
        "at_edge": 1,
        "candidates": 2,
    }
    assert [row["members"] for row in sets.values()] == [1, 0, 2, 0]
    found = {(row["model"], row["share"]): row for row in tables["priced_member"]}
    assert found["causal0", 0.5] == {
        "model": "causal0",
        "share": 0.5,
        "eps": 0.1,
        "select_nats": pytest.approx(0.1),
        "measure_nats": pytest.approx(0.2),
        "is_member": True,
        "probability": 1.0,
        "is_at_edge": False,
    }
    # The select split decides, whatever the measure split shows.
    assert not found["myopic0", 1]["is_member"]
    assert found["myopic0", 1]["measure_nats"] == pytest.approx(0.1)
    assert found["myopic0", 1]["probability"] == 0
    # Resamples with two or fewer of the dear documents: 11 of 16 for a fair coin.
    assert found["causal1", 1]["probability"] == pytest.approx(11 / 16, abs=0.1)
    assert found["causal1", 1]["is_at_edge"]


def test_error_of_the_price_leaves_members_undecided() -> None:
    sums = np.full((1, 40), 1.9), np.full(40, 10.0)
    for error, is_at_edge in ((0.001, False), (0.02, True)):
        price = "commit", Price(0.2, error)
        (row,) = priced_rows(sums, sums, [member(0)], price, (1.0,), STATISTICS)["priced_member"]
        assert row["is_member"]
        assert row["is_at_edge"] == is_at_edge
    assert row["probability"] == pytest.approx(stats.norm.cdf(0.5), abs=0.1)


def test_there_are_no_sets_without_a_price() -> None:
    sums = np.ones((1, 3)), np.ones(3)
    tables = priced_rows(sums, sums, [member(0)], None, (1.0,), STATISTICS)
    assert tables == {"priced_set": [], "priced_member": []}
    nobody = np.ones((0, 3)), np.ones(3)
    tables = priced_rows(nobody, nobody, [], ("commit", Price(0.1, 0.0)), (1.0,), STATISTICS)
    assert tables == {"priced_set": [], "priced_member": []}


def test_one_document_gives_no_probability() -> None:
    sums = np.ones((1, 1)), np.ones(1)
    tables = priced_rows(sums, sums, [member(0)], ("commit", Price(2.0, 0.0)), (1.0,), STATISTICS)
    assert tables["priced_member"][0]["is_member"]
    assert tables["priced_member"][0]["probability"] is None


def test_the_truth_is_in_every_set_and_ablated_predictors_are_at_their_prices() -> None:
    known = process("masks")
    tokens = known.draw(150, np.random.default_rng(1))
    laws, strata = known.laws(tokens), known.strata(tokens)
    ablated = {name: of(tokens) for name, of in known.ablated.items()}
    logs = logs_of(laws, *ablated.values())
    kl = np.stack([divergences(laws, each) for each in logs])
    sums = document_sums(kl, counted_tokens(strata))
    members = [member(0, name) for name in ("truth", *ablated)]
    exact = exact_prices(known, 1000, 3)
    least = cheapest(exact)
    assert least is not None and least[0] == "ignore-premise"
    found = priced_rows(sums, sums, members, least, (0.5, 1.3), STATISTICS)["priced_member"]
    nats = {row["model"]: row["select_nats"] for row in found}
    assert nats["truth0"] == pytest.approx(0, abs=1e-6)
    for name, by_place in exact.items():
        # 150 documents against 1000: near its price, whoever lacks it.
        assert nats[f"{name}0"] == pytest.approx(by_place["all", "all"].nats, rel=0.3)
    inside = [row["model"] for row in found if row["share"] == 1.3 and row["is_member"]]
    assert inside == ["truth0", "ignore-premise0"]
    inside = [row["model"] for row in found if row["share"] == 0.5 and row["is_member"]]
    assert inside == ["truth0"]


# ------------------------------------------------------------------------------------- kept


def kept(laws: Array, without: Array, law: Array, of: Any = None) -> float:
    of = np.ones(laws.shape[:2], dtype=bool) if of is None else of
    above, below = kept_sums(laws, without, law, of)
    return float(above.sum() / below.sum())


def dirichlet(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


def test_kept_sums_match_a_loop() -> None:
    truth, without, law = (dirichlet(4, 5, 6, seed=seed) for seed in range(3))
    of = np.random.default_rng(3).random((4, 5)) < 0.7
    above, below = np.zeros(4), np.zeros(4)
    for d in range(4):
        for t in range(5):
            for p, a, q in zip(truth[d, t], without[d, t], law[d, t], strict=True):
                if of[d, t]:
                    above[d] += (p - a) * (q - a) / (p + a)
                    below[d] += (p - a) ** 2 / (p + a)
    found = kept_sums(truth, without, law, of)
    np.testing.assert_allclose(found, (above, below), rtol=1e-12)


def test_kept_of_a_mixture_is_its_share() -> None:
    truth, without = dirichlet(4, 5, 6), dirichlet(4, 5, 6, seed=1)
    for share in (0.0, 0.3, 1.0):
        mixture = share * truth + (1 - share) * without
        assert kept(truth, without, mixture) == pytest.approx(share, abs=1e-12)


def test_close_laws_give_the_slope_of_logarithms_and_the_kl() -> None:
    without, other = dirichlet(30, 20, 6), dirichlet(30, 20, 6, seed=1)
    truth, member = (
        without * (1 + size * (each - (without * each).sum(-1, keepdims=True)))
        for size, each in ((1e-4, other), (1e-4, 0.6 * other + dirichlet(30, 20, 6, seed=2)))
    )
    gap, shown = np.log(truth / without), np.log(member / without)
    gap, shown = (each - (truth * each).sum(-1, keepdims=True) for each in (gap, shown))
    slope = (truth * gap * shown).sum() / (truth * gap**2).sum()
    assert kept(truth, without, member) == pytest.approx(slope, rel=1e-3)
    everywhere = np.ones(truth.shape[:2], dtype=bool)
    _, below = kept_sums(truth, without, member, everywhere)
    assert below.sum() == pytest.approx(divergences(truth, np.log(without)).sum(), rel=1e-3)


def test_nothing_is_skipped_where_a_law_is_zero() -> None:
    # The truth is certain and the other law spread; then the other way round.
    certain, spread = np.array([[[1.0, 0, 0]]]), np.array([[[0.0, 0.5, 0.5]]])
    for truth, without in ((certain, spread), (spread, certain)):
        for share in (0.0, 0.25, 1.0):
            mixture = share * truth + (1 - share) * without
            assert kept(truth, without, mixture) == pytest.approx(share)


def test_orthogonal_errors_add_nothing() -> None:
    truth, without = np.array([[[0.6, 0.2, 0.2]]]), np.array([[[0.2, 0.4, 0.4]]])
    # The gap does not tell the last two apart, so a member that does has as much of it.
    member = np.array([[[0.4, 0.1, 0.5]]])
    assert kept(truth, without, member) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["masks", "tally", "recall", "fork", "rrxor"])
def test_ablated_predictors_keep_the_other_capabilities(name: str) -> None:
    known = process(name)
    tokens = known.draw(60, np.random.default_rng(2))
    laws, counted = known.laws(tokens), counted_tokens(known.strata(tokens))
    ablated = {capability: of(tokens) for capability, of in known.ablated.items()}
    names = list(ablated)
    linear = [0.5 * (laws + each) for each in ablated.values()]
    # A geometric one is near it where laws are not far apart.
    geometric = [np.sqrt(laws * each) for each in ablated.values()]
    geometric = [each / each.sum(-1, keepdims=True) for each in geometric]
    members = [member(i) for i in range(1 + 3 * len(names))]
    logs = logs_of(laws, *ablated.values(), *linear, *geometric)
    rows = kept_rows(laws, ablated, logs, counted, members, STATISTICS)
    assert len(rows) == len(names) * len(members)
    found = {(row["capability"], row["model"]): row for row in rows}
    for i, capability in enumerate(names):
        full, none, half, near = (
            found[capability, f"causal{1 + i + (k - 1) * len(names) if k else 0}"] for k in range(4)
        )
        assert full["kept"] == pytest.approx(1, abs=1e-5)
        assert none["kept"] == pytest.approx(0, abs=1e-5)
        assert half["kept"] == pytest.approx(0.5, abs=1e-5)
        assert full["kept_low"] == pytest.approx(full["kept_high"], abs=1e-4)
        if name == "masks":
            assert near["kept"] == pytest.approx(0.5, abs=0.05)
        differ = counted & (np.abs(laws - ablated[capability]) > 1e-9).any(-1)
        assert (full["tokens"], full["documents"]) == (differ.sum(), differ.any(1).sum())
    if name == "tally":
        # Who binds nothing can still read the digits, which is most of what an answer needs.
        assert 0 < found["no-reading", "causal1"]["kept"] < 1


def test_kept_is_none_where_the_capability_never_matters() -> None:
    known = process("tally1")
    tokens = known.draw(10, np.random.default_rng(0))
    laws, counted = known.laws(tokens), counted_tokens(known.strata(tokens))
    ablated = {capability: of(tokens) for capability, of in known.ablated.items()}
    (row,) = kept_rows(laws, ablated, logs_of(laws), counted, [member(0)], STATISTICS)
    assert row["kept"] is row["kept_low"] is row["kept_high"] is None
    assert row["tokens"] == row["documents"] == 0


def test_intervals_of_kept_are_over_documents() -> None:
    rng = np.random.default_rng(0)
    truth, without = np.array([0.7, 0.3]), np.array([0.3, 0.7])
    laws, other = (np.tile(each, (100, 4, 1)) for each in (truth, without))
    counted = np.ones((100, 4), dtype=bool)
    covered = []
    for _ in range(100):
        # How much a member has varies from document to document, about 0.5.
        share = np.repeat(rng.uniform(0, 1, (100, 1)), 4, 1)[..., None]
        logs = logs_of(share * laws + (1 - share) * other)
        (row,) = kept_rows(laws, {"x": other}, logs, counted, [member(0)], STATISTICS)
        covered.append(row["kept_low"] < 0.5 < row["kept_high"])
    assert 0.87 < np.mean(covered) <= 1
    # Of one document there is no interval.
    logs = logs_of(laws[:1])
    (row,) = kept_rows(laws[:1], {"x": other[:1]}, logs, counted[:1], [member(0)], STATISTICS)
    assert row["kept"] == pytest.approx(1)
    assert row["kept_low"] is None
