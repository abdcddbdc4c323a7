"""What a capability is worth: what the truth loses without it, exactly and on measured documents.

The exact price decides: it is a closed form where the process has one, and otherwise a mean over
documents drawn for this alone, many more than members are measured on. The price on the documents
that members are measured on goes through the same sums as a member, and is there to be seen to
land on the exact one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from manymasks.arrays import FloatArray, IntArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.process import ALL, Laws, Process
from manymasks.truth.excess import (
    ROUNDING,
    counts,
    divergences,
    document_sums,
    groups,
    stratum_rows,
)

DRAWN_AT_ONCE = 2048
"""Documents whose laws are in memory at a time."""


@dataclass(frozen=True)
class Price:
    """An expectation of KL(truth || truth without a capability)."""

    nats: float
    """Per token that counts."""
    error: float = 0.0
    """Its standard error over the documents drawn for it; 0 where it is a closed form."""


Prices = Mapping[str, Mapping[tuple[str, str], Price]]
"""By capability, then by stratum and level."""


def exact_prices(known: Process, documents: int, seed: int) -> dict[str, dict[Any, Price]]:
    """The prices of all capabilities of a process.

    Where there is a closed form, of the levels that it speaks of; otherwise of all levels that the
    drawn documents have, infinite where a predictor rules out what the truth does not.

    Args:
        documents: how many are drawn where there is no closed form.
        seed: of those documents, which are none of a corpus.
    """
    found: dict[str, dict[Any, Price]] = {
        name: {place: Price(nats) for place, nats in prices.items()}
        for name, prices in known.prices.items()
    }
    open_ones = {name: laws for name, laws in known.ablated.items() if name not in found}
    if open_ones:
        found |= _drawn_prices(known, open_ones, documents, seed)
    return {name: found[name] for name in known.ablated}


def _drawn_prices(
    known: Process, ablated: Mapping[str, Laws], documents: int, seed: int
) -> dict[str, dict[Any, Price]]:
    # A key of its own: the documents of a corpus are drawn by seed and shard.
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    sums: dict[str, dict[Any, list[tuple[FloatArray, FloatArray]]]] = {name: {} for name in ablated}
    for begin in range(0, documents, DRAWN_AT_ONCE):
        tokens = known.draw(min(DRAWN_AT_ONCE, documents - begin), rng)
        laws, strata = known.laws(tokens), known.strata(tokens)
        places = groups(counts(strata), strata, known.levels)
        for name, without in ablated.items():
            with np.errstate(divide="ignore"):
                kl = divergences(laws, np.log(without(tokens)))
            for place, of in places.items():
                sums[name].setdefault(place, []).append(document_sums(kl, of))
    return {
        name: {
            place: _mean(*(np.concatenate(each) for each in zip(*parts, strict=True)))
            for place, parts in by_place.items()
            if any(tokens.any() for _, tokens in parts)
        }
        for name, by_place in sums.items()
    }


def _mean(nats: FloatArray, tokens: FloatArray) -> Price:
    """A ratio of sums over documents (documents,) and its standard error, linearised."""
    mean = float(nats.sum() / tokens.sum())
    with np.errstate(invalid="ignore"):
        left = nats - mean * tokens
    error = float(np.sqrt(len(left) * left.var(ddof=1)) / tokens.sum())
    return Price(mean, error)


def price_records(prices: Prices) -> Rows:
    """Prices as plain records, which `prices_of` reads back."""
    return [
        {
            "capability": capability,
            "stratum": stratum,
            "level": level,
            "nats": price.nats,
            "error": price.error,
        }
        for capability, by_level in prices.items()
        for (stratum, level), price in by_level.items()
    ]


def prices_of(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[Any, Price]]:
    """The prices that `price_records` wrote."""
    prices: dict[str, dict[Any, Price]] = {}
    for record in records:
        by_level = prices.setdefault(record["capability"], {})
        by_level[record["stratum"], record["level"]] = Price(record["nats"], record["error"])
    return prices


def cheapest(prices: Prices) -> tuple[str, float] | None:
    """The capability with the lowest price over all tokens that count, and that price.

    Capabilities that are worth nothing, up to rounding, are left out, and so are those whose
    price is not finite. None where no other is left.
    """
    found = [
        (each[ALL].nats, name)
        for name, each in prices.items()
        if ROUNDING < each[ALL].nats < float("inf")
    ]
    if not found:
        return None
    nats, capability = min(found)
    return capability, nats


def price_rows(
    laws: FloatArray,
    ablated: Mapping[str, FloatArray],
    strata: Mapping[str, IntArray],
    levels: Mapping[str, tuple[str, ...]],
    exact: Prices,
    statistics: Statistics,
) -> Rows:
    """What each capability costs on the documents that members are measured on, beside its price.

    The rows are those of `excess_rows`, but for positions, of the truth without the capability:
    it goes through the same sums as a member. `exact` and `exact_error` are None at levels that a
    closed form does not speak of.

    Args:
        laws: (documents, length, vocabulary), those of the process.
        ablated: by capability as many, those of the process without it.
        strata, levels: as in `Process`.
        exact: of the same capabilities.
    """
    rows = []
    for capability, without in ablated.items():
        with np.errstate(divide="ignore"):
            kl = divergences(laws, np.log(without))
        for row in stratum_rows(kl, strata, levels, statistics):
            price = exact[capability].get((row["stratum"], row["level"]))
            known = price is not None and np.isfinite(price.nats)
            rows.append(
                {
                    "capability": capability,
                    **row,
                    "exact": price.nats if price and known else None,
                    "exact_error": price.error if price and known else None,
                }
            )
    return rows
