"""States of recurrent members: read, swapped, edited, and what one write does."""

import numpy as np
import pytest
import torch

from manymasks.config.analyses import Recurrence, Statistics
from manymasks.config.training import Size
from manymasks.corpora.processes.registry import process
from manymasks.models.recurrent_text import RecurrentText
from manymasks.models.transformer import Transformer, initialise
from manymasks.truth.state_patching import patch_rows
from manymasks.truth.state_reading import (
    PrincipalComponents,
    even_positions,
    fit_on_components,
    reading_rows,
)
from manymasks.truth.state_statistics import state_statistic_rows
from manymasks.truth.state_vectors import read_outs, state_of, states_after, vectors_of
from manymasks.truth.write_effect import write_effect_rows

MESS3 = process("mess3")
SIZE = Size(mixer="recurrent", width=16, layers=2, head_size=8, embedding_sd=1.0)
SETTINGS = Recurrence(
    documents=12, positions=3, components=(2, 4), patched=(5, 9), read_on=3, lags=(1, 3), writes=4
)
STATISTICS = Statistics(resamples=100)


@pytest.fixture(scope="module")
def tokens() -> np.ndarray:
    return MESS3.draw(12, np.random.default_rng(0))[:, :16]


def member(size: Size = SIZE) -> Transformer:
    model = Transformer(size, len(MESS3.vocabulary), 64).requires_grad_(False)
    initialise(model, [0])
    for name, weight in model.named_parameters():
        if "_out" in name or "W_U" in name:
            weight += 0.2 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    return model


def test_states_are_vectors_and_back(tokens: np.ndarray) -> None:
    for _, reader in states_after(member(), tokens, [3, 7]):
        assert reader.state is not None
        vectors = vectors_of(reader.state)
        # Two layers of two heads of 8 x 8, and two last inputs.
        assert vectors.shape == (12, 2 * (2 * 64 + 16))
        for one, other in zip(state_of(vectors, reader.state), reader.state, strict=True):
            assert torch.equal(one.matrix, other.matrix)
            assert torch.equal(one.last, other.last)
        assert [part.shape for part in read_outs(reader)] == [(12, 16)] * 2


def test_components_give_the_ridge_of_all_features() -> None:
    rng = np.random.default_rng(0)
    y = rng.standard_normal((40, 2))
    for width in (6, 60):
        x = rng.standard_normal((40, width)) @ rng.standard_normal((width, width))
        components = PrincipalComponents.of_rows(x, 40)
        count = len(components.squares)
        fit = fit_on_components(components, x, y, count, 0.1)
        centred = x - x.mean(0)
        gram = centred.T @ centred
        penalty = 0.1 * np.trace(gram) / count
        wanted = np.linalg.solve(gram + penalty * np.eye(width), centred.T @ (y - y.mean(0)))
        np.testing.assert_allclose(fit(x), centred @ wanted + y.mean(0), atol=1e-8)


def test_a_posterior_in_a_site_is_read_and_a_permuted_one_is_not() -> None:
    rng = np.random.default_rng(0)
    site = rng.standard_normal((200, 6, 4))
    inside = 1 / (1 + np.exp(-site[..., :2] * 0.1))
    curved = np.abs(site[..., :1])
    posteriors = {"inside": inside, "noise": rng.random((200, 6, 2)), "curved": curved}
    rows = reading_rows({"residual": site}, posteriors, "none", SETTINGS, STATISTICS, 4)
    whole = {row["latent"]: row["r2"] for row in rows if row["is_whole"]}
    assert whole["inside"] > 0.99
    assert whole["noise"] < 0.2
    assert whole["curved"] < 0.3
    curves = [row["components"] for row in rows if row["latent"] == "inside"]
    assert curves == [2, 4, 4]
    by_mlp = {row["latent"]: row["r2"] for row in rows if row["probe"] == "mlp"}
    # A network bends where a line cannot.
    assert by_mlp["curved"] > whole["curved"] + 0.2


def test_positions_are_spread_over_a_document() -> None:
    assert even_positions(1, 64, 4) == [1, 21, 42, 63]
    assert even_positions(1, 4, 100) == [1, 2, 3]


def test_a_whole_state_reproduces_the_donor_and_parts_lie_between(tokens: np.ndarray) -> None:
    model, half = member(), tokens[:6]
    # The member's own laws as the exact ones: the efficacy of the whole state is then exactly 1.
    donors = np.roll(half, -1, 0)

    def laws(documents: np.ndarray) -> np.ndarray:
        found = np.zeros((*documents.shape, len(MESS3.vocabulary)))
        reader = RecurrentText(model, len(documents))
        logits = reader.read_all(torch.from_numpy(documents))
        found[:, 1:] = logits.double().softmax(-1).numpy()[:, :-1]
        return found

    assert not np.array_equal(donors, half)
    rows = patch_rows(model, half, laws, {}, SETTINGS, STATISTICS)
    places = {(row["scope"], row["layer"], row["head"]) for row in rows}
    assert len(rows) == 2 * len(places)
    assert places == {
        ("whole", None, None),
        *(("layer", layer, None) for layer in (0, 1)),
        *(("head", layer, head) for layer in (0, 1) for head in (0, 1)),
    }
    for row in rows:
        if row["scope"] == "whole":
            assert row["edited_nats"] < 1e-6
            assert row["efficacy"] == pytest.approx(1, abs=1e-4)
        else:
            assert row["efficacy"] < 1


def test_an_edit_along_a_fit_changes_what_the_fit_reads(tokens: np.ndarray) -> None:
    model = member()
    (_, reader), *_ = states_after(model, tokens, [5])
    assert reader.state is not None
    states = vectors_of(reader.state).double().numpy()
    belief = MESS3.posteriors(tokens)["state"][:, 5]
    fit = fit_on_components(PrincipalComponents.of_rows(states, 12), states, belief, 12, 1e-6)
    rows = patch_rows(model, tokens, MESS3.laws, {"state": fit}, SETTINGS, STATISTICS)
    scopes = {row["scope"] for row in rows}
    assert {"direction state", "random state"} <= scopes
    assert all(row["unedited_nats"] > 0 for row in rows)


@pytest.mark.parametrize("delta", [True, False])
def test_the_closed_form_of_a_write_is_exact_to_first_order_in_the_last_block(
    tokens: np.ndarray, delta: bool
) -> None:
    size = SIZE.model_copy(update={"layers": 1, "delta": delta, "mlp": 0})
    rows = write_effect_rows(member(size), tokens, SETTINGS, STATISTICS)
    assert [(row["layer"], row["distance"]) for row in rows] == [(0, 1), (0, 3)]
    assert all(row["is_last"] for row in rows)
    # Small values are far inside the range of first order, where no read-out is normalised.
    model = member(size.model_copy(update={"read_norm": False}))
    model.blocks[0].W_V *= 0.01
    for row in write_effect_rows(model, tokens, SETTINGS, STATISTICS):
        assert row["r2"] > 0.99
        assert row["cosine"] > 0.99


def test_statistics_of_states(tokens: np.ndarray) -> None:
    rows = state_statistic_rows(member(), tokens, [3, 9])
    assert [(row["layer"], row["head"]) for row in rows] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    for row in rows:
        assert 1 <= row["stable_rank"] <= row["keys"] == 8
        assert 1.1 < row["half_life_tenth"] <= row["half_life"] <= row["half_life_ninth"] < 1000
