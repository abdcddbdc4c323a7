"""Mask spectroscopy against predictors whose masks are known, and its fit against other solvers."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from example_processes import joint_law
from example_prompts import AFTER, STATISTICS, plain
from scipy import optimize

import kit
from manymasks.arrays import Floats, Ints
from manymasks.config.analyses import Spectroscopy
from manymasks.config.training import Size
from manymasks.corpora.processes.machine import divergence
from manymasks.corpora.processes.masks import (
    LENGTH,
    MASKS,
    OPENING,
    PRIOR,
    masks,
)
from manymasks.corpora.processes.registry import process
from manymasks.models.transformer import Transformer, initialise
from manymasks.stages import spectroscopy as stage
from manymasks.statistics.model_classes import Member
from manymasks.truth import mixtures
from manymasks.truth.member_laws import member_laws
from manymasks.truth.mixtures import CERTIFIED, closest, gaps, mixed
from manymasks.truth.noise import TOLERANCE
from manymasks.truth.spectroscopy import (
    LISTED_DOCUMENTS,
    centred_log_ratios,
    clipped,
    fit_masks,
    fit_rows,
    mask_prompts,
    pair_divergences,
    pair_rows,
    weight_rows,
)


def row(rows: list[dict[str, Any]], letters: int) -> dict[str, Any]:
    (found,) = (each for each in rows if each["letters"] == letters)
    return found


# -------------------------------------------------------------------------------- exact laws


def test_laws_of_masks_match_their_machines() -> None:
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
                law = joint_law(alone, belief, 3)[0, 6:, 6:, 6:].ravel()
                np.testing.assert_allclose(prompts.masks[document, place, z], law, rtol=1e-9)


def test_exact_law_and_posterior_match_the_process() -> None:
    prompts = plain(20)
    posterior = process("masks").posteriors(prompts.tokens)["mask"]
    whole = masks()
    for place, letters in enumerate(prompts.letters):
        end = OPENING + letters
        np.testing.assert_allclose(prompts.posterior[:, place], posterior[:, end - 1], atol=1e-12)
        *_, belief = whole.beliefs(prompts.tokens[:, :end])
        law = joint_law(whole, belief, 3)[:, 6:, 6:, 6:].reshape(20, -1)
        np.testing.assert_allclose(prompts.exact[:, place], law, rtol=1e-9)
    np.testing.assert_allclose(prompts.posterior[:, 0], PRIOR[prompts.tokens[:, 1] - 1], atol=1e-12)
    assert prompts.masks.min() > 0


def test_prompts_leave_room_for_their_continuations() -> None:
    with pytest.raises(ValueError, match="at most 59"):
        plain(4, (0, 60))


# ------------------------------------------------------------------------------- the fit


def problems(count: int, seed: int, words: int = 27) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    laws = np.concatenate([rng.dirichlet(np.full(words, a), count) for a in (0.1, 1, 10)])
    return laws, rng.dirichlet(np.full(words, 0.7), (3 * count, 4)) + 1e-9


def test_weights_match_scipy() -> None:
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


def test_gap_bounds_the_excess_over_the_minimum() -> None:
    laws, parts = problems(30, 3)
    best, _ = closest(laws, parts)
    some = np.random.default_rng(4).dirichlet(np.ones(4), len(laws))
    missed = divergence(laws, mixed(some, parts)) - divergence(laws, mixed(best, parts))
    assert (missed >= -1e-12).all()
    assert (missed <= gaps(laws, parts, some)).all()


def test_em_continues_where_newton_has_not_converged(monkeypatch: pytest.MonkeyPatch) -> None:
    laws, parts = problems(5, 5)
    weights, _ = closest(laws, parts)
    monkeypatch.setattr(mixtures, "NEWTON_STEPS", 0)
    by_em, gap = closest(laws, parts)
    assert gap.max() <= CERTIFIED
    np.testing.assert_allclose(by_em, weights, atol=2e-3)


def test_nan_law_leaves_other_problems_alone() -> None:
    laws, parts = problems(2, 6)
    alone, _ = closest(laws[1:], parts[1:])
    laws[0] = np.nan
    weights, gap = closest(laws, parts)
    assert np.isnan(weights[0]).all()
    assert np.isnan(gap[0])
    np.testing.assert_allclose(weights[1:], alone, atol=1e-12)


# --------------------------------------------------------------------- known predictors


def test_weights_of_bayes_are_the_posterior() -> None:
    prompts = plain()
    fit = fit_masks(prompts, prompts.exact)
    assert fit.gap < 1e-9
    np.testing.assert_allclose(fit.weights, prompts.posterior, atol=1e-4)
    for found in fit_rows(prompts, fit, STATISTICS):
        assert found["documents"] == 60
        for name in ("from_bayes", "residual", "excess"):
            assert found[name] == pytest.approx(0, abs=1e-5)
        assert found["entropy"] == pytest.approx(found["posterior_entropy"], abs=1e-4)
        assert found["sharpening"] == pytest.approx(1, abs=2e-3)
        assert found["sharpening_low"] == pytest.approx(found["sharpening_high"], abs=5e-3)


def test_recovers_weights_other_than_the_posterior() -> None:
    prompts = plain()
    for power in (0.5, 2.0):
        # Of P4 and no letter all masks are equally likely, whatever the power.
        tempered = prompts.posterior**power
        tempered /= tempered.sum(-1, keepdims=True)
        law = np.einsum("dpz,dpzc->dpc", tempered, prompts.masks)
        fit = fit_masks(prompts, law)
        np.testing.assert_allclose(fit.weights, tempered, atol=1e-4)
        rows = fit_rows(prompts, fit, STATISTICS)
        first = row(rows, 0)
        # Premises give odds of 7, and 49 squared is still above the floor.
        assert first["sharpening"] == pytest.approx(power, abs=1e-3)
        expected = divergence(clipped(prompts.posterior), clipped(tempered)).mean(0)
        for place, found in enumerate(rows):
            assert found["residual"] == pytest.approx(0, abs=1e-9)
            assert found["from_bayes"] == pytest.approx(expected[place], rel=0.01, abs=1e-4)
            assert found["from_bayes_low"] <= found["from_bayes"] <= found["from_bayes_high"]


def test_law_of_one_mask_has_weight_one() -> None:
    prompts = plain()
    for z in range(len(MASKS)):
        fit = fit_masks(prompts, prompts.masks[:, :, z])
        np.testing.assert_allclose(
            fit.weights, np.eye(4)[z][None, None] + 0 * fit.weights, atol=1e-4
        )
        for found in fit_rows(prompts, fit, STATISTICS):
            assert found["residual"] == pytest.approx(0, abs=1e-9)
            assert found["entropy"] == pytest.approx(0, abs=1e-3)


def test_residual_is_what_no_mixture_explains() -> None:
    prompts = plain()
    law = 0.5 * prompts.exact + 0.5 / 27
    fit = fit_masks(prompts, law)
    rows = fit_rows(prompts, fit, STATISTICS)
    for place, found in enumerate(rows):
        by_hand = 0.0
        for document in range(60):
            mix = fit.weights[document, place] @ prompts.masks[document, place]
            by_hand += float((law[document, place] * np.log(law[document, place] / mix)).sum()) / 60
        assert found["residual"] == pytest.approx(by_hand)
        assert found["residual_low"] < found["residual"] < found["residual_high"]
        excess = divergence(prompts.exact[:, place], law[:, place]).mean()
        assert found["excess"] == pytest.approx(excess)


def test_slope_matches_a_line_through_all_masks() -> None:
    prompts = plain()
    weights = np.random.default_rng(7).dirichlet(np.ones(4), prompts.posterior.shape[:2])
    law = np.einsum("dpz,dpzc->dpc", weights, prompts.masks)
    fit = fit_masks(prompts, law)
    for place, found in enumerate(fit_rows(prompts, fit, STATISTICS)):
        x, y = (
            centred_log_ratios(each[:, place]).ravel() for each in (prompts.posterior, fit.weights)
        )
        slope, intercept = np.polyfit(x, y, 1)
        assert found["sharpening"] == pytest.approx(slope)
        assert intercept == pytest.approx(0, abs=1e-12)


def test_one_document_has_no_interval_and_equal_masks_no_slope() -> None:
    known = process("masks")
    tokens = known.draw(50, np.random.default_rng(8))
    tokens = tokens[tokens[:, 1] == 5]
    prompts = mask_prompts(known, tokens, (0,), "plain")
    fit = fit_masks(prompts, prompts.exact)
    (found,) = fit_rows(prompts, fit, STATISTICS)
    assert found["sharpening"] is found["sharpening_low"] is None
    alone = mask_prompts(known, tokens[:1], (4,), "plain")
    (found,) = fit_rows(alone, fit_masks(alone, alone.exact), STATISTICS)
    assert found["from_bayes_low"] is None
    assert found["sharpening"] == pytest.approx(1, abs=2e-3)
    json.dumps(found, allow_nan=False)


def test_weights_are_listed_for_the_first_documents() -> None:
    prompts = dataclasses.replace(plain(), speaker=np.arange(60) % 4)
    rows = weight_rows(prompts, fit_masks(prompts, prompts.exact))
    assert len(rows) == LISTED_DOCUMENTS * len(AFTER) * 4
    assert {each["document"] for each in rows} == set(range(LISTED_DOCUMENTS))
    for each in rows:
        assert each["weight"] == pytest.approx(each["posterior"], abs=1e-4)
        assert each["is_true_mask"] == (MASKS[each["document"] % 4] == each["mask"])
    unknown = weight_rows(plain(), fit_masks(prompts, prompts.exact))
    assert {each["is_true_mask"] for each in unknown} == {None}


# ------------------------------------------------------------------------------------ pairs


def test_predictors_that_differ_only_in_masks_have_no_machinery() -> None:
    prompts = plain()
    bayes = fit_masks(prompts, prompts.exact)
    even = fit_masks(prompts, prompts.masks.mean(2))
    flattened = fit_masks(prompts, 0.7 * prompts.exact + 0.3 / 27)
    same = dataclasses.replace(flattened, weights=bayes.weights)
    rows = pair_rows(prompts, ["b", "a"], pair_divergences(prompts, [bayes, even]), STATISTICS)
    rows += pair_rows(prompts, ["c", "d"], pair_divergences(prompts, [bayes, same]), STATISTICS)
    assert pair_rows(prompts, ["e"], pair_divergences(prompts, [even]), STATISTICS) == []
    assert len(rows) == 2 * len(AFTER)
    assert {(each["model_a"], each["model_b"]) for each in rows} == {("a", "b"), ("c", "d")}
    for place, letters in enumerate(AFTER):
        first, second = (each for each in rows if each["letters"] == letters)
        a, b = prompts.exact[:, place], prompts.masks[:, place].mean(1)
        by_document = ((a - b) * np.log(a / b)).sum(-1) / 2
        assert first["kl"] == pytest.approx(by_document.mean())
        error = by_document.std() / np.sqrt(60)
        assert first["kl_high"] - first["kl_low"] == pytest.approx(2 * 1.96 * error, rel=0.3)
        assert first["kl_low"] < first["kl"] < first["kl_high"]
        assert first["mask"] == pytest.approx(by_document.mean(), rel=1e-3, abs=1e-6)
        assert first["mask_low"] == pytest.approx(first["kl_low"], rel=1e-2)
        assert first["machinery"] == pytest.approx(0, abs=1e-4)
        assert second["mask"] == pytest.approx(0, abs=1e-12)
        assert second["machinery"] == pytest.approx(second["kl"])
        assert second["machinery_high"] == pytest.approx(second["kl_high"])
        assert second["kl"] > 0.001


# --------------------------------------------------------------------------------- the stage


class Bayes:
    """The truth as a member."""


def laws_after(
    model: Bayes | Transformer, tokens: Ints, letters: Sequence[int], batch: int
) -> tuple[Floats, Floats]:
    if isinstance(model, Transformer):
        return member_laws(model, tokens, letters, batch)
    exact = mask_prompts(process("masks"), tokens, letters, "plain").exact
    return exact, np.zeros(exact.shape[:2])


def untrained() -> Transformer:
    model = Transformer(Size(width=16, layers=1, heads=1), 9, LENGTH)
    initialise(model, [0])
    return model


def test_the_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {"b": Bayes(), "a": untrained(), "c": Bayes()}
    common = {"corpus": "masks", "size": "base", "seed_init": 0, "seed_order": 0}
    members = [
        Member(model=key, model_class=variant, variant=variant, **common)
        for key, variant in (("b", "causal"), ("a", "causal"), ("c", "myopic"))
    ]
    known = process("masks")
    tokens = known.draw(24, np.random.default_rng(13))
    monkeypatch.setattr(stage, "member_laws", laws_after)
    monkeypatch.setattr(stage, "members_of", lambda job: ([], members))
    loaded = [(member, models[member.model]) for member in members]
    monkeypatch.setattr(stage, "member_models", lambda job: loaded)
    monkeypatch.setattr(stage, "process_of", lambda _: ("masks", known))
    monkeypatch.setattr(stage, "process_documents", lambda job, split, most: tokens[:most])
    settings = Spectroscopy(documents=20, letters=(0, 8), splice=8, splices=12)
    job = kit.job(
        "spectroscopy",
        {
            "spectroscopy": settings.model_dump(),
            "statistics": STATISTICS.model_dump(),
            "members": [],
        },
        {"training": tuple(SimpleNamespace(key=key) for key in models)},  # type: ignore[misc]
        tmp_path,
    )
    figures = stage.make(job)
    assert figures["members"] == 3
    assert figures["documents"] == 20
    assert 0 < figures["off_letters"] < 1
    assert figures["gap"] <= CERTIFIED
    tables = {
        name: pq.read_table(tmp_path / "tables" / f"{name}.parquet").to_pylist()
        for name in ("mask_weights", "mask_fit", "mask_inertia", "mask_pair", "mask_class")
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
    of_class = {(each["variant"], each["letters"]): each for each in tables["mask_class"]}
    assert set(of_class) == {(variant, n) for variant in ("causal", "myopic") for n in (0, 8)}
    for each in of_class.values():
        assert (each["corpus"], each["size"], each["documents"]) == ("masks", "base", 20)
        assert each["residual_null"] == pytest.approx(each["residual"], rel=TOLERANCE, abs=1e-9)
        assert each["models"] == (2 if each["variant"] == "causal" else 1)
    assert of_class["myopic", 8]["share"] is None
    assert 0 < of_class["causal", 8]["share_null"] < 1
