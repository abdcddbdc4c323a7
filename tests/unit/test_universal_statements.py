"""Statements on two tokens, on leads, and on what follows a token in a process."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from test_universal_bounds import TIGHT, drawn_layer, layer_of, member
from test_universal_witnesses import all_prefixes

from manymasks.arrays import Floats, Ints
from manymasks.config.analyses import Universal
from manymasks.corpora.processes.fork import fork
from manymasks.corpora.processes.machine import Machine
from manymasks.corpora.processes.masks import masks
from manymasks.corpora.processes.tally import EQUALS, tally
from manymasks.errors import UserError
from manymasks.models.transformer import Transformer
from manymasks.universal.ball import ball_maxima, both_points
from manymasks.universal.certificate import OutputLayer
from manymasks.universal.leads import attained_leads, nearest_mixtures
from manymasks.universal.never_both import (
    both_attained,
    both_bounds,
    check_statements,
    lead_bounds,
)
from manymasks.universal.process_statements import (
    MACHINES,
    ProcessStatements,
    never_follow,
    possible_prefixes,
)
from manymasks.universal.short_prefixes import offer_short_prefixes
from manymasks.universal.statement_archives import FollowerElites, LeadElites, PairElites
from manymasks.universal.statement_tables import MemberStatements, sampled_pairs

ALLOWED = 1e-5
"""For float32: what a bound of a drawn layer may add."""


def all_pairs(vocabulary: int) -> Ints:
    return np.array(list(itertools.combinations(range(vocabulary), 2)))


def bounds_of_pairs(layer: OutputLayer, pairs: Ints) -> tuple[Floats, Floats]:
    """Bounds of pairs, and what their points attain."""
    maxima = ball_maxima(layer, **TIGHT)
    points = both_points(layer, pairs, maxima, **TIGHT)
    return both_bounds(layer, pairs, points), both_attained(layer, pairs, points)


# ---------------------------------------------------------------------------------- never both


def test_two_of_three_orthogonal_rows_have_a_closed_form() -> None:
    length, radius = 1.7, math.sqrt(3)
    layer = OutputLayer(length * np.eye(3))
    bounds, attained = bounds_of_pairs(layer, all_pairs(3))
    up = length * radius / math.sqrt(6)
    expected = up - math.log(2 * math.exp(up) + math.exp(-2 * up))
    assert attained == pytest.approx([expected] * 3, abs=1e-6)
    slack = (1e-4 * length * radius * 2) + 2 * layer.logit_error
    assert (bounds >= expected - 1e-9).all() and (bounds <= expected + slack).all()


def test_two_tokens_alone_are_never_both_above_a_half() -> None:
    bounds, attained = bounds_of_pairs(drawn_layer(2, 4, 1), np.array([[0, 1]]))
    assert bounds[0] == -math.log(2) and attained[0] == pytest.approx(-math.log(2), abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_bounds_of_pairs_agree_with_a_scan_of_the_disc(seed: int) -> None:
    layer = drawn_layer(6, 2, seed, 1.5)
    pairs = all_pairs(6)
    bounds, attained = bounds_of_pairs(layer, pairs)
    circle, lengths = np.linspace(0, 2 * math.pi, 721), np.linspace(0, layer.radius, 200)
    grid = np.stack([np.cos(circle), np.sin(circle)], axis=1)[:, None] * lengths[:, None]
    log_p = log_softmax(grid.reshape(-1, 2) @ layer.rows.T, axis=1)
    scanned = np.minimum(log_p[:, pairs[:, 0]], log_p[:, pairs[:, 1]]).max(axis=0)
    # A grid misses the ridge on which two are equally probable, so that is scanned by itself.
    for line, (first, second) in enumerate(pairs):
        x, y = layer.rows[first] - layer.rows[second]
        ridge = np.linspace(-layer.radius, layer.radius, 2001)[:, None] * [-y, x] / np.hypot(x, y)
        on_ridge = log_softmax(ridge @ layer.rows.T, axis=1)[:, first].max()
        scanned[line] = max(scanned[line], on_ridge)
    assert (scanned <= bounds + 1e-9).all()
    assert attained == pytest.approx(scanned, abs=2e-3)
    assert (bounds - attained).max() < 2e-3


def test_any_point_proves_a_valid_and_weaker_bound_of_a_pair() -> None:
    layer = drawn_layer(9, 4, 3)
    pairs = all_pairs(9)
    best, attained = bounds_of_pairs(layer, pairs)
    points = np.random.default_rng(0).normal(size=(len(pairs), 4))
    assert (both_bounds(layer, pairs, points) >= attained - 1e-9).all()
    assert (both_bounds(layer, pairs, points) >= best - 1e-6).all()


# ---------------------------------------------------------------------------------- never first


def test_the_lead_of_orthogonal_rows_has_a_closed_form() -> None:
    n, length = 9, 1.3
    layer = OutputLayer(length * np.eye(n))
    tokens = np.arange(n)
    others, weights = nearest_mixtures(layer, tokens)
    expected = layer.radius * length * math.sqrt(1 + 1 / (n - 1))
    assert attained_leads(layer, tokens, others, weights) == pytest.approx([expected] * n)
    bounds = lead_bounds(layer, tokens, others, weights)
    assert (bounds >= expected).all() and (bounds <= expected * (1 + 2e-4)).all()


def test_a_row_inside_the_hull_of_others_is_never_ahead() -> None:
    rows = np.random.default_rng(2).normal(size=(12, 4))
    rows[5] = rows[[0, 3, 8, 9]].mean(axis=0)
    layer = OutputLayer(rows)
    tokens = np.array([5])
    others, weights = nearest_mixtures(layer, tokens)
    assert lead_bounds(layer, tokens, others, weights)[0] < ALLOWED
    assert attained_leads(layer, tokens, others, weights)[0] < 1e-6
    with pytest.raises(ValueError, match="among the others"):
        lead_bounds(layer, tokens, np.array([[5, 1]]), np.ones((1, 2)))


@pytest.mark.parametrize("seed", range(3))
def test_leads_agree_with_a_scan_of_the_circle(seed: int) -> None:
    layer = drawn_layer(7, 2, seed)
    tokens = np.arange(7)
    circle = np.linspace(0, 2 * math.pi, 50_001)
    logits = layer.radius * np.stack([np.cos(circle), np.sin(circle)], axis=1) @ layer.rows.T
    scanned = [(logits[:, t] - np.delete(logits, t, axis=1).max(axis=1)).max() for t in tokens]
    expected = np.maximum(scanned, 0)
    others, weights = nearest_mixtures(layer, tokens)
    bounds = lead_bounds(layer, tokens, others, weights)
    assert bounds == pytest.approx(expected, abs=2e-3) and (bounds >= expected - 1e-9).all()
    assert attained_leads(layer, tokens, others, weights) == pytest.approx(expected, abs=1e-3)
    # Any other mixture proves a weaker bound.
    rivals = np.array([np.delete(tokens, token) for token in tokens])
    assert (lead_bounds(layer, tokens, rivals, np.ones((7, 6))) >= bounds - 1e-9).all()


# ------------------------------------------------------------------------------------ members


def statements_of(model: Transformer) -> MemberStatements:
    layer = layer_of(model)
    maxima = ball_maxima(layer, tolerance=1e-4, limit=500)
    return MemberStatements.of_layer(layer, maxima, np.arange(11), Universal(pairs=55, leads=11))


@pytest.mark.parametrize("seed", range(4))
def test_no_prefix_exceeds_a_bound_of_a_pair_or_of_a_lead(seed: int) -> None:
    model = member(seed, scale=30)
    statements = statements_of(model)
    tokens = torch.randint(11, (1, 300, 12), generator=torch.Generator().manual_seed(seed))
    logits = model(tokens)[0].flatten(0, 1).double().numpy()
    log_p = log_softmax(logits, axis=1)
    pairs = statements.pairs.pairs
    lesser = np.minimum(log_p[:, pairs[:, 0]], log_p[:, pairs[:, 1]]).max(axis=0)
    assert (lesser <= statements.both).all()
    for token, bound in zip(statements.leads.tokens, statements.lead, strict=True):
        lead = logits[:, token] - np.delete(logits, token, axis=1).max(axis=1)
        assert lead.max() <= bound


def test_archives_agree_with_brute_force() -> None:
    model = member(7)
    pairs, tokens = all_pairs(11), np.arange(11)
    both, leads = PairElites.empty(pairs), LeadElites.empty(tokens)
    follow = FollowerElites.empty(11)
    offer_short_prefixes(model, 3, both, leads, follow)
    windows = all_prefixes(3)
    logits = model(torch.from_numpy(windows)[None])[0].double().numpy()
    log_p = log_softmax(logits, axis=-1)
    flat = log_p.reshape(-1, 11)
    expected = np.minimum(flat[:, pairs[:, 0]], flat[:, pairs[:, 1]]).max(axis=0)
    np.testing.assert_allclose(both.log_p, expected, atol=2e-5)
    for token in tokens:
        ahead = logits[..., token] - np.delete(logits, token, axis=-1).max(axis=-1)
        assert leads.lead[token] == pytest.approx(ahead.max(), abs=2e-4)
        np.testing.assert_allclose(
            follow.log_p[token], log_p[windows == token].max(axis=0), atol=2e-5
        )
        assert all(prefix[-1] == token for prefix in follow.prefixes[token])


def test_tables_of_a_member() -> None:
    statements = statements_of(member(3))
    offer_short_prefixes(member(3), 2, *statements.archives)
    spelled = [f"t{token}" for token in range(11)]
    tables = statements.tables(np.arange(11), spelled, str)
    assert len(tables["never_both"]) == 55 and len(tables["never_first"]) == 11
    for row in tables["never_both"]:
        assert row["log_p_best"] <= row["log_p_bound"] <= math.log(0.5)
        assert row["log_p_attained"] <= row["log_p_bound"]
    for row in tables["never_first"]:
        assert row["lead_best"] <= row["lead_bound"] and row["lead_bound"] >= row["allowance"]
    statements.pairs.log_p[0] = 0.0
    with pytest.raises(ValueError, match="it is wrong"):
        statements.tables(np.arange(11), spelled, str)


def test_pairs_are_distinct_and_frequent() -> None:
    counts = np.arange(1000)
    pairs = sampled_pairs(counts, 40, 0)
    assert pairs.shape == (40, 2) and len(np.unique(pairs, axis=0)) == 40
    assert (pairs[:, 0] < pairs[:, 1]).all() and pairs.min() >= 850
    assert len(sampled_pairs(counts[:4], 40, 0)) == 6


def test_certificates_of_statements_are_checked() -> None:
    statements = statements_of(member(3))
    certificate, layer = statements.certificate, statements.layer
    assert abs(check_statements(certificate, layer, "c")) < 1e-12
    rows = layer.rows.copy()
    rows[4, 2] = np.nextafter(rows[4, 2], 9)
    with pytest.raises(UserError, match="the weights have changed"):
        check_statements(certificate, OutputLayer(rows), "c")
    with pytest.raises(UserError, match="1 of 66 claims are not proved"):
        check_statements(replace(certificate, both=certificate.both - 1e-6 * np.eye(55)[9]),
                         layer, "c")  # fmt: skip
    with pytest.raises(UserError, match="11 of 66 claims are not proved"):
        check_statements(replace(certificate, leads=certificate.leads - 0.1), layer, "c")
    wrong = certificate.others.copy()
    wrong[2, 0] = certificate.tokens[2]
    for change in ({"others": wrong}, {"weights": -certificate.weights}):
        with pytest.raises(UserError, match="no distribution over the other tokens"):
            check_statements(replace(certificate, **change), layer, "c")


# ---------------------------------------------------------------------------------- processes


def names(machine: Machine, last: str) -> set[str]:
    """Tokens that never follow one."""
    row = never_follow(machine)[machine.vocabulary.index(last)]
    return {machine.vocabulary[token] for token in np.flatnonzero(row)}


def test_what_never_follows_is_read_off_a_machine() -> None:
    digits, answers = {"0", "1", "2", "3"}, {f"n{k}" for k in range(7)}
    assert names(tally(), "=") == digits | {"="}
    assert names(tally(), "n3") == answers | {"="}
    assert names(tally(), "2") == answers
    premises = {f"P{k}" for k in range(5)}
    assert names(masks(), "BOS") == {"a", "b", "c"}
    assert names(masks(), "P4") == names(masks(), "b") == premises
    assert "A0" not in names(fork(), "?t") and "A3" in names(fork(), "f1")
    # After the end of a document nothing is said.
    assert names(fork(), "EOS") == set()


@pytest.mark.parametrize("machine", [tally(), masks(), fork()])
def test_statements_hold_of_drawn_documents(machine: Machine) -> None:
    never = never_follow(machine)
    tokens = machine.draw(300, 20, np.random.default_rng(0)).tokens
    pairs = np.stack([tokens[:, :-1], tokens[:, 1:]], axis=-1).reshape(-1, 2)
    pairs = pairs[(pairs >= 0).all(axis=1)]
    assert never.any() and not never[pairs[:, 0], pairs[:, 1]].any()


@pytest.mark.parametrize(("machine", "length"), [(tally(), 4), (masks(), 4), (fork(), 2)])
def test_possible_prefixes_are_those_with_a_law(machine: Machine, length: int) -> None:
    vocabulary = len(machine.vocabulary)
    every = np.array(list(itertools.product(range(vocabulary), repeat=length)))
    padded = np.column_stack([every, np.zeros(len(every), np.int64)])
    is_possible = np.isfinite(machine.laws(padded)[:, -1]).all(axis=1)
    expected = {tuple(row) for row in every[is_possible].tolist()}
    possible = possible_prefixes(machine, len(expected), 64)
    assert possible.length == length
    present = {tuple(row) for rows in possible.windows if rows.shape[1] == length
               for row in rows.tolist()}  # fmt: skip
    assert present == expected
    assert possible_prefixes(machine, 10**6, 2).length == 2


def test_whole_documents_are_left_out() -> None:
    possible = possible_prefixes(fork(), 3000, 13)
    eos = fork().vocabulary.index("EOS")
    assert all((rows != eos).all() for rows in possible.windows)


def test_rows_of_a_process_have_exact_maxima() -> None:
    machine = tally()
    statements = ProcessStatements.of_machine("tally", machine, possible=100, short=169, context=12)
    assert statements.possible.length == 4 and statements.short == 2
    model = lettered(len(machine.vocabulary))
    documents = machine.draw(5, 12, np.random.default_rng(1)).tokens
    bounds = np.zeros(13)
    rows = statements.rows(model, bounds, documents, 4)
    assert len(rows) == never_follow(machine).sum()
    by_pair = {(row["last_id"], row["token_id"]): row for row in rows}
    windows = np.concatenate(
        [window for window in statements.possible.windows if window.shape[1] == 4]
    )
    log_p = torch.log_softmax(model(torch.from_numpy(windows)[None])[0].double(), -1).numpy()
    for (last, token), row in by_pair.items():
        at = windows == last
        expected = log_p[at][:, token].max() if at.any() else None
        assert row["log_p_possible"] == (expected and pytest.approx(expected, abs=2e-5))
        assert (row["prefix_possible"] is None) == (expected is None)
        assert row["log_p_short"] is not None and row["short_length"] == 2
    assert any(last == EQUALS and row["prefix_text"] for (last, _), row in by_pair.items())
    assert set(MACHINES) == {"masks", "tally", "tally1", "fork"}


def lettered(vocabulary: int) -> Transformer:
    """A member with another vocabulary."""
    small = member(0)
    model = Transformer(small.size, vocabulary, 12).requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.copy_(0.5 * torch.randn(weight.shape, generator=generator))
    return model
