"""Mask spectroscopy against predictors whose masks are known, and its fit against other solvers."""

import dataclasses
import functools
import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy import optimize

from manymasks.config.analyses import Spectroscopy, Statistics
from manymasks.config.study import Machine as Computer
from manymasks.config.training import Size
from manymasks.corpora.processes.machine import Floats, Ints, divergence
from manymasks.corpora.processes.masks import (
    FIRST_LETTER,
    LENGTH,
    LETTERS,
    MASKS,
    OPENING,
    PRIOR,
    masks,
)
from manymasks.corpora.processes.registry import process
from manymasks.models.transformer import Transformer, initialise
from manymasks.stages import spectroscopy as stage
from manymasks.statistics.members import Member
from manymasks.store.job import Job
from manymasks.store.layout import Layout
from manymasks.truth import mixtures
from manymasks.truth.mixtures import CERTIFIED, closest, gaps, mixed
from manymasks.truth.spectroscopy import (
    LAST,
    WRITTEN,
    Prompts,
    centred,
    continued,
    explained,
    fit_rows,
    pair_rows,
    prompts_of,
    three_letters,
    weight_rows,
)
from manymasks.truth.splice import after_splice, changes, inertia_row, medians, spliced

STATISTICS = Statistics(resamples=200)
AFTER = (0, 1, 2, 4, 16, LAST)


@functools.cache
def plain(documents: int = 60, letters: tuple[int, ...] = AFTER) -> Prompts:
    known = process("masks")
    tokens = known.draw(documents, np.random.default_rng(0))
    return prompts_of(known, tokens, letters, "plain")


def log_laws(tokens: Ints) -> Floats:
    """ln of Bayes' law after each place of prefixes (sequences, length)."""
    more = np.hstack([tokens, np.full((len(tokens), 1), FIRST_LETTER)])
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(masks().laws(more)[:, 1:]))


def row(rows: list[dict[str, Any]], letters: int) -> dict[str, Any]:
    (found,) = (each for each in rows if each["letters"] == letters)
    return found


# -------------------------------------------------------------------------------- exact laws


def test_laws_of_masks_are_those_of_their_machines() -> None:
    prompts = plain(12)
    whole = masks()
    premise = prompts.tokens[:, 1] - 1
    for place, letters in enumerate(prompts.letters):
        if letters > 16:
            continue
        for z in range(len(MASKS)):
            for document in range(12):
                start = (whole.latents["mask"] == z) & (
                    whole.latents["premise"] == premise[document]
                )
                alone = dataclasses.replace(whole, start=start / start.sum())
                said = prompts.tokens[document : document + 1, OPENING : OPENING + letters]
                *_, belief = alone.beliefs(said)
                law = alone.joint(belief, 3)[0, 6:, 6:, 6:].ravel()
                np.testing.assert_allclose(prompts.masks[document, place, z], law, rtol=1e-9)


def test_the_exact_law_and_posterior_are_those_of_the_process() -> None:
    prompts = plain(20)
    posterior = process("masks").posteriors(prompts.tokens)["mask"]
    whole = masks()
    for place, letters in enumerate(prompts.letters):
        end = OPENING + letters
        np.testing.assert_allclose(prompts.posterior[:, place], posterior[:, end - 1], atol=1e-12)
        *_, belief = whole.beliefs(prompts.tokens[:, :end])
        law = whole.joint(belief, 3)[:, 6:, 6:, 6:].reshape(20, -1)
        np.testing.assert_allclose(prompts.exact[:, place], law, rtol=1e-9)
    np.testing.assert_allclose(prompts.posterior[:, 0], PRIOR[prompts.tokens[:, 1] - 1], atol=1e-12)
    assert prompts.masks.min() > 0


def test_prompts_leave_room_for_their_continuations() -> None:
    with pytest.raises(ValueError, match="at most 59"):
        plain(4, (0, 60))


def test_three_letters_are_the_chain_of_next_letters() -> None:
    prompts = plain(10)
    for place, letters in enumerate(prompts.letters):
        read = continued(prompts.tokens, letters)
        assert read.shape == (90, OPENING + letters + 2)
        assert read.shape[1] < LENGTH
        found, off = three_letters(log_laws(read)[:, -3:])
        np.testing.assert_allclose(np.exp(found), prompts.exact[:, place], rtol=1e-9)
        np.testing.assert_allclose(off, 0, atol=1e-12)


def test_what_is_no_letter_is_left_out_and_counted() -> None:
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.ones(9), (5, 3, 3, 3))
    # The law at the prompt's end is the same in all nine, and the next in three of them.
    probs[:, :, :, 0] = probs[:, :1, :1, 0]
    probs[:, :, :, 1] = probs[:, :, :1, 1]
    found, off = three_letters(np.log(probs).reshape(45, 3, 9))
    for document in range(5):
        whole = 0.0
        for place, word in enumerate(itertools.product(range(3), repeat=3)):
            law, raw = 1.0, 1.0
            for depth, letter in enumerate(word):
                at = probs[document, word[0] if depth else 0, word[1] if depth > 1 else 0, depth]
                law *= at[6 + letter] / at[6:].sum()
                raw *= at[6 + letter]
            assert np.exp(found[document, place]) == pytest.approx(law)
            whole += raw
        assert off[document] == pytest.approx(1 - whole)


# ------------------------------------------------------------------------------- the fit


def problems(count: int, seed: int, words: int = 27) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    laws = np.concatenate([rng.dirichlet(np.full(words, a), count) for a in (0.1, 1, 10)])
    return laws, rng.dirichlet(np.full(words, 0.7), (3 * count, 4)) + 1e-9


def test_weights_are_those_of_scipy() -> None:
    laws, parts = problems(12, 2)
    parts = parts / parts.sum(-1, keepdims=True)
    weights, gap = closest(laws, parts)
    assert gap.max() < 1e-10
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-12)
    assert weights.min() >= 0
    for law, part, found in zip(laws, parts, weights, strict=True):

        def loss(w: Floats, law: Floats = law, part: Floats = part) -> float:
            return float(-(law * np.log(w @ part)).sum())

        best = optimize.minimize(
            loss,
            np.full(4, 0.25),
            jac=lambda w, law=law, part=part: -part @ (law / (w @ part)),
            method="SLSQP",
            bounds=[(0, 1)] * 4,
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
            options={"ftol": 1e-14, "maxiter": 500},
        )
        assert loss(found) <= best.fun + 1e-10
        np.testing.assert_allclose(found, best.x, atol=2e-4)


def test_the_gap_bounds_what_is_missed() -> None:
    laws, parts = problems(30, 3)
    best, _ = closest(laws, parts)
    some = np.random.default_rng(4).dirichlet(np.ones(4), len(laws))
    missed = divergence(laws, mixed(some, parts)) - divergence(laws, mixed(best, parts))
    assert (missed >= -1e-12).all()
    assert (missed <= gaps(laws, parts, some)).all()


def test_em_goes_on_where_newton_has_not_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    laws, parts = problems(5, 5)
    weights, _ = closest(laws, parts)
    monkeypatch.setattr(mixtures, "NEWTON_STEPS", 0)
    by_em, gap = closest(laws, parts)
    assert gap.max() <= CERTIFIED
    np.testing.assert_allclose(by_em, weights, atol=2e-3)


def test_a_law_that_is_not_a_number_spoils_no_other() -> None:
    laws, parts = problems(2, 6)
    alone, _ = closest(laws[1:], parts[1:])
    laws[0] = np.nan
    weights, gap = closest(laws, parts)
    assert np.isnan(weights[0]).all()
    assert np.isnan(gap[0])
    np.testing.assert_allclose(weights[1:], alone, atol=1e-12)


# --------------------------------------------------------------------- known predictors


def test_bayes_weighs_the_masks_as_the_posterior_does() -> None:
    prompts = plain()
    of = explained(prompts, np.log(prompts.exact))
    assert of.gap < 1e-9
    np.testing.assert_allclose(of.weights, prompts.posterior, atol=1e-4)
    for found in fit_rows(prompts, of, STATISTICS):
        assert found["documents"] == 60
        for name in ("from_bayes", "residual", "excess"):
            assert found[name] == pytest.approx(0, abs=1e-5)
        assert found["entropy"] == pytest.approx(found["posterior_entropy"], abs=1e-4)
        assert found["sharpening"] == pytest.approx(1, abs=2e-3)
        assert found["sharpening_low"] == pytest.approx(found["sharpening_high"], abs=5e-3)


def test_weights_are_found_where_they_are_not_the_posterior() -> None:
    prompts = plain()
    for power in (0.5, 2.0):
        # Of P4 and no letter all masks are equally likely, whatever the power.
        tempered = prompts.posterior**power
        tempered /= tempered.sum(-1, keepdims=True)
        law = np.einsum("dpz,dpzc->dpc", tempered, prompts.masks)
        of = explained(prompts, np.log(law))
        np.testing.assert_allclose(of.weights, tempered, atol=1e-4)
        rows = fit_rows(prompts, of, STATISTICS)
        first = row(rows, 0)
        # Premises give odds of 7, and 49 squared is still above the floor.
        assert first["sharpening"] == pytest.approx(power, abs=1e-3)
        expected = divergence(prompts.posterior, tempered).mean(0)
        for place, found in enumerate(rows):
            assert found["residual"] == pytest.approx(0, abs=1e-9)
            assert found["from_bayes"] == pytest.approx(expected[place], rel=0.05, abs=1e-4)
            assert found["from_bayes_low"] <= found["from_bayes"] <= found["from_bayes_high"]


def test_one_mask_is_a_vertex() -> None:
    prompts = plain()
    for z in range(len(MASKS)):
        of = explained(prompts, np.log(prompts.masks[:, :, z]))
        np.testing.assert_allclose(of.weights, np.eye(4)[z][None, None] + 0 * of.weights, atol=1e-4)
        for found in fit_rows(prompts, of, STATISTICS):
            assert found["residual"] == pytest.approx(0, abs=1e-9)
            assert found["entropy"] == pytest.approx(0, abs=1e-3)


def test_what_no_mask_explains_is_the_residual() -> None:
    prompts = plain()
    law = 0.5 * prompts.exact + 0.5 / 27
    of = explained(prompts, np.log(law))
    rows = fit_rows(prompts, of, STATISTICS)
    for place, found in enumerate(rows):
        by_hand = 0.0
        for document in range(60):
            mix = of.weights[document, place] @ prompts.masks[document, place]
            by_hand += float((law[document, place] * np.log(law[document, place] / mix)).sum()) / 60
        assert found["residual"] == pytest.approx(by_hand)
        assert found["residual_low"] < found["residual"] < found["residual_high"]
        excess = divergence(prompts.exact[:, place], law[:, place]).mean()
        assert found["excess"] == pytest.approx(excess)


def test_the_slope_is_that_of_a_line_through_all_masks() -> None:
    prompts = plain()
    weights = np.random.default_rng(7).dirichlet(np.ones(4), prompts.posterior.shape[:2])
    law = np.einsum("dpz,dpzc->dpc", weights, prompts.masks)
    of = explained(prompts, np.log(law))
    for place, found in enumerate(fit_rows(prompts, of, STATISTICS)):
        x, y = (centred(each[:, place]).ravel() for each in (prompts.posterior, of.weights))
        slope, intercept = np.polyfit(x, y, 1)
        assert found["sharpening"] == pytest.approx(slope)
        assert intercept == pytest.approx(0, abs=1e-12)


def test_one_document_has_no_interval_and_equal_masks_no_slope() -> None:
    known = process("masks")
    tokens = known.draw(50, np.random.default_rng(8))
    tokens = tokens[tokens[:, 1] == 5]
    prompts = prompts_of(known, tokens, (0,), "plain")
    of = explained(prompts, np.log(prompts.exact))
    (found,) = fit_rows(prompts, of, STATISTICS)
    assert found["sharpening"] is found["sharpening_low"] is None
    alone = prompts_of(known, tokens[:1], (4,), "plain")
    (found,) = fit_rows(alone, explained(alone, np.log(alone.exact)), STATISTICS)
    assert found["from_bayes_low"] is None
    assert found["sharpening"] == pytest.approx(1, abs=2e-3)
    json.dumps(found, allow_nan=False)


def test_weights_are_written_of_the_first_documents() -> None:
    prompts = dataclasses.replace(plain(), speaks=np.arange(60) % 4)
    rows = weight_rows(prompts, explained(prompts, np.log(prompts.exact)))
    assert len(rows) == WRITTEN * len(AFTER) * 4
    assert {each["document"] for each in rows} == set(range(WRITTEN))
    for each in rows:
        assert each["weight"] == pytest.approx(each["posterior"], abs=1e-4)
        assert each["speaks"] == (MASKS[each["document"] % 4] == each["mask"])
    unknown = weight_rows(plain(), explained(prompts, np.log(prompts.exact)))
    assert {each["speaks"] for each in unknown} == {None}


# ------------------------------------------------------------------------------------ pairs


def test_two_that_differ_in_their_masks_alone_have_no_machinery() -> None:
    prompts = plain()
    bayes = explained(prompts, np.log(prompts.exact))
    even = explained(prompts, np.log(prompts.masks.mean(2)))
    blurred = explained(prompts, np.log(0.7 * prompts.exact + 0.3 / 27))
    same = dataclasses.replace(blurred, weights=bayes.weights)
    rows = pair_rows(
        prompts,
        {"x": [0, 1], "y": [2, 3], "z": [4]},
        list("bacde"),
        [bayes, even, bayes, same, even],
    )
    assert len(rows) == 2 * len(AFTER)
    assert {(each["model_a"], each["model_b"]) for each in rows} == {("a", "b"), ("c", "d")}
    for place, letters in enumerate(AFTER):
        first, second = (each for each in rows if each["letters"] == letters)
        a, b = prompts.exact[:, place], prompts.masks[:, place].mean(1)
        expected = float(((a - b) * np.log(a / b)).sum(-1).mean() / 2)
        assert first["kl"] == pytest.approx(expected)
        assert first["mask"] == pytest.approx(expected, rel=1e-3, abs=1e-6)
        assert first["machinery"] == pytest.approx(0, abs=1e-4)
        assert second["mask"] == pytest.approx(0, abs=1e-12)
        assert second["machinery"] == pytest.approx(second["kl"])
        assert second["kl"] > 0.001


# ---------------------------------------------------------------------------------- splices


def test_spliced_documents_are_of_two_masks() -> None:
    cut = spliced(2400, 16, np.random.default_rng(9))
    assert cut.tokens.shape == (2400, LENGTH)
    assert (cut.first != cut.second).all()
    assert np.unique(cut.first * 4 + cut.second, return_counts=True)[1].tolist() == [200] * 12
    assert (cut.tokens[:, 0] == 0).all()
    np.testing.assert_array_equal(cut.tokens[:, 1], 1 + cut.first)
    letters = cut.tokens[:, OPENING:] - 6
    assert set(np.unique(letters)) == set(range(len(LETTERS)))
    # How often a letter is followed by itself tells sticky, on both sides of the splice and
    # nowhere else.
    again = letters[:, 1:] == letters[:, :-1]
    for part, mask in ((again[:, :15], cut.first), (again[:, 16:], cut.second)):
        shares = [part[mask == z].mean() for z in range(4)]
        assert shares[0] > 0.6
        assert max(shares[1:]) < 0.3
    assert abs(again[:, 15].mean() - 1 / 3) < 0.04
    same = spliced(2400, 16, np.random.default_rng(9))
    np.testing.assert_array_equal(same.tokens, cut.tokens)


def test_places_after_a_splice() -> None:
    assert after_splice(49) == (0, 1, 2, 3, 4, 6, 8, 10)
    assert after_splice(16)[-1] == 42
    assert after_splice(57) == (0, 1, 2)
    assert after_splice(58) == (0, 1)
    with pytest.raises(ValueError, match="at most 58"):
        after_splice(59)


def test_a_change_must_stay() -> None:
    leads = np.array([[0, 1, 0, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 1]])
    weights = np.zeros((4, 5, 4))
    first, second = np.array([0, 1, 2, 3]), np.array([1, 2, 3, 0])
    for document in range(4):
        weights[document, :, second[document]] = leads[document]
        weights[document, :, first[document]] = 0.5
    found = changes(weights, first, second, (0, 1, 2, 4, 6))
    np.testing.assert_array_equal(found, [4, 0, np.inf, 4])


def test_medians_count_those_that_never_change() -> None:
    rng = np.random.default_rng(10)
    values = rng.integers(0, 20, 15).astype(np.float64)
    counts = rng.multinomial(15, np.full(15, 1 / 15), size=30).astype(np.float64)
    expected = [np.median(np.repeat(values, each.astype(int))) for each in counts]
    np.testing.assert_array_equal(medians(values, counts), expected)
    found = inertia_row(np.array([2.0, 4, 6, np.inf, np.inf]), 16, STATISTICS)
    assert (found["median"], found["changed"], found["documents"]) == (6, 0.6, 5)
    assert found["median_low"] >= 2
    assert found["median_high"] is None
    assert inertia_row(np.array([2.0, np.inf]), 16, STATISTICS)["median"] is None


def test_bayes_changes_its_mind_after_as_many_letters() -> None:
    known = process("masks")
    for before, expected in ((8, 13), (16, 21)):
        cut = spliced(1200, before, np.random.default_rng(11))
        after = after_splice(before)
        two = prompts_of(known, cut.tokens, [before + each for each in after], "spliced")
        found = inertia_row(
            changes(two.posterior, cut.first, cut.second, after), before, STATISTICS
        )
        assert found["median"] == pytest.approx(expected, abs=2)
        assert found["median_low"] <= found["median"] <= found["median_high"]
    # Of two masks of one entropy rate, and with a premise that says nothing.
    cut = spliced(6000, 29, np.random.default_rng(12))
    of = (cut.first < 3) & (cut.second < 3)
    tokens = cut.tokens[of]
    tokens[:, 1] = 5
    posterior = known.posteriors(tokens)["mask"][:, OPENING - 1 + 29 :]
    letters = changes(posterior, cut.first[of], cut.second[of], tuple(range(34)))
    assert np.median(letters) == pytest.approx(29, abs=1.5)


# --------------------------------------------------------------------------------- the stage


class Bayes:
    """The truth as a member."""

    W_E = torch.zeros(1)

    def __call__(self, tokens: torch.Tensor, last: int) -> torch.Tensor:
        return torch.from_numpy(log_laws(tokens[0].numpy())[:, -last:])[None]


def untrained() -> Transformer:
    model = Transformer(Size(width=16, layers=1, heads=1), 9, LENGTH)
    initialise(model, [0])
    return model


def test_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {"b": Bayes(), "a": untrained(), "c": Bayes()}
    common = {"corpus": "masks", "size": "base", "seed_init": 0, "seed_order": 0}
    found = [
        (key, Member(model=key, model_class=variant, variant=variant, **common))
        for key, variant in (("b", "causal"), ("a", "causal"), ("c", "myopic"))
    ]
    known = process("masks")
    tokens = known.draw(24, np.random.default_rng(13))
    monkeypatch.setattr(stage, "members_of", lambda *_: found)
    monkeypatch.setattr(stage, "load_members", lambda trainings, _: models[trainings[0]])
    monkeypatch.setattr(stage, "process_of", lambda _: ("masks", known))
    monkeypatch.setattr(stage, "documents", lambda job, split, most: tokens[:most])
    settings = Spectroscopy(documents=20, letters=(0, 8), splice=8, splices=12)
    job = Job(
        stage="spectroscopy",
        key="k",
        label="spectroscopy/masks",
        settings={
            "spectroscopy": settings.model_dump(),
            "statistics": STATISTICS.model_dump(),
            "members": [],
        },
        inputs={"training": tuple(SimpleNamespace(key=key) for key in models)},  # type: ignore[misc]
        operational={},
        folder=tmp_path,
        layout=Layout(tmp_path),
        machine=Computer(device="cpu"),
        report=lambda done, of, what: None,
        say=lambda text: None,
    )
    figures = stage.make(job)
    assert figures["members"] == 3
    assert figures["documents"] == 20
    assert 0 < figures["off_letters"] < 1
    assert figures["gap"] <= CERTIFIED
    tables = {
        name: pq.read_table(tmp_path / "tables" / f"{name}.parquet").to_pylist()
        for name in ("mask_weights", "mask_fit", "mask_inertia", "mask_pair")
    }
    exact = [each for each in tables["mask_fit"] if each["model"] in "bc"]
    assert {each["kind"] for each in exact} == {"plain", "spliced"}
    for each in exact:
        assert each["residual"] == pytest.approx(0, abs=1e-9)
        assert each["sharpening"] == pytest.approx(1, abs=5e-3)
    assert {each["model"] for each in tables["mask_weights"]} == set(models)
    assert {each["letters"] for each in tables["mask_weights"] if each["kind"] == "plain"} == {0, 8}
    by_model = {each.pop("model"): each for each in tables["mask_inertia"]}
    assert set(by_model) == {"bayes", *models}
    assert by_model["b"] == by_model["c"] == by_model["bayes"]
    pairs = {(each["model_a"], each["model_b"]) for each in tables["mask_pair"]}
    assert pairs == {("a", "b")}
