"""Mask swaps: whose past a prediction follows when a part of it is another document's.

A recipient and a donor are equally long. The last position of the recipient is computed with a
part of the donor's activations in the place of its own:

- `residual` at a level: the stream of the last position before that block, at the number of blocks
  after the last one. At 0 it is the last token alone. At the end it is all that is predicted from,
  and nothing of the recipient is left: that is left out.
- `past` at a layer: the keys and values of all earlier positions in it, or in all layers.

A position reads of earlier ones nothing but the normalised inputs of each layer's attention. So
every swap is a choice, for each layer, of whose earlier inputs are read, and of whose last token
begins: the donor's stream at a level is what its token and its past in the layers below make.

The law that comes out is held against the two that there were: `followed` is the share a that
brings (1 - a) recipient + a donor closest to it in KL. All is in nats.

What may be concluded. With all of the past, or the last token alone, a swap is no more than other
tokens, and the exact law of `masks` has a share there too: a past that is followed is not yet a
sign of anything that Bayes does not do. Members less Bayes tells what they do otherwise; in single
layers there is no Bayes, only a whole to compare with. Every donor also brings another state of
the ring. One of the recipient's own mask and premise brings nothing else, so other mask less same
mask is what the mask adds. Their shares are of two distances, `apart`: they do not add up.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import FloatArray, IntArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes import masks
from manymasks.corpora.processes.machine import divergence
from manymasks.models.transformer import Transformer
from manymasks.statistics.bootstrap import document_weights, percentile_interval
from manymasks.statistics.intervals import finite

OTHER, SAME = "other mask", "same mask"
"""Whose document the donor is."""
BAYES = "bayes"
"""What the exact law is called in the place of a model."""
ALL_LAYERS = -1
"""In place of a layer where the past of all of them is the donor's."""
SHARES: FloatArray = np.sin(np.linspace(0, np.pi / 2, 201)) ** 2
"""Where the slope of the divergence is known; between them it is taken as a straight line, which
moves a minimum by less than 1e-4. They are closer at both ends, where the slope bends most."""


def pairs(
    documents: int, letters: int, rng: np.random.Generator
) -> tuple[IntArray, dict[str, IntArray]]:
    """Recipients, and by kind donors row by row for them, (documents, 2 + letters) each.

    Each has the premise that makes its own mask likely. The ordered pairs of masks take turns;
    donors of the same mask are other documents of it.

    Raises:
        ValueError: where no letter follows so many, as documents end.
    """
    if not 0 < letters < masks.LENGTH - masks.OPENING:
        raise ValueError(f"no letter follows {letters} letters")
    several = range(len(masks.MASKS))
    kinds = np.array([(one, other) for one in several for other in several if one != other])
    turns = kinds[np.arange(documents) % len(kinds)]
    recipients, other, same = (_documents(turns[:, i], letters, rng) for i in (0, 1, 0))
    return recipients, {OTHER: other, SAME: same}


def _documents(mask: IntArray, letters: int, rng: np.random.Generator) -> IntArray:
    """Documents of masks (documents,), each after its own premise, (documents, 2 + letters)."""
    # Premise k is that of mask k.
    opening = np.stack([np.full(len(mask), masks.BOS), masks.FIRST_PREMISE + mask], 1)
    return np.hstack([opening, masks.spoken(mask, letters, rng)])


# ------------------------------------------------------------------------------ laws of letters


@dataclass(frozen=True)
class Swapped:
    """The law of the next letter after a swap, and both without one: (documents, letters) each."""

    whose: str
    """Which donors these are."""
    site: str
    layer: int
    law: FloatArray
    recipient: FloatArray
    donor: FloatArray


def swapped(
    own: Transformer,
    local: Transformer,
    recipients: IntArray,
    donors: Mapping[str, IntArray],
    batch: int,
) -> Iterator[Swapped]:
    """Every swap of a member, by donors, site and layer.

    Args:
        own: the member alone, whose route is none of `local` and `bigram`.
        local: the same weights with the route `local`, which reads of earlier positions only what
            it is given.
        recipients, donors: tokens, (documents, positions) each, as in `pairs`.
        batch: recipients in one forward pass.
    """
    parts = []
    for begin in range(0, len(recipients), batch):
        of = slice(begin, begin + batch)
        several = {whose: tokens[of] for whose, tokens in donors.items()}
        parts.append(_laws(own, local, recipients[of], several))
    laws = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for (whose, site, layer), law in laws.items():
        if site != "none":
            yield Swapped(whose, site, layer, law, laws["", "none", 0], laws[whose, "none", 0])


def _laws(
    own: Transformer, local: Transformer, recipients: IntArray, donors: Mapping[str, IntArray]
) -> dict[tuple[str, str, int], FloatArray]:
    """The laws (documents, letters) of recipients and donors, and of every swap."""
    to, *several = (
        torch.from_numpy(tokens).unsqueeze(0).to(own.W_E.device)
        for tokens in (recipients, *donors.values())
    )
    layers = len(own.blocks)
    found = {}
    with torch.no_grad():
        theirs = own.inputs(to)
        found["", "none", 0] = _law(local, to, theirs)
        for whose, of in zip(donors, several, strict=True):
            other = own.inputs(of)
            found[whose, "none", 0] = _law(local, of, other)
            for level in range(layers):
                mixed = [*other[:level], *theirs[level:]]
                found[whose, "residual", level] = _law(local, of, mixed)
            found[whose, "past", ALL_LAYERS] = _law(local, to, other)
            for layer in range(layers):
                mixed = [*theirs[:layer], other[layer], *theirs[layer + 1 :]]
                found[whose, "past", layer] = _law(local, to, mixed)
    return found


def _law(local: Transformer, tokens: Tensor, past: Sequence[Tensor]) -> FloatArray:
    """The law of the next letter, as a share of all letters, (pairs, letters)."""
    logits = local(tokens, last=1, past=past)[0, :, 0, masks.FIRST_LETTER :]
    return np.asarray(torch.softmax(logits.double(), -1).cpu().numpy())


def bayes(tokens: IntArray) -> FloatArray:
    """The exact law of the next letter, (documents, letters), after tokens (documents, positions).

    It is that of the process, to whom the premise makes a mask likely and no more.
    """
    # The law of a token is given those before it, so any letter will do.
    more = np.pad(tokens, ((0, 0), (0, 1)), constant_values=masks.FIRST_LETTER)
    return masks.masks().laws(more)[:, -1, masks.FIRST_LETTER :]


def swapped_tokens(
    law: Callable[[IntArray], FloatArray], recipients: IntArray, donors: Mapping[str, IntArray]
) -> Iterator[Swapped]:
    """The swaps of a predictor that has no layers, but tokens alone to go by.

    Args:
        law: of the next letter, as `bayes`.
        recipients, donors: as in `swapped`.
    """
    recipient = law(recipients)
    for whose, of in donors.items():
        donor = law(of)
        for site, layer, past, last in (
            ("residual", 0, recipients, of),
            ("past", ALL_LAYERS, of, recipients),
        ):
            mixed = law(np.hstack([past[:, :-1], last[:, -1:]]))
            yield Swapped(whose, site, layer, mixed, recipient, donor)


# ------------------------------------------------------------------------- what is followed


def swap_rows(several: Iterable[Swapped], statistics: Statistics) -> Rows:
    """What the predictions after swaps of the same documents follow, pooled over these.

    The interval is a bootstrap over documents: each resample has a share of its own. Where no
    document's donor says anything else than its recipient, there is nothing to follow.
    """
    rows, weights = [], None
    for found in several:
        slope = slopes(found)
        documents = len(slope)
        row = {"followed": finite(float(share(slope.sum(0)))), "followed_low": None}
        row["followed_high"] = None
        if documents > 1:
            if weights is None:
                weights = document_weights(documents, statistics.resamples, statistics.seed)
            low, high = percentile_interval(share(weights @ slope), statistics.confidence)
            row |= {"followed_low": finite(float(low)), "followed_high": finite(float(high))}
        rows.append(
            {
                "donor": found.whose,
                "site": found.site,
                "layer": found.layer,
                **row,
                "from_recipient": finite(float(divergence(found.law, found.recipient).mean())),
                "from_donor": finite(float(divergence(found.law, found.donor).mean())),
                "apart": finite(float(divergence(found.donor, found.recipient).mean())),
                "documents": documents,
            }
        )
    return rows


def slopes(found: Swapped) -> FloatArray:
    """d/da of KL(law || (1 - a) recipient + a donor) at `SHARES`, (documents, shares).

    It rises with a, as the divergence is convex. A sum over documents is the slope of the sum, so
    that resamples of documents cost one product of matrices.
    """
    apart = (found.donor - found.recipient)[:, None]
    between = found.recipient[:, None] + SHARES[:, None] * apart
    each = np.where(apart == 0, 0.0, found.law[:, None] * apart)
    # A letter ruled out by one of the two has a slope without bound at that one's end.
    return np.asarray(-(each / np.maximum(between, np.finfo(np.float64).tiny)).sum(-1))


def share(slope: FloatArray) -> FloatArray:
    """Where slopes (..., shares) that rise are 0: the best share, (...).

    0 where the divergence rises from the beginning, 1 where it falls to the end, and else on the
    straight line between the two shares that the sign changes at; NaN where it is level.
    """
    flat = slope.reshape(-1, slope.shape[-1])
    above = np.argmax(flat >= 0, 1)
    falls = (flat < 0).all(1)
    rows, below = np.arange(len(flat)), np.maximum(above - 1, 0)
    low, high = flat[rows, below], flat[rows, above]
    way = np.divide(-low, high - low, out=np.zeros_like(low), where=high > low)
    best = SHARES[below] + np.clip(way, 0, 1) * (SHARES[above] - SHARES[below])
    best = np.where(falls, 1.0, best)
    best[(flat == 0).all(1)] = np.nan
    return np.asarray(best.reshape(slope.shape[:-1]))
