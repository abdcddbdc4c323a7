"""Mask swaps: which document a prediction follows when part of its past comes from another one.

A recipient and a donor are equally long. The last position of the recipient is computed with some
activations of the donor in place of the recipient's:

- `residual` at a level: the stream of the last position before the block of that number. At level 0
  this is the last token alone. After the last block nothing of the recipient would be left, so that
  level is left out.
- `past` at a layer: the keys and values of all earlier positions, in one layer or in all layers.

A position reads earlier ones only through the normalised inputs of each layer's attention. So a
swap is a choice, for each layer, of the document that provides earlier inputs, and of the document
with the last token: the donor's stream at a level is computed from its token and its past in the
layers below.

The resulting law is compared with the laws of recipient and donor: `followed` is the share a for
which (1 - a) recipient + a donor is closest to it in KL. All values are in nats.

How to read it. With all of the past swapped, or the last token alone, a swap amounts to other
tokens, and the exact law of `masks` has a share there too: following a swapped past is not yet a
deviation from Bayes. The difference between members and Bayes is. In single layers there is no
Bayes, only the swap of all layers to compare with. Every donor also has another state of the ring,
and a donor with the recipient's mask and premise changes nothing else; the difference between
"other mask" and "same mask" is the effect of the mask. Their shares refer to different distances,
`apart`, so they do not add up.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Ints, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes import masks
from manymasks.corpora.processes.machine import divergence
from manymasks.models.transformer import Transformer
from manymasks.statistics.bootstrap import document_weights, interval_over_documents
from manymasks.statistics.intervals import finite_columns

OTHER, SAME = "other mask", "same mask"
"""Kinds of donors."""
BAYES = "bayes"
"""The name of the exact law in place of a model."""
ALL_LAYERS = -1
"""The layer of a swap of the past in all layers."""
SHARES: Floats = np.sin(np.linspace(0, np.pi / 2, 201)) ** 2
"""Where the derivative of the divergence is evaluated. It is interpolated linearly, which moves a
minimum by less than 1e-4. The grid is finer at both ends, where the derivative bends most."""


def recipients_and_donors(
    documents: int, letters: int, rng: np.random.Generator
) -> tuple[Ints, dict[str, Ints]]:
    """Recipients, and by kind a donor for each of them, (documents, 2 + letters) each. Each
    document has the premise that makes its mask likely. Ordered pairs of masks alternate; donors of
    the same mask are other documents of it. ValueError where no letter follows."""
    if not 0 < letters < masks.LENGTH - masks.OPENING:
        raise ValueError(f"no letter follows {letters} letters")
    indices = range(len(masks.MASKS))
    kinds = np.array([(a, b) for a in indices for b in indices if a != b])
    pairs = kinds[np.arange(documents) % len(kinds)]
    recipients, other, same = (_documents(pairs[:, i], letters, rng) for i in (0, 1, 0))
    return recipients, {OTHER: other, SAME: same}


def _documents(mask: Ints, letters: int, rng: np.random.Generator) -> Ints:
    """Documents of masks (documents,), each after its premise, (documents, 2 + letters)."""
    # Premise k makes mask k likely.
    opening = np.stack([np.full(len(mask), masks.BOS), masks.FIRST_PREMISE + mask], 1)
    return np.hstack([opening, masks.draw_letters(mask, letters, rng)])


# ------------------------------------------------------------------------------ laws of letters


@dataclass(frozen=True)
class SwapLaws:
    """The law of the next letter after a swap, and both without one: (documents, letters) each."""

    donors: str
    """The kind of donors."""
    site: str
    layer: int
    law: Floats
    recipient: Floats
    donor: Floats


def member_swaps(
    model: Transformer, local: Transformer, recipients: Ints, donors: Mapping[str, Ints], batch: int
) -> Iterator[SwapLaws]:
    """Every swap of a member, by donors, site and layer, some recipients in one forward pass.
    `model`: the member alone, with a route other than `local` and `bigram`. `local`: the same
    weights with the route `local`, which reads a given past."""
    parts = []
    for begin in range(0, len(recipients), batch):
        rows = slice(begin, begin + batch)
        batch_donors = {kind: tokens[rows] for kind, tokens in donors.items()}
        parts.append(_laws(model, local, recipients[rows], batch_donors))
    laws = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    for (kind, site, layer), law in laws.items():
        if site != "none":
            yield SwapLaws(kind, site, layer, law, laws["", "none", 0], laws[kind, "none", 0])


def _laws(
    model: Transformer, local: Transformer, recipients: Ints, donors: Mapping[str, Ints]
) -> dict[tuple[str, str, int], Floats]:
    """The laws (documents, letters) of recipients and donors, and of every swap."""
    device = model.W_E.device
    recipient = torch.from_numpy(recipients).unsqueeze(0).to(device)
    layers = len(model.blocks)
    laws = {}
    with torch.no_grad():
        recipient_past = model.inputs(recipient)
        laws["", "none", 0] = _law(local, recipient, recipient_past)
        for kind, tokens in donors.items():
            donor = torch.from_numpy(tokens).unsqueeze(0).to(device)
            donor_past = model.inputs(donor)
            laws[kind, "none", 0] = _law(local, donor, donor_past)
            for level in range(layers):
                mixed = [*donor_past[:level], *recipient_past[level:]]
                laws[kind, "residual", level] = _law(local, donor, mixed)
            laws[kind, "past", ALL_LAYERS] = _law(local, recipient, donor_past)
            for layer in range(layers):
                mixed = [*recipient_past[:layer], donor_past[layer], *recipient_past[layer + 1 :]]
                laws[kind, "past", layer] = _law(local, recipient, mixed)
    return laws


def _law(local: Transformer, tokens: Tensor, past: Sequence[Tensor]) -> Floats:
    """The law of the next letter, normalised over letters, (pairs, letters)."""
    logits = local(tokens, last=1, past=past)[0, :, 0, masks.FIRST_LETTER :]
    return np.asarray(torch.softmax(logits.double(), -1).cpu().numpy())


def bayes_law(tokens: Ints) -> Floats:
    """The law of the process for the next letter, (documents, letters), after tokens (documents,
    positions); the premise makes a mask likely but not certain."""
    # The law of a token does not depend on the token, so any letter will do.
    longer = np.pad(tokens, ((0, 0), (0, 1)), constant_values=masks.FIRST_LETTER)
    return masks.masks().laws(longer)[:, -1, masks.FIRST_LETTER :]


def token_swaps(
    law: Callable[[Ints], Floats], recipients: Ints, donors: Mapping[str, Ints]
) -> Iterator[SwapLaws]:
    """The swaps of a predictor that has no layers, only tokens, by its law of the next letter."""
    recipient = law(recipients)
    for kind, tokens in donors.items():
        donor = law(tokens)
        for site, layer, past, last in (
            ("residual", 0, recipients, tokens),
            ("past", ALL_LAYERS, tokens, recipients),
        ):
            swapped = law(np.hstack([past[:, :-1], last[:, -1:]]))
            yield SwapLaws(kind, site, layer, swapped, recipient, donor)


# ------------------------------------------------------------------------- shares


def swap_rows(swaps: Iterable[SwapLaws], statistics: Statistics) -> Rows:
    """One row for each swap of the same documents: the share of the donor, pooled over documents,
    with a bootstrap; None where donor and recipient have equal laws in all documents."""
    rows, weights = [], np.empty(0)
    for swap in swaps:
        slope = slopes(swap)
        documents, followed = len(slope), float(donor_share(slope.sum(0)))
        if not weights.size:
            weights = document_weights(documents, statistics.resamples, statistics.seed)
        shares = donor_share(weights @ slope)
        rows.append(
            {"donor": swap.donors, "site": swap.site, "layer": swap.layer}
            | interval_over_documents(
                "followed", followed, shares, np.ones(documents), statistics.confidence
            )
            | finite_columns(
                from_recipient=divergence(swap.law, swap.recipient).mean(),
                from_donor=divergence(swap.law, swap.donor).mean(),
                apart=divergence(swap.donor, swap.recipient).mean(),
            )
            | {"documents": documents}
        )
    return rows


def slopes(swap: SwapLaws) -> Floats:
    """d/da of KL(law || (1 - a) recipient + a donor) at `SHARES`, (documents, shares). It increases
    with a. A sum over documents is the derivative of the summed divergence, so bootstrap resamples
    take one matrix product."""
    difference = (swap.donor - swap.recipient)[:, None]
    mixture = swap.recipient[:, None] + SHARES[:, None] * difference
    terms = np.where(difference == 0, 0.0, swap.law[:, None] * difference)
    # Where one of the two laws excludes a letter, the derivative is unbounded at its end.
    return np.asarray(-(terms / np.maximum(mixture, np.finfo(np.float64).tiny)).sum(-1))


def donor_share(slope: Floats) -> Floats:
    """The share at which increasing slopes (..., shares) cross 0: the minimum, (...), interpolated
    linearly. 0 where the divergence increases from the start, 1 where it decreases to the end; NaN
    where it is constant."""
    flat = slope.reshape(-1, slope.shape[-1])
    above = np.argmax(flat >= 0, 1)
    decreases = (flat < 0).all(1)
    rows, below = np.arange(len(flat)), np.maximum(above - 1, 0)
    low, high = flat[rows, below], flat[rows, above]
    fraction = np.divide(-low, high - low, out=np.zeros_like(low), where=high > low)
    best = SHARES[below] + np.clip(fraction, 0, 1) * (SHARES[above] - SHARES[below])
    best = np.where(decreases, 1.0, best)
    best[(flat == 0).all(1)] = np.nan
    return np.asarray(best.reshape(slope.shape[:-1]))
