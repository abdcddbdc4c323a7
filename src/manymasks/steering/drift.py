"""The random walk of `self` under SGD, to first order in the rate.

The gradient g of a document of a member's own choice has the mean 0 where the letters are at their
exact law, so after some steps the change of ln p(c | cue) has the covariance

    rate^2 steps / batch  J Cov(g) J',        J = d ln p / d weights,

over the 2,048 documents with the member's own choices. J g is a directional derivative: that of
the loss of a document along a row of J, which central differences of the forward pass give in
float64 for all documents at once. Under a myopic gradient, g leaves out what flows into earlier
positions, so the derivative is that of a forward pass whose earlier positions are those of the
unchanged weights; J is the whole derivative, since weights move choices by whatever way there is.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats
from manymasks.corpora.processes.steer import CUES, LETTER_LAWS, LETTERS, OPTIONS, SteerLaw
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer
from manymasks.steering.choice_arms import choice_logs, cue_tokens, documents_of
from manymasks.steering.slopes import slope_weights

STEP = 1e-4
"""Length of the change of all weights on either side of a central difference."""


@dataclass(frozen=True)
class Drift:
    """Of a run of `self` by SGD with a rate of 1, one step and one document a step."""

    covariance: Floats
    """Of the change of ln p, (cues x choices, cues x choices)."""

    def log_sd(self, rate: float, steps: int, batch: int) -> float:
        """Standard deviation of the change of ln p, root mean square over cues and choices."""
        scale = rate**2 * steps / batch
        return float(np.sqrt(scale * np.diag(self.covariance).mean()))

    def slope_sd(self, rate: float, steps: int, batch: int) -> float:
        """Standard deviation of the change of the mean slope."""
        weights = np.tile(slope_weights(), CUES) / CUES
        scale = rate**2 * steps / batch
        return float(np.sqrt(scale * (weights @ self.covariance @ weights)))


def every_document() -> Tensor:
    """All documents, (8 cues x 4 choices x 64 texts, length)."""
    letters = list(itertools.product(range(OPTIONS), repeat=LETTERS))
    rows = itertools.product(range(CUES), range(OPTIONS), letters)
    cues, choices, texts = zip(*rows, strict=True)
    return documents_of(torch.tensor(cues), torch.tensor(choices), torch.tensor(texts))


def document_chances(law: SteerLaw, choices: Floats) -> Floats:
    """Probabilities of `every_document` with choices by (cues, choices) probabilities."""
    letters = LETTER_LAWS
    texts = np.einsum("ca,cb,cd->cabd", letters, letters, letters).reshape(OPTIONS, -1)
    return np.asarray((law.cues[:, None, None] * choices[..., None] * texts).ravel())


def member_drift(stack: Transformer, member: int, law: SteerLaw) -> Drift | None:
    """The drift of a member of a stack; None for a route that is neither causal nor myopic."""
    route = stack.routes[member]
    if route.gradient not in ("causal", "myopic"):
        return None
    model = Transformer(stack.size, stack.W_E.shape[1], stack.context, (route,)).double()
    with torch.no_grad():
        weights = dict(model.named_parameters())
        for name, weight in stack.weights_of(member).items():
            weights[name][0].copy_(weight)
    return self_drift(model, law)


def self_drift(model: Transformer, law: SteerLaw) -> Drift:
    """The drift of one member, a stack of one in float64 on the CPU, whose route is causal or
    myopic."""
    with torch.no_grad():
        choices = choice_logs(model, cue_tokens()).exp()[0].numpy()
    moved = along_rows(model, jacobian(model), every_document())
    chances = document_chances(law, choices)
    centred = moved - (moved @ chances)[:, None]
    return Drift((centred * chances) @ centred.T)


def along_rows(
    model: Transformer, rows: Sequence[Mapping[str, Tensor]], documents: Tensor
) -> Floats:
    """Products (rows, documents) of changes of all weights, by name, and the gradients of the
    losses of documents (documents, length), which flow as the route of the member says."""
    weights = dict(model.named_parameters())
    start = {name: weight.detach().clone() for name, weight in weights.items()}
    routes, past = model.routes, None
    with torch.no_grad():
        if routes[0].gradient == "myopic":
            # Earlier positions as they were, read by the weights as they are.
            past = model.inputs(documents[None, :, :-1])
            model.routes = (Route("local"),)
        products = []
        for row in rows:
            length = float(sum((part**2).sum() for part in row.values())) ** 0.5
            ends = []
            for step in (STEP / length, -STEP / length):
                for name, weight in weights.items():
                    weight.copy_(start[name] + step * row[name])
                ends.append(_document_nats(model, documents[None], past))
            products.append((ends[0] - ends[1]) * (length / (2 * STEP)))
        for name, weight in weights.items():
            weight.copy_(start[name])
    model.routes = routes
    along: Floats = torch.stack(products).numpy()
    return along


def jacobian(model: Transformer) -> list[dict[str, Tensor]]:
    """The whole derivative of ln p of each choice after each cue, by weight."""
    weights = dict(model.named_parameters())
    routes, model.routes = model.routes, (Route(),)
    logs = choice_logs(model, cue_tokens()).flatten()
    rows = [torch.autograd.grad(log, list(weights.values()), retain_graph=True) for log in logs]
    model.routes = routes
    return [dict(zip(weights, row, strict=True)) for row in rows]


def _document_nats(model: Transformer, documents: Tensor, past: list[Tensor] | None) -> Tensor:
    """Loss (documents,) of whole documents (1, documents, length)."""
    logits = model(documents[..., :-1], past=past)
    return -torch.log_softmax(logits, -1).gather(-1, documents[..., 1:, None])[0, ..., 0].sum(-1)
