"""The behaviour ANOVA: against naive float64 loops, closed forms, and a crossing with holes."""

import dataclasses
import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kit import diagonal
from manymasks.config.analyses import Statistics
from manymasks.divergence.anova import (
    INTERACTIONS,
    TOTAL,
    AnovaSums,
    Crossing,
    anova_sums,
    chance_shares,
    component_rows,
    crossing,
    orderings,
)
from manymasks.divergence.blocks import BLOCK_ELEMENTS
from manymasks.divergence.grouping import summed
from manymasks.divergence.pairs import pair_sums
from manymasks.statistics.model_classes import Member

STATISTICS = Statistics(resamples=200)
BOTH = ("information", "variance")
FACTORS = ("size", "variant", "seed_init", "seed_order")
"""Of members whose seeds are crossed."""


def _members(sizes: int, variants: int, inits: int, orders: int) -> list[Member]:
    return [
        Member(f"{s}{v}{i}{o}", f"c/s{s}/v{v}", "c", f"s{s}", f"v{v}", i, o)
        for s, v, i, o in product(*map(range, (sizes, variants, inits, orders)))
    ]


def _logp(m: int, w: int, s: int, v: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    common = 2 * torch.randn(1, w, s, v, generator=generator)
    return (common + torch.randn(m, w, s, v, generator=generator)).log_softmax(-1)


def _crossed(members: list[Member]) -> Crossing:
    found = crossing(members)
    assert found is not None
    return found


def _naive(log: np.ndarray, groups: list[list[int]]) -> tuple[float, float]:
    """U of one position for both kinds: log (m, V) float64, positions of each group."""
    p = np.exp(log)

    def entropy(some: list[int]) -> float:
        law = p[some].mean(0)
        return float(-(law * np.log(law)).sum())

    def log_z(some: list[int]) -> float:
        return float(np.log(np.exp(log[some].mean(0)).sum()))

    everyone = list(range(len(log)))
    return (
        entropy(everyone) - float(np.mean([entropy(group) for group in groups])),
        float(np.mean([log_z(group) for group in groups])) - log_z(everyone),
    )


@pytest.mark.parametrize("block", [1, 700, 1 << 20])
def test_every_set_of_factors_agrees_with_a_naive_float64_loop(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BLOCK_ELEMENTS, "cpu", block)
    members = _members(2, 3, 2, 2)
    # Any order of the members will do.
    members = [members[i] for i in np.random.default_rng(0).permutation(len(members))]
    logp = _logp(len(members), 2, 3, 11, 1)
    crossed = _crossed(members)
    assert crossed.factors == FACTORS
    sums = anova_sums(logp, crossed)
    log = logp.double().log_softmax(-1).numpy()
    for kept in range(16):
        of = [f for j, f in enumerate(crossed.factors) if kept >> j & 1]
        groups: dict[tuple[object, ...], list[int]] = {}
        for i, member in enumerate(members):
            groups.setdefault(tuple(getattr(member, f) for f in of), []).append(i)
        for w in range(2):
            both = [_naive(log[:, w, s], list(groups.values())) for s in range(3)]
            information, variance = np.sum(both, axis=0)
            assert sums.information[w, kept] == pytest.approx(information, rel=1e-4, abs=3e-6)
            assert sums.variance[w, kept] == pytest.approx(variance, rel=1e-4, abs=3e-6)
    mean = np.exp(log).mean(0)
    assert sums.entropy == pytest.approx(-(mean * np.log(mean)).sum((1, 2)), rel=1e-5)
    assert sums.tokens.tolist() == [3, 3]


def test_all_factors_together_are_the_information_of_the_pool() -> None:
    members = _members(2, 1, 2, 2)
    logp = _logp(8, 2, 5, 40, 2)
    sums = anova_sums(logp, _crossed(members))
    of_pool = pair_sums(logp, torch.zeros(2, 5, dtype=torch.int64), [np.arange(8)])
    assert sums.information[:, -1] == pytest.approx(of_pool.information[:, 0], rel=1e-5)


def test_two_bernoulli_members_have_their_closed_forms() -> None:
    a, b = 0.3, 0.8
    laws = torch.tensor([[a, 1 - a], [b, 1 - b]]).log()[:, None, None]
    sums = anova_sums(laws, _crossed(_members(1, 1, 2, 1)))
    mean = (a + b) / 2

    def entropy(p: float) -> float:
        return -p * math.log(p) - (1 - p) * math.log(1 - p)

    information = entropy(mean) - (entropy(a) + entropy(b)) / 2
    variance = -math.log(math.sqrt(a * b) + math.sqrt((1 - a) * (1 - b)))
    assert sums.information[0].tolist() == pytest.approx([0, information], rel=1e-5)
    assert sums.variance[0].tolist() == pytest.approx([0, variance], rel=1e-5)
    assert sums.entropy[0] == pytest.approx(entropy(mean), rel=1e-6)


def test_identical_members_have_no_components() -> None:
    logp = _logp(1, 2, 6, 300, 3).expand(8, -1, -1, -1)
    sums = anova_sums(logp, _crossed(_members(2, 2, 2, 1)))
    assert np.abs(sums.information).max() < 1e-6
    assert np.abs(sums.variance).max() < 1e-6


def test_a_nested_example_by_hand() -> None:
    """Two sizes that are sure of different tokens, seeds that are the same: all is size."""
    laws = torch.tensor([[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0.5, 0.5]])
    crossed = _crossed(_members(2, 1, 2, 1))
    assert crossed.factors == ("size", "seed")
    information = anova_sums(laws.clamp_min(1e-30).log()[:, None, None], crossed).information[0]
    forward = orderings(crossed.factors)["size > seed"]
    assert forward["size"] @ information == pytest.approx(math.log(2), rel=1e-5)
    assert forward["seed"] @ information == pytest.approx(0, abs=1e-6)
    # Seeds that are sure of a token each, whatever the size: the total is size x seed only
    # if the token depends on both.
    exclusive = torch.tensor([[1, 0], [0, 1], [0, 1], [1, 0]]).float().clamp_min(1e-30).log()
    information = anova_sums(exclusive[:, None, None], crossed).information[0]
    joint = orderings(crossed.factors)[INTERACTIONS]
    assert joint["size"] @ information == pytest.approx(0, abs=1e-6)
    assert joint["seed"] @ information == pytest.approx(0, abs=1e-6)
    assert joint["size x seed"] @ information == pytest.approx(math.log(2), rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 2), st.integers(1, 3), st.integers(1, 2), st.integers(0, 99)
)
def test_components_sum_to_the_total_and_stay_in_their_bounds(
    sizes: int, variants: int, inits: int, orders: int, seed: int
) -> None:
    members = _members(sizes, variants, inits, orders)
    found = crossing(members)
    if len(members) < 2:
        assert found is None
        return
    assert found is not None
    sums = anova_sums(_logp(len(members), 4, 3, 9, seed), found)
    grouped = summed([sums], np.array([2, 0, 2, 1]))
    assert grouped.tokens.tolist() == [3, 3, 6]
    rows = component_rows(grouped, found, 0.25, STATISTICS)
    for kind in BOTH:
        by_ordering: dict[str, dict[str, float]] = {}
        for row in rows:
            if row["kind"] == kind:
                by_ordering.setdefault(row["ordering"], {})[row["component"]] = row["value"]
        assert len(by_ordering) == (2 if len(found.factors) == 1 else 3)
        totals = {components[TOTAL] for components in by_ordering.values()}
        assert len(totals) == 1
        (total,) = totals
        if kind == "information":
            assert -1e-6 <= total <= math.log(len(members)) + 1e-6
        for ordering, components in by_ordering.items():
            parts = [value for name, value in components.items() if name != TOTAL]
            assert abs(sum(parts) - total) < 1e-10
            # By the chain rule and by Hoelder's inequality none of an ordering is negative.
            assert ordering == INTERACTIONS or min(parts) > -1e-6
    last = rows[-1]
    assert last["component"] == TOTAL
    m = len(members)
    assert last["floor"] == pytest.approx(0.25 * (m - 1) / (2 * m))
    assert (last["models"], last["documents"]) == (m, 3)
    assert last["low"] <= last["value"] <= last["high"]


def test_variance_and_loss_of_the_centroid_are_the_mean_loss_for_every_token() -> None:
    logp = _logp(8, 1, 1, 13, 5)
    sums = anova_sums(logp, _crossed(_members(2, 2, 2, 1)))
    centroid = logp.double().mean(0)[0, 0].log_softmax(-1)
    for y in range(13):
        mean_loss = -float(logp[:, 0, 0, y].double().mean())
        assert mean_loss == pytest.approx(-float(centroid[y]) + sums.variance[0, -1], abs=1e-6)


@pytest.mark.parametrize("levels", [2, 3, 4, 5, 6])
def test_centroids_of_any_number_of_members_far_apart(levels: int) -> None:
    generator = torch.Generator().manual_seed(levels)
    logp = (12 * torch.randn(levels, 1, 4, 50, generator=generator)).log_softmax(-1)
    sums = anova_sums(logp, _crossed(_members(levels, 1, 1, 1)))
    log_z = logp.double().mean(0).logsumexp(-1).sum()
    assert sums.variance[0, -1] == pytest.approx(-float(log_z), rel=1e-5)


def test_orders_differ_by_the_interaction_of_factors() -> None:
    names = ("size", "variant")
    found = orderings(names)
    assert list(found) == ["size > variant", "variant > size", INTERACTIONS]
    gap = found["variant > size"]["size"] - found["size > variant"]["size"]
    assert gap.tolist() == found[INTERACTIONS]["size x variant"].tolist()
    assert orderings(("size",))["size"]["size"].tolist() == [0, 1]


@pytest.mark.parametrize("levels", [(2, 2, 2, 2), (3, 1, 4, 1), (2, 1, 3, 2)])
def test_members_with_independent_noise_have_the_chance_shares(levels: tuple[int, ...]) -> None:
    crossed = _crossed(_members(*levels))
    generator = torch.Generator().manual_seed(0)
    common = torch.randn(1, 1, 200, 150, generator=generator)
    noise = 0.05 * torch.randn(math.prod(levels), 1, 200, 150, generator=generator)
    sums = anova_sums((common + noise).log_softmax(-1), crossed)
    by_chance = chance_shares(crossed)
    for of_sets in (sums.information[0], sums.variance[0]):
        assert of_sets / of_sets[-1] == pytest.approx(by_chance, abs=0.01)


def test_shares_of_chance_by_hand() -> None:
    crossed = _crossed(_members(2, 2, 2, 2))
    one = AnovaSums(np.ones(1), np.ones(1), np.ones((1, 16)), np.ones((1, 16)))
    rows = component_rows(one, crossed, None, STATISTICS)
    found = {(row["ordering"], row["component"]): 15 * row["chance_share"] for row in rows}
    forward, backward = list(orderings(crossed.factors))[:2]
    assert [found[forward, name] for name in FACTORS] == pytest.approx([1, 2, 4, 8])
    assert [found[backward, name] for name in FACTORS] == pytest.approx([8, 4, 2, 1])
    assert {round(found[INTERACTIONS, name], 9) for _, name in found if " x " in name} == {1}
    assert {value for (_, name), value in found.items() if name == TOTAL} == {15}
    # Of three levels there are twice as many interactions.
    three = orderings(("size", "seed_init"))[INTERACTIONS]
    shares = chance_shares(_crossed(_members(2, 1, 3, 1)))
    assert [5 * three[name] @ shares for name in three] == pytest.approx([1, 2, 2, 5])


def test_independent_members_have_one_factor_of_seeds() -> None:
    members = [
        Member(f"{size}{seed}", f"c/{size}/v", "c", size, "v", *pair)
        for size in ("s", "t")
        for seed, pair in enumerate(diagonal(3))
    ]
    crossed = _crossed(members)
    assert crossed.factors == ("size", "seed")
    assert crossed.members.tolist() == [[0, 1, 2], [3, 4, 5]]
    # Without one member its seed is left out of both sizes.
    assert _crossed(members[:-1]).members.tolist() == [[0, 1], [3, 4]]


def test_missing_members_remove_seeds_or_sizes() -> None:
    members = _members(2, 2, 3, 2)
    without = [member for member in members if member.model != "0121"]
    found = _crossed(without)
    # The initial seed 2 goes: 16 stay, where without the order 1 it were 12.
    assert found.members.shape == (2, 2, 2, 2)
    assert {without[i].seed_init for i in found.members.ravel()} == {0, 1}
    for where in np.ndindex(2, 2, 2, 2):
        member = without[found.members[where]]
        assert (member.size, member.variant, *member.seeds) == (
            f"s{where[0]}", f"v{where[1]}", where[2], where[3]
        )  # fmt: skip
    one_arm_less = [member for member in members if not member.model.startswith("11")]
    found = _crossed(one_arm_less)
    assert found.factors in (("size", "seed_init", "seed_order"), ("variant", *FACTORS[2:]))
    assert found.size == 12
    # Of a variant that has one member, the variant goes, not the seeds of the other.
    one_myopic = _members(1, 2, 5, 2)[:11]
    found = _crossed(one_myopic)
    assert found.factors == ("seed_init", "seed_order")
    assert sorted(found.members.ravel()) == list(range(10))
    # The same where a second size makes two levels go one after the other.
    two_sizes = [*_members(1, 1, 5, 2), *(m for m in _members(2, 2, 1, 1) if m.size != "s0")]
    assert sorted(_crossed(two_sizes).members.ravel()) == list(range(10))
    assert crossing(members[:1]) is None
    assert crossing([]) is None
    nothing_shared = [_members(2, 1, 2, 1)[i] for i in (0, 3)]
    assert crossing(nothing_shared) is None


def test_rejects_values_that_are_not_finite() -> None:
    logp = _logp(2, 1, 2, 5, 0)
    logp[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match="finite"):
        anova_sums(logp, _crossed(_members(1, 1, 2, 1)))


def test_a_single_document_has_no_interval() -> None:
    one = AnovaSums(np.ones(1), np.ones(1), np.array([[0, 0.5]]), np.array([[0, 0.25]]))
    rows = component_rows(one, _crossed(_members(1, 1, 2, 1)), None, STATISTICS)
    assert [row["low"] for row in rows] == [None] * len(rows)
    assert [row["floor"] for row in rows] == [None] * len(rows)
    assert rows[0]["value"] == rows[0]["entropy_share"] == 0.5


def test_mixers_of_one_shape_are_crossed_and_named_before_size() -> None:
    members = [
        Member(
            model=f"{mixer}{shape}{seed}", model_class=f"c/{mixer}{shape}/v", corpus="c",
            size=f"{mixer}{shape}", variant="v", seed_init=seed, seed_order=seed, mixer=mixer,
            shape=shape,
        )
        for mixer, shape, seed in product(
            ("attention", "recurrent"), ("32x2", "64x2"), range(3)
        )
    ]  # fmt: skip
    found = crossing(members)
    assert found is not None
    assert found.factors == ("mixer", "size", "seed")
    assert found.members.shape == (2, 2, 3)
    assert [members[i].mixer for i in found.members[1].ravel()] == ["recurrent"] * 6
    # Two recurrent sizes of one shape: sizes are no pairs of a mixer and a shape.
    twice = [dataclasses.replace(m, shape="32x2") for m in members]
    again = crossing(twice)
    assert again is not None
    assert again.factors == ("size", "seed")


def test_further_factors_take_the_place_of_a_variant_that_is_named_after_them() -> None:
    labels = {
        f"{size}{step}{data}{seed}": {"step": step, "data": data}
        for size, step, data, seed in product("ab", (1, 2), "xy", range(3))
    }
    members = [
        Member(
            model=key, model_class=f"c/{key[:-1]}", corpus="c", size=key[0],
            variant=f"step{key[1]}-data{key[2]}", seed_init=int(key[3]), seed_order=int(key[3]),
        )
        for key in labels
    ]  # fmt: skip
    found = crossing(members, labels)
    assert found is not None
    assert found.factors == ("size", "step", "data", "seed")
    assert found.members.shape == (2, 2, 2, 3)
    assert {members[i].model[1] for i in found.members[:, 1].ravel()} == {"2"}
    # A variant that says more than the labels stays a factor.
    less = {key: {"step": factors["step"]} for key, factors in labels.items()}
    for some in (less, {**labels, members[0].model: {}}, {}):
        without = crossing(members, some)
        assert without is not None
        assert without.factors == ("size", "variant", "seed")
