"""Gradients that a variant may name, a row each; standard library only, as settings read it too."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class GradientFlow:
    """What the loss at a position i changes at earlier positions j < i."""

    keeps: float | None
    """Share of the gradient at distance 1 that reaches h_j, the normalised input of a layer; None
    if k_j and v_j are detached too."""
    takes_gamma: bool = False
    """Whether a variant says what it keeps: its `gamma`."""
    past: Literal["own", "given", "none"] = "own"
    """Earlier positions that attention reads: of the model itself, of a finished member, or none.
    """
    is_control: bool = False
    """Whether its members are trained for comparison only and enter no set."""
    freezes_writes: bool = False
    """Whether what a position writes for any position, itself included, is not trained at all."""
    mixers: tuple[str, ...] = ("attention", "recurrent")
    """Mixers that can route gradients this way."""


GRADIENTS = {
    "causal": GradientFlow(keeps=1.0),
    "myopic": GradientFlow(keeps=0.0),
    # A recurrence has no keys beside its state, which `myopic` detaches.
    "myopic-kv": GradientFlow(keeps=None, mixers=("attention",)),
    "discount": GradientFlow(keeps=0.0, takes_gamma=True),
    "local": GradientFlow(keeps=0.0, past="given", is_control=True, mixers=("attention",)),
    "bigram": GradientFlow(keeps=0.0, past="none", is_control=True),
    "reservoir": GradientFlow(keeps=None, is_control=True, freezes_writes=True),
}
