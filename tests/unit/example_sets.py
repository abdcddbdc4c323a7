"""Made-up tables of the analyses of sets: candidates, sets, multiplicity, volume and funnel.

Sizes and seeds are those of the example's models; what is measured on them is made up.
"""

import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]
Classes = Mapping[str, Rows]
"""Models by class label, corpus/size/variant."""

DERIVED = {
    "noise": (0.03, 1, 2, 3),
    "dropout": (0.05, 1, 2),
    "checkpoint": (0.9, None),
    "quantised": (0.01, None),
}
"""Scale and draws of each method."""
EPS = (0.01, 0.02)
PERCENT = 0.5
POSITIONS = 60
HEADROOM = {
    "claim": "headroom",
    "corpus": "pydocs",
    "subject": "w64",
    "baseline": "w32",
    "within": "causal",
}


def candidates(label: str, models: Rows, random: np.random.Generator) -> dict[str, Rows]:
    """Tables of the stage `candidates`: members derived from the first model of a class."""
    parent = models[0]
    rows, losses = [], []
    for method, (scale, *draws) in DERIVED.items():
        for draw in draws:
            name = f"{label}-{method}-{draw}"
            nats = parent["final"] + abs(float(random.normal(0.012, 0.006)))
            row = {key: value for key, value in parent.items() if key != "final"}
            rows.append(
                {
                    **row,
                    "model": hashlib.sha256(name.encode()).hexdigest()[:12],
                    "method": method,
                    "parent": parent["model"],
                    "scale": scale,
                    "draw": draw,
                    "cost_seconds": 0.0 if method == "checkpoint" else 0.4,
                    "final": nats,
                }
            )
            losses += [
                {"model": rows[-1]["model"], "split": split, "nats": nats + above}
                for split, above in (("select", 0.0), ("measure", 0.02))
            ]
    coded = [
        {
            "model": row["model"],
            "bits": 4.5 * parent["parameters"],
            "bits_per_weight": 4.5,
            "rounding_offset": 1 / 3,
            "select_excess": 0.011,
        }
        for row in rows
        if row["method"] == "quantised"
    ]
    return {"model": rows, "model_loss": losses, "quantised_model": coded}


def sets(classes: Classes, derived: Classes) -> dict[str, Rows]:
    """Tables of the stage `rashomon`."""
    found: Rows = []
    members: Rows = []
    metrics: Rows = []
    finals = [model["final"] for models in classes.values() for model in models]
    for label, reference in itertools.product(classes, ("best-of-class", "best-of-pool")):
        trained = classes[label]
        best = min(model["final"] for model in trained)
        best = min(finals) if reference == "best-of-pool" else best
        thresholds = [(eps, "nats", eps) for eps in EPS]
        thresholds.append((PERCENT, "percent", PERCENT / 100 * best))
        methods = {method: pool(label, method, derived) for method in DERIVED} if derived else {}
        for (method, models), (eps, unit, nats) in itertools.product(
            [("trained", trained), *methods.items()], thresholds
        ):
            name = f"{label} | {reference} | {eps} {unit}"
            name += "" if method == "trained" else f" | {method}"
            inside = [model["final"] - best <= nats for model in models]
            share = sum(inside) / len(models)
            found.append(
                {
                    "rashomon_set": name,
                    "model_class": label,
                    "method": method,
                    "reference": reference,
                    "reference_nats": best,
                    "eps": eps,
                    "eps_unit": unit,
                    "eps_nats": nats,
                    "candidates": len(models),
                    "members": sum(inside),
                    "share": share,
                    "share_low": None if method == "trained" else max(0.0, share - 0.3),
                    "share_high": None if method == "trained" else min(1.0, share + 0.3),
                }
            )
            members += [
                {
                    "rashomon_set": name,
                    "model": model["model"],
                    "is_member": is_member,
                    "excess_nats": model["final"] - best,
                    "probability": 0.8 if is_member else 0.1,
                }
                for model, is_member in zip(models, inside, strict=True)
            ]
            metrics.append(_metric(name, "sd_nats", 0.01, sum(inside)))
    return {
        "rashomon_set": found,
        "rashomon_member": members,
        "rashomon_metric": metrics,
        "rashomon_curve_point": _curve(classes),
    }


def pool(label: str, method: str, derived: Classes) -> Rows:
    """Derived members of a class that came about by a method."""
    return [model for model in derived[label] if model["method"] == method]


def _curve(classes: Classes) -> Rows:
    rows = []
    for threshold in sorted(model["final"] for models in classes.values() for model in models):
        for label, models in classes.items():
            inside = sum(model["final"] <= threshold for model in models)
            share = inside / len(models)
            rows.append(
                {
                    "model_class": label,
                    "threshold_nats": threshold,
                    "share": share,
                    "share_low": max(0.0, share - 0.25),
                    "share_high": min(1.0, share + 0.25),
                    "members": inside,
                    "candidates": len(models),
                }
            )
    return rows


def multiplicity(known: dict[str, Rows], random: np.random.Generator) -> dict[str, Rows]:
    """Tables of the stage `multiplicity`, of the sets and members of the stage `rashomon`."""
    inside: dict[str, list[str]] = {}
    for row in known["rashomon_member"]:
        if row["is_member"]:
            inside.setdefault(row["rashomon_set"], []).append(row["model"])
    metrics: Rows = []
    weights: Rows = []
    shown: dict[tuple[str, str], dict[str, Any]] = {}
    for of in known["rashomon_set"]:
        name, keys = of["rashomon_set"], inside.get(of["rashomon_set"], [])
        count = len(keys)
        if not count:
            continue
        spread = (0.2 if "/w64/" in name else 0.15) * (1.0 if of["method"] == "trained" else 0.2)
        resampled = {"weighting": "resampled", "units": "documents", "covered": 0.9}
        for metric, value in _laws(count, spread).items():
            metrics.append(_metric(name, metric, value, count))
        for metric, value in _laws(count, 0.9 * spread).items():
            metrics.append({**_metric(name, metric, value, count), **resampled})
        for k in range(2, count):
            laws = _laws(k, spread)
            metrics += [
                _metric(name, metric, laws[metric], k)
                for metric in ("ambiguity", "pair_ambiguity", "distinct_top1")
            ]
        share = np.sort(random.dirichlet(np.ones(count)))[::-1]
        share[1:] = np.where(share[1:] < 0.1, 0.0, share[1:])
        weights += [
            {
                "rashomon_set": name,
                "model": model,
                "weight": float(weight / share.sum()),
                "mean_weight": 1 / count,
            }
            for model, weight in zip(keys, share, strict=True)
        ]
        largest = shown.setdefault((of["model_class"], of["method"]), of)
        if of["members"] > largest["members"]:
            shown[of["model_class"], of["method"]] = of
    positions: Rows = []
    for (label, _), of in shown.items():
        spread = 0.2 if "/w64/" in label else 0.15
        positions += _positions(of["rashomon_set"], of["members"], spread, random)
    classes = sorted({row["model_class"] for row in known["rashomon_set"]})
    return {
        "rashomon_metric": metrics,
        "set_weight": weights,
        "position_multiplicity": positions,
        "headroom": _headroom(classes),
        "variance_component": _components(classes, random),
        "contrast": [{**HEADROOM, "estimate": 0.1, "p": None}],
    }


def _laws(count: int, spread: float) -> dict[str, float]:
    """Metrics of a set of `count` members whose pairs are `spread` nats apart."""
    apart = spread if count > 1 else 0.0
    more = 1 - 1 / count
    return {
        "ambiguity": 1.8 * apart * more,
        "pair_ambiguity": 2 * apart * more,
        "discrepancy": 1.2 * apart * more**0.5,
        "vote_disagreement": apart,
        "distinct_top1": 1 + 2 * apart * more,
        "information": 0.6 * apart * more,
        "capacity": 0.9 * apart * more,
        "effective_models": float(np.exp(0.9 * apart * more)),
        "ensemble_gain": 0.3 * apart * more,
        "kl": apart,
        "tokens_to_tell_apart": np.log(20) / apart if apart else float("nan"),
    }


def _metric(name: str, metric: str, value: float, members: int) -> dict[str, Any]:
    least = 1.0 if metric.endswith(("effective_models", "distinct_top1")) else 0.0
    return {
        "rashomon_set": name,
        "metric": metric,
        "weighting": "hard",
        "members_used": members,
        "value": value,
        "low": least + 0.85 * (value - least),
        "high": least + 1.2 * (value - least),
        "units": "models and documents",
    }


def _positions(name: str, count: int, spread: float, random: np.random.Generator) -> Rows:
    rows = []
    for place in range(POSITIONS):
        laws = random.normal(random.normal(-1.5, 1.5), 2 * spread, size=count)
        p = 1 / (1 + np.exp(-laws))
        capacity = float(min(random.gamma(1.2, spread), np.log(count))) if count > 1 else 0.0
        rows.append(
            {
                "rashomon_set": name,
                "position": 17 * place,
                "document": f"d{place % 20}",
                "token": f" t{place}",
                "distinct_top1": 1 + int(random.integers(count)),
                "vote_disagreement": float(random.uniform(0, 1)),
                "p_low": float(p.min()),
                "p_high": float(p.max()),
                "pair_range": float(random.uniform(0, 0.5)),
                "information": 0.7 * capacity,
                "capacity": capacity,
                "effective_models": float(np.exp(capacity)),
                "ensemble_gain": 0.5 * capacity,
            }
        )
    return rows


def _headroom(classes: list[str]) -> Rows:
    rows = []
    for label in classes:
        if "/w32/" in label:
            found: dict[str, float] = {}
            for name, value in (("gain", 0.06), ("headroom", 0.3), ("remaining", 0.24)):
                found |= {f"{name}_low": value - 0.03, f"{name}_high": value + 0.03}
                found["ensemble_gain" if name == "gain" else name] = value
            of = {"model_class": label, "next_class": label.replace("/w32/", "/w64/")}
            rows.append({**of, **found, "p": 0.99, "models": 4, "documents": 20})
    return rows


def _components(classes: list[str], random: np.random.Generator) -> Rows:
    rows = []
    for label, measure in itertools.product(classes, ("nats", "kl", "top1_disagreement")):
        init = float(random.uniform(0.1, 0.4))
        for component, share in (("init", init), ("order", 0.3), ("rest", 0.7 - init)):
            row = {"model_class": label, "measure": measure, "component": component}
            row |= {"share": share, "low": max(0.0, share - 0.2), "high": min(1.0, share + 0.2)}
            row |= {"p": None if component == "rest" else 0.2}
            rows.append({**row, "inits": 2, "orders": 2, "models": 4})
    return rows


def volume(models: Rows, random: np.random.Generator) -> dict[str, Rows]:
    """Tables of the stage `volume`."""
    rows = []
    for model in models:
        radius = -2.6 - 0.3 * (model["size"] == "w64") + float(random.normal(0, 0.05))
        rows.append(
            {
                "model": model["model"],
                "eps_nats": 0.02,
                "log_radius": radius,
                "log_volume": radius * model["parameters"],
                "log_volume_sampled": radius * model["parameters"] + 900,
                "weights": model["parameters"],
                "directions": 8,
            }
        )
    return {"local_volume": rows, "contrast": []}


def funnel(classes: Classes) -> dict[str, Rows]:
    """Tables of the stage `funnel`: pools are the classes, and both variants of a size."""
    pools = {label: len(models) for label, models in classes.items()}
    for label, models in classes.items():
        size = label.rsplit("/", 1)[0]
        pools[size] = pools.get(size, 0) + len(models)
    constraints: Rows = []
    steps: Rows = []
    patterns: Rows = []
    for name, count in pools.items():
        parts = [(f"measure, part {i}", "split") for i in range(1, 5)] + [("shuffle 5", "probe")]
        parts += [("variant = myopic", "variant")] if name.count("/") == 1 else []
        constraints += [
            {
                "pool": name,
                "constraint_name": part,
                "kind": kind,
                "threshold_nats": None if kind == "variant" else 3.62,
                "passing": count // 2,
                "share": 0.5,
                "models": count,
            }
            for part, kind in parts
        ]
        for k in range(len(parts) + 1):
            share = (0.7 if name.endswith("causal") else 0.8) ** k
            left = count * share
            kl = 0.2 * share**0.2 if left >= 2 else float("nan")
            steps.append(
                {
                    "pool": name,
                    "constraints": k,
                    "survivors": left,
                    "survivors_lower_quantile": left * (1 - 0.1 * min(k, len(parts) - k)),
                    "survivors_upper_quantile": min(
                        count, left * (1 + 0.15 * min(k, len(parts) - k))
                    ),
                    "share": share,
                    "independent_share": 0.5**k,
                    "log_ratio": float(np.log(share / 0.5**k)),
                    "kl": kl,
                    "models": count,
                    "orders": 200,
                }
            )
        patterns += [
            {
                "pool": name,
                "members_used": k,
                "patterns": 1 + 0.6 * (k - 1),
                "models": count,
                "probes": 1,
            }
            for k in range(1, count + 1)
        ]
    losses = [
        {
            "constraint_name": f"measure, part {part}",
            "kind": "split",
            "model": model["model"],
            "nats": 3.6 + 0.01 * part + 0.004 * number,
        }
        for models in classes.values()
        for number, model in enumerate(models)
        for part in range(1, 5)
    ]
    return {
        "funnel_loss": losses,
        "funnel_constraint": constraints,
        "funnel_step": steps,
        "pattern": patterns,
    }
