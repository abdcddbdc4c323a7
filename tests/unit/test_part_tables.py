"""Laws of members after prompts, tables of ergodic parts, their stage, and predictions."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

import kit
import manymasks.database
from manymasks.arrays import Floats, Ints
from manymasks.config.analyses import Statistics
from manymasks.config.decomposition import Decomposition
from manymasks.config.training import Size
from manymasks.corpora.processes import masks
from manymasks.corpora.processes.registry import process
from manymasks.evaluation.forward import log_probabilities
from manymasks.models.transformer import Transformer, initialise
from manymasks.stages import decomposition as stage
from manymasks.statistics.bootstrap import document_weights, standard_error
from manymasks.statistics.intervals import Interval
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.model_classes import Member
from manymasks.statistics.predictions import Prediction, prediction_rows
from manymasks.truth import part_tables as tables
from manymasks.truth.continuation_laws import laws_of_member, laws_of_predictor
from manymasks.truth.part_predictions import PREDICTIONS
from manymasks.truth.spectroscopy import mask_prompts

STATISTICS = Statistics(resamples=100)
LETTERS = np.arange(masks.FIRST_LETTER, masks.FIRST_LETTER + 3)
SHAPES = {
    "attention": Size(width=16, layers=2, heads=2, embedding_sd=1.0),
    "recurrent": Size(mixer="recurrent", width=16, layers=1, head_size=8, embedding_sd=1.0),
}


def member(size: Size, vocabulary: int = 9, seed: int = 0) -> Transformer:
    model = Transformer(size, vocabulary, masks.LENGTH).requires_grad_(False)
    initialise(model, [seed])
    model.W_U *= 20
    return model


@pytest.mark.parametrize("mixer", SHAPES)
def test_laws_of_continuations_are_those_of_whole_passes(mixer: str) -> None:
    """A next-letter law a pass, renormalised over the letters; what the letters lack is `other`."""
    model = member(SHAPES[mixer])
    tokens = process("masks").draw(5, np.random.default_rng(0))
    ends = [masks.OPENING + letters for letters in (0, 4, 9)]
    laws, other = laws_of_member(model, tokens, ends, LETTERS, 3, batch=2)

    def whole(texts: Ints) -> Floats:
        return np.exp(log_probabilities(model, texts, 45, 1)[:, 0].astype(np.float64))

    def renormalised(texts: Ints) -> Floats:
        law = whole(texts)
        return law / law[:, LETTERS].sum(1, keepdims=True)

    expected = laws_of_predictor(renormalised, tokens, ends, LETTERS, 3)
    np.testing.assert_allclose(laws, expected, rtol=1e-4)
    letters_alone = laws_of_predictor(whole, tokens, ends, LETTERS, 3).sum(-1)
    np.testing.assert_allclose(other, 1 - letters_alone, rtol=1e-4)
    np.testing.assert_allclose(laws.sum(-1), 1, atol=1e-12)


def test_laws_of_a_process_are_products_of_its_next_laws() -> None:
    known = process("masks")
    tokens = known.draw(6, np.random.default_rng(0))
    prompts = mask_prompts(known, tokens, (2, 8), "plain")
    laws = laws_of_predictor(
        lambda texts: known.laws(np.hstack([texts, texts[:, :1]]))[:, -1],
        tokens, [masks.OPENING + 2, masks.OPENING + 8], LETTERS, 3,
    )  # fmt: skip
    np.testing.assert_allclose(laws, prompts.exact, atol=1e-14)


# ---------------------------------------------------------------------------- pairs and classes


def drawn(errors: list[np.ndarray], truth: np.ndarray) -> list[np.ndarray]:
    return [truth + error - error.mean(-1, keepdims=True) for error in errors]


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.full(4, 0.3), (60, 5))


def intervals_of(weights: list[np.ndarray], truth: np.ndarray | None) -> dict[str, Interval]:
    sums = tables.pair_sums(weights, truth)
    return tables.class_intervals(weights, sums, truth, kit.diagonal(len(weights)), STATISTICS)


def test_a_shared_error_correlates_and_independent_ones_do_not(truth: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 0.1, truth.shape)
    noise = [rng.normal(0, 0.1, truth.shape) for _ in range(5)]
    apart = intervals_of(drawn(noise, truth), truth)["error_correlation"]
    assert abs(apart.estimate) < 0.05
    half = intervals_of(drawn([shared + error for error in noise], truth), truth)
    assert half["error_correlation"].estimate == pytest.approx(0.5, abs=0.03)
    assert half["error_correlation"].low < 0.5 < half["error_correlation"].high
    # Errors of variance 2 x 0.01 x 3/4 a part against the variance of the weights.
    spread = ((truth - truth.mean((0, 1))) ** 2).sum(-1).mean()
    assert half["r2"].estimate == pytest.approx(1 - 0.06 / spread, abs=0.01)
    assert half["between"].estimate == pytest.approx(1 - 0.06 / (spread + 0.06), abs=0.01)
    equal = intervals_of(drawn([shared] * 3, truth), truth)
    assert equal["error_correlation"].estimate == pytest.approx(1)
    assert equal["between"].estimate == pytest.approx(1)


def test_pairs_do_not_depend_on_the_order_of_parts(truth: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    weights = drawn([rng.normal(0, 0.05, truth.shape) for _ in range(3)], truth)
    renamed = [weights[0], weights[1][..., [3, 1, 0, 2]], weights[2][..., [1, 2, 3, 0]]]
    plain, other = (
        tables.pair_rows("member", "operators", ["b", "a", "c"], tables.pair_sums(w, truth), True)
        for w in (weights, renamed)
    )
    for row, same in zip(plain, other, strict=True):
        assert row["model_a"] < row["model_b"]
        assert row["r2"] == pytest.approx(same["r2"])
        assert row["error_correlation"] == pytest.approx(same["error_correlation"])
    without = tables.pair_rows(
        "member", "operators", ["a", "b", "c"], tables.pair_sums(weights, None), False
    )
    assert [row["error_correlation"] for row in without] == [None] * 3


def test_one_member_has_no_pairs(truth: np.ndarray) -> None:
    alone = intervals_of([truth], truth)
    row = tables.class_row("member", "masks", alone, 1, 60)
    assert row["r2"] == pytest.approx(1)
    assert (row["between"], row["error_correlation"], row["r2_low"]) == (None, None, None)


def test_predictors_of_one_part_do_not_agree_by_default() -> None:
    """Weights that are 1 everywhere have no spread, so that no share of it is explained."""
    constant = [np.ones((20, 5, 1))] * 4
    seen = intervals_of(constant, None)
    row = tables.class_row("member", "operators", seen, 4, 20)
    assert (row["between"], row["between_low"], row["between_high"]) == (None, None, None)
    pairs = tables.pair_rows(
        "member", "operators", list("abcd"), tables.pair_sums(constant, None), False
    )
    assert [pair["r2"] for pair in pairs] == [None] * 6


def test_no_share_of_the_variance_is_above_one(truth: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    close, far = (drawn([rng.normal(0, sd, truth.shape)], truth)[0] for sd in (0.01, 0.3))
    assert intervals_of([close, far], truth)["r2"].high == 1


def test_pairs_that_share_a_seed_have_no_part_in_the_interval(truth: np.ndarray) -> None:
    """Beside a naive mean over the pairs that share none, resample by resample."""
    rng = np.random.default_rng(1)
    seeds = [(init, order) for init in range(3) for order in range(3)]
    # A shared data order makes two predictors nearly equal, with an error of a few documents.
    by_order = [rng.normal(0, 0.2, truth.shape) for _ in range(3)]
    by_order = [error * (rng.random((len(truth), 1, 1)) < 0.2) for error in by_order]
    weights = drawn(
        [by_order[order] + rng.normal(0, 0.02, truth.shape) for _, order in seeds], truth
    )
    sums = tables.pair_sums(weights, truth)
    seen = tables.class_intervals(weights, sums, truth, seeds, STATISTICS)["between"]
    apart = np.array([[a != c and b != d for c, d in seeds] for a, b in seeds])
    counts = document_weights(len(truth), STATISTICS.resamples, STATISTICS.seed)
    means = []
    for multiplicity in counts:
        whole, spread = sums.apart @ multiplicity, sums.spread @ multiplicity
        r2 = 1 - whole / ((spread[:, None] + spread) / 2)
        means.append(r2[apart].mean())
    documents = standard_error(np.array(means), np.ones(len(truth)))
    models = pair_mean(sums.r2(np.ones(len(truth))), seeds)
    expected = models.interval(documents, STATISTICS.confidence)
    assert seen.estimate == pytest.approx(expected.estimate)
    assert seen.standard_error == pytest.approx(expected.standard_error)
    assert (seen.low, seen.high) == pytest.approx((expected.low, expected.high))


# ---------------------------------------------------------------------------------- the stage


@pytest.mark.parametrize("name", ["masks", "mess3"])
def test_the_stage(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = process(name)
    common: dict[str, Any] = {"corpus": name, "size": "base", "model_class": "causal"}
    members = [
        Member(model=key, variant="causal", seed_init=seed, seed_order=seed, **common)
        for seed, key in enumerate("bac")
    ]
    size = SHAPES["attention"]
    loaded = [(each, member(size, len(known.vocabulary), each.seed_init)) for each in members]
    tokens = known.draw(16, np.random.default_rng(13))
    monkeypatch.setattr(stage, "members_of", lambda job: ([], members))
    monkeypatch.setattr(stage, "member_models", lambda job: loaded)
    monkeypatch.setattr(stage, "process_of", lambda _: (name, known))
    monkeypatch.setattr(stage, "process_documents", lambda job, split, most: tokens[:most])
    settings = Decomposition(
        documents=12, letters=(4, 12, 30), windows=(4,), nearest=2, least_singular=1e-3
    )
    job = kit.job(
        "decomposition",
        {
            "decomposition": settings.model_dump(),
            "statistics": STATISTICS.model_dump(),
            "members": [],
        },
        {"training": tuple(SimpleNamespace(key=each.model) for each in members)},  # type: ignore[misc]
        tmp_path,
    )
    figures = stage.make(job)
    assert (figures["members"], figures["documents"]) == (3, 12)
    assert 0 < figures["off_letters"] < 1
    rows = {path.stem: pq.read_table(path).to_pylist() for path in tmp_path.glob("tables/*")}
    kinds = {row["predictor"] for row in rows["decomposition"]}
    is_masks = name == "masks"
    exact = {"bayes"} | ({"window 4"} if is_masks else set())
    assert kinds == exact | {"member", "independent", "exchanged", "untrained"}
    by_kind = {(row["predictor"], row["model"]): row for row in rows["decomposition"]}
    # Mess3 is a single ergodic part.
    assert by_kind["bayes", None]["parts"] == (4 if is_masks else 1)
    assert by_kind["bayes", None]["kl"] == pytest.approx(0, abs=1e-12)
    for key in "abc":
        kl = by_kind["member", key]["kl"]
        assert by_kind["independent", key]["kl"] == pytest.approx(kl, rel=1e-3)
        assert by_kind["exchanged", key]["kl"] == pytest.approx(kl, rel=1e-3)
    spectrum = [row for row in rows["operator_spectrum"] if row["predictor"] == "bayes"]
    assert spectrum[0]["re"] == pytest.approx(1)
    assert [row["number"] for row in spectrum] == list(range(1, len(spectrum) + 1))
    readings = {row["reading"] for row in rows["decomposition_class"]}
    assert readings == ({"operators", "masks"} if is_masks else {"operators"})
    pairs = {(row["model_a"], row["model_b"]) for row in rows["decomposition_pair"]}
    assert pairs == {("a", "b"), ("a", "c"), ("b", "c")}
    if is_masks:
        weights = [row for row in rows["part_weight"] if row["predictor"] == "bayes"]
        by_masks = [row for row in weights if row["reading"] == "masks"]
        assert {row["letters"] for row in by_masks} == {4, 12, 30, None}
        assert all(row["r2"] == pytest.approx(1, abs=1e-6) for row in by_masks)
        assert all(row["agree"] == 1 for row in by_masks)
        quantities = {row["quantity"]: row for row in rows["prediction"]}
        assert set(quantities) == {prediction.quantity for prediction in PREDICTIONS}
        assert quantities["parts of bayes"]["seen"] == 4
        assert quantities["parts of window 16"]["seen"] is None
    else:
        assert "part_weight" not in rows
        assert "prediction" not in rows
        assert all(row["r2"] is None for row in rows["decomposition_class"])


# -------------------------------------------------------------------------------- predictions


def test_a_prediction_is_met_where_the_interval_is_within_its_range() -> None:
    """A wide interval reaches any range, and confirms none."""
    cases = {
        "inside": (1, 2, Interval(1.5, 1.4, 1.6, None, 3), "met"),
        "equal": (1, 2, Interval(1.5, 1, 2, None, 3), "met"),
        "reaches": (1, 2, Interval(2.5, 1.9, 3.1, None, 3), "open"),
        "wide": (1, 2, Interval(1.5, -9, 12, None, 3), "open"),
        "below by a little": (1, 2, Interval(1.5, 0.9, 1.6, None, 3), "open"),
        "point": (0, 0, Interval(0.1, -0.2, 0.4, None, 3), "open"),
        "at least, reached": (1, None, Interval(9, 0, 18, None, 3), "open"),
        "at most, reached": (None, 1, Interval(0, -2, 2, None, 3), "open"),
        "at most, below": (None, 1, Interval(0, -2, 0.5, None, 3), "met"),
        "above": (1, 2, Interval(2.5, 2.1, 2.9, None, 3), "not met"),
        "below": (1, 2, Interval(0.5, np.nan, np.nan, None, 0), "not met"),
        "at least": (1, None, Interval(9, np.nan, np.nan, None, 0), "met"),
        "at most": (None, 1, Interval(9, 8, 10, None, 3), "not met"),
        "absent": (1, 2, None, "not measured"),
    }
    listed = [Prediction(name, low, high, "a guess") for name, (low, high, *_) in cases.items()]
    seen = {name: interval for name, (*_, interval, _) in cases.items() if interval}
    labels = {"artifact": "x", "corpus": "c", "size": "s", "variant": "v"}
    rows = prediction_rows("measured", listed, seen, labels)
    folder = Path(manymasks.database.__file__).parent
    schema = (folder / "schema" / "51-decomposition.sql").read_text("utf-8")
    view = (folder / "views" / "51-decomposition.sql").read_text("utf-8")
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE artifact (artifact VARCHAR, is_current BOOLEAN)")
        connection.execute("INSERT INTO artifact VALUES ('x', true)")
        connection.execute(schema)
        for row in rows:
            names = ", ".join(row)
            marks = ", ".join("?" * len(row))
            connection.execute(
                f"INSERT INTO prediction ({names}) VALUES ({marks})", list(row.values())
            )
        connection.execute(view[view.index("CREATE VIEW predicted_and_seen") :])
        verdicts = connection.execute("SELECT quantity, verdict FROM predicted_and_seen").fetchall()
    assert dict(verdicts) == {name: verdict for name, (*_, verdict) in cases.items()}
