"""Ridge maps against other solvers, and beliefs read where they are known to be and not to be."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from manymasks.config.analyses import Statistics
from manymasks.config.loading import load_study
from manymasks.corpora.processes import masks
from manymasks.corpora.processes.registry import process
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.errors import UserError
from manymasks.plan.graph import plan_study
from manymasks.statistics.model_classes import Member
from manymasks.store.layout import Layout
from manymasks.truth.belief import (
    first_of_each_class,
    fit_ridge,
    fit_ridge_of_groups,
    fit_rows,
    group_fit_rows,
    held_out_errors,
    held_out_weights,
    last_tokens,
    point_rows,
    r2_columns,
    sampled_positions,
    shuffled,
    triangle_latent,
    with_premise,
)

STATISTICS = Statistics(resamples=200)
RNG = np.random.default_rng


# ------------------------------------------------------------------------------ ridge maps


def test_ridge_is_least_squares_with_added_rows() -> None:
    rng = RNG(0)
    x, y = rng.normal(size=(60, 7)) * np.arange(1, 8) + 5, rng.normal(size=(60, 3)) - 2
    fitted = fit_ridge(x, y, 0.1)
    penalty = 0.1 * x.var(0).mean() * len(x)
    centred = np.vstack([x - x.mean(0), np.sqrt(penalty) * np.eye(7)])
    targets = np.vstack([y - y.mean(0), np.zeros((7, 3))])
    weights, *_ = np.linalg.lstsq(centred, targets, rcond=None)
    np.testing.assert_allclose(fitted.weights, weights, rtol=1e-10)
    expected = (x[:4] - x.mean(0)) @ weights + y.mean(0)
    np.testing.assert_allclose(fitted(x[:4]), expected, rtol=1e-10)


def test_the_unit_of_the_features_does_not_matter() -> None:
    rng = RNG(1)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    one, other = fit_ridge(x, y, 0.3), fit_ridge(1e6 * x + 7e6, y, 0.3)
    np.testing.assert_allclose(one(x), other(1e6 * x + 7e6), rtol=1e-8, atol=1e-10)


def test_constant_features_predict_the_mean() -> None:
    y = RNG(2).normal(size=(20, 3))
    fitted = fit_ridge(np.full((20, 5), 3.0), y, 1e-3)
    np.testing.assert_allclose(fitted(np.full((2, 5), 3.0)), [y.mean(0)] * 2)


def test_ridge_of_groups_equals_ridge_of_one_hot_features() -> None:
    rng = RNG(3)
    groups, y = rng.integers(0, 6, 80), rng.normal(size=(80, 2))
    x = np.eye(6)[groups]
    for ridge in (1e-3, 0.5):
        by_group, mean = fit_ridge_of_groups(groups, y, ridge)
        np.testing.assert_allclose(by_group, fit_ridge(x, y, ridge)(np.eye(6)), rtol=1e-9)
        np.testing.assert_array_equal(mean, y.mean(0))
    # One group alone tells nothing.
    by_group, mean = fit_ridge_of_groups(np.zeros(5, dtype=np.int64), y[:5], 0.1)
    np.testing.assert_allclose(by_group, [mean])


# ------------------------------------------------------------------------------- R squared


def naive(stream: Any, posterior: Any, ridge: float) -> tuple[float, float]:
    """R2 and rmse by loops over places."""
    half = len(stream) // 2
    rows = {False: [], True: []}
    for document in range(len(stream)):
        for place in range(stream.shape[1]):
            if not np.isnan(posterior[document, place]).any():
                pair = stream[document, place], posterior[document, place]
                rows[document >= half].append(pair)
    x, y = (np.array(each) for each in zip(*rows[False], strict=True))
    fitted = fit_ridge(x, y, ridge)
    error = spread = count = 0.0
    for features, truth in rows[True]:
        error += ((fitted(features[None])[0] - truth) ** 2).sum()
        spread += ((truth - y.mean(0)) ** 2).sum()
        count += len(truth)
    return 1 - error / spread, (error / count) ** 0.5


def test_r2_matches_loops() -> None:
    rng = RNG(4)
    stream = rng.normal(size=(11, 6, 5))
    posterior = 0.4 * stream[..., :3] + rng.normal(size=(11, 6, 3))
    posterior[rng.random((11, 6)) < 0.2] = np.nan
    found = r2_columns(
        held_out_errors(stream, posterior, 1e-2), held_out_weights(11, STATISTICS), 0.95
    )
    r2, rmse = naive(stream, posterior, 1e-2)
    assert found["r2"] == pytest.approx(r2, rel=1e-12)
    assert found["rmse"] == pytest.approx(rmse, rel=1e-12)
    assert found["r2_low"] < found["r2"] < found["r2_high"]
    assert found["documents"] == 6
    assert found["tokens"] == (~np.isnan(posterior[5:, :, 0])).sum()


def drawn(name: str, documents: int = 300) -> tuple[Any, Any]:
    known = process(name)
    tokens = known.draw(documents, RNG(5))
    return tokens, known.posteriors(tokens)


@pytest.mark.parametrize("name", ["masks", "mess3", "rrxor"])
def test_r2_is_one_for_a_linear_stream_and_zero_for_noise(name: str) -> None:
    _, posteriors = drawn(name)
    rng = RNG(6)
    for latent, posterior in posteriors.items():
        shape = *posterior.shape[:2], 24
        turn = rng.normal(size=(posterior.shape[-1], 24))
        noise = rng.normal(size=shape)
        holding = np.nan_to_num(posterior) @ turn + 1e-3 * noise
        levels = [noise.astype(np.float32), holding.astype(np.float32)]
        without, with_it = fit_rows(levels, {latent: posterior}, "none", 1e-6, STATISTICS)
        assert (without["layer"], with_it["layer"]) == (0, 1)
        assert with_it["r2"] > 0.999
        assert with_it["rmse"] < 0.01
        assert abs(without["r2"]) < 0.02
        # What is read must be of the same document, not just of the same place.
        other = fit_rows(levels[1:], shuffled({latent: posterior}, 0), "x", 1e-6, STATISTICS)
        assert other[0]["r2"] < 0.3
        assert other[0]["control"] == "x"


def test_constant_posterior_has_no_r2() -> None:
    rows = fit_rows([RNG(0).normal(size=(4, 3, 2))], {"x": np.ones((4, 3, 1))}, "", 1, STATISTICS)
    assert rows[0]["r2"] is rows[0]["r2_low"] is None
    assert rows[0]["rmse"] == 0


def test_one_held_out_document_has_no_interval() -> None:
    rng = RNG(7)
    (found,) = fit_rows(
        [rng.normal(size=(2, 9, 2))], {"x": rng.random((2, 9, 2))}, "", 0.1, STATISTICS
    )
    assert found["documents"] == 1
    assert found["r2_low"] is found["r2_high"] is None
    with pytest.raises(ValueError, match="no posterior in the 1 documents"):
        held_out_errors(np.zeros((2, 3, 1)), np.full((2, 3, 1), np.nan), 0.1)


def test_intervals_are_over_documents() -> None:
    rng, covered, weights = RNG(8), [], held_out_weights(160, STATISTICS)
    for _ in range(100):
        # All places of a document share their noise: only documents are independent.
        x = np.repeat(rng.normal(size=(160, 1, 1)), 20, 1)
        y = x + np.repeat(rng.normal(size=(160, 1, 1)), 20, 1)
        found = r2_columns(held_out_errors(x, y, 1e-6), weights, 0.95)
        covered.append(found["r2_low"] < 0.5 < found["r2_high"])
    assert np.mean(covered) > 0.83


# --------------------------------------------------------------------------------- controls


def test_shuffling_stays_within_halves_and_is_equal_for_latents() -> None:
    one = np.arange(9.0)[:, None, None] * np.ones((9, 4, 2))
    found = shuffled({"one": one, "two": 10 * one}, 3)
    np.testing.assert_array_equal(found["two"], 10 * found["one"])
    order = found["one"][:, 0, 0]
    assert sorted(order[:4]) == [0, 1, 2, 3]
    assert sorted(order[4:]) == [4, 5, 6, 7, 8]
    for seed in range(20):
        assert (shuffled({"one": one}, seed)["one"] != one).all()
    # Of a single document in a half there is no other.
    np.testing.assert_array_equal(shuffled({"one": one[:2]}, 0)["one"], one[:2])


def test_groups_of_last_tokens_depend_on_tokens_and_order() -> None:
    tokens = RNG(9).integers(0, 3, (20, 12))
    for count in (1, 3, 20):
        found = last_tokens(tokens, count)
        seen: dict[tuple[int, ...], int] = {}
        for document in range(20):
            for place in range(12):
                before = tuple(tokens[document, max(0, place - count + 1) : place + 1])
                assert seen.setdefault(before, found[document, place]) == found[document, place]
        assert len(set(seen.values())) == len(seen)


def test_last_tokens_predict_a_function_of_them() -> None:
    tokens = RNG(10).integers(0, 3, (60, 20))
    # Whether the last two are alike is no sum over them.
    alike = np.zeros((60, 20, 2))
    alike[:, 1:, 0] = tokens[:, 1:] == tokens[:, :-1]
    alike[..., 1] = 1 - alike[..., 0]
    one, two = (
        group_fit_rows(last_tokens(tokens, count), {"x": alike}, "told", 1e-6, STATISTICS)[0]
        for count in (1, 2)
    )
    assert two["r2"] == pytest.approx(1, abs=1e-6)
    assert abs(one["r2"]) < 0.2
    assert (one["layer"], one["control"]) == (0, "told")


def test_more_letters_predict_masks_better() -> None:
    tokens, posteriors = drawn("masks")
    one, three = (
        {
            row["latent"]: row["r2"]
            for row in group_fit_rows(last_tokens(tokens, k), posteriors, "", 1e-3, STATISTICS)
        }
        for k in (1, 3)
    )
    assert one["mask"] < 0.1 < three["mask"] < 0.5
    assert one["letter_state"] < three["letter_state"] < 0.95


def test_groups_with_premise_differ_from_the_first_letter_on() -> None:
    tokens = process("masks").draw(40, RNG(12))
    last = last_tokens(tokens, 2)
    found = with_premise(tokens[:, 1], last)
    pairs = np.stack(np.broadcast_arrays(last, tokens[:, 1:2]), 2).reshape(-1, 2)
    _, expected = np.unique(pairs, axis=0, return_inverse=True)
    _, numbers = np.unique(found, return_inverse=True)
    for one, other in ((expected, numbers), (numbers, expected)):
        assert len(set(zip(one.ravel(), other.ravel(), strict=True))) == one.max() + 1


def test_premise_adds_to_the_last_letters() -> None:
    tokens, posteriors = drawn("masks", 1000)
    last, none = last_tokens(tokens, 3), np.zeros_like(tokens)
    groups = {"letters": last, "premise": with_premise(tokens[:, 1], none)}
    groups["both"] = with_premise(tokens[:, 1], last)
    found = {
        (name, row["latent"]): row["r2"]
        for name, each in groups.items()
        for row in group_fit_rows(each, posteriors, "", 1e-4, STATISTICS)
    }
    assert 0.25 < found["letters", "mask"] < found["premise", "mask"] < 0.4
    assert found["both", "mask"] == pytest.approx(0.51, abs=0.04)
    assert found["premise", "letter_state"] < 0.01
    assert found["both", "letter_state"] == pytest.approx(0.916, abs=0.02)


def test_unseen_groups_predict_the_mean() -> None:
    tokens = np.array([[0, 1], [0, 2]])
    truth = np.array([[[0.2], [0.6]], [[0.5], [0.5]]])
    (found,) = group_fit_rows(last_tokens(tokens, 1), {"x": truth}, "", 1e-9, STATISTICS)
    # 0 has been seen with .2, and 2 never: it is read as the mean of .2 and .6.
    expected = (((0.2 - 0.5) ** 2 + (0.4 - 0.5) ** 2) / 2) ** 0.5
    assert found["rmse"] == pytest.approx(expected, rel=1e-6)


# ------------------------------------------------------------------------------- the picture


def test_points_have_exact_and_fitted_beliefs() -> None:
    _, posteriors = drawn("masks", 60)
    stream = np.nan_to_num(posteriors["letter_state"])
    rows = point_rows(stream, 2, posteriors, 50, 1e-9, seed=1)
    document, place = sampled_positions(posteriors["letter_state"], 50, seed=1)
    assert [row["point"] for row in rows] == list(range(50))
    for i, row in enumerate(rows):
        truth = posteriors["letter_state"][30 + document[i], place[i]]
        mask = posteriors["mask"][30 + document[i], place[i]].argmax()
        assert [row[f"truth_{corner}"] for corner in "abc"] == truth.tolist()
        assert [row[f"read_{corner}"] for corner in "abc"] == pytest.approx(truth, abs=1e-4)
        assert row["mask"] == masks.MASKS[mask]
        assert (row["layer"], row["letters"]) == (2, place[i] - 1)
    assert min(place) >= 1
    # The places are those of the seed, whatever is read.
    other = point_rows(RNG(0).normal(size=stream.shape), 2, posteriors, 50, 1e-9, seed=1)
    assert [row["truth_a"] for row in other] == [row["truth_a"] for row in rows]
    assert len(point_rows(stream, 2, posteriors, 10**6, 1e-9, seed=1)) == 30 * 63


def test_points_of_a_chain_have_no_mask() -> None:
    _, posteriors = drawn("mess3", 20)
    rows = point_rows(np.zeros((20, 64, 2)), 0, posteriors, 5, 1e-3, seed=0)
    assert {row["mask"] for row in rows} == {"chain"}
    _, place = sampled_positions(posteriors["state"], 5, seed=0)
    assert [row["letters"] for row in rows] == place.tolist()


def test_only_latents_with_three_values_have_points() -> None:
    assert triangle_latent(drawn("masks", 4)[1]) == "letter_state"
    assert triangle_latent(drawn("mess3", 4)[1]) == "state"
    assert triangle_latent(drawn("rrxor", 4)[1]) is None
    assert point_rows(np.zeros((4, 64, 2)), 0, drawn("rrxor", 4)[1], 5, 1e-3, seed=0) == []


# --------------------------------------------------------------------------------- the stage


def test_the_first_of_each_class_has_the_smallest_seeds() -> None:
    def member(variant: str, init: int, order: int) -> Member:
        name = f"{variant}{init}{order}"
        return Member(name, f"c/s/{variant}", "c", "s", variant, init, order)

    several = [member(*each) for each in (("x", 1, 0), ("x", 0, 1), ("y", 4, 4), ("x", 0, 2))]
    assert first_of_each_class(several) == {"x01", "y44"}


STUDY = """\
corpora:
  pydocs: null
  known: {kind: process, process: PROCESS, documents: DOCUMENTS, measure: MEASURE, select: 0.2}
sizes: {small: null, base: {width: 8, layers: 1, heads: 1}}
variants: {causal: {gradient: causal}, myopic: {gradient: myopic}}
training: {batch: 2, steps: 2, curve_every: 2, curve_windows: 2}
seeds: {init: [0, 1], order: [0]}
probes: {held-out: {family: held-out, windows: 2}}
myopia: {contrasts: []}
belief: {documents: 20, points: 7, ahead: [1, 2]}
statistics: {resamples: 100}
analyses: [belief]
hardware: {device: cpu}
"""


def made(folder: Path, name: str, documents: int, measure: float = 0.5) -> Path:
    """The folder of tables of a belief stage on members that were hardly trained."""
    text = STUDY.replace("PROCESS", name).replace("DOCUMENTS", str(documents))
    text = text.replace("MEASURE", str(measure))
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        plan = plan_study(load_study([folder / "config.yaml"], {}), folder)
        stages = ("corpus", "process", "tokenizer", "tokens", "training", "belief")
        for node in plan.nodes:
            if node.stage in stages:
                run_job(description_of(node, plan.study.hardware), Layout(Path("results")))
    finally:
        os.chdir(before)
    (node,) = (each for each in plan.nodes if each.stage == "belief")
    return Layout(folder / "results").folder("belief", node.key) / "tables"


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / f"{name}.parquet").to_pylist())


def test_the_stage_writes_its_tables(tmp_path: Path) -> None:
    folder = made(tmp_path, "masks", 60)
    probes = table(folder, "belief_fit")
    models = {row["model"] for row in probes}
    assert len(models) == 4
    # 2 levels x 3 latents x (none, untrained, shuffled), and what is told at one level.
    assert len(probes) == 4 * 3 * (2 * 3 + 2)
    grain = {(row["model"], row["layer"], row["latent"], row["control"]) for row in probes}
    assert len(grain) == len(probes)
    assert {row["documents"] for row in probes} == {10}
    # Members that share their initial weights were the same before training.
    for control, different in (
        ("untrained", 2),
        ("none", 4),
        ("last-letters", 1),
        ("premise+last-letters", 1),
    ):
        several = {
            tuple(row["r2"] for row in probes if (row["model"], row["control"]) == (model, control))
            for model in models
        }
        assert len(several) == different
    assert len(table(folder, "speculation")) == 4 * 2 * 2 * 2
    points = table(folder, "belief_point")
    assert len(points) == 2 * 7
    assert {row["layer"] for row in points} == {1}
    assert len({row["truth_a"] for row in points}) == 7
    paths = table(folder, "belief_path")
    assert {row["document"] for row in paths} == {0, 1, 2, 3}
    assert len(paths) == 2 * 4 * max(row["letters"] for row in paths)
    # A sampled position of these documents has the same beliefs.
    beliefs = [tuple(value for name, value in row.items() if "_" in name) for row in paths]
    sampled = [tuple(value for name, value in row.items() if "_" in name) for row in points]
    assert set(beliefs) & set(sampled) and min(row["letters"] for row in paths) == 1
    assert {row["token"] for row in paths} == set("abc")
    assert not (folder / "speculation_auc.parquet").exists()


def test_tally_has_pairs_but_no_points(tmp_path: Path) -> None:
    folder = made(tmp_path, "tally1", 60)
    probes = table(folder, "belief_fit")
    assert {row["latent"] for row in probes} == {"pairs"}
    assert {row["control"] for row in probes} == {"none", "untrained", "shuffled", "last-letters"}
    assert not (folder / "belief_point.parquet").exists()
    assert not (folder / "belief_path.parquet").exists()
    found = table(folder, "speculation_auc")
    assert len(found) == 4 * 2 * 2 * 2
    # In the control the digit itself says it, and one token later the embedding knows nothing.
    of_place = {
        place: [row["auc"] for row in found if (row["layer"], row["site"]) == (0, place)]
        for place in ("b", "next")
    }
    assert min(of_place["b"]) == 1
    assert max(of_place["next"]) < 0.7


def test_rejects_too_few_documents(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="measure split has 2 documents"):
        made(tmp_path, "mess3", 40, measure=0.05)
