"""Excess loss against sums by hand, and predictors that lack something against their prices."""

import functools
from typing import Any

import numpy as np
import pytest
from example_masks import balanced

from manymasks.config.analyses import Statistics
from manymasks.corpora.processes import masks, tally
from manymasks.corpora.processes.machine import divergence, entropy
from manymasks.corpora.processes.process import COUNTED
from manymasks.corpora.processes.registry import process
from manymasks.truth.excess import (
    counted_tokens,
    divergences,
    excess_rows,
    stratum_rows,
    truth_rows,
)
from manymasks.truth.prices import exact_prices, price_rows

STATISTICS = Statistics(resamples=200)
Row = dict[str, Any]


def row(rows: list[Row], stratum: str, level: str, capability: str | None = None) -> Row:
    (found,) = (
        each
        for each in rows
        if (each["stratum"], each["level"], each.get("capability")) == (stratum, level, capability)
    )
    return found


# ------------------------------------------------------------------------------ divergences


def laws(*shape: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


def test_divergences_match_sums_by_hand() -> None:
    truth = np.array([[[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]])
    other = np.array([[[0.25, 0.25, 0.5], [0.8, 0.1, 0.1]]])
    expected = [[np.log(2), -np.log(0.8)]]
    np.testing.assert_allclose(divergences(truth, np.log(other)), expected, rtol=1e-14)
    many, others = laws(5, 7, 4), laws(5, 7, 4, seed=1)
    found = divergences(many, np.log(others))
    np.testing.assert_allclose(found, divergence(many, others), rtol=1e-12)


def test_impossible_tokens_add_nothing() -> None:
    truth = np.array([[[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [np.nan] * 3]])
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.array([[[0.5, 0.5, 0.0]] * 3]))
    np.testing.assert_array_equal(divergences(truth, log_probs), [[0, np.inf, np.nan]])


def test_single_precision_is_summed_in_double() -> None:
    truth, other = laws(20, 10, 50), np.log(laws(20, 10, 50, seed=1)).astype(np.float32)
    found = divergences(truth, other)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, divergences(truth, other.astype(np.float64)))


def test_only_rounding_is_clipped() -> None:
    truth = np.array([[[1.0], [1.0], [1.0]]])
    found = divergences(truth, np.array([[[1e-12], [1e-3], [-1e-12]]]))
    np.testing.assert_array_equal(found, [[0, -1e-3, 1e-12]])


def test_rejects_different_shapes() -> None:
    with pytest.raises(ValueError, match="laws"):
        divergences(laws(2, 3, 4), laws(2, 1, 4))


# ------------------------------------------------------------------------------------- rows


def test_rows_are_means_over_counted_tokens() -> None:
    kl = np.array([[9.0, 1.0, 2.0], [9.0, 3.0, np.nan], [9.0, 5.0, 7.0]])
    strata = {
        COUNTED: np.array([[-1, 0, 0], [-1, 0, 0], [-1, 0, -1]]),
        "role": np.array([[-1, 0, 1], [-1, 0, 0], [-1, 1, 0]]),
    }
    levels = {COUNTED: (COUNTED,), "role": ("x", "y", "z")}
    rows = excess_rows(kl, strata, levels, STATISTICS)
    keys = ["stratum", "level", "nats", "nats_low", "nats_high", "tokens", "documents"]
    keys.append("effective_documents")
    assert all(list(each) == keys for each in rows)
    found = {
        (each["stratum"], each["level"]): (each["nats"], each["tokens"], each["documents"])
        for each in rows
    }
    assert found == {
        ("all", "all"): (11 / 4, 4, 3),
        ("role", "x"): (2, 2, 2),
        ("role", "y"): (7 / 2, 2, 2),
        ("position", "1"): (3, 3, 3),
        ("position", "2"): (2, 1, 1),
    }
    for each in rows:
        if each["stratum"] == "position":
            assert each["nats_low"] is each["nats_high"] is None
        else:
            assert each["nats_low"] < each["nats"] < each["nats_high"]
    # Without the rows by position nothing else changes.
    assert stratum_rows(kl, strata, levels, STATISTICS) == rows[:3]


def test_a_single_document_has_no_interval() -> None:
    kl = np.array([[0.0, 1.0], [0.0, 2.0]])
    strata = {
        COUNTED: np.array([[-1, 0], [-1, 0]]),
        "role": np.array([[-1, 0], [-1, -1]]),
    }
    rows = excess_rows(kl, strata, {"role": ("x",)}, STATISTICS)
    assert row(rows, "role", "x")["nats_low"] is None
    assert row(rows, "all", "all")["nats_low"] is not None


def test_intervals_are_over_documents() -> None:
    rng = np.random.default_rng(0)
    strata = {COUNTED: np.zeros((200, 30), dtype=np.int64)}
    covered = []
    for _ in range(200):
        # Tokens of a document are alike: only documents count as independent.
        kl = np.repeat(rng.exponential(size=(200, 1)), 30, 1)
        found = row(stratum_rows(kl, strata, {}, STATISTICS), "all", "all")
        covered.append(found["nats_low"] < 1 < found["nats_high"])
    assert 0.89 < np.mean(covered) < 0.98


def test_the_truth_by_position() -> None:
    known = process("mess3")
    tokens = known.draw(3000, np.random.default_rng(1))
    rows = truth_rows(known.laws(tokens), tokens, known.strata(tokens), STATISTICS)
    assert [each["position"] for each in rows] == list(range(1, 64))
    assert {each["tokens"] for each in rows} == {3000}
    first = [each["entropy"] for each in rows[:5]]
    assert first[:2] == pytest.approx([1.0986, 0.8577], abs=5e-5)
    assert first[4] == pytest.approx(0.7947, abs=0.01)
    for each in rows:
        # The loss of the truth is its entropy, but for what happened to be said.
        assert each["nats"] == pytest.approx(each["entropy"], abs=0.06)


def test_law_of_documents_that_end_early() -> None:
    known = process("fork")
    tokens = known.draw(2000, np.random.default_rng(2))
    exact, strata = known.laws(tokens), known.strata(tokens)
    rows = truth_rows(exact, tokens, strata, STATISTICS)
    alive = counted_tokens(strata)
    assert [each["tokens"] for each in rows] == alive[:, 1:].sum(0).tolist()
    total = sum(each["entropy"] * each["tokens"] for each in rows) / len(tokens)
    each = entropy(exact).sum(1)
    assert total == pytest.approx(each.mean())
    assert total == pytest.approx(13.295, abs=3 * each.std() / np.sqrt(len(each)))


def test_posterior_entropy_is_given_the_tokens_before() -> None:
    known = process("masks")
    # Balanced documents: the entropies depend on the mask that speaks.
    tokens = balanced(10, np.random.default_rng(5))[0]
    posterior = known.posteriors(tokens)["mask"]
    told = known.entropy_given_latent(tokens) if known.entropy_given_latent else None
    hidden = "mask", posterior
    laws = known.laws(tokens)
    rows = truth_rows(laws, tokens, known.strata(tokens), STATISTICS, hidden, told)
    assert {each["latent"] for each in rows} == {"mask"}
    # By letters 40 the masks are known but for a little, so to be told says little more.
    late = [
        each["entropy"] - each["entropy_given_latent"] for each in rows if each["position"] >= 42
    ]
    assert 0 < np.mean(late) < 0.002
    for each in rows[2:]:
        assert each["entropy_low"] < each["entropy"] < each["entropy_high"]
    found = {each["position"]: each["posterior_entropy"] for each in rows}
    # Before the premise nothing is known; before the first letter there is the premise's law, and
    # the first letter tells nothing.
    named = -(0.7 * np.log(0.7) + 3 * 0.1 * np.log(0.1))
    assert found[1] is None
    assert found[2] == pytest.approx((4 * named + np.log(4)) / 5, rel=1e-12)
    assert found[3] == pytest.approx(found[2], rel=1e-12)
    # By hand, from the posterior of each document before its letter 8 and its last one.
    for t in (9, 63):
        each = [-sum(x * np.log(x) for x in law if x > 0) for law in posterior[:, t - 1]]
        assert found[t] == pytest.approx(np.mean(each), rel=1e-12)
    # After 8 letters, those of P4 beside the four others (computed apart, by simulation).
    assert found[10] == pytest.approx((4 * 0.400 + 0.589) / 5, abs=0.03)
    assert found[63] < 0.02


def test_process_without_latents_has_none_for_them() -> None:
    known = process("recall")
    tokens = known.draw(5, np.random.default_rng(0))
    assert known.entropy_given_latent is None and not known.posteriors(tokens)
    rows = truth_rows(known.laws(tokens), tokens, known.strata(tokens), STATISTICS)
    nothing = {
        (each["latent"], each["posterior_entropy"], each["entropy_given_latent"]) for each in rows
    }
    assert nothing == {(None, None, None)}


# ------------------------------------------------------------------------------------ prices


@functools.cache
def prices(name: str) -> list[Row]:
    known = process(name)
    rng = np.random.default_rng(3)
    # Balanced documents of masks vary less.
    tokens = balanced(20, rng)[0] if name == "masks" else known.draw(3000, rng)
    ablated = {capability: laws(tokens) for capability, laws in known.ablated.items()}
    strata = known.strata(tokens)
    exact = exact_prices(known, 2000, 5)
    return price_rows(known.laws(tokens), ablated, strata, known.levels, exact, STATISTICS)


def lies(found: Row, price: float) -> bool:
    """Whether a price is met as nearly as can be asked of a sample: by twice the interval."""
    half = (found["nats_high"] - found["nats_low"]) / 2
    return bool(abs(found["nats"] - price) < 2 * half + 1e-4)


@pytest.mark.parametrize(
    ("capability", "stratum", "level", "price"),
    [
        ("never-infer", "role", "letter", 0.124),
        ("commit", "role", "letter", 0.0081),
        ("ignore-premise", "role", "letter", 0.0057),
        ("forget-8", "role", "letter", 0.0431),
        ("forget-16", "role", "letter", 0.0134),
        ("forget-8", "letters", "32-62", 0.056),
        ("forget-16", "letters", "32-62", 0.020),
    ],
)
def test_prices_of_masks(capability: str, stratum: str, level: str, price: float) -> None:
    found = row(prices("masks"), stratum, level, capability)
    assert lies(found, price)
    assert found["nats"] == pytest.approx(price, rel=0.06)
    assert found["documents"] == 2000


def test_premise_has_no_price() -> None:
    for capability in masks.ABLATED:
        assert row(prices("masks"), "role", "premise", capability)["nats"] == 0
        every = row(prices("masks"), "all", "all", capability)["nats"]
        letters = row(prices("masks"), "role", "letter", capability)["nats"]
        assert every == pytest.approx(letters * 62 / 63)


def test_prices_of_tally() -> None:
    published = [0, 0.325, 0.676, 0.955, 1.158, 1.308]
    for pairs, price in enumerate(published, 1):
        found = row(prices("tally"), "answers by W", str(pairs), "no-binding")
        assert found["nats"] == pytest.approx(price, abs=0.05)
        assert lies(found, tally.ceiling(pairs))
    assert lies(row(prices("tally"), "all", "all", "no-binding"), 0.074)
    assert lies(row(prices("tally"), "all", "all", "no-reading"), 0.111)
    for role in ("a", "b", "="):
        assert row(prices("tally"), "role", role, "no-binding")["nats"] == 0


def test_control_has_no_price() -> None:
    assert {each["nats"] for each in prices("tally1")} == {0}


def test_prices_of_recall() -> None:
    # The q-th answer is one of those that have not been given yet.
    for turn, left in enumerate((4, 3, 2, 1), 1):
        found = row(prices("recall"), "answers by turn", str(turn), "no-binding")
        assert found["nats"] == pytest.approx(np.log(left), abs=1e-12)


def test_prices_have_no_rows_by_position() -> None:
    for name in ("masks", "tally", "recall"):
        assert {each["capability"] for each in prices(name)} == set(process(name).ablated)
        assert "position" not in {each["stratum"] for each in prices(name)}
    known = process("mess3")
    tokens = known.draw(3, np.random.default_rng(0))
    no_one = price_rows(known.laws(tokens), {}, known.strata(tokens), known.levels, {}, STATISTICS)
    assert no_one == []


def test_exact_prices_agree_with_measured_ones() -> None:
    """The exact price, closed or of documents of its own, lies beside that on other documents."""
    for name in ("masks", "tally", "tally1", "fork", "recall", "mess3", "rrxor"):
        for found in prices(name):
            if found["exact"] is None:
                # Closed forms speak of some levels; of all tokens every one does.
                assert found["stratum"] != "all"
                continue
            half = (found["nats_high"] - found["nats_low"]) / 2
            apart = abs(found["nats"] - found["exact"])
            assert apart < 2 * half + 4 * found["exact_error"] + 1e-12, found


def test_error_of_a_drawn_price_matches_repetitions() -> None:
    known = process("masks")
    several = [exact_prices(known, 300, seed)["ignore-premise"] for seed in range(40)]
    for place in (("all", "all"), ("letters", "32-62")):
        nats = [each[place].nats for each in several]
        errors = [each[place].error for each in several]
        assert np.std(nats, ddof=1) == pytest.approx(np.mean(errors), rel=0.35)
    closed = exact_prices(process("tally"), 2, 0)["no-binding"]["all", "all"]
    assert closed.nats == pytest.approx(0.0741, abs=5e-5)
    assert closed.error == 0


def test_excess_loss_of_the_exact_law_is_zero() -> None:
    for name in ("masks", "tally", "fork", "recall", "rrxor"):
        known = process(name)
        tokens = known.draw(100, np.random.default_rng(4))
        exact = known.laws(tokens)
        with np.errstate(divide="ignore"):
            kl = divergences(exact, np.log(exact))
        assert (kl == 0).all()
