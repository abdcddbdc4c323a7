"""Where training a choice ends, for a softmax table of logits l with its own row for each cue.

With p the probabilities and L the costs of choices, and all gradients exact:

- self (-ln p on own choices, nothing through the choice): E grad = 0 for every p, so nothing moves
  on average, and SGD is a random walk with the covariance of `table_walk`.
- return (E L + beta KL(p, start)): p ~ start exp(-L / beta), the one minimum (`steer.tilted`).
- greedy (E L): the corner of the least cost. For two choices with log-odds l and difference D of
  costs, dl/dt = p (1 - p) D, so l + sinh(l) = D t / 2 + constant.
- total (E (L - ln p) through the choice): dl_c/dt = p_c ((ln p_c - L_c) - mean), and every corner
  attracts, since certainty pays as well. For two choices the easier one wins if and only if its
  log-odds exceed -D.
- mixed ((1 - share) offline + share greedy): p_c - law_c = k p_c (mean L - L_c),
  k = share / (1 - share); for two choices p - law = k D p (1 - p), without a threshold.
"""

import numpy as np
from scipy.optimize import brentq

from manymasks.arrays import Floats

STEP, STEPS = 0.2, 8000
"""Of the dynamics of `total`."""


def mixed_law(law: Floats, costs: Floats, share: float) -> Floats:
    """The law (choices,) at which imitation of a law, weighted by 1 - share, and a lower mean cost,
    weighted by share, are in balance."""
    k = share / (1 - share)
    if k == 0:
        return law

    def excess(mean: float) -> float:
        return float((law / (1 - k * (mean - costs))).sum() - 1)

    lowest = float(costs.min())
    # The excess rises from below 0 without bound up to the pole of the least cost.
    mean = brentq(excess, lowest, lowest + (1 - 1e-12) / k, xtol=1e-14)
    return np.asarray(law / (1 - k * (mean - costs)))


def greedy_log_odds(start: float, gap: float, time: float) -> float:
    """Log-odds of the easier of two choices after some time of greedy descent."""
    constant = start + np.sinh(start) + gap * time / 2
    return float(brentq(lambda odds: odds + np.sinh(odds) - constant, start, start + gap * time))


def total_corners(laws: Floats, costs: Floats) -> list[int]:
    """The choice that the exact dynamics of `total` end at, from each law (cues, choices)."""
    logits = np.log(laws)
    for _ in range(STEPS):
        shifted = np.exp(logits - logits.max(-1, keepdims=True))
        p = shifted / shifted.sum(-1, keepdims=True)
        gain = np.log(np.maximum(p, 1e-300)) - costs
        logits = logits + STEP * p * (gain - (p * gain).sum(-1, keepdims=True))
    return [int(choice) for choice in logits.argmax(-1)]


def table_walk(law: Floats, rate: float, steps: int, batch: int) -> Floats:
    """Covariance (choices, choices) of the change of the logits of one table by SGD on own choices,
    to first order: the variance of a logit is rate^2 steps p (1 - p) / batch."""
    return rate**2 * steps / batch * (np.diag(law) - np.outer(law, law))
