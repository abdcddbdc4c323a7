"""Made-up tables of the stage `thinking`."""

from typing import Any

from manymasks.truth.lag_answers import formats_of, pairs_bound, price_rows

Rows = list[dict[str, Any]]
STEPS = (50, 200, 800)
LAST = {
    ("steps", "causal"): 0.001, ("steps", "myopic"): 0.002, ("direct", "causal"): 0.02,
    ("direct", "myopic"): 1.25, ("filler", "causal"): 0.01, ("filler", "myopic"): 1.15,
}  # fmt: skip
"""Nats of an answer in the end, by format and gradient."""


def thinking(models: Rows, formats: dict[str, str]) -> dict[str, Rows]:
    """Tables of the stage, for members of corpora of these formats."""
    tables: dict[str, Rows] = {"thinking_answer": [], "thinking_step": []}
    for model in models:
        trained = formats[model["corpus"]]
        for answer_format in formats_of(trained):
            last = LAST[answer_format, model["gradient"]] + 0.01 * model["seed_init"]
            for step in STEPS:
                nats = last + (1.2 if step == STEPS[0] else 0.0)
                labels = {"model": model["model"], "step": step, "trained_format": trained}
                labels |= {"answer_format": answer_format}
                has_steps = answer_format == "steps"
                length = 18 if answer_format == "direct" else 32
                row = {"tokens": step * length, "nats": nats / 2 if has_steps else nats}
                row |= {"nats_free": nats, "accuracy": 0.9, "accuracy_free": 0.8}
                row |= {"pairs_bound": pairs_bound(nats), "nats_repeated": nats / 3}
                row |= {"nats_later": nats, "documents": 1000}
                row |= {"step_nats": 0.1 if has_steps else None}
                tables["thinking_answer"].append({**labels, **row})
                for pair in range(1, 5) if has_steps else ():
                    row = {"pair": pair, "nats": 0.1, "accuracy": 0.95, "guess": 0.637}
                    tables["thinking_step"].append({**labels, **row})
    return {**tables, "thinking_price": price_rows()}
