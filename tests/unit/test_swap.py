"""Mask swaps: against a network written naively, and mixtures whose share is known."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy.optimize import minimize_scalar
from test_models import norm, turned

import kit
from manymasks.config.analyses import Statistics
from manymasks.config.training import Size
from manymasks.corpora.processes import masks
from manymasks.corpora.processes.machine import divergence
from manymasks.errors import UserError
from manymasks.models.attention import Route
from manymasks.models.parts import logits_of, rotary_table
from manymasks.models.transformer import Transformer, initialise
from manymasks.stages import swap as stage
from manymasks.store.job import Job
from manymasks.training.checkpoint import save_weights
from manymasks.truth.swap import (
    ALL_LAYERS,
    BAYES,
    OTHER,
    SAME,
    SHARES,
    SwapLaws,
    bayes_law,
    donor_share,
    member_swaps,
    recipients_and_donors,
    slopes,
    swap_rows,
    token_swaps,
)

STATISTICS = Statistics(resamples=100)
SIZE = Size(width=16, layers=3, heads=2)
LETTERS = 6
Array = np.ndarray[Any, np.dtype[np.float64]]


def member(route: str, size: Size = SIZE, dtype: torch.dtype = torch.float64) -> Transformer:
    """An untrained member whose laws differ from prompt to prompt."""
    network = Transformer(size, len(masks.VOCABULARY), masks.LENGTH, [Route(route)])  # type: ignore[arg-type]
    initialise(network, [0])
    if dtype == torch.float64:
        table = rotary_table(masks.LENGTH, size.width // size.heads, size.rotary_base)
        if size.positions == "rotary":
            network.rotary = table
    with torch.no_grad():
        network.W_E *= 20
        network.W_U *= 20
        if network.W_pos is not None:
            network.W_pos *= 20
    return network.to(dtype)


def found_of(
    recipients: Any, donors: Any, size: Size = SIZE, batch: int = 64
) -> dict[tuple[str, int], SwapLaws]:
    networks = member("causal", size), member("local", size)
    several = member_swaps(*networks, recipients, {"theirs": donors}, batch)
    return {(each.site, each.layer): each for each in several}


def others(documents: int, letters: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Recipients, and donors of another mask."""
    recipients, donors = recipients_and_donors(documents, letters, rng)
    return recipients, donors[OTHER]


def swap_row(found: SwapLaws) -> dict[str, Any]:
    return swap_rows([found], STATISTICS)[0]


# ------------------------------------------------------------------------------------ pairs


def test_pairs_have_different_masks_and_equal_lengths() -> None:
    recipients, both = recipients_and_donors(240, 30, np.random.default_rng(0))
    donors, same = both[OTHER], both[SAME]
    assert recipients.shape == donors.shape == same.shape == (240, 32)
    # Another document of the same premise, and of the same mask.
    np.testing.assert_array_equal(same[:, :2], recipients[:, :2])
    assert (same != recipients).any(1).all()
    one, other = (each[:, 1] - masks.FIRST_PREMISE for each in (recipients, donors))
    assert (one != other).all()
    kinds, count = np.unique(np.stack([one, other], 1), axis=0, return_counts=True)
    assert len(kinds) == 12
    assert set(count) == {20}
    # Who speaks is who the premise says: a filter that is told to wait agrees.
    for tokens, mask in ((recipients, one), (donors, other), (same, one)):
        masks.split_document(tokens)
        *_, (_, evidence) = masks.by_mask(tokens[:, 2:] - masks.FIRST_LETTER)
        assert (evidence.argmax(1) == mask).mean() > 0.8
    again, _ = recipients_and_donors(240, 30, np.random.default_rng(0))
    np.testing.assert_array_equal(again, recipients)


@pytest.mark.parametrize("letters", [0, 62])
def test_rejects_prompts_without_a_following_letter(letters: int) -> None:
    with pytest.raises(ValueError, match="no letter follows"):
        recipients_and_donors(2, letters, np.random.default_rng(0))


# ------------------------------------------------------------------------------------- laws


def naive(network: Transformer, tokens: Any, pasts: Sequence[Any]) -> tuple[Array, list[Any]]:
    """The law of the next letter, and the attention inputs that the document leaves.

    Written out position by position and head by head. The last position reads of layer n the
    inputs `pasts[n]`, (positions - 1, width) each, or its own document's where that is None.
    """
    weights = network.weights_of(0)
    size, last = network.size, len(tokens) - 1
    left: list[list[Any]] = [[] for _ in range(size.layers)]
    for i, token in enumerate(tokens):
        x = weights["W_E"][token]
        for n in range(size.layers):
            w = {
                name.rpartition(".")[2]: each for name, each in weights.items() if f".{n}." in name
            }
            h = norm(x, w["norm_attention"])
            left[n].append(h)
            read = torch.stack(left[n])
            if i == last and pasts[n] is not None:
                read = torch.cat([pasts[n], h[None]])
            places = list(range(i + 1))
            q = turned((w["W_Q"] @ h).view(1, 1, -1), [i], size.heads)[0, 0]
            k = turned((read @ w["W_K"].T)[None], places, size.heads)[0]
            v = (read @ w["W_V"].T).view(i + 1, size.heads, -1)
            heads = []
            for head in range(size.heads):
                scores = k[:, head] @ q[head] / np.sqrt(q.shape[-1])
                heads.append(torch.softmax(scores, 0) @ v[:, head])
            x = x + w["W_O"] @ torch.cat(heads)
            hidden = w["W_in"] @ norm(x, w["norm_mlp"])
            x = x + w["W_out"] @ torch.nn.functional.gelu(hidden, approximate="tanh")
    logits = weights["W_U"] @ norm(x, weights["norm"])
    law = torch.softmax(logits[masks.FIRST_LETTER :], 0).numpy()
    return law, [torch.stack(each)[:-1] for each in left]


def test_swaps_match_a_naive_network() -> None:
    recipients, donors = others(3, LETTERS, np.random.default_rng(1))
    found = found_of(recipients, donors, batch=2)
    network = member("causal")
    layers = range(SIZE.layers)
    none = [None] * SIZE.layers
    for row, (to, of) in enumerate(zip(recipients, donors, strict=True)):
        recipient, theirs = naive(network, to, none)
        donor, other = naive(network, of, none)
        for (site, layer), each in found.items():
            np.testing.assert_allclose(each.recipient[row], recipient, rtol=1e-9)
            np.testing.assert_allclose(each.donor[row], donor, rtol=1e-9)
            if site == "past":
                whole = layer == ALL_LAYERS
                law, _ = naive(
                    network, to, [other[n] if whole or n == layer else None for n in layers]
                )
            else:
                law, _ = naive(network, of, [theirs[n] if n >= layer else None for n in layers])
            np.testing.assert_allclose(each.law[row], law, rtol=1e-9, err_msg=f"{site} {layer}")
        assert len(found) == 2 * SIZE.layers + 1
        # The parts that are swapped are not nothing.
        laws = [each.law[row] for each in found.values()] + [recipient]
        assert all(np.abs(a - b).max() > 1e-3 for i, a in enumerate(laws) for b in laws[:i])


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_residual_swap_matches_its_token_and_lower_layers(positions: Any) -> None:
    """The donor's stream, put in its place, goes through the blocks that are left."""
    size = SIZE.model_copy(update={"positions": positions})
    recipients, donors = others(5, LETTERS, np.random.default_rng(2))
    found = found_of(recipients, donors, size)
    own, local = member("causal", size), member("local", size)
    to, of = (torch.from_numpy(each)[None] for each in (recipients, donors))
    table = local.rotary[..., : to.shape[-1]]
    with torch.no_grad():
        past = own.inputs(to)
        clean = torch.softmax(own(to, last=1)[0, :, 0, masks.FIRST_LETTER :], -1)
        levels = zip(own.streams(to), own.streams(of), strict=True)
        for level, (x, donors_x) in enumerate(levels):
            x[:, :, -1] = donors_x[:, :, -1]
            stream = x.flatten(1, 2).mT.contiguous()
            for block, read in zip(local.blocks[level:], past[level:], strict=True):
                stream = block(stream, table, local.routes, read)
            logits = logits_of(stream, local.norm, local.W_U).view(*to.shape, -1)
            law = torch.softmax(logits[0, :, -1, masks.FIRST_LETTER :], -1)
            each = found["residual", min(level, SIZE.layers - 1)]
            # All that a prediction is made from is the donor's at the end: there is no such swap.
            expected = each.law if level < SIZE.layers else each.donor
            np.testing.assert_allclose(expected, law, rtol=1e-9)
            # A member that is told of its own past is the member.
            np.testing.assert_allclose(each.recipient, clean, rtol=1e-9)
    assert ("residual", SIZE.layers) not in found


def test_level_0_swaps_the_last_token_and_all_layers_the_past() -> None:
    recipients, donors = recipients_and_donors(24, LETTERS, np.random.default_rng(3))
    network = member("causal")

    def law(tokens: Any) -> Any:
        with torch.no_grad():
            logits = network(torch.from_numpy(tokens)[None], last=1)[0, :, 0]
        return torch.softmax(logits[:, masks.FIRST_LETTER :], -1).numpy()

    # What a member is after other tokens: so the exact law is held to the same swaps as members.
    networks = network, member("local")
    found = {
        (each.donors, each.site, each.layer): each
        for each in member_swaps(*networks, recipients, donors, 64)
    }
    several = list(token_swaps(law, recipients, donors))
    assert {each.donors for each in several} == {OTHER, SAME} == {name for name, _, _ in found}
    for each in several:
        own = found[each.donors, each.site, each.layer]
        for one, other in ((own.law, each.law), (own.recipient, each.recipient)):
            np.testing.assert_allclose(one, other, rtol=1e-9)
        np.testing.assert_allclose(own.donor, each.donor, rtol=1e-9)
        ends = recipients[:, -1] == donors[each.donors][:, -1]
        assert 0 < ends.sum() < 24
        expected = own.recipient if each.site == "residual" else own.donor
        np.testing.assert_array_equal(own.law[ends], expected[ends])
        of_tokens, of_member = swap_row(each), swap_row(own)
        for name in ("donor", "site", "layer"):
            assert of_tokens.pop(name) == of_member.pop(name)
        assert of_member == pytest.approx(of_tokens, rel=1e-9)


def test_donor_equal_to_recipient_changes_nothing() -> None:
    recipients, _ = recipients_and_donors(12, LETTERS, np.random.default_rng(4))
    for each in found_of(recipients, recipients.copy()).values():
        np.testing.assert_array_equal(each.law, each.recipient)
        row = swap_row(each)
        assert (row["followed"], row["followed_low"], row["followed_high"]) == (None, None, None)
        assert row["from_recipient"] == row["from_donor"] == row["apart"] == 0


# ------------------------------------------------------------------------------ who is known


def test_exact_law_matches_a_filter_per_mask() -> None:
    recipients, donors = recipients_and_donors(60, 9, np.random.default_rng(6))
    for tokens in (recipients, donors[OTHER], donors[SAME]):
        premise, letters = masks.split_document(tokens)
        *_, (laws, evidence) = masks.by_mask(letters)
        weights = masks.PRIOR[premise] * np.exp(evidence)
        weights /= weights.sum(1, keepdims=True)
        np.testing.assert_allclose(bayes_law(tokens), np.einsum("nm,nml->nl", weights, laws))


def test_bayes_follows_donors_of_the_same_mask_too() -> None:
    recipients, donors = recipients_and_donors(1200, 31, np.random.default_rng(7))
    rows = swap_rows(token_swaps(bayes_law, recipients, donors), STATISTICS)
    found = {(row["donor"], row["site"]): row["followed"] for row in rows}
    # On 2,400 other pairs .833 and .46. A last letter taken from a donor is the same swap with the
    # two exchanged, and what one follows the other does not.
    assert found[OTHER, "past"] == pytest.approx(0.833, abs=0.03)
    assert found[SAME, "past"] == pytest.approx(0.46, abs=0.03)
    for whose in (OTHER, SAME):
        assert found[whose, "past"] + found[whose, "residual"] == pytest.approx(1, abs=0.05)


def test_predictor_without_past_follows_the_last_letter() -> None:
    recipients, donors = recipients_and_donors(60, 9, np.random.default_rng(8))
    after = np.random.default_rng(9).dirichlet(np.ones(3), 3)
    several = token_swaps(
        lambda tokens: after[tokens[:, -1] - masks.FIRST_LETTER], recipients, donors
    )
    for row in swap_rows(several, STATISTICS):
        expected = 0 if row["site"] == "past" else 1
        for name in ("followed", "followed_low", "followed_high"):
            assert row[name] == pytest.approx(expected, abs=1e-12)


def test_predictor_without_masks_follows_all_donors_equally() -> None:
    recipients, donors = recipients_and_donors(4800, 31, np.random.default_rng(10))
    # The first letter and the last one are uniform and all but independent, whoever speaks.
    after = np.random.default_rng(11).dirichlet(np.ones(3), (3, 3))

    def law(tokens: Any) -> Any:
        letters = tokens - masks.FIRST_LETTER
        return after[letters[:, masks.OPENING], letters[:, -1]]

    rows = {
        (row["donor"], row["site"]): row
        for row in swap_rows(token_swaps(law, recipients, donors), STATISTICS)
    }
    for site in ("past", "residual"):
        one, other = rows[OTHER, site]["followed"], rows[SAME, site]["followed"]
        assert 0.1 < one < 0.9
        assert one == pytest.approx(other, abs=0.04)


# --------------------------------------------------------------------------- what is followed


def laws(rows: int, seed: int) -> Array:
    return np.random.default_rng(seed).dirichlet(np.ones(3), rows)


def mixed(share_of_donor: Any, rows: int = 40) -> SwapLaws:
    recipient, donor = laws(rows, 0), laws(rows, 1)
    law = (1 - share_of_donor) * recipient + share_of_donor * donor
    return SwapLaws("theirs", "past", 0, law, recipient, donor)


@pytest.mark.parametrize("known", [0.0, 0.0003, 0.003, 0.25, 0.5, 0.8125, 1.0])
def test_recovers_a_given_mixture(known: float) -> None:
    row = swap_row(mixed(known))
    assert row["followed"] == pytest.approx(known, abs=1e-4)
    # Each document is mixed alike, so there is nothing to be unsure of.
    assert row["followed_low"] == pytest.approx(known, abs=1e-4)
    assert row["followed_high"] == pytest.approx(known, abs=1e-4)
    assert (row["documents"], row["site"], row["layer"]) == (40, "past", 0)


def test_the_share_is_the_minimum_of_the_pooled_divergence() -> None:
    found = SwapLaws("theirs", "past", 0, laws(30, 2), laws(30, 0), laws(30, 1))

    def pooled(a: float) -> float:
        return float(divergence(found.law, (1 - a) * found.recipient + a * found.donor).mean())

    best = minimize_scalar(pooled, bounds=(0, 1), method="bounded", options={"xatol": 1e-10})
    row = swap_row(found)
    assert 0.1 < row["followed"] < 0.9
    assert row["followed"] == pytest.approx(best.x, abs=1e-4)
    assert row["from_recipient"] == pytest.approx(pooled(0))
    assert row["from_donor"] == pytest.approx(pooled(1))
    assert row["apart"] == pytest.approx(divergence(found.donor, found.recipient).mean())
    # The slopes are those of the divergence, and rise.
    each = slopes(found)
    step = (pooled(0.5 + 1e-6) - pooled(0.5 - 1e-6)) / 2e-6
    assert each[:, 100].mean() == pytest.approx(step, rel=1e-6)
    assert (np.diff(each, axis=1) > 0).all()


def test_shares_outside_are_clipped_to_the_ends() -> None:
    recipient, donor = np.array([[0.5, 0.3, 0.2]]), np.array([[0.4, 0.4, 0.2]])
    for law, end in (([[0.6, 0.2, 0.2]], 0), ([[0.2, 0.6, 0.2]], 1)):
        row = swap_row(SwapLaws("theirs", "past", 0, np.array(law), recipient, donor))
        assert row["followed"] == end
        # One document has no interval.
        assert row["followed_low"] is None


def test_laws_that_exclude_letters() -> None:
    recipient, donor = np.array([[1.0, 0.0, 0.0]] * 2), np.array([[0.0, 1.0, 0.0]] * 2)
    law = np.array([[0.25, 0.75, 0.0]] * 2)
    row = swap_row(SwapLaws("theirs", "past", 0, law, recipient, donor))
    assert row["followed"] == pytest.approx(0.75, abs=1e-4)
    assert row["from_recipient"] is row["from_donor"] is row["apart"] is None


def test_shares_of_many_slopes() -> None:
    grid = SHARES
    several = np.stack([grid - 0.3, grid + 1, grid - 2, 0 * grid, grid, grid - 1])
    np.testing.assert_allclose(donor_share(several), [0.3, 0, 1, np.nan, 0, 1], atol=1e-12)
    np.testing.assert_array_equal(donor_share(several[0]), donor_share(several)[0])


def test_the_interval_is_over_documents() -> None:
    rng = np.random.default_rng(5)
    recipient, donor = np.array([[0.6, 0.3, 0.1]]), np.array([[0.1, 0.3, 0.6]])
    covered = []
    for _ in range(100):
        a = rng.beta(2, 3, (60, 1))
        law = (1 - a) * recipient + a * donor
        each = np.repeat(recipient, 60, 0), np.repeat(donor, 60, 0)
        row = swap_row(SwapLaws("theirs", "past", 0, law, *each))
        covered.append(row["followed_low"] < 0.4 < row["followed_high"])
    # All documents have the same two laws, so the pooled share is the mean one.
    assert 0.86 < np.mean(covered) <= 1


# --------------------------------------------------------------------------------- the stage


def job_of(tmp_path: Path, swap: dict[str, Any]) -> Job:
    """A job with two members that were never trained, of which one failed."""
    size = Size(width=8, layers=1, heads=1)
    artifacts = []
    for seed, status in ((0, "trained"), (1, "failed")):
        folder = tmp_path / str(seed)
        folder.mkdir()
        network = Transformer(size, len(masks.VOCABULARY), masks.LENGTH)
        initialise(network, [seed])
        save_weights(network, 0, folder / "weights.safetensors")
        settings = {
            "size": size.model_dump(mode="json"),
            "training": {"context": masks.LENGTH, "shift": False},
            "variant": {"gradient": "causal"},
        }
        figures = {"status": status, "vocabulary": len(masks.VOCABULARY)}
        artifacts.append(
            kit.artifact(
                "training", folder, key=f"member{seed}", settings=settings, figures=figures
            )
        )
    name = {"corpus": "masks", "size": "base", "variant": "causal", "seed_order": 0}
    return kit.job(
        "swap",
        {
            "process": {"kind": "process", "process": "masks"},
            "members": [{**name, "seed_init": seed} for seed in (0, 1)],
            "statistics": {"resamples": 100},
            "swap": swap,
        },
        {"training": tuple(artifacts)},
        tmp_path,
    )


def test_the_stage_writes_its_table(tmp_path: Path) -> None:
    job = job_of(tmp_path, {"documents": 14, "letters": [1, 5], "batch": 4})
    assert stage.make(job) == {"members": 1, "documents": 14}
    rows = pq.read_table(tmp_path / "tables/mask_swap.parquet").to_pylist()
    names = "model", "donor", "site", "layer", "letters"
    grain = {tuple(row[name] for name in names) for row in rows}
    assert len(rows) == len(grain)
    sites = {BAYES: [("residual", 0), ("past", -1)]}
    sites["member0"] = [*sites[BAYES], ("past", 0)]
    assert grain == {
        (model, donor, *site, letters)
        for model, several in sites.items()
        for donor in (OTHER, SAME)
        for site in several
        for letters in (1, 5)
    }
    assert {row["documents"] for row in rows} == {14}
    by_name = {tuple(row[name] for name in names): row["followed"] for row in rows}
    for donor in (OTHER, SAME):
        # Of one layer, its past is all there is.
        assert by_name["member0", donor, "past", 0, 5] == by_name["member0", donor, "past", -1, 5]


def test_rejects_prompts_that_are_too_long(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at most 61"):
        stage.make(job_of(tmp_path, {"letters": [8, 62]}))
