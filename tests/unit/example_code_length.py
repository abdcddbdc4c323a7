"""Made-up tables of the stage `code_length`."""

from typing import Any

Rows = list[dict[str, Any]]


def code_length(corpus: str, models: Rows) -> dict[str, Rows]:
    """Tables of the stage, by the law of high resolution."""
    tables: dict[str, Rows] = {
        name: [] for name in ("code_length", "code_constant", "code_bits", "prediction")
    }
    for number, model in enumerate(models):
        mine = {"model": model["model"]}
        weights = 1000 * int(str(model["size"]).removeprefix("w"))
        constant = 1.3 + 0.01 * number
        for power in range(4):
            excess, bits = 0.01 * 4**power, constant + 3.3 - power
            row = {"aimed_excess": excess, "rounding_offset": 0.0, "bits": bits * weights}
            row |= {"bits_per_weight": bits, "select_excess": excess, "measure_excess": excess}
            tables["code_length"].append({**mine, **row})
        row = {"constant": constant, "constant_lowest": constant, "constant_highest": constant}
        row |= {"slope": -2.0, "points": 3, "weights": weights}
        row |= {"select_nats": 3.9 - weights / 1e6, "measure_nats": 3.9 - weights / 1e6}
        tables["code_constant"].append({**mine, **row})
        for eps, bits in ((0.01, constant + 3.3), (0.1, None)):
            total = None if bits is None else bits * weights
            row = {"eps_nats": eps, "bits": total, "bits_per_weight": bits}
            tables["code_bits"].append({**mine, **row})
    classes = dict.fromkeys((model["size"], model["variant"]) for model in models)
    for size, variant in classes:
        row = {"measurement": "code_length", "quantity": "slope", "source": "a law"}
        row |= {"predicted_low": -2.3, "predicted_high": -1.7, "seen": -2.0}
        labels = {"corpus": corpus, "size": size, "variant": variant}
        tables["prediction"].append({**labels, **row, "seen_low": -2.1, "seen_high": -1.9})
    return tables
