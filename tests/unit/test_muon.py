"""Muon: orthogonalised momentum, against its definition and against torch's."""

import copy
import math

import pytest
import torch

from manymasks.training.muon import COEFFICIENTS, ITERATIONS, MOMENTUM, muon_step, orthogonalise

SHAPES = [(16, 16), (32, 16), (16, 48), (3, 24, 16)]


def drawn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def naive(matrix):
    """Newton-Schulz in float64, as it is written down."""
    a, b, c = COEFFICIENTS
    x = matrix.double() / matrix.double().norm()
    for _ in range(ITERATIONS):
        x = a * x + b * (x @ x.T) @ x + c * (x @ x.T) @ (x @ x.T) @ x
    return x


@pytest.mark.parametrize("shape", [(64, 64), (128, 32), (32, 128)])
def test_singular_values_approach_one(shape):
    x = drawn(*shape)
    values = torch.linalg.svdvals(orthogonalise(x))
    # A random square matrix has singular values near 0, which five turns do not lift all the way.
    small = int((torch.linalg.svdvals(x / x.norm()) < 0.002).sum())
    assert small <= 2
    assert values[: len(values) - small].min() > 0.68 and values.max() < 1.21


@pytest.mark.parametrize("shape", [(24, 64), (64, 24)])
def test_direction_agrees_with_the_svd(shape):
    x = drawn(*shape)
    u, _, vt = torch.linalg.svd(x, full_matrices=False)
    found = orthogonalise(x)
    # Same singular vectors: what is left between them is diagonal, and positive.
    inner = u.T @ found @ vt.T
    assert (inner - inner.diag().diag()).abs().max() < 1e-4
    assert inner.diag().min() > 0.67
    assert torch.nn.functional.cosine_similarity(found.flatten(), (u @ vt).flatten(), 0) > 0.97


@pytest.mark.parametrize("shape", [(16, 16), (40, 16), (16, 40)])
def test_the_newton_schulz_step_is_its_recurrence(shape):
    x = drawn(*shape)
    torch.testing.assert_close(orthogonalise(x).double(), naive(x), rtol=1e-4, atol=1e-5)


def test_a_stack_is_its_matrices_one_by_one():
    x = drawn(2, 3, 24, 16)
    found = orthogonalise(x)
    assert found.shape == x.shape
    for i in range(2):
        for j in range(3):
            assert torch.equal(found[i, j], orthogonalise(x[i, j]))


def test_zero_stays_zero():
    assert torch.equal(orthogonalise(torch.zeros(2, 8, 4)), torch.zeros(2, 8, 4))


def stack(members):
    """Weights, gradients of three steps, and momenta, of as many members."""
    weights = [drawn(members, *shape, seed=i) for i, shape in enumerate(SHAPES)]
    steps = [
        [drawn(members, *shape, seed=100 * step + i) for i, shape in enumerate(SHAPES)]
        for step in range(1, 4)
    ]
    return weights, steps, [torch.zeros_like(weight) for weight in weights]


def test_a_member_does_not_depend_on_the_rest_of_the_stack():
    rates = torch.tensor([0.01, 0.02, 0.003])
    weights, steps, momenta = stack(3)
    alone = copy.deepcopy((weights, momenta))
    for grads in steps:
        muon_step(weights, grads, momenta, rates, weight_decay=0.1)
    for member in range(3):
        own = [[each[member : member + 1].clone() for each in group] for group in alone]
        for grads in steps:
            given = [grad[member : member + 1].clone() for grad in grads]
            muon_step(own[0], given, own[1], rates[member : member + 1], weight_decay=0.1)
        for group, found in zip((weights, momenta), own, strict=True):
            for together, one in zip(group, found, strict=True):
                assert torch.equal(together[member], one[0])


def test_step_is_its_definition():
    rates = [0.01, 0.03]
    weights, steps, momenta = stack(2)
    wanted = [weight.double() for weight in weights]
    averages = [torch.zeros_like(weight) for weight in wanted]
    for grads in steps:
        before = copy.deepcopy(grads)
        muon_step(weights, grads, momenta, torch.tensor(rates), weight_decay=0.2)
        assert all(torch.equal(one, other) for one, other in zip(before, grads, strict=True))
        for weight, average, grad in zip(wanted, averages, grads, strict=True):
            average.mul_(MOMENTUM).add_((1 - MOMENTUM) * grad.double())
            ahead = (1 - MOMENTUM) * grad.double() + MOMENTUM * average
            for member, rate in enumerate(rates):
                rows, columns = weight.shape[-2:]
                for matrix, update in zip(
                    weight[member].view(-1, rows, columns),
                    ahead[member].view(-1, rows, columns),
                    strict=True,
                ):
                    matrix *= 1 - rate * 0.2
                    matrix -= rate * 0.2 * math.sqrt(max(rows, columns)) * naive(update)
    for one, other in zip(weights, wanted, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(32, 32), (64, 16), (16, 64)])
def test_muon_agrees_with_torch(shape):
    """It orthogonalises in bfloat16, so an update may differ by some per cent of its length."""
    weight = torch.nn.Parameter(drawn(*shape))
    optimizer = torch.optim.Muon(
        [weight], lr=0.02, momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    ours, average = weight.detach().clone()[None], torch.zeros(1, *shape)
    for step in range(1, 6):
        before = ours.clone()
        # From the same weights each time: what is compared is a step.
        weight.data.copy_(ours[0])
        weight.grad = drawn(*shape, seed=step)
        optimizer.step()
        muon_step([ours], [weight.grad[None]], [average], torch.tensor([0.02]), weight_decay=0.1)
        moved = (ours - before)[0]
        assert (weight.data - ours[0]).norm() < 0.03 * moved.norm()
        torch.testing.assert_close(optimizer.state[weight]["momentum_buffer"], average[0])


def test_matrices_of_one_shape_can_be_stacked():
    """The path of a GPU, on a CPU: shapes and transposes find their way back."""
    from manymasks.training.muon import orthogonalise_all

    updates = [drawn(2, *shape, seed=i) for i, shape in enumerate(SHAPES)]
    for found, update in zip(orthogonalise_all(updates), updates, strict=True):
        torch.testing.assert_close(found, orthogonalise(update), rtol=1e-4, atol=1e-5)
