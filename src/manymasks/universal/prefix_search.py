"""Search for prefixes after which a token is probable: an archive with an elite for every token.

Quality-diversity search (MAP-Elites, Mouret & Clune 2015) with one niche for every token. A forward
pass of any prefix scores all tokens at all its positions, so every candidate competes in every
niche. Tokens whose elite is far below their bound are searched more.
"""

from collections.abc import Sequence

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.models.member_model import MemberModel
from manymasks.universal.elites import Archive, Elites, offer_windows


def search_prefixes(
    model: MemberModel,
    elites: Elites,
    bounds: Floats,
    *,
    rounds: int,
    candidates: int,
    longest: int,
    batch: int,
    seed: int,
    archives: Sequence[Archive] = (),
    report: OnProgress = ignore_progress,
) -> None:
    """Improve the elites of a member in place.

    `bounds` (vocabulary,): of ln P; tokens are drawn in proportion to what separates them from it.
    `candidates`: prefixes of `longest` tokens in a round. `archives`: others that are offered the
    same prefixes. A pure function of its arguments.
    """
    vocabulary = len(elites.prefixes)
    generator = np.random.default_rng([seed, 1])
    longest = min(longest, model.context)
    for done in range(rounds):
        gap = np.maximum(bounds - np.maximum(elites.log_p, -1e3), 0)
        if not gap.sum() > 0:
            break
        targets = generator.choice(vocabulary, size=candidates, p=gap / gap.sum())
        others = generator.integers(vocabulary, size=candidates)
        born = np.stack(
            [
                _child(elites.prefixes[a], elites.prefixes[b], longest, vocabulary, generator)
                for a, b in zip(targets, others, strict=True)
            ]
        )
        offer_windows(model, born, batch, elites, *archives)
        report(done + 1, rounds)


def _child(
    elite: Ints, other: Ints, longest: int, vocabulary: int, generator: np.random.Generator
) -> Ints:
    """A changed elite, continued with random tokens to `longest`: those prefixes count too."""
    tokens = elite[-longest:].tolist()
    kind = generator.integers(5)
    if not tokens or kind == 0:
        tokens.insert(int(generator.integers(len(tokens) + 1)), int(generator.integers(vocabulary)))
    elif kind == 1 and len(tokens) > 1:
        del tokens[int(generator.integers(len(tokens)))]
    elif kind == 2 and other.size:
        # The last tokens matter most, so they stay.
        kept = int(generator.integers(1, len(tokens) + 1))
        tokens = other[-longest:].tolist() + tokens[-kept:]
    else:
        for _ in range(int(generator.integers(1, 3))):
            tokens[int(generator.integers(len(tokens)))] = int(generator.integers(vocabulary))
    tokens = tokens[-longest:]
    rest = generator.integers(vocabulary, size=longest - len(tokens))
    return np.concatenate([np.array(tokens, np.int64), rest])
