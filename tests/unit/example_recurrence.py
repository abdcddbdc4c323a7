"""Made-up tables of the stage `recurrence`."""

import itertools
from typing import Any

Rows = list[dict[str, Any]]


def interval(name: str, value: float) -> dict[str, float]:
    return {name: value, f"{name}_low": value - 0.05, f"{name}_high": value + 0.05}


def recurrence(models: Rows) -> dict[str, Rows]:
    """Tables of the stage, with states for all of the members."""
    reading, patches, writes, statistics = [], [], [], []
    for model in models:
        mine = {"model": model["model"]}
        counted = {"documents": 40, "effective_documents": 40.0}
        sites = (("residual", 64), ("streams", 192), ("state", 2048))
        for (site, dimension), (number, components), control in itertools.product(
            sites, enumerate((4, 16, 64)), ("none", "untrained")
        ):
            row = {
                "site": site,
                "latent": "mask",
                "probe": "ridge",
                "control": control,
                "components": components,
                "dimension": dimension,
                "is_whole": components == 64,
                "rmse": 0.1,
                "tokens": 480,
            }
            r2 = (0.3 + 0.2 * number) * (1.0 if control == "none" else 0.4)
            reading.append({**mine, **row, **interval("r2", r2), **counted})
        last = {"site": "tokens", "latent": "mask", "probe": "ridge", "control": "last-letters"}
        reading.append({**mine, **last, "is_whole": True, **interval("r2", 0.2), **counted})
        for scope, layer, head, efficacy in (
            ("whole", None, None, 0.98),
            ("layer", 1, None, 0.6),
            ("head", 1, 0, 0.2),
            ("direction mask", None, None, 0.5),
            ("random mask", None, None, 0.01),
        ):
            row = {"position": 40, "scope": scope, "layer": layer, "head": head}
            row |= {"unedited_nats": 1.0, "edited_nats": 1 - efficacy}
            patches.append({**mine, **row, **interval("efficacy", efficacy), **counted})
        for layer, distance in itertools.product((0, 1), (1, 16)):
            row = {"layer": layer, "distance": distance, "is_last": layer == 1}
            row |= {"cosine": 0.9, "rms": 0.1}
            writes.append({**mine, **row, **interval("r2", 0.5 + 0.4 * layer), **counted})
            if distance == 1:
                row = {"layer": layer, "head": 0, "half_life": 12.0, "half_life_tenth": 2.0}
                row |= {"half_life_ninth": 90.0, "stable_rank": 2.5, "rms": 0.4, "keys": 16}
                statistics.append({**mine, **row})
    return {
        "state_reading": reading,
        "state_patch": patches,
        "write_effect": writes,
        "state_statistic": statistics,
    }
