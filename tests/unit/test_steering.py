"""Steering: closed forms by enumeration in float64, and estimators on exact predictors."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from manymasks.arrays import Floats
from manymasks.config.training import Size
from manymasks.corpora.processes.machine import entropy
from manymasks.corpora.processes.registry import process
from manymasks.corpora.processes.steer import (
    COMMON,
    COSTS,
    CUES,
    FIRST_CHOICE,
    FIRST_LETTER,
    LENGTH,
    LETTER_LAWS,
    OPTIONS,
    SEPARATOR,
    VOCABULARY,
    steer_law,
    tilted,
)
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer, initialise
from manymasks.steering import drift as walks
from manymasks.steering.arm_training import ArmRun, arm_end, train_arm
from manymasks.steering.choice_arms import (
    ARMS,
    ChoiceLosses,
    Draws,
    choice_logs,
    cue_tokens,
    document_losses,
    objective,
)
from manymasks.steering.closed_forms import (
    greedy_log_odds,
    mixed_law,
    table_walk,
    total_corners,
)
from manymasks.steering.slopes import choice_counts, slope_sd, steering_reading

pytestmark = pytest.mark.unit

LAW = steer_law("steer")
SIZE = Size(width=8, layers=2, heads=2, rotary_base=100, embedding_sd=1)
ROUTES = [Route(), Route("myopic")]


def network(route: Route, seed: int = 0) -> Transformer:
    """A member in float64 that was never trained."""
    model = Transformer(SIZE, len(VOCABULARY), LENGTH, [route]).double()
    initialise(model, [seed])
    return model


# ------------------------------------------------------------------------------- the process


def test_costs_and_surprise_of_a_document() -> None:
    np.testing.assert_allclose(COSTS, [0.503, 1.763, 3.337, 4.159], atol=6e-4)
    letters = float(LAW.cues @ LAW.choices @ COSTS)
    document = np.log(CUES) + LAW.cues @ entropy(LAW.choices) + letters
    assert document == pytest.approx(5.800, abs=1e-3)
    known = process("steer")
    tokens = known.draw(4000, np.random.default_rng(0))
    surprise = entropy(known.laws(tokens)).sum(1).mean()
    assert surprise == pytest.approx(document, abs=0.08)


def test_choices_are_uncorrelated_with_ease_over_cues() -> None:
    logs = np.log(LAW.choices)
    ease = COSTS.mean() - COSTS
    assert float((logs - logs.mean(1, keepdims=True)).mean(0) @ ease) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("name", "sign"), [("steer-easy", 1), ("steer-hard", -1)])
def test_authors_choose_by_ease_after_common_cues_alone(name: str, sign: int) -> None:
    rare = steer_law("steer-rare")
    law = steer_law(name)
    reading = steering_reading(law.choices, rare.choices)
    np.testing.assert_allclose(reading.slopes[:COMMON], sign / 2, atol=1e-12)
    np.testing.assert_allclose(reading.slopes[COMMON:], 0, atol=1e-12)
    assert reading.residual == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(law.cues[COMMON:] / law.cues[COMMON - 1 : -1], 1 / 4)
    np.testing.assert_array_equal(law.choices[COMMON:], 1 / OPTIONS)


# ------------------------------------------------------------------------------- the estimator


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0, 4.0, -2.0])
def test_exact_predictors_land_on_their_slopes(beta: float) -> None:
    reading = steering_reading(tilted(LAW.choices, COSTS, 1 / beta), LAW.choices)
    np.testing.assert_allclose(reading.slopes, 1 / beta, atol=1e-12)
    assert reading.slope == pytest.approx(1 / beta, abs=1e-12)
    assert reading.residual == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("order", list(itertools.permutations(range(OPTIONS)))[::5])
def test_the_law_has_no_slope_whatever_is_easy(order: tuple[int, ...]) -> None:
    costs = COSTS[list(order)]
    reading = steering_reading(LAW.choices, LAW.choices, costs)
    np.testing.assert_allclose(reading.slopes, 0, atol=1e-12)
    # A tilt by these costs is read by these costs.
    reading = steering_reading(tilted(LAW.choices, costs, 0.5), LAW.choices, costs)
    np.testing.assert_allclose(reading.slopes, 0.5, atol=1e-12)


def test_error_of_a_slope_by_counts() -> None:
    spread = slope_sd(LAW.choices, np.full(CUES, 100.0))
    assert spread.max() == pytest.approx(0.094, abs=5e-4)
    np.testing.assert_allclose(slope_sd(LAW.choices, np.full(CUES, 1e4)), spread / 10)
    assert np.isinf(slope_sd(LAW.choices, np.zeros(CUES))).all()
    rng = np.random.default_rng(1)
    drawn = rng.multinomial(2000, LAW.choices, size=(3000, CUES)) / 2000
    slopes = np.stack([steering_reading(laws, LAW.choices).slopes for laws in drawn])
    np.testing.assert_allclose(slopes.std(0), slope_sd(LAW.choices, np.full(CUES, 2e3)), rtol=0.06)
    assert abs(slopes.mean()) < 4 * slopes.std() / np.sqrt(slopes.size)


def test_documents_are_counted_by_cue_and_choice() -> None:
    counts = choice_counts(process("steer").draw(20_000, np.random.default_rng(2)))
    assert counts.sum() == 20_000
    expected = 20_000 * LAW.cues[:, None] * LAW.choices
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()


# ------------------------------------------------------------------------------- closed forms


def test_shift_of_a_mixture_without_a_threshold() -> None:
    half, costs = np.array([0.5, 0.5]), np.array([0.0, 1.0])
    for share, shift in ((0.05, 0.0526), (0.1, 0.1109), (0.2, 0.2475)):
        p = mixed_law(half, costs, share)
        k = share / (1 - share)
        assert np.log(p[0] / p[1]) == pytest.approx(shift, abs=1e-4)
        assert p[0] - 0.5 == pytest.approx(k * p[0] * p[1], abs=1e-12)
    np.testing.assert_array_equal(mixed_law(half, costs, 0.0), half)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_mixture_is_where_its_gradient_is_zero(share: float) -> None:
    for row in LAW.choices:
        p = mixed_law(row, COSTS, share)
        assert p.sum() == pytest.approx(1, abs=1e-12)
        gradient = (1 - share) * (p - row) + share * p * (COSTS - p @ COSTS)
        np.testing.assert_allclose(gradient, 0, atol=1e-9)


def test_greedy_log_odds_solve_their_equation() -> None:
    odds, gap, step = -1.0, 1.3, 1e-3
    for _ in range(8000):
        # Midpoint rule.
        middle = odds + step / 2 * gap / (2 + 2 * np.cosh(odds))
        odds += step * gap / (2 + 2 * np.cosh(middle))
    assert greedy_log_odds(-1.0, gap, 8.0) == pytest.approx(odds, abs=1e-6)


def test_total_ends_in_the_corner_that_its_odds_decide() -> None:
    gap = 1.0
    for odds, easy in ((-0.99, True), (-1.01, False), (2.0, True), (-3.0, False)):
        p = 1 / (1 + np.exp(-odds))
        (corner,) = total_corners(np.array([[p, 1 - p]]), np.array([0.0, gap]))
        assert (corner == 0) == easy
    # Two near ties go to the second easiest choice.
    assert total_corners(LAW.choices, COSTS) == [0, 1, 0, 0, 1, 0, 0, 0]


def test_walk_of_a_table_on_its_draws() -> None:
    law, rate, steps, batch = np.array([0.4, 0.3, 0.2, 0.1]), 0.02, 60, 8
    rng = np.random.default_rng(3)
    logits = np.tile(np.log(law), (4000, 1))
    for _ in range(steps):
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        shares = rng.multinomial(batch, p) / batch
        logits += rate * (shares - p)
    moved = logits - np.log(law)
    expected = table_walk(law, rate, steps, batch)
    np.testing.assert_allclose(np.cov(moved.T), expected, atol=0.06 * expected.max())
    assert expected[0, 0] == pytest.approx(rate**2 * steps * 0.4 * 0.6 / batch)
    assert (np.abs(moved.mean(0)) < 4 * np.sqrt(np.diag(expected) / 4000)).all()


# ------------------------------------------------- expected gradients of a table, by enumeration

Exact = Callable[[Tensor], Tensor]
ROW = torch.tensor([0.2, 0.4, 0.3, 0.1], dtype=torch.float64)
PRIOR = torch.tensor(LAW.choices[0])
PRICE = torch.tensor(COSTS)


def batches(size: int) -> Iterator[tuple[int, ...]]:
    yield from itertools.product(range(OPTIONS), repeat=size)


def expected_gradient(arm: str, p: Tensor, chosen: int, size: int, beta: float) -> Tensor:
    """Mean gradient of the loss of a batch by logits, over all batches of one cue."""
    logits = p.log().clone().requires_grad_()
    total = torch.zeros(())
    for batch in batches(size):
        logs = torch.log_softmax(logits, 0)
        index = torch.tensor(batch)
        chances = [p[c] if i < chosen else PRIOR[c] for i, c in enumerate(batch)]
        losses = ChoiceLosses(
            torch.zeros(1, size), -logs[index][None], -logs[index][None], PRICE[index]
        )
        kl = (logs.exp() * (logs - PRIOR.log())).sum()[None]
        loss = objective(ARMS[arm], losses, torch.arange(size) < chosen, kl, beta)[0]
        total = total + float(np.prod(chances)) * loss
    (gradient,) = torch.autograd.grad(total, logits)
    return gradient


def gradient_at(p: Tensor, exact: Exact) -> Tensor:
    logits = p.log().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(exact(torch.softmax(logits, 0)), logits)
    return gradient


OBJECTIVES: dict[str, Exact] = {
    "offline": lambda p: -(PRIOR * p.log()).sum(),
    "self": lambda p: 0 * p.sum(),
    "return": lambda p: (p * PRICE).sum() + 2 * (p * (p.log() - PRIOR.log())).sum(),
    "greedy": lambda p: (p * PRICE).sum(),
    "total": lambda p: (p * (PRICE - p.log())).sum(),
    "mixed": lambda p: (2 * (p * PRICE).sum() - (PRIOR * p.log()).sum()) / 3,
}


@pytest.mark.parametrize("arm", OBJECTIVES)
def test_estimators_have_the_gradients_of_their_objectives(arm: str) -> None:
    size = 3
    chosen = {"offline": 0, "mixed": 2}.get(arm, size)
    for p in (ROW, PRIOR):
        estimated = expected_gradient(arm, p, chosen, size, beta=2.0)
        exact = gradient_at(p, OBJECTIVES[arm])
        np.testing.assert_allclose(estimated.numpy(), exact.numpy(), atol=1e-12)


def test_gradient_of_own_choices_is_zero_for_every_law() -> None:
    for p in (ROW, PRIOR, torch.tensor([0.97, 0.01, 0.01, 0.01], dtype=torch.float64)):
        gradient = expected_gradient("self", p, 3, 3, 0.0)
        np.testing.assert_allclose(gradient.numpy(), 0, atol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_a_return_ends_at_the_law_weighted_by_ease(beta: float) -> None:
    best = torch.tensor(tilted(LAW.choices[0], COSTS, 1 / beta))
    gradient = expected_gradient("return", best, 2, 2, beta)
    np.testing.assert_allclose(gradient.numpy(), 0, atol=1e-12)
    assert expected_gradient("return", ROW, 2, 2, beta).abs().max() > 0.01


class LetterTable(torch.nn.Module):
    """A predictor that reads letters off the embedding of the choice, exactly at its own tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.W_E = torch.eye(len(VOCABULARY), dtype=torch.float64)[None]

    def embed(self, tokens: Tensor) -> Tensor:
        return self.W_E[0][tokens]

    def from_embedding(self, x: Tensor) -> Tensor:
        logits = torch.full((*x.shape[:3], len(VOCABULARY)), -1e9, dtype=torch.float64)
        logits[:, :, :1, 1:FIRST_CHOICE] = 0
        logits[:, :, 1, FIRST_CHOICE:SEPARATOR] = 0
        logits[:, :, 2, SEPARATOR] = 0
        choice = x[:, :, 2, FIRST_CHOICE:SEPARATOR]
        letters = choice @ torch.tensor(LETTER_LAWS).log()
        logits[:, :, 3:, FIRST_LETTER:] = letters[:, :, None]
        return logits


def test_the_path_through_a_choice_carries_nothing_where_letters_are_exact() -> None:
    """The letters do not know of the change of what is fed back."""
    documents = walks.every_document()[None]
    law = torch.tensor(LAW.choices)
    logits = law.log().requires_grad_()
    p = torch.softmax(logits, -1)
    fed_back = p[documents[..., 1] - 1]
    losses = document_losses(LetterTable(), documents, fed_back)  # type: ignore[arg-type]
    chances = torch.tensor(walks.document_chances(LAW, law.numpy()))
    expected = float(LAW.cues @ LAW.choices @ COSTS)
    assert float((losses.later[0].detach() * chances).sum()) == pytest.approx(expected, abs=1e-9)
    (gradient,) = torch.autograd.grad((losses.later[0] * chances).sum(), logits)
    np.testing.assert_allclose(gradient.numpy(), 0, atol=1e-12)
    # One document alone has a gradient.
    losses = document_losses(
        LetterTable(), documents, torch.softmax(logits, -1)[documents[..., 1] - 1]
    )  # type: ignore[arg-type]
    (gradient,) = torch.autograd.grad(losses.later[0, 5], logits)
    assert gradient.abs().max() > 1e-3


# ------------------------------------------------------------------------------- members


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_own_choices_move_no_weight_on_average(route: Route) -> None:
    model = network(route)
    logs = choice_logs(model, cue_tokens())
    loss = -(logs.exp().detach() * logs).sum()
    for gradient in torch.autograd.grad(loss, list(model.parameters())):
        np.testing.assert_allclose(gradient.numpy(), 0, atol=1e-12)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_choice_that_is_fed_back_changes_no_loss(route: Route) -> None:
    model = network(route)
    documents = walks.every_document()[None, ::37]
    p = choice_logs(model, cue_tokens()).exp()[0][documents[..., 1] - 1]
    plain, fed = document_losses(model, documents), document_losses(model, documents, p)
    for field in dataclasses.fields(ChoiceLosses):
        a, b = getattr(plain, field.name), getattr(fed, field.name)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_products_with_gradients_are_those_of_autograd(route: Route) -> None:
    model = network(route)
    documents = walks.every_document()[[3, 700, 1999]]
    rows = walks.jacobian(model)[5:8]
    along = walks.along_rows(model, rows, documents)
    for index, document in enumerate(documents):
        logits = model(document[None, None, :-1])
        logs = torch.log_softmax(logits, -1).gather(-1, document[None, None, 1:, None])
        gradients = torch.autograd.grad(-logs.sum(), list(model.parameters()))
        for row, product in zip(rows, along[:, index], strict=True):
            exact = sum(
                float((row[name] * gradient).sum())
                for (name, _), gradient in zip(model.named_parameters(), gradients, strict=True)
            )
            assert product == pytest.approx(exact, rel=1e-6, abs=1e-8)


def test_covariance_of_the_walk_is_that_over_documents() -> None:
    """With a row for the slope alone: the variance of its product with the gradients."""
    model = network(Route())
    drift = walks.self_drift(model, LAW)
    chances = walks.document_chances(
        LAW, choice_logs(model, cue_tokens()).exp()[0].detach().numpy()
    )
    assert chances.sum() == pytest.approx(1, abs=1e-12)
    along = walks.along_rows(model, walks.jacobian(model)[:1], walks.every_document())[0]
    variance = chances @ (along - chances @ along) ** 2
    assert drift.covariance[0, 0] == pytest.approx(variance)
    np.testing.assert_allclose(drift.covariance, drift.covariance.T)
    assert drift.log_sd(0.0, 100, 8) == 0
    assert drift.slope_sd(0.1, 400, 8) == pytest.approx(2 * drift.slope_sd(0.1, 100, 8))


# ------------------------------------------------------------------------------- training


def test_draws_follow_their_laws_and_seeds() -> None:
    laws = torch.tensor(np.stack([tilted(LAW.choices, COSTS, 3.0), LAW.choices]))
    drawn = Draws(LAW, [[0, 1], [0, 2]]).documents(laws, 4000, 3000)
    assert drawn.shape == (2, 4000, LENGTH)
    easiest = (drawn[..., 2] == FIRST_CHOICE).double()
    assert float(easiest[0, :3000].mean()) == pytest.approx(float(laws[0, :, 0].mean()), abs=0.03)
    assert float(easiest[0, 3000:].mean()) == pytest.approx(0.25, abs=0.05)
    # Each member has its draws, whatever the stack.
    alone = Draws(LAW, [[0, 2]]).documents(laws[1:], 4000, 3000)
    assert torch.equal(alone[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[1])


@pytest.mark.parametrize("arm", ARMS)
def test_members_of_a_stack_are_trained_as_alone(arm: str) -> None:
    dose = {"return": 2.0, "pathwise": 2.0, "mixed": 0.25}.get(arm)
    run = ArmRun(arm, "adamw", 3, 8, 1e-2, dose)
    ends = []
    for routes, seeds in ((ROUTES, [[0], [1]]), (ROUTES[1:], [[1]])):
        model = Transformer(SIZE, len(VOCABULARY), LENGTH, routes)
        initialise(model, [0, 1][-len(routes) :])
        start = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        before = {name: weight.clone() for name, weight in start.items()}
        ends.append(train_arm(model, start, LAW, run, seeds))
        for name, weight in start.items():
            assert torch.equal(weight, before[name])
            assert not torch.equal(weight, dict(model.named_parameters())[name])
    np.testing.assert_array_equal(ends[0].laws[1:], ends[1].laws)
    np.testing.assert_array_equal(ends[0].later[1:], ends[1].later)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_exact_gradients_of_the_whole_loss_lower_it(route: Route) -> None:
    model = Transformer(SIZE, len(VOCABULARY), LENGTH, [route])
    initialise(model, [0])
    start = {name: weight.detach().clone() for name, weight in model.named_parameters()}

    def expected(laws: Floats) -> float:
        return float(LAW.cues @ (laws * (COSTS - np.log(laws))).sum(-1))

    ends = [
        train_arm(model, start, LAW, ArmRun("total", "exact", steps, 4, 0.05), [[0]]).laws[0]
        for steps in (1, 200)
    ]
    assert expected(ends[1]) < expected(ends[0]) - 0.2
    # No draw enters.
    again = train_arm(model, start, LAW, ArmRun("total", "exact", 200, 4, 0.05), [[1]])
    np.testing.assert_array_equal(again.laws[0], ends[1])


def test_a_rate_of_zero_leaves_a_member_where_it_was() -> None:
    model = Transformer(SIZE, len(VOCABULARY), LENGTH, ROUTES)
    initialise(model, [0, 1])
    start = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    run = ArmRun("self", "sgd", 4, 8, 0.0)
    end = train_arm(model, start, LAW, run, [[0], [1]], path_every=2)
    assert sorted(end.path) == [2, 4]
    np.testing.assert_array_equal(end.path[2], end.laws)
    again = arm_end(end.values())
    np.testing.assert_array_equal(again.laws, end.laws)
    np.testing.assert_array_equal(again.path[4], end.path[4])
