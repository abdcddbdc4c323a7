"""Made-up tables of the analyses that only text of a known process allows.

Beliefs and posteriors are the exact ones of a few drawn documents; what members make of them, and
all else, is made up.
"""

import functools
import itertools
from typing import Any

import numpy as np

from manymasks.corpora.processes.registry import process

Rows = list[dict[str, Any]]

CORPORA = ("masks", "tally", "tally1", "fork")
"""Each is drawn from the process of its name."""
MASKS = ("sticky", "clockwise", "anticlockwise", "jitter")
STATES = "abc"
BEFORE = 31
"""Letters of a spliced document's first mask."""
PRICES = {
    "masks": {
        "ignore-premise": 0.0057,
        "commit": 0.0081,
        "forget-16": 0.0205,
        "forget-8": 0.0557,
        "never-infer": 0.1246,
    },
    "tally": {"no-binding": 0.075, "no-reading": 0.105},
    "tally1": {"no-binding": 0.0},
    "fork": {},
}
"""Nats per token."""
CEILINGS = (0.0, 0.325, 0.676, 0.955, 1.155, 1.302)
"""What an answer costs without binding, by the pairs of its block."""
SHARES = (0.5, 1.0, 2.0)
LEVELS = {
    "masks": {"role": ("premise", "letter"), "letters": ("1-31", "32-62")},
    "tally": {"role": ("digit", "equals", "answer"), "answers by W": tuple("123456")},
    "tally1": {"role": ("digit", "equals", "answer"), "answers by W": tuple("123456")},
    "fork": {"role": ("cue", "filler", "answer"), "kind": ("TWIN", "PLAIN", "AFTER", "BEFORE")},
}


@functools.cache
def drawn() -> tuple[Any, Any, Any]:
    """Posteriors of masks and of the letter's state, and entropies, of 40 documents of `masks`."""
    known = process("masks")
    tokens = known.draw(40, np.random.default_rng(5))
    hidden = known.posteriors(tokens)
    laws = known.laws(tokens)
    entropy = -(laws * np.log(np.where(laws > 0, laws, 1))).sum(-1)
    return hidden["mask"], hidden["letter_state"], entropy


def interval(name: str, value: float | None, half: float) -> dict[str, float | None]:
    """A value with an interval of 0.9 to 1.1 of it, but of at least half a width to each side."""
    if value is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    half = max(half, 0.1 * abs(value))
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def classes(models: Rows) -> dict[tuple[str, str], Rows]:
    """Models by size and variant."""
    found: dict[tuple[str, str], Rows] = {}
    for model in models:
        found.setdefault((model["size"], model["variant"]), []).append(model)
    return found


def truth(corpus: str) -> dict[str, Rows]:
    """Tables of the stage `truth`."""
    mine = {"corpus": corpus, "process": corpus}
    prices = [
        {
            **mine,
            "capability": capability,
            **place,
            **interval("nats", 1.01 * nats, 0.0),
            "exact": nats,
        }
        for place in _places(corpus)
        for capability, nats in PRICES[corpus].items()
    ]
    return {"process_truth": _process_truth(mine, _length(corpus)), "capability_price": prices}


def _length(corpus: str) -> int:
    return 14 if corpus == "fork" else 64


def _places(corpus: str) -> Rows:
    """Strata and levels of a process, and how many tokens are of each."""
    strata = [("all", "all")]
    strata += [(stratum, level) for stratum, names in LEVELS[corpus].items() for level in names]
    return [
        {"stratum": stratum, "level": level, "tokens": 3000, "documents": 50}
        for stratum, level in strata
    ]


def excess(corpus: str, models: Rows, random: np.random.Generator) -> dict[str, Rows]:
    """Tables of the stage `excess`."""
    mine = {"corpus": corpus, "process": corpus}
    length = _length(corpus)
    strata = [(place["stratum"], place["level"]) for place in _places(corpus)]
    excess, kept, sets, priced = [], [], [], []
    base = {"masks": 0.004, "tally": 0.002, "tally1": 0.002, "fork": 0.003}[corpus]
    costs = {name: nats for name, nats in PRICES[corpus].items() if nats > 0}
    cheapest = min(costs, key=lambda name: costs[name], default=None)
    for model in models:
        worse = 0.06 if corpus == "tally" else 0.003
        nats = base + worse * (model["variant"] == "myopic")
        nats *= float(np.exp(random.normal(0, 0.25)))
        for stratum, level in [*strata, *(("position", str(t)) for t in range(1, length))]:
            of = {"stratum": stratum, "level": level, "tokens": 3000, "documents": 50}
            row = {"model": model["model"], "process": corpus, **of}
            excess.append({**row, **interval("nats", nats, 0.0)})
        for capability in PRICES[corpus]:
            has = float(
                np.clip(random.normal(0.9 if model["variant"] == "causal" else 0.4, 0.2), 0, 1.2)
            )
            row = {"model": model["model"], "capability": capability}
            row |= {"tokens": 2000, "documents": 50}
            kept.append({**row, **interval("kept", has, 0.03)})
        for share in SHARES if cheapest else ():
            eps = share * costs[cheapest]
            row = {"model": model["model"], "share": share, "eps": eps}
            row |= {"select_nats": nats, "measure_nats": 1.05 * nats}
            priced.append({**row, "is_member": nats <= eps, "probability": 0.7, "is_at_edge": True})
    for (size, variant), members in classes(models).items():
        keys = {model["model"] for model in members}
        for share in SHARES if cheapest else ():
            inside = [
                row["is_member"] for row in priced if row["share"] == share and row["model"] in keys
            ]
            row = {"corpus": corpus, "size": size, "variant": variant, "share": share}
            row |= {"eps": share * costs[cheapest], "cheapest": cheapest}
            sets.append({**row, "members": sum(inside), "at_edge": 0, "candidates": len(inside)})
    return {
        "excess_loss": excess,
        "capability_kept": kept,
        "priced_set": sets,
        "priced_member": priced,
        "demand_gap": _demand(mine, models),
        "position_spread": _spread(corpus, models, length),
    }


def _process_truth(mine: dict[str, str], length: int) -> Rows:
    masks, _, entropy = drawn()
    unsure = -(masks * np.log(np.where(masks > 0, masks, 1))).sum(-1)
    has_masks = mine["corpus"] == "masks"
    return [
        {
            **mine,
            "position": t,
            **interval("entropy", float(entropy[:, t].mean()) if has_masks else 1.2905, 0.01),
            "nats": 1.0,
            "latent": "mask" if has_masks else None,
            "entropy_given_latent": 0.9 if has_masks else None,
            "posterior_entropy": float(unsure[:, t - 1].mean()) if has_masks and t > 1 else None,
        }
        for t in range(1, length)
    ]


def _demand(mine: dict[str, str], models: Rows) -> Rows:
    corpus = mine["corpus"]
    rows = []
    strata = [("all", "all")]
    strata += [(stratum, level) for stratum, names in LEVELS[corpus].items() for level in names]
    others = [(size, variant) for size, variant in classes(models) if variant != "causal"]
    for (size, variant), (stratum, level) in itertools.product(others, strata):
        ceiling, worse = None, 0.01
        if corpus.startswith("tally"):
            ceiling = CEILINGS[int(level) - 1] if stratum == "answers by W" else 0.075
            ceiling *= corpus == "tally"
            worse = 0.02 if corpus == "tally1" else 0.97 * ceiling + 0.01
            worse *= 0.4 if variant == "eroded" else 1
        causal = 0.002 * int(level) ** 2 if stratum == "answers by W" else 0.004
        row = {**mine, "size": size, "baseline": "causal", "variant": variant}
        row |= {"control_of": "tally" if corpus == "tally1" else None}
        row |= {"stratum": stratum, "level": level, **interval("baseline_nats", causal, 0.001)}
        row |= {"baseline_low": row.pop("baseline_nats_low")}
        row |= {"baseline_high": row.pop("baseline_nats_high")}
        row |= {"variant_nats": worse + causal, "variant_low": worse + causal - 0.03}
        row |= {"variant_high": worse + causal + 0.03, **interval("gap", worse, 0.02)}
        rate = {"binding": 4, "rate_low": 0.51, "rate_high": 1.0}
        row |= {f"{arm}_{name}": rate[name] for arm in ("baseline", "variant") for name in rate}
        rows.append({**row, "ceiling": ceiling, "models": 4, "documents": 50})
    return rows


def _spread(corpus: str, models: Rows, length: int) -> Rows:
    rows = []
    for (size, variant), members in classes(models).items():
        for t in range(1, length):
            kl = (0.004 + 0.02 * float(np.exp(-t / 12))) * (1.6 if variant == "myopic" else 1)
            kl *= 1 + 0.15 * float(np.sin(3.7 * t))
            row = {"corpus": corpus, "size": size, "variant": variant, "position": t}
            row |= {**interval("kl", kl, 0.002), "js": kl / 4, "floor": 3e-12}
            rows.append({**row, "models": len(members), "documents": 50})
    return rows


def spectroscopy(models: Rows, random: np.random.Generator) -> dict[str, Rows]:
    """Tables of the stage `spectroscopy`."""
    masks, _, _ = drawn()
    weights, fits, inertia, pairs = [], [], [], []
    lengths = (0, 1, 2, 4, 8, 16, 32, 56)
    spliced = (16, 24, 31, 33, 36, 40, 45, 50, 56, 62)
    second = {n: 1 / (1 + np.exp(-(n - BEFORE - 20) / 5)) for n in spliced}
    for model in models:
        late = 6 if model["variant"] == "myopic" else 2
        late += float(random.normal(0, 1))
        for document, letters, (place, mask) in itertools.product(
            range(8), lengths, enumerate(MASKS)
        ):
            exact = masks[document, letters + 1]
            told = exact**0.8 * np.exp(random.normal(0, 0.02, 4))
            row = {"document": document, "kind": "plain", "letters": letters, "mask": mask}
            row |= {"is_true_mask": mask == MASKS[int(masks[document, -1].argmax())]}
            row |= {"weight": float(told[place] / told.sum()), "posterior": float(exact[place])}
            weights.append({"model": model["model"], **row})
        for document, letters, (place, mask) in itertools.product(
            range(8), spliced, enumerate(MASKS)
        ):
            bayes = float(second[letters]) * (0.9 + 0.02 * (document % 5))
            told = 0.95 / (1 + np.exp(-(letters - BEFORE - 20 - late) / 6))
            told = float(np.clip(told + random.normal(0, 0.04), 0, 1))
            others = (1 - told) / 3, (1 - bayes) / 3
            row = {"document": document, "kind": "spliced", "letters": letters, "mask": mask}
            is_second = place == document % 4
            row |= {"is_true_mask": is_second, "weight": told if is_second else others[0]}
            row["posterior"] = bayes if is_second else others[1]
            weights.append({"model": model["model"], **row})
        for kind, letters in [*(("plain", n) for n in lengths), *(("spliced", n) for n in spliced)]:
            row = {"model": model["model"], "kind": kind, "letters": letters}
            row |= {**interval("from_bayes", 0.05, 0.01), **interval("residual", 0.02, 0.004)}
            row |= {"excess": 0.03, "entropy": 0.6, "posterior_entropy": 0.55, "documents": 8}
            fits.append({**row, **interval("sharpening", 0.9, 0.05)})
        row = {"model": model["model"], "before": BEFORE, "changed": 0.9, "documents": 8}
        inertia.append({**row, **interval("median", 20.0 + late, 2.0)})
    bayes_row = {"model": "bayes", "before": BEFORE, "changed": 0.95, "documents": 8}
    inertia.append({**bayes_row, **interval("median", 20.0, 2.0)})
    together = [
        pair
        for members in classes(models).values()
        for pair in itertools.combinations(sorted(model["model"] for model in members), 2)
    ]
    for (a, b), letters in itertools.product(together, lengths):
        kl = 0.03 * float(np.exp(random.normal(0, 0.2)))
        row = {"model_a": a, "model_b": b, "letters": letters, "documents": 8}
        row |= {**interval("kl", kl, 0.004), **interval("mask", 0.7 * kl, 0.003)}
        pairs.append({**row, **interval("machinery", 0.3 * kl, 0.002)})
    wholes = []
    for ((size, variant), members), letters in itertools.product(classes(models).items(), lengths):
        row = {"corpus": "masks", "size": size, "variant": variant, "letters": letters}
        for name, value, null in (
            ("share", 0.7, 0.12), ("sharpening", 0.9, 0.98), ("from_bayes", 0.05, 0.01),
        ):  # fmt: skip
            row |= {**interval(name, value, 0.1 * value), f"{name}_null": null}
            row |= {f"{name}_null_lowest": 0.9 * null, f"{name}_null_highest": 1.1 * null}
        row |= {"residual": 0.02, "residual_null": 0.02, "noise": 0.2, "draws": 32}
        wholes.append({**row, "models": len(members), "documents": 8})
    return {
        "mask_weights": weights,
        "mask_fit": fits,
        "mask_inertia": inertia,
        "mask_pair": pairs,
        "mask_class": wholes,
    }


def belief(corpus: str, models: Rows, random: np.random.Generator) -> dict[str, Rows]:
    """Tables of the stage `belief`."""
    probes, speculation, auc = [], [], []
    layers = (0, 1, 2)
    controls = ("none", "untrained", "shuffled")
    for model in models:
        mine = {"model": model["model"], "documents": 20}
        good = 1.0 if model["variant"] == "causal" else 0.93
        if corpus == "masks":
            for latent in ("mask", "letter_state", "state"):
                told = [(0, "last-letters"), (0, "premise+last-letters")]
                for layer, control in [*itertools.product(layers, controls), *told]:
                    r2 = {"none": 0.3 + 0.3 * layer, "untrained": 0.3}.get(control, 0.25)
                    r2 += 0.25 * control.startswith("premise")
                    r2 = -0.01 if control == "shuffled" else r2 * good
                    row = {**mine, "layer": layer, "latent": latent, "control": control}
                    row |= {**interval("r2", r2, 0.02), "rmse": 0.1, "tokens": 1200}
                    probes.append(row)
        for layer, ahead, control in itertools.product(layers, (1, 2, 3), controls[:2]):
            row = {**mine, "layer": layer, "ahead": ahead, "control": control}
            row |= {"nats": 1.02, "marginal": 1.09, "exact": 1.0}
            speculation.append({**row, **interval("efficiency", 0.78 * good, 0.05)})
        for layer, control in itertools.product(layers, controls[:2]):
            knows = control == "none" and layer and model["variant"] == "causal"
            row = {**mine, "layer": layer, "site": "b", "control": control, "pairs": 900}
            auc.append({**row, **interval("auc", 0.99 if knows else 0.51, 0.01)})
    if corpus != "masks":
        return {"speculation": speculation, "speculation_auc": auc}
    points = _points(models, random)
    beliefs = {"belief_point": points, "belief_path": _paths(models, random)}
    return {"belief_fit": probes, **beliefs, "speculation": speculation}


def _points(models: Rows, random: np.random.Generator) -> Rows:
    places = random.permutation([(i, t) for i in range(40) for t in range(2, 64)])[:400]
    return [
        {**_belief(model, document, t, random), "point": number}
        for model in models
        for number, (document, t) in enumerate(places)
    ]


def _paths(models: Rows, random: np.random.Generator) -> Rows:
    return [
        {**_belief(model, document, t, random), "document": document, "token": "abc"[t % 3]}
        for model in models
        for document in range(3)
        for t in range(2, 64)
    ]


def _belief(
    model: dict[str, Any], document: int, t: int, random: np.random.Generator
) -> dict[str, Any]:
    """An exact belief and a noisy reading."""
    masks, states, _ = drawn()
    exact = states[document, t]
    read = exact + random.normal(0, 0.03 if model["variant"] == "causal" else 0.07, 3)
    read += (1 - read.sum()) / 3
    row = {"model": model["model"], "layer": 2, "letters": int(t) - 1}
    row["mask"] = MASKS[int(masks[document, t].argmax())]
    row |= {f"truth_{name}": float(exact[i]) for i, name in enumerate(STATES)}
    return row | {f"read_{name}": float(read[i]) for i, name in enumerate(STATES)}


def rule_choice(corpus: str, models: Rows, random: np.random.Generator) -> dict[str, Rows]:
    """Tables of the stage `rules`."""
    asked = (("twin", "red", "blue", 0.5, 0.2), ("before", "depth 0", "first", 0.3, 0.1))
    choices, spreads = [], []
    for model, (question, rule, other, mean, sd) in itertools.product(models, asked):
        value = float(np.clip(random.normal(mean, sd), 0.02, 0.98))
        row = {"model": model["model"], "corpus": corpus, "answered": 0.0, "text_seed": 0}
        row |= {"exchanged": False, "question": question}
        row |= {"rule": rule, "other": other, "mass": 0.98, "p_right": 0.99, "questions": 60}
        row |= {**interval("preference", value, 0.03), **interval("share", value, 0.06)}
        choices.append({**row, "order_effect": 0.05 if question == "twin" else None})
    for (size, variant), members in classes(models).items():
        keys = {model["model"] for model in members}
        for question, rule, *_ in asked:
            values = [
                row["preference"]
                for row in choices
                if row["model"] in keys and row["question"] == question
            ]
            row = {"corpus": corpus, "size": size, "variant": variant, "answered": 0.0}
            row |= {"text_seed": 0, "exchanged": False}
            row |= {"question": question, "rule": rule, "members": len(values), "questions": 60}
            row |= {
                **interval("mean", float(np.mean(values)), 0.15),
                "sd": float(np.std(values, ddof=1)),
            }
            row |= {"lowest": min(values), "highest": max(values)}
            row |= {"above_half": sum(value > 0.5 for value in values)}
            row |= {"sign_p": 0.625, "dip_p": 0.9}
            for name, value in (("init", 0.6), ("order", 0.3), ("both", 0.1)):
                row |= interval(f"from_{name}", value, 0.1)
            spreads.append({**row, "agreement": 0.6, "agreement_expected": 0.55, "inits": 2})
    return {"rule_choice": choices, "rule_spread": spreads}


def swap(models: Rows, random: np.random.Generator) -> dict[str, Rows]:
    """The table of the stage `swap`."""
    rows = []
    share = {("residual", 0): 0.2, ("residual", 1): 0.4}
    share |= {("past", 0): 0.6, ("past", 1): 0.3, ("past", -1): 0.8}
    exact = [site for site in share if site in (("residual", 0), ("past", -1))]
    several = [("bayes", exact), *((model["model"], list(share)) for model in models)]
    kinds = itertools.product(("other mask", "same mask"), (8, 31))
    for (donor, letters), (model, sites) in itertools.product(list(kinds), several):
        for site, layer in sites:
            followed = share[site, layer] * (0.9 if letters == 8 else 1.0)
            followed *= 1.0 if donor == "other mask" else 0.6
            followed = float(np.clip(followed + random.normal(0, 0.05), 0, 1))
            row = {"model": model, "donor": donor, "site": site, "layer": layer}
            row |= {"letters": letters, **interval("followed", followed, 0.03)}
            row |= {"from_recipient": 0.1, "from_donor": 0.05, "apart": 0.2}
            rows.append({**row, "documents": 30})
    return {"mask_swap": rows}
