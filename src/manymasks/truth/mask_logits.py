"""The mixture of masks with log-linear weights that is closest to the laws of a predictor.

The weights of the masks after a prompt are a softmax of logits that are linear in a few parameters,
the same for all prompts. The parameters minimise the mean of KL(law || mixture). The problem is not
convex, so it is solved from several starts; parameters are bounded, as a mask that is never
predicted has a log-weight of minus infinity.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from manymasks.arrays import Floats
from manymasks.corpora.processes.machine import entropy

ITERATIONS = 300
TOLERANCE = 1e-11
"""Of the mean divergence, nats, at which a search stops; of its gradient ten times as much."""


@dataclass(frozen=True)
class LogitProblem:
    """Laws of a predictor, and the mixtures that they are compared with."""

    laws: Floats
    """(prompts, values): of the predictor."""
    components: Floats
    """(prompts, masks, values): positive laws of the masks."""
    offset: Floats
    """(prompts, masks): logits with all parameters at 0."""
    features: Floats
    """(prompts, masks, parameters): what a parameter adds to the logits."""

    def fixed(self, parameter: int, value: float) -> "LogitProblem":
        """The same with a parameter at a value."""
        offset = self.offset + value * self.features[..., parameter]
        features = np.delete(self.features, parameter, -1)
        return LogitProblem(self.laws, self.components, offset, features)

    def mixtures(self, parameters: Floats) -> Floats:
        """(prompts, values)."""
        return np.asarray((self._weights(parameters)[:, None] @ self.components)[:, 0])

    def divergence(self, parameters: Floats) -> tuple[float, Floats]:
        """The mean divergence, nats, and its gradient."""
        weights = self._weights(parameters)
        mixture = (weights[:, None] @ self.components)[:, 0]
        ratio = self.laws / mixture
        # The laws of the masks, weighted by what they would have to gain.
        gains = weights * ((self.components @ ratio[..., None])[..., 0] - 1)
        gradient = -np.einsum("pm,pmk->k", gains, self.features) / len(self.laws)
        cross = -(self.laws * np.log(mixture)).sum(-1)
        return float((cross - entropy(self.laws)).mean()), gradient

    def _weights(self, parameters: Floats) -> Floats:
        logits = self.offset + self.features @ parameters
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        return np.asarray(weights / weights.sum(-1, keepdims=True))


@dataclass(frozen=True)
class LogitFit:
    """Parameters, and the mean divergence that they leave, nats."""

    parameters: Floats
    left: float


def closest_logits(
    problem: LogitProblem, starts: Sequence[Floats], bounds: Sequence[tuple[float, float]]
) -> LogitFit:
    """The best of the fits from several starts. `bounds`: the lowest and highest value of each
    parameter."""
    fits = []
    for start in starts:
        result = optimize.minimize(
            problem.divergence,
            np.clip(start, *np.transpose(bounds)),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": ITERATIONS, "ftol": TOLERANCE, "gtol": 10 * TOLERANCE},
        )
        fits.append(LogitFit(result.x, max(float(result.fun), 0.0)))
    return min(fits, key=lambda fit: fit.left)
