"""truth: the exact next-token law of a process, and what its capabilities are worth."""

import json
from typing import Any

from manymasks.config.analyses import Truth
from manymasks.stages.inputs.process_documents import process_documents, process_of
from manymasks.store.job import Job
from manymasks.truth.excess import truth_rows
from manymasks.truth.prices import exact_prices, price_records, price_rows


def make(job: Job) -> dict[str, Any]:
    """Write prices.json and the tables `process_truth` and `capability_price`."""
    settings: Truth = job.setting("truth", Truth)
    statistics = job.statistics
    name, process = process_of(job)
    tokens = process_documents(job, "measure", settings.documents)
    laws, strata = process.laws(tokens), process.strata(tokens)
    latent = next(iter(process.posteriors(tokens).items()), None)
    entropies = process.entropy_given_latent and process.entropy_given_latent(tokens)
    prices = exact_prices(process, settings.pricing, statistics.seed)
    ablated = {capability: ablate(tokens) for capability, ablate in process.ablated.items()}
    tables = {
        "process_truth": truth_rows(laws, tokens, strata, statistics, latent, entropies),
        "capability_price": price_rows(laws, ablated, strata, process.levels, prices, statistics),
    }
    labels = {"corpus": job.settings["corpus"], "process": name}
    for table, rows in tables.items():
        job.write_table(table, [{**labels, **row} for row in rows])
    content = json.dumps(price_records(prices))
    (job.folder / "prices.json").write_text(content, encoding="utf-8")
    return {"documents": len(tokens), "capabilities": len(prices)}
