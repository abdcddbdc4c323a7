"""Prices: what the truth loses without a capability, exactly and on the measured documents.

The exact price is a closed form where the process has one, and otherwise a mean over documents
drawn for this purpose, many more than members are measured on. The price on the measured documents
is computed as for a member, as a check against the exact price.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from manymasks.arrays import Floats, Ints, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.process import ALL, Laws, Process
from manymasks.truth import excess

DRAWN_AT_ONCE = 2048
"""Documents with laws in memory at a time."""


@dataclass(frozen=True)
class Price:
    """An expectation of KL(truth || truth without a capability)."""

    nats: float
    """Per counted token."""
    error: float = 0.0
    """Its standard error over the documents drawn for it; 0 for a closed form."""


Prices = Mapping[str, Mapping[tuple[str, str], Price]]
"""By capability, then by stratum and level."""


def exact_prices(process: Process, documents: int, seed: int) -> dict[str, dict[Any, Price]]:
    """The prices of all capabilities of a process: a closed form gives the levels that it covers,
    `documents` drawn by a seed, in no corpus, give all levels that they have. A price is infinite
    where the predictor excludes a token that the truth does not."""
    prices: dict[str, dict[Any, Price]] = {
        name: {key: Price(nats) for key, nats in closed.items()}
        for name, closed in process.prices.items()
    }
    ablated = {name: laws for name, laws in process.ablated.items() if name not in prices}
    if ablated:
        prices |= _drawn_prices(process, ablated, documents, seed)
    return {name: prices[name] for name in process.ablated}


def _drawn_prices(
    process: Process, ablated: Mapping[str, Laws], documents: int, seed: int
) -> dict[str, dict[Any, Price]]:
    # The spawn key separates this stream from corpora, which are drawn by seed and shard.
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
    sums: dict[str, dict[Any, list[tuple[Floats, Floats]]]] = {name: {} for name in ablated}
    for begin in range(0, documents, DRAWN_AT_ONCE):
        tokens = process.draw(min(DRAWN_AT_ONCE, documents - begin), rng)
        laws, strata = process.laws(tokens), process.strata(tokens)
        by_level = excess.tokens_by_level(excess.counted_tokens(strata), strata, process.levels)
        for name, without in ablated.items():
            with np.errstate(divide="ignore"):
                kl = excess.divergences(laws, np.log(without(tokens)))
            for key, selected in by_level.items():
                sums[name].setdefault(key, []).append(excess.document_sums(kl, selected))
    return {
        name: {
            key: _mean(*(np.concatenate(part) for part in zip(*parts, strict=True)))
            for key, parts in by_level.items()
            if any(tokens.any() for _, tokens in parts)
        }
        for name, by_level in sums.items()
    }


def _mean(nats: Floats, tokens: Floats) -> Price:
    """A ratio of sums over documents (documents,) and its standard error, linearised."""
    mean = float(nats.sum() / tokens.sum())
    with np.errstate(invalid="ignore"):
        residual = nats - mean * tokens
    error = float(np.sqrt(len(residual) * residual.var(ddof=1)) / tokens.sum())
    return Price(mean, error)


def price_records(prices: Prices) -> Rows:
    """Prices as plain records, from which `prices_from` reads them back."""
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


def prices_from(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[Any, Price]]:
    """The prices that `price_records` wrote."""
    prices: dict[str, dict[Any, Price]] = {}
    for record in records:
        by_level = prices.setdefault(record["capability"], {})
        by_level[record["stratum"], record["level"]] = Price(record["nats"], record["error"])
    return prices


def cheapest(prices: Prices) -> tuple[str, Price] | None:
    """The capability with the lowest price over all counted tokens, and that price. Prices of 0, up
    to rounding, and infinite ones are left out; None where no other is left."""
    candidates = [
        (by_level[ALL].nats, name)
        for name, by_level in prices.items()
        if excess.ROUNDING < by_level[ALL].nats < float("inf")
    ]
    if not candidates:
        return None
    _, capability = min(candidates)
    return capability, prices[capability][ALL]


def price_rows(
    laws: Floats,
    ablated: Mapping[str, Floats],
    strata: Mapping[str, Ints],
    levels: Mapping[str, tuple[str, ...]],
    exact: Prices,
    statistics: Statistics,
) -> Rows:
    """The excess loss without each capability on the measured documents, beside its exact price.

    The rows are those of `stratum_rows` for the truth without the capability. `exact` and
    `exact_error` are None at levels that a closed form does not cover. `laws`, `ablated`: the
    truth, and without each capability, (documents, length, vocabulary).
    """
    rows = []
    for capability, without in ablated.items():
        with np.errstate(divide="ignore"):
            kl = excess.divergences(laws, np.log(without))
        for row in excess.stratum_rows(kl, strata, levels, statistics):
            price = exact[capability].get((row["stratum"], row["level"]))
            exact_columns: Row = {"exact": None, "exact_error": None}
            if price is not None and np.isfinite(price.nats):
                exact_columns = {"exact": price.nats, "exact_error": price.error}
            rows.append({"capability": capability, **row, **exact_columns})
    return rows
