"""Bounds over every prefix of checkpoints: biases, both norms, and models without bounds."""

import math
from pathlib import Path
from typing import Any

import duckdb
import example_pretrained as example
import numpy as np
import pytest
import torch
from example_outside import checkpoint

from manymasks.commands.check_certificates import check_certificates
from manymasks.errors import UserError
from manymasks.models.hugging_face import CausalModel, load_causal
from manymasks.models.pretrained_stack import PretrainedStack
from manymasks.plan.graph import Plan
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest
from manymasks.universal.ball import ball_maxima, both_points
from manymasks.universal.certificate import (
    Bounds,
    OutputLayer,
    attained_values,
    bounds_of_points,
    dual_bounds,
)
from manymasks.universal.checkpoint_layer import (
    MEAN_RATIO,
    NotBounded,
    checkpoint_layer,
    measured_rounding,
)
from manymasks.universal.elites import Elites, log_p_after, offer_windows
from manymasks.universal.leads import attained_leads, nearest_mixtures
from manymasks.universal.never_both import both_attained, both_bounds, lead_bounds
from manymasks.universal.universal_tables import closed_forms

pytest.importorskip("transformers", reason="needs the extra hf")
CPU = torch.device("cpu")


# ------------------------------------------------------------------------------ the geometry


def drawn_layer(tokens: int, width: int, seed: int) -> OutputLayer:
    generator = np.random.default_rng(seed)
    return OutputLayer(
        generator.normal(size=(tokens, width)), 2 * generator.normal(size=tokens), error=0.0
    )


def disc(layer: OutputLayer) -> np.ndarray:
    """Logits at points of the disc, (points, tokens)."""
    radii, angles = np.meshgrid(np.linspace(0, layer.radius, 201), np.linspace(0, 2 * math.pi, 721))
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=-1)
    return layer.logits(points.reshape(-1, 2))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return np.asarray(torch.log_softmax(torch.from_numpy(logits), -1))


@pytest.mark.parametrize("seed", range(4))
def test_bounds_with_biases_agree_with_a_scan_of_the_disc(seed: int) -> None:
    layer = drawn_layer(7, 2, seed)
    scanned = log_softmax(disc(layer)).max(axis=0)
    maxima = ball_maxima(layer, tolerance=1e-7, limit=2000)
    bounds = bounds_of_points(layer, maxima.points).exact
    assert (bounds >= scanned - 1e-9).all()
    assert bounds == pytest.approx(scanned, abs=2e-3)
    assert bounds == pytest.approx(attained_values(layer, maxima.points), abs=1e-5)
    # Any other vector proves a weaker bound.
    q = np.random.default_rng(seed).dirichlet(np.ones(7), size=7)
    other = dual_bounds(layer, np.arange(7), q, (q * np.log(q)).sum(axis=1))
    assert (other.exact >= bounds - 1e-9).all()


@pytest.mark.parametrize("seed", range(4))
def test_pairs_with_biases_agree_with_a_scan_of_the_disc(seed: int) -> None:
    layer = drawn_layer(6, 2, seed)
    pairs = np.stack(np.triu_indices(6, 1), axis=1)
    log_p = log_softmax(disc(layer))
    scanned = np.array([log_p[:, pair].min(axis=1).max() for pair in pairs])
    maxima = ball_maxima(layer, tolerance=1e-7, limit=2000)
    points = both_points(layer, pairs, maxima, tolerance=1e-6, limit=2000)
    bounds = both_bounds(layer, pairs, points)
    assert (bounds >= scanned - 1e-6).all()
    assert bounds == pytest.approx(np.minimum(scanned, -math.log(2)), abs=2e-2)
    assert (both_attained(layer, pairs, points) <= bounds + 1e-6).all()
    assert both_attained(layer, pairs, points) == pytest.approx(bounds, abs=5e-3)


@pytest.mark.parametrize("seed", range(4))
def test_leads_with_biases_agree_with_a_scan_of_the_disc(seed: int) -> None:
    layer = drawn_layer(7, 2, seed)
    tokens = np.arange(7)
    logits = disc(layer)
    scanned = np.array(
        [(logits[:, t] - np.delete(logits, t, axis=1).max(axis=1)).max() for t in tokens]
    )
    others, weights = nearest_mixtures(layer, tokens)
    bounds = lead_bounds(layer, tokens, others, weights)
    assert (bounds >= scanned - 1e-6).all()
    assert bounds == pytest.approx(scanned, abs=0.1)
    assert (attained_leads(layer, tokens, others, weights) <= bounds).all()
    assert (bounds < 0).any()


def test_others_are_added_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    biased = drawn_layer(60, 4, 0)
    for layer, exact in ((biased, 0.05), (OutputLayer(biased.rows), 1e-6)):
        tokens = np.arange(0, 60, 7)
        whole = lead_bounds(layer, tokens, *nearest_mixtures(layer, tokens))
        with monkeypatch.context() as patch:
            patch.setattr("manymasks.universal.leads.MANY", 10)
            patch.setattr("manymasks.universal.leads.ADDED", 3)
            parts = lead_bounds(layer, tokens, *nearest_mixtures(layer, tokens))
        assert parts == pytest.approx(whole, abs=exact)


def test_floors_and_odds_with_biases_hold_on_the_disc() -> None:
    layer = drawn_layer(6, 2, 5)
    logits = disc(layer)
    floors, neighbours, distances = closed_forms(layer)
    assert (log_softmax(logits).min(axis=0) >= floors).all()
    for token, (neighbour, most) in enumerate(zip(neighbours, distances, strict=True)):
        assert np.abs(logits[:, token] - logits[:, neighbour]).max() <= most


# -------------------------------------------------------------------------------- the models

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt_neox": ("layer", {}),
    "gpt2": ("layer", {"n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2}),
    "phi": ("layer", {}),
    "llama": ("rms", {}),
    "qwen2": ("rms", {"num_key_value_heads": 1, "tie_word_embeddings": True}),
    "gemma": ("rms", {"num_key_value_heads": 1, "head_dim": 8, "pad_token_id": 0}),
}
"""Norm, and changes of the configuration. GPT-2 and Gemma are tied, phi has a biased head, and the
gain of Gemma is a difference from 1."""


def far_from_start(model: Any, seed: int) -> None:
    """Draw gains, shifts and biases, which begin as constants."""
    generator = torch.Generator().manual_seed(seed)
    for weight in model.parameters():
        if weight.ndim == 1:
            weight.data += 0.5 * torch.randn(weight.shape, generator=generator)


def drawn_model(folder: Path, architecture: str, seed: int = 1, **changes: Any) -> CausalModel:
    model = checkpoint(folder, architecture, seed, **changes)
    far_from_start(model, seed)
    model.save_pretrained(folder)
    return load_causal(folder, CPU, "float32")


@pytest.mark.parametrize("architecture", FAMILIES)
def test_no_prefix_of_a_checkpoint_exceeds_its_bound(tmp_path: Path, architecture: str) -> None:
    form, changes = FAMILIES[architecture]
    causal = drawn_model(tmp_path, architecture, vocabulary=40, **changes)
    ended = checkpoint_layer(causal, 33)
    layer = ended.layer
    assert (ended.form, layer.rows.shape) == (form, (33, 16))
    assert (layer.offsets is not None) == (form == "layer")
    assert (abs(layer.rows.sum(axis=1)) < 1e-9).all() == (form == "layer")
    windows = np.random.default_rng(0).integers(0, 33, (80, 24))
    measured = measured_rounding(causal, ended, windows[:4])
    assert 0 < measured.error < layer.logit_error + 1e-4 * layer.radius * layer.longest_row
    maxima = ball_maxima(layer, tolerance=1e-4, limit=500)
    bounds = bounds_of_points(layer, maxima.points)
    assert (bounds.exact <= bounds.float32).all()
    best = Elites.empty(33)
    offer_windows(PretrainedStack([causal], 33, 0), windows, 16, best)
    assert (best.log_p <= bounds.float32).all()
    assert not loose(bounds, attained_values(layer, maxima.points))


def loose(bounds: Bounds, attained: np.ndarray) -> bool:
    """Whether the allowance for float32 is more than small beside the bounds."""
    return bool((bounds.float32 - attained).max() > 0.05)


def test_logits_of_a_large_vocabulary_are_offered_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = PretrainedStack([drawn_model(tmp_path, "llama", vocabulary=40)], 40, 0)
    windows = np.random.default_rng(0).integers(0, 40, (7, 12))
    whole, parts = Elites.empty(40), Elites.empty(40)
    offer_windows(stack, windows, 3, whole)
    monkeypatch.setattr("manymasks.universal.elites.LOGITS_AT_ONCE", 40 * 5)
    offer_windows(stack, windows, 3, parts)
    assert parts.log_p == pytest.approx(whole.log_p, abs=1e-5)
    pairs = zip(parts.prefixes, whole.prefixes, strict=True)
    assert all(np.array_equal(part, one) for part, one in pairs)
    again = log_p_after(stack, parts.prefixes, np.arange(40), 16)
    assert again == pytest.approx(parts.log_p, abs=1e-4)


def test_a_checkpoint_without_biases_has_the_bounds_of_a_member(tmp_path: Path) -> None:
    causal = drawn_model(tmp_path, "llama", vocabulary=40)
    layer = checkpoint_layer(causal, 40).layer
    weights = {
        "norm": causal.model.model.norm.weight.numpy(), "W_U": causal.model.lm_head.weight.numpy()
    }  # fmt: skip
    ours = OutputLayer.of_weights(weights)
    assert (layer.rows == ours.rows).all() and layer.offsets is None
    assert layer.float_radius == ours.float_radius
    assert ours.logit_error < layer.logit_error < 2 * ours.logit_error + 1e-6


@pytest.mark.parametrize(
    ("architecture", "changes", "dtype", "reason"),
    [
        ("llama", {}, "bfloat16", "its products are bfloat16"),
        ("granite", {"logits_scaling": 7.0}, "float32", "not its unembedding of the last hidden"),
        ("cohere", {"logit_scale": 0.1, "pad_token_id": 0}, "float32", "not its unembedding"),
    ],
)
def test_a_model_that_ends_otherwise_has_no_bounds(
    tmp_path: Path, architecture: str, changes: dict[str, Any], dtype: Any, reason: str
) -> None:
    checkpoint(tmp_path, architecture, 0, **changes)
    with pytest.raises(NotBounded, match=reason):
        checkpoint_layer(load_causal(tmp_path, CPU, dtype), 257)


def test_what_text_contradicts_is_refused(tmp_path: Path) -> None:
    causal = drawn_model(tmp_path, "gpt_neox", vocabulary=40)
    ended = checkpoint_layer(causal, 40)
    windows = np.random.default_rng(0).integers(0, 40, (2, 24))
    forward = causal.model.forward

    def capped(*arguments: Any, **named: Any) -> Any:
        out = forward(*arguments, **named)
        out.logits = 5 * torch.tanh(out.logits / 5)
        return out

    causal.model.forward = capped
    with pytest.raises(NotBounded, match="which rounding does not explain"):
        measured_rounding(causal, ended, windows)
    causal.model.forward = forward
    causal.model.gpt_neox.embed_in.weight.data += 100
    with pytest.raises(NotBounded, match=f"LayerNorm covers {MEAN_RATIO:g}"):
        measured_rounding(causal, ended, windows)


# --------------------------------------------------------------------------------- the stage


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two seeds of each of two architectures with bounds, and a third one without."""
    folder = tmp_path_factory.mktemp("bounded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        example.write_text(folder)
        for seed in (0, 1):
            for architecture in (*example.ARCHITECTURES, "granite"):
                changes = {"logits_scaling": 7.0} if architecture == "granite" else {}
                drawn_model(
                    folder / f"models/{architecture}-{seed}-8", architecture, seed, **changes
                )
        settings = example.settings_of(folder)
        (series,) = settings["corpora"]["words"]["members"]["pretrained"]
        sizes = [*example.ARCHITECTURES, "granite"]
        series["factors"] = {"size": sizes, "seed": [0, 1], "step": 8}
        settings["tokenizer"]["path"] = "models/gpt_neox-0-8/tokenizer.json"
        settings["analyses"] = ["rashomon", "universal"]
        settings["universal"] = {
            "windows": 4, "pairs": 6, "leads": 4, "short_prefixes": 300, "rounds": 2,
            "candidates": 8, "thresholds": [0.1, 0.5],
        }  # fmt: skip
        plan = example.plan_of(folder, settings)
        yield example.run_all(Plan(plan.study, plan.nodes[:-1]), Layout(Path("results")))


def rows(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect("results/manymasks.duckdb", read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_members_have_bounds_certificates_and_verdicts(study: dict[str, Manifest]) -> None:
    figures = study["universal/words"].figures
    assert (figures["members"], figures["unbounded"], figures["tokens"]) == (4, 2, 257)
    counts = (
        "SELECT size, step, count(*) FROM universal_bound JOIN model USING (model) GROUP BY ALL"
    )
    assert sorted(rows(counts)) == [("gpt_neox", 8, 514), ("llama", 8, 514)]
    norms = (
        "SELECT DISTINCT size, norm, mean_ratio IS NULL FROM universal_certificate "
        "JOIN model USING (model)"
    )
    assert sorted(rows(norms)) == [("gpt_neox", "layer", False), ("llama", "rms", True)]
    kinds = rows("SELECT DISTINCT method FROM witness ORDER BY method")
    assert kinds == [("search",), ("short",), ("text",)]
    assert rows("SELECT count(DISTINCT model) FROM verdict") == [(4,)]
    assert rows("SELECT count(*) FROM never_both") == [(24,)]
    assert rows("SELECT count(*) FROM never_first") == [(16,)]
    # Within classes both ways, and between the first members of the two.
    assert rows("SELECT count(*) FROM proof_transfer") == [(6,)]


def test_members_without_bounds_are_named(study: dict[str, Manifest]) -> None:
    named = rows(
        "SELECT m.label, u.reason FROM unbounded_member AS u JOIN current_model AS m USING (model) "
        "ORDER BY m.seed_init"
    )
    reason = "its logits are not its unembedding of the last hidden state alone"
    assert named == [("words/granite/step8", reason)] * 2
    log = Path("results/universal") / study["universal/words"].key / "log.txt"
    if log.is_file():
        assert "words/granite/step8/i0-o0: no bounds" in log.read_text(encoding="utf-8")
    members = rows("SELECT DISTINCT members FROM statement_multiplicity")
    assert members and max(members) <= (4,)


def test_certificates_are_derived_again_from_the_files(study: dict[str, Manifest]) -> None:
    layout = Layout(Path("results"))
    done = check_certificates(layout)
    assert done.startswith("8 certificates")
    key = study["pretrained/words/llama/step8/i1-o1"].key
    path = Path("results/pretrained") / key / "model/model.safetensors"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match="the file was damaged"):
        check_certificates(layout)
    path.write_bytes(content)
