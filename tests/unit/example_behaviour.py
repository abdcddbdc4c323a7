"""Made-up tables of how members behave: pairs and pools on probes, what they write and represent.

Sizes and seeds are those of the example's models; what is measured on them is made up.
"""

import itertools
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]

ORDERINGS = (
    "size > variant > seed_init > seed_order",
    "seed_order > seed_init > variant > size",
)
SHARES = {"size": 0.45, "variant": 0.2, "seed_init": 0.25, "seed_order": 0.1}
"""Of the total of the behaviour ANOVA, in both orderings."""
INTERACTIONS = {"size": 0.4, "variant": 0.2, "seed_init": 0.3, "size x variant": 0.1}
BINS = 5
SHOWN = 12
PROMPTS = 6
LENGTH = 8
LAYERS = {"w32": 2, "w64": 3}
GENERATIONS = (0, 1, 4)
MODES = ("greedy", "shared-noise")


def label_of(model: dict[str, Any]) -> str:
    """Label of a model's class."""
    return f"{model['corpus']}/{model['size']}/{model['variant']}"


def pools_of(models: Rows) -> list[tuple[str, str]]:
    """Every class with itself and with every other one."""
    return list(itertools.combinations_with_replacement(sorted(set(map(label_of, models))), 2))


def pair(kl: float, visible: float) -> dict[str, Any]:
    """What a pair has beside its KL."""
    return {
        "js": kl / 4.5,
        "tv": (kl / 4) ** 0.5 / 2,
        "top1_agreement": float(np.exp(-kl)),
        "kappa": float(np.exp(-1.2 * kl)),
        "soft_agreement": 1 / (1 + kl),
        "visible": visible,
        "hidden": kl * 0.8,
        "hidden_ratio": kl * 0.8 / abs(visible) if visible else None,
        "kl_sampled": kl * 1.02,
        "kl_tempered": kl * 0.95,
        "sampled": 128,
    }


def pool(kl: float, *, is_within: bool) -> dict[str, float]:
    """Metrics of a pool whose pairs have a mean KL."""
    found = {"kl": kl, "hidden": 0.8 * kl, "js": kl / 4.5, "tv": (kl / 4) ** 0.5 / 2}
    found |= {"hellinger": kl / 5, "top1_disagreement": float(1 - np.exp(-kl))}
    return found | ({"information": 0.3 * kl, "ensemble_gain": 0.25 * kl} if is_within else {})


def on_probe(
    probe: str, severities: int, models: Rows, random: np.random.Generator
) -> dict[str, Rows]:
    """Tables of the stage `divergence` that are not of pairs or pools."""
    found: dict[str, Rows] = {"probe_distance": []}
    items: Rows = []
    bins: Rows = []
    for severity, model in itertools.product(range(severities), models):
        row = {"probe": probe, "severity": severity, "model": model["model"]}
        nats = model["final"] * (1 + 0.1 * severity)
        items += [
            {
                **row,
                "item": item,
                "document": f"d{item}",
                "nats": nats + float(random.normal(0, 0.3)),
                "entropy": 3.4,
                "top1": 0.3,
                "margin": 0.8,
                "rank": 40.0,
            }
            for item in range(4)
        ]
        for place in range(BINS):
            confidence = (place + 0.5) / BINS
            accuracy = confidence * (1 - 0.05 * severity)
            bins.append(
                {
                    **row,
                    "bin": place,
                    "confidence": confidence,
                    "accuracy": accuracy,
                    "tokens": 1000 // (place + 1),
                }
            )
    for severity in range(severities):
        value = 3.8 * (1 + 0.1 * severity)
        of = {"probe": probe, "severity": severity, "measure": "reference_nats", "value": value}
        found["probe_distance"].append(
            {**of, "low": value - 0.1, "high": value + 0.1, "documents": 20}
        )
    return found | {
        "probe_item": items,
        "calibration_bin": bins,
        "behaviour_component": _components(probe, severities, len(models)),
        "position_divergence": _positions(probe, severities, len(models), random),
        "position_prediction": _predictions(probe, severities, models),
    }


def _components(probe: str, severities: int, models: int) -> Rows:
    rows = []
    orderings = dict.fromkeys(ORDERINGS, SHARES) | {"interactions": INTERACTIONS}
    for severity, kind, (ordering, shares) in itertools.product(
        range(severities), ("information", "variance"), orderings.items()
    ):
        total = 0.1 * (1 + 0.3 * severity) * (1.2 if kind == "variance" else 1.0)
        parts = {name: share * total for name, share in shares.items()}
        parts["total"] = total
        by_chance = dict.fromkeys(shares, 1 / len(shares))
        if ordering != "interactions":
            # Each of two levels: there are twice as many groups as before.
            by_chance = {
                name: 2**k / (2 ** len(shares) - 1) for k, name in enumerate(ordering.split(" > "))
            }
        by_chance["total"] = 1.0
        rows += [
            {
                "probe": probe,
                "severity": severity,
                "kind": kind,
                "ordering": ordering,
                "component": component,
                "value": value,
                "floor": 1e-12 if component == "total" else None,
                "entropy_share": value / 3.4,
                "chance_share": by_chance[component],
                "models": models,
            }
            for component, value in parts.items()
        ]
    return rows


def _positions(probe: str, severities: int, models: int, random: np.random.Generator) -> Rows:
    rows = []
    for severity, place in itertools.product(range(severities), range(SHOWN)):
        information = float(random.gamma(1.0, 0.1))
        rows.append(
            {
                "probe": probe,
                "severity": severity,
                "item": place // 3,
                "position": 100 + place,
                "document": f"d{place // 3}",
                "context": f"    return the | number\nof {place}",
                "token": f" t{place}",
                "information": information,
                "kl": 2 * information,
                "entropy": 3.0,
                "nats": 3.2,
                "distinct_top1": 2,
                "first_tokens": f"' a' {models - 1}, ' b' 1",
                "models": models,
            }
        )
    return rows


def _predictions(probe: str, severities: int, models: Rows) -> Rows:
    """Members with an even seed rank a first; the n-th model has log p(y) = -n - shown / 10."""
    return [
        {
            "probe": probe,
            "severity": severity,
            "item": shown // 3,
            "position": 100 + shown,
            "model": model["model"],
            "first_token": " b" if model["seed_init"] % 2 else " a",
            "p_first": 0.5,
            "log_p": -(1 + number) * (1 + shown / 10),
        }
        for severity, shown in itertools.product(range(severities), range(SHOWN))
        for number, model in enumerate(models)
    ]


def rollout(models: Rows, random: np.random.Generator) -> dict[str, Rows]:
    """Tables of the stage `rollout`."""
    ordered = sorted(models, key=lambda model: str(model["model"]))
    texts = [
        {
            "mode": mode,
            "model": model["model"],
            "item": item,
            "document": f"d{item}",
            "prompt": f"prompt {item} of",
            "text": f" text of <{model['seed_init']}>",
            "length": LENGTH,
            "loop_entry": 3 if mode == "greedy" and item == 0 else None,
            "loop_period": 2 if mode == "greedy" and item == 0 else None,
            "distinct_share": 0.7,
            "nats": 1.4,
            "entropy": 2.0,
        }
        for mode, model, item in itertools.product(MODES, ordered, range(PROMPTS))
    ]
    first = []
    for mode, (a, b), item in itertools.product(
        MODES, itertools.combinations(ordered, 2), range(PROMPTS)
    ):
        step = int(min(random.geometric(0.2), LENGTH + 1))
        first.append(
            {
                "mode": mode,
                "model_a": a["model"],
                "model_b": b["model"],
                "item": item,
                "step": min(step, LENGTH),
                "is_censored": step > LENGTH,
            }
        )
    found: dict[str, Rows] = {"agreement_survival": [], "rollout_pool": []}
    for mode, (label, other) in itertools.product(MODES, pools_of(models)):
        rate = 0.18 + 0.06 * (label != other) + 0.05 * (mode == "greedy")
        row = {"mode": mode, "pool": label, "other": other}
        units = {"models": 4 if label == other else 8, "documents": PROMPTS}
        for step in range(LENGTH + 1):
            survival = float(np.exp(-rate * step))
            ends = {"low": survival**1.3, "high": survival**0.8}
            found["agreement_survival"].append(
                {**row, "step": step, "survival": survival, **ends, **units}
            )
        metrics = {"agreed_tokens": 1 / rate, "censored": float(np.exp(-rate * LENGTH))}
        metrics |= {"loops": 0.2} if label == other else {}
        if mode == "shared-noise":
            metrics |= {"sequence_kl": 1.3 * rate, "cross_nats": 2.0 + rate, "text_kl": rate}
        found["rollout_pool"] += [
            {
                **row,
                "metric": metric,
                "value": value,
                "floor": 1e-12 if metric == "text_kl" else None,
                **units,
            }
            for metric, value in metrics.items()
        ]
    along = [
        {
            "model_a": a["model"],
            "model_b": b["model"],
            "kl": 0.0 if a is b else 0.25,
            "kl_low": 0.0 if a is b else 0.2,
            "kl_high": 0.0 if a is b else 0.3,
            "cross_nats": 2.0 if a is b else 2.25,
            "text_kl": 0.0 if a is b else 0.18,
        }
        for a, b in itertools.product(ordered, ordered)
    ]
    return found | {"rollout": texts, "first_divergence": first, "sequence_divergence": along}


def representation(models: Rows) -> dict[str, Rows]:
    """Tables of the stage `representation`; sizes of other depths meet at both ends alone."""
    ordered = sorted(models, key=lambda model: str(model["model"]))
    pairs = []
    for a, b in itertools.combinations(ordered, 2):
        layers = min(LAYERS[a["size"]], LAYERS[b["size"]])
        shared = range(layers + 1) if a["size"] == b["size"] else (0, layers)
        for layer, measure in itertools.product(shared, ("cka", "mutual_knn")):
            value = 0.9 - 0.15 * layer - 0.1 * (measure == "mutual_knn")
            pairs.append(
                {
                    "layer": layer,
                    "model_a": a["model"],
                    "model_b": b["model"],
                    "measure": measure,
                    "value": value,
                    "calibrated": (value - 0.05) / 0.95,
                    "p": 0.01,
                }
            )
    pools = []
    for label, other in pools_of(models):
        size, size_of_other = label.split("/")[1], other.split("/")[1]
        layers = min(LAYERS[size], LAYERS[size_of_other])
        shared = range(layers + 1) if size == size_of_other else (0, layers)
        for layer, measure in itertools.product(shared, ("cka", "mutual_knn")):
            value = 0.9 - 0.15 * layer - 0.1 * (measure == "mutual_knn")
            calibrated = (value - 0.05) / 0.95
            pools.append(
                {
                    "layer": layer,
                    "pool": label,
                    "other": other,
                    "measure": measure,
                    "value": value,
                    "calibrated": calibrated,
                    "floor": 1e-9,
                    "models": 4 if label == other else 8,
                }
            )
    return {"representation_similarity": pairs, "representation_pool": pools}


def severity(
    probe: str, severities: int, models: Rows, random: np.random.Generator
) -> dict[str, Rows]:
    """Tables of the stage `severity` of one probe: its trends, and the line against held-out."""
    fits: Rows = []
    residuals: Rows = []
    for place in range(severities):
        off = 0.004 * (1 + place)
        row = {"probe": probe, "severity": place}
        fits.append(
            {
                **row,
                "slope": 0.9,
                "intercept": 0.3 * place,
                "r2": 0.95 - 0.1 * place,
                "residual_sd": off,
                "residual_sd_noise": 0.004,
                "models": len(models),
            }
        )
        for model in models:
            residual = float(random.normal(0, off))
            residuals.append(
                {
                    **row,
                    "model": model["model"],
                    "text_nats": model["final"],
                    "nats": 0.3 * place + 0.9 * model["final"] + residual,
                    "residual": residual,
                }
            )
    trends: Rows = []
    labels = sorted(set(map(label_of, models)))
    for label, measure, (trend, value) in itertools.product(
        labels if severities > 1 else (),
        ("kl", "kl_share"),
        {"rise": 0.2, "fall": -0.01, "slope": 0.08, "rank": 0.9}.items(),
    ):
        scaled = value / 3.4 if measure == "kl_share" and trend != "rank" else value
        trends.append(
            {
                "probe": probe,
                "pool": label,
                "measure": measure,
                "trend": trend,
                "value": scaled,
                "p": None if trend == "rank" else 0.02,
            }
        )
    return {"line_fit": fits, "line_residual": residuals, "severity_trend": trends}


def search(probe: str, models: Rows) -> Rows:
    """Table of the stage `search` beside those of a probe; of the last class a member more."""
    labels = sorted(set(map(label_of, models)))
    return [
        {
            "probe": probe,
            "severity": place,
            "pool": label,
            "generations": generations,
            "evaluations": 160 * (1 + generations),
            "searched": 0.05 * (1 + 0.5 * place),
            "models": 3 if label == labels[-1] else 2,
        }
        for place, generations in enumerate(GENERATIONS)
        for label in labels
    ]
