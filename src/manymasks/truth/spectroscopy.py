"""Mask spectroscopy: which masks speak in the law that a predictor gives the next three letters.

After a prompt each mask of the process `masks` has its own exact law of the next three letters,
27 probabilities. The law of a predictor is explained by the mixture of the four that is closest
to it, and what is left over no mask explains. One letter would not do: its three probabilities
cannot tell four masks apart. A predictor may be a member or Bayes, whose mixture is the exact
posterior of the masks. Arrays come in, rows of tables go out; all is in nats.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.machine import Floats, Ints, divergence, entropy
from manymasks.corpora.processes.masks import (
    FIRST_LETTER,
    LENGTH,
    LETTERS,
    MASKS,
    MOVES,
    OPENING,
    SAYS,
    STATES,
)
from manymasks.corpora.processes.registry import Process
from manymasks.statistics.documents import (
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite
from manymasks.truth.mixtures import closest, mixed

AHEAD = 3
"""Letters of a law."""
LAST = LENGTH - OPENING - AHEAD
"""The longest prompt in letters. After a later one, letters would go past the document's end,
where members have learned that none come."""
FLOOR = 1e-6
"""Weights below it count as this much in the divergence from Bayes. The closest mixture often
leaves a mask out altogether, and its logarithm would be infinite."""
RESOLVED = 1e-2
"""Weights and probabilities below it count as this much in the slope `sharpening`. A weight is
known no better than the masks explain the member, so how far below it lies says nothing, but its
logarithm would decide: of members trained for 500 steps the slope after 4 letters was 1.5 with
1e-6 in its place, 1.2 with 1e-4, 1.06 with 1e-3 and 0.97 with this. Where posteriors are below
it, slopes other than 1 come out nearer to 1."""
EVEN = 1e-12
"""Squared log-odds (nats^2) at which all masks are equally likely, up to rounding."""
WRITTEN = 40
"""Documents of each kind, the first ones, whose weights are written one by one."""

_STEPS = np.einsum("zij,ja->zaij", MOVES, SAYS)
WORDS: Floats = np.einsum("zaij,zbjk,zckl->ziabc", _STEPS, _STEPS, _STEPS).reshape(
    len(MASKS), STATES, -1
)
"""(masks, states, 27): the law of the next three letters of each mask in each state, the third
letter fastest."""


@dataclass(frozen=True)
class Prompts:
    """Documents, the prompts that are looked at in each, and the exact laws after them."""

    kind: str
    """plain, or spliced."""
    tokens: Ints
    """(documents, length)."""
    letters: tuple[int, ...]
    """Letters of each prompt, rising."""
    speaks: Ints | None
    """(documents,) masks that speak at the end, where they are known."""
    posterior: Floats
    """(documents, prompts, masks)."""
    masks: Floats
    """(documents, prompts, masks, 27): the law of each mask."""

    @property
    def exact(self) -> Floats:
        """(documents, prompts, 27): the law of Bayes."""
        return mixed(self.posterior, self.masks)


def prompts_of(
    known: Process, tokens: Ints, letters: Sequence[int], kind: str, speaks: Ints | None = None
) -> Prompts:
    """Documents of `masks` with the exact laws after some of their letters.

    Raises:
        ValueError: for a prompt of more than `LAST` letters.
    """
    if max(letters) > LAST:
        raise ValueError(f"a prompt has at most {LAST} letters, found {max(letters)}")
    place = np.array(letters) + OPENING - 1
    hidden = known.posteriors(tokens[:, : place.max() + 1])["state"][:, place]
    joint = hidden.reshape(*hidden.shape[:2], len(MASKS), STATES)
    posterior = joint.sum(-1)
    laws = np.einsum("dpzi,zic->dpzc", joint / posterior[..., None], WORDS)
    return Prompts(kind, tokens, tuple(letters), speaks, posterior, laws)


# ------------------------------------------------------------------------------- members' laws


def continued(tokens: Ints, letters: int) -> Ints:
    """What a member reads to give its laws after prompts of `letters` letters.

    A law of three letters is 1 + 3 + 9 laws of the next one. A causal member gives them all in
    nine sequences, each prompt followed by each pair of letters: the last three places of them
    are the prompt's own and those of its continuations.

    Returns:
        (documents x 9, OPENING + letters + 2).
    """
    pairs = np.array(list(itertools.product(range(len(LETTERS)), repeat=AHEAD - 1)))
    prompts = np.repeat(tokens[:, : OPENING + letters], len(pairs), 0)
    return np.hstack([prompts, FIRST_LETTER + np.tile(pairs, (len(tokens), 1))])


def three_letters(log_probs: npt.NDArray[np.floating[Any]]) -> tuple[Floats, Floats]:
    """The laws of three letters of a member that has read `continued`.

    Args:
        log_probs: (documents x 9, 3, vocabulary) after the last three places.

    Returns:
        ln of the laws, (documents, 27), of which each next-letter law is renormalised over the
        letters; and how likely one of three tokens was no letter, (documents,).
    """
    count = len(LETTERS)
    shape = -1, count, count, AHEAD, count
    raw = log_probs[..., FIRST_LETTER:].astype(np.float64).reshape(shape)
    own = raw - np.logaddexp.reduce(raw, -1, keepdims=True)
    whole = np.exp(_chain(raw)).sum(1)
    return _chain(own), np.maximum(1 - whole, 0)


def _chain(each: Floats) -> Floats:
    """(documents, first, second, place, letter) next-letter logarithms to (documents, 27)."""
    first = each[:, 0, 0, 0][:, :, None, None]
    second = each[:, :, 0, 1][..., None]
    return np.asarray((first + second + each[:, :, :, 2]).reshape(len(each), -1))


# ------------------------------------------------------------------------------- explanations


@dataclass(frozen=True)
class Explained:
    """What a predictor says after some prompts, and the masks that best explain it."""

    log_laws: Floats
    """(documents, prompts, 27)."""
    weights: Floats
    """(documents, prompts, masks)."""
    gap: float
    """The largest gap of the weights, in nats (`mixtures.closest`)."""


def explained(prompts: Prompts, log_laws: Floats) -> Explained:
    """The weights of the masks in laws whose logarithms are (documents, prompts, 27)."""
    count, each, masks, words = prompts.masks.shape
    weights, gap = closest(
        np.exp(log_laws).reshape(-1, words), prompts.masks.reshape(-1, masks, words)
    )
    return Explained(log_laws, weights.reshape(count, each, masks), float(gap.max()))


def floored(weights: Floats) -> Floats:
    """Weights (..., masks) of at least about `FLOOR`, adding up to 1."""
    found = np.maximum(weights, FLOOR)
    return np.asarray(found / found.sum(-1, keepdims=True))


def centred(weights: Floats) -> Floats:
    """ln of weights (..., masks), at least `RESOLVED`, above their mean (Aitchison 1986)."""
    logs = np.log(np.maximum(weights, RESOLVED))
    return np.asarray(logs - logs.mean(-1, keepdims=True))


def weight_rows(prompts: Prompts, of: Explained) -> list[dict[str, Any]]:
    """The weights beside the posterior, of the first `WRITTEN` documents."""
    return [
        {
            "document": document,
            "kind": prompts.kind,
            "letters": letters,
            "mask": mask,
            "speaks": None if prompts.speaks is None else bool(prompts.speaks[document] == z),
            "weight": finite(of.weights[document, place, z]),
            "posterior": float(prompts.posterior[document, place, z]),
        }
        for document in range(min(WRITTEN, len(prompts.tokens)))
        for place, letters in enumerate(prompts.letters)
        for z, mask in enumerate(MASKS)
    ]


def fit_rows(prompts: Prompts, of: Explained, statistics: Statistics) -> list[dict[str, Any]]:
    """One row for each length of prompt: means over documents, with a bootstrap over them.

    The slope `sharpening` is that of the least-squares line through centred logarithms, over
    documents and masks. Both are 0 on average in every document, so the line goes through 0 and
    the slope is a ratio of sums over documents. None where all masks are equally likely.
    """
    weights, posterior = of.weights, prompts.posterior
    laws, mixture = np.exp(of.log_laws), mixed(weights, prompts.masks)
    mine, exact = centred(weights), centred(posterior)
    one, squares = np.ones(weights.shape[:2]), (exact**2).sum(-1)
    sums = {
        "from_bayes": (divergence(posterior, floored(weights)), one),
        "residual": (divergence(laws, mixture), one),
        "sharpening": ((mine * exact).sum(-1), np.where(squares > EVEN, squares, 0.0)),
    }
    resamples = document_weights(len(weights), statistics.resamples, statistics.seed)
    plain = {
        "excess": divergence(prompts.exact, laws).mean(0),
        "entropy": entropy(weights).mean(0),
        "posterior_entropy": entropy(posterior).mean(0),
    }
    rows = []
    for place, letters in enumerate(prompts.letters):
        row: dict[str, Any] = {"kind": prompts.kind, "letters": letters}
        for name, (above, below) in sums.items():
            row |= _ratio_row(name, above[:, place], below[:, place], resamples, statistics)
        row |= {name: finite(each[place]) for name, each in plain.items()}
        rows.append({**row, "documents": len(weights)})
    return rows


def _ratio_row(
    name: str, above: Floats, below: Floats, resamples: Floats, statistics: Statistics
) -> dict[str, Any]:
    """A ratio of sums over documents (documents,), with its interval."""
    bootstrap = ratio_resamples(above, below, resamples)
    low, high = percentile_interval(bootstrap, statistics.confidence)
    return {
        name: finite(float(ratio(above, below))),
        f"{name}_low": finite(float(low)),
        f"{name}_high": finite(float(high)),
    }


def pair_rows(
    prompts: Prompts,
    classes: Mapping[str, Sequence[int]],
    models: Sequence[str],
    of: Sequence[Explained],
) -> list[dict[str, Any]]:
    """The divergence of each two members of a class, and the part that their masks explain.

    KL of both directions is averaged. The mask's part is that between the mixtures that explain
    them; the machinery is the rest, which has no sign: what members share beside the masks can
    bring their laws nearer to each other than their mixtures are.

    Args:
        classes: by class the places of its members in `models` and `of`.
        models: keys.
    """
    laws = [np.exp(each.log_laws) for each in of]
    mixtures = [mixed(each.weights, prompts.masks) for each in of]
    rows = []
    for members in classes.values():
        ordered = sorted(members, key=lambda member: models[member])
        for a, b in itertools.combinations(ordered, 2):
            kl, mask = both_ways(laws[a], laws[b]), both_ways(mixtures[a], mixtures[b])
            rows += [
                {
                    "model_a": models[a],
                    "model_b": models[b],
                    "letters": letters,
                    "kl": finite(kl[place]),
                    "mask": finite(mask[place]),
                    "machinery": finite(kl[place] - mask[place]),
                    "documents": len(prompts.tokens),
                }
                for place, letters in enumerate(prompts.letters)
            ]
    return rows


def both_ways(a: Floats, b: Floats) -> Floats:
    """KL of both directions averaged, of laws (documents, prompts, 27); mean over documents."""
    return np.asarray((divergence(a, b) + divergence(b, a)).mean(0) / 2)
