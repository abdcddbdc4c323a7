"""Tables of what members write: columns, pools and their intervals against loops over pairs."""

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kit
from kit import diagonal
from manymasks.config.analyses import Statistics
from manymasks.rollouts.pair_intervals import intervals, pairs_of
from manymasks.rollouts.rollout_tables import (
    RolloutPrompts,
    TextDivergence,
    agreed,
    differences,
    quotient,
    ratios,
    rollout_rows,
)
from manymasks.rollouts.sampling import Texts
from manymasks.rollouts.sequences import Again, Along, first_differences
from manymasks.statistics.bootstrap import (
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.intervals import StandardError, joined
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.model_classes import Member, classes

STATISTICS = Statistics(resamples=150)
PROMPTS, LENGTH = 7, 6
DOCUMENTS = ["c", "a", "a", "b", "c", "d", "d"]
_, OWNERS = np.unique(DOCUMENTS, return_inverse=True)


def _members(sizes: str = "st", variants: str = "cm", inits: int = 4, orders: int = 1) -> Any:
    return [
        Member(f"{9 - k}{size}{variant}{i}{o}", f"x/{size}/{variant}", "x", size, variant, i, o)
        for k, size in enumerate(sizes)
        for variant in variants
        for i in range(inits)
        for o in range(orders)
    ]


def _texts(members: int, seed: int, end: int = -1) -> Texts:
    generator = np.random.default_rng(seed)
    shape = members, PROMPTS, LENGTH
    tokens = generator.choice(4, shape, p=[0.1, 0.8, 0.05, 0.05])
    is_end = tokens == end
    lengths = np.where(is_end.any(2), is_end.argmax(2) + 1, LENGTH)
    inside = np.arange(LENGTH) < lengths[..., None]
    own = [np.where(inside, generator.random(shape), 0) for _ in range(3)]
    return Texts(np.where(inside, tokens, 0), lengths, -own[0], own[1], own[2])


def _given(members: int) -> dict[str, Any]:
    generator = np.random.default_rng(5)
    texts = {"greedy": _texts(members, 0), "shared-noise": _texts(members, 1, end=0)}
    floors = {}
    for mode, own in texts.items():
        kl, cross = generator.random((2, members, PROMPTS)) * 1e-9
        same = np.ones((members, PROMPTS), dtype=bool)
        same[0, 0] = False
        steps = np.where(same, own.lengths, 2)
        floors[mode] = Again(kl, cross, steps, same)
    sums = generator.random((3, members, members, PROMPTS)) * (1 - np.eye(members))[..., None]
    along = Along(sums[0], sums[1] + 3, texts["shared-noise"].lengths.astype(float))
    judged = TextDivergence(along, sums[2], np.full((members, PROMPTS), 1e-9), LENGTH)
    written = {mode: [["text"] * PROMPTS] * members for mode in texts}
    prompts = RolloutPrompts(DOCUMENTS, ["prompt"] * PROMPTS, written)  # type: ignore[arg-type]
    return {"texts": texts, "floors": floors, "divergence": judged, "prompts": prompts}


def test_rows_have_the_columns_of_the_schema_and_one_grain() -> None:
    members = _members()
    found = rollout_rows(**_given(len(members)), members=members, statistics=STATISTICS)
    grains = {
        "rollout": ("mode", "model", "item"),
        "first_divergence": ("mode", "model_a", "model_b", "item"),
        "agreement_survival": ("mode", "pool", "other", "step"),
        "rollout_pool": ("mode", "pool", "other", "metric"),
        "sequence_divergence": ("model_a", "model_b"),
    }
    assert set(found) == set(grains)
    for table, rows in found.items():
        assert rows
        for row in rows:
            assert set(row) == kit.COLUMNS[table]
        keys = [tuple(row[column] for column in grains[table]) for row in rows]
        assert len(set(keys)) == len(keys)
    m, pools = len(members), 4 + 6
    assert len(found["rollout"]) == 2 * m * PROMPTS
    assert len(found["first_divergence"]) == 2 * m * (m - 1) // 2 * PROMPTS
    assert len(found["agreement_survival"]) == 2 * pools * (LENGTH + 1)
    assert len(found["rollout_pool"]) == pools * (2 + 5) + 2 * 4
    assert len(found["sequence_divergence"]) == m * m
    assert all(row["model_a"] < row["model_b"] for row in found["first_divergence"])


def test_texts_are_described_up_to_their_end() -> None:
    members = _members("s", "c")
    given = _given(4)
    rows = rollout_rows(**given, members=members, statistics=STATISTICS)["rollout"]
    for row in rows:
        own = given["texts"][row["mode"]]
        i = [member.model for member in members].index(row["model"])
        text = own.tokens[i, row["item"], : row["length"]]
        assert row["length"] == own.lengths[i, row["item"]]
        assert row["distinct_share"] == len(set(text)) / len(text)
        assert row["nats"] == pytest.approx(-own.log_p[i, row["item"], : len(text)].mean())
        assert row["entropy"] == pytest.approx(own.entropy[i, row["item"], : len(text)].mean())
        assert row["document"] == DOCUMENTS[row["item"]]
        assert (row["loop_entry"] is None) == (len(set(text)) > 1 or len(text) < 6)


def test_margins_are_those_at_the_first_difference_or_null() -> None:
    members = _members("s", "c")
    given = _given(4)
    rows = rollout_rows(**given, members=members, statistics=STATISTICS)["first_divergence"]
    keys = [member.model for member in members]
    assert {row["is_censored"] for row in rows} == {True, False}
    for row in rows:
        own = given["texts"][row["mode"]]
        for side in "ab":
            margin = own.margin[keys.index(row[f"model_{side}"]), row["item"], row["step"] - 1]
            assert row[f"margin_{side}"] == (None if row["is_censored"] else margin)


# ------------------------------------------------------------------------------------ pools


def test_pools_are_the_classes_and_every_two_of_them() -> None:
    members = [*_members("s", "cm"), *_members("t", "c", 1, 1)]
    found = {(pairs.pool, pairs.other): pairs for pairs in pairs_of(members)}
    assert set(found) == {
        ("x/s/c", "x/s/c"), ("x/s/m", "x/s/m"), ("x/s/c", "x/s/m"), ("x/s/c", "x/t/c"),
        ("x/s/m", "x/t/c"),
    }  # fmt: skip
    for (pool, other), pairs in found.items():
        both = set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))
        assert len(both) == pairs.a.size and both == {(b, a) for a, b in both}
        assert all(a != b for a, b in both)
        if (pool, other) == ("x/s/c", "x/s/m"):
            assert all(members[a].seeds != members[b].seeds for a, b in both)
            assert len(both) == 2 * 4 * 3 and pairs.degrees == 3
        elif pool == other:
            assert len(both) == 4 * 3 and pairs.degrees == 3
        else:
            assert len(both) == 2 * 4 and pairs.degrees == 0


def test_means_and_errors_agree_with_the_jackknife_of_pairs() -> None:
    """With tokens all alike a ratio of sums is a mean over pairs."""
    members = [*_members("s", "cm"), *_members("t", "c", 3, 1)]
    m, generator = len(members), np.random.default_rng(3)
    kl = generator.random((m, m, PROMPTS))
    counts = ratios(kl, np.ones_like(kl), OWNERS)
    weights = document_weights(4, 300, 1)
    mean = kl.mean(-1)
    pools = classes(members)
    for pairs in pairs_of(members):
        pool, other = pools[pairs.pool], pools[pairs.other]
        square = ((mean + mean.T) / 2)[np.ix_(pool, other)]
        shared = min(len(pool), len(other))
        square = square[:shared, :shared]
        expected = pair_mean((square + square.T) / 2, diagonal(shared))
        sums = np.zeros((pairs.a.size, 4))
        for prompt, owner in enumerate(OWNERS):
            sums[:, owner] += kl[pairs.a, pairs.b, prompt]
        resamples = ratio_resamples(sums.mean(0), np.bincount(OWNERS).astype(float), weights)
        sizes = np.bincount(OWNERS).astype(float)
        interval = expected.interval(standard_error(resamples, sizes), 0.9, at_least=0)
        (found,) = intervals(pairs, counts, quotient, weights, sizes, 0.9)
        assert found.estimate == pytest.approx(interval.estimate)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
        assert found.degrees == pytest.approx(interval.degrees)


def test_survival_agrees_with_a_loop_over_pairs_and_prompts() -> None:
    texts = _texts(4, 9, end=0)
    steps, is_censored = first_differences(texts)
    (pairs,) = pairs_of(_members("s", "c"))
    assert is_censored[np.triu_indices(4, 1)].any()

    def naive(models: list[int], weights: np.ndarray[Any, Any]) -> list[float]:
        survival = [1.0]
        seen = [
            (
                # What ended alike can never part: it agrees to the last step.
                LENGTH if is_censored[a, b, item] else steps[a, b, item],
                is_censored[a, b, item],
                weights[OWNERS[item]],
            )
            for a, b in combinations(models, 2)
            for item in range(PROMPTS)
        ]
        for step in range(1, LENGTH + 1):
            at_risk = sum(w for t, _, w in seen if t >= step)
            events = sum(w for t, cut, w in seen if t == step and not cut)
            survival.append(survival[-1] * (1 - (events / at_risk if at_risk else 0)))
        parted = sum(w for _, cut, w in seen if not cut) / sum(w for *_, w in seen)
        return [*survival, sum(survival[1:]), 1 - parted]

    weights = document_weights(4, 100, 0)
    sizes = np.bincount(OWNERS).astype(float)
    counts = differences(steps, is_censored, OWNERS, LENGTH)
    found = intervals(pairs, counts, agreed, weights, sizes, 0.95)
    estimates = naive([0, 1, 2, 3], np.ones(4))
    left_out = np.array([naive([i for i in range(4) if i != k], np.ones(4)) for k in range(4)])
    resamples = np.array([naive([0, 1, 2, 3], row) for row in weights])
    for q, own in enumerate(found):
        jackknife = np.sqrt(3 / 4 * ((left_out[:, q] - left_out[:, q].mean()) ** 2).sum())
        error = standard_error(resamples[:, q], sizes)
        expected = joined(estimates[q], StandardError(jackknife, 3), error, 0.95, at_least=0)
        assert own.estimate == pytest.approx(expected.estimate)
        assert (own.low, own.high) == pytest.approx((expected.low, expected.high))


def test_texts_with_the_same_end_agree_to_the_last_step() -> None:
    """Of two prompts one ends for both with its second token, and one parts at its fourth."""
    tokens = np.array([[[1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]]] * 2)
    tokens[1, 1, 3:] = 2
    nothing = np.zeros(tokens.shape)
    texts = Texts(tokens, np.array([[2, LENGTH]] * 2), nothing, nothing, nothing)
    steps, is_censored = first_differences(texts)
    assert steps[0, 1].tolist() == [2, 4] and is_censored[0, 1].tolist() == [True, False]
    counts = differences(steps, is_censored, np.array([0, 1]), LENGTH)
    one, two = np.array([0, 1]), np.array([1, 0])
    found = agreed(counts(one, two).sum(axis=0))
    # Cut off where it ended, the one that is left would have been all there are: 0 from step 4 on.
    assert found[:-2].tolist() == [1, 1, 1, 1, 0.5, 0.5, 0.5]
    assert found[-2] == 4.5 and found[-1] == 0.5


@given(st.integers(0, 2**32 - 1))
def test_survival_is_the_share_of_pairs_that_agree_so_far(seed: int) -> None:
    texts = _texts(3, seed, end=0)
    steps, is_censored = first_differences(texts)
    (pairs,) = pairs_of(_members("s", "c", 3, 1))
    counts = differences(steps, is_censored, OWNERS, LENGTH)
    found = agreed(counts(pairs.a, pairs.b).sum(axis=0))
    for step in range(LENGTH + 1):
        alike = texts.tokens[pairs.a, :, :step] == texts.tokens[pairs.b, :, :step]
        assert found[step] == pytest.approx(alike.all(-1).mean())
    assert found[LENGTH] == pytest.approx(found[-1])


def test_floors_compare_members_with_themselves_and_shares_stay_below_one() -> None:
    members = _members("s", "c")
    given = _given(4)
    found = rollout_rows(**given, members=members, statistics=STATISTICS)
    rows = {(row["mode"], row["metric"]): row for row in found["rollout_pool"]}
    # One of 28 texts is another one from its second token on.
    assert rows["greedy", "agreed_tokens"]["floor"] == pytest.approx((27 * LENGTH + 1) / 28)
    assert rows["greedy", "censored"]["floor"] == pytest.approx(27 / 28)
    assert rows["greedy", "loops"]["floor"] is None
    along, floor = given["divergence"].along, given["floors"]["shared-noise"]
    tokens = along.tokens.sum()
    off = ~np.eye(4, dtype=bool)
    for metric, sums, own in (
        ("sequence_kl", along.kl, floor.kl),
        ("cross_nats", along.cross, floor.cross),
    ):
        row = rows["shared-noise", metric]
        assert row["value"] == pytest.approx(sums[off].sum() / (3 * tokens))
        assert row["floor"] == pytest.approx(own.sum() / tokens)
        assert ("greedy", metric) not in rows
    text = rows["shared-noise", "text_kl"]
    assert text["value"] == pytest.approx(given["divergence"].text_kl[off].mean() / LENGTH)
    assert text["floor"] == pytest.approx(1e-9 / LENGTH)
    for row in found["rollout_pool"]:
        most = {"agreed_tokens": LENGTH, "censored": 1, "loops": 1}.get(row["metric"], np.inf)
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= most
        assert row["models"] == 4 and row["documents"] == 4
    for row in found["agreement_survival"]:
        assert 0 <= row["low"] <= row["survival"] <= row["high"] <= 1


def test_a_member_of_its_own_class_has_no_pool_and_two_have_no_interval() -> None:
    given = _given(3)
    members = [*_members("s", "c", 2, 1), *_members("t", "c", 1, 1)]
    found = rollout_rows(**given, members=members, statistics=STATISTICS)
    assert {(row["pool"], row["other"]) for row in found["rollout_pool"]} == {
        ("x/s/c", "x/s/c"),
        ("x/s/c", "x/t/c"),
    }
    for row in found["rollout_pool"]:
        assert row["value"] is not None
        assert (row["low"] is None) == (row["high"] is None) == (row["metric"] != "loops")


def test_sequence_divergence_is_per_token_with_an_interval_over_documents() -> None:
    members = _members("s", "c")
    given = _given(4)
    rows = rollout_rows(**given, members=members, statistics=STATISTICS)["sequence_divergence"]
    along = given["divergence"].along
    weights = document_weights(4, STATISTICS.resamples, STATISTICS.seed)
    for row, (a, b) in zip(rows, product(range(4), repeat=2), strict=True):
        assert (row["model_a"], row["model_b"]) == (members[a].model, members[b].model)
        kl, tokens = (np.bincount(OWNERS, each) for each in (along.kl[a, b], along.tokens[a]))
        low, high = percentile_interval(ratio_resamples(kl, tokens, weights), 0.95, tokens)
        assert row["kl"] == pytest.approx(float(ratio(kl, tokens)))
        assert (row["kl_low"], row["kl_high"]) == pytest.approx((float(low), float(high)))
        assert row["cross_nats"] == pytest.approx(along.cross[a, b].sum() / tokens.sum())
        assert row["text_kl"] == pytest.approx(
            given["divergence"].text_kl[a, b].sum() / PROMPTS / 6
        )
        assert row["tokens"] == along.tokens[a].sum() and row["documents"] == 4
        assert a != b or row["kl"] == 0


def test_rejects_members_of_two_corpora() -> None:
    members = _members("s", "c")
    members[0] = Member("z", "y/s/c", "y", "s", "c", 0, 0)
    with pytest.raises(ValueError, match="one corpus"):
        rollout_rows(**_given(4), members=members, statistics=STATISTICS)
