"""A made-up results folder, with manifests and tables.

Of real text it has 2 sizes x 2 variants x (2 x 2) seeds, of each known process one size of these.
"""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import example_behaviour
import example_code_length
import example_decomposition
import example_explorer
import example_known
import example_recurrence
import example_sets
import example_steering
import example_text_spectrum
import example_thinking
import example_tuning
import example_universal
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from example_rows import completed

import kit
from manymasks.store.manifest import InputReference, read_manifest, write_manifest

SIZES = {"w32": 40_000, "w64": 120_000}
VARIANTS = ("causal", "myopic")
PROBES = {"held-out": (0,), "shuffle": (0, 2, 4, 8, 16, 32)}
SEARCH = "evolved"
"""A probe whose contexts are evolved on one half of the members and tried on the other."""
DISTANCES = {"ngram_nats": 4.1, "unseen_share": 0.3, "unigram_kl": 0.2}
EDGES = (0, 1, 2, 4, 8, 16, 32, 64, 128)
ARMS = {
    "causal": ("causal", 1.0, 0.0),
    "most": ("discount", 0.9, 0.02),
    "half": ("discount", 0.5, 0.035),
    "local": ("local", None, -0.01),
    "myopic": ("myopic", 0.0, 0.045),
    "alone": ("bigram", None, 1.1),
    "unigram": (None, None, 2.8),
    "bigram": (None, None, 1.2),
}
"""Gradient, discount and gap of each arm of the myopia analysis; the last two are floors."""
PRIMARY = tuple(
    {
        "claim": "gap",
        "corpus": "pydocs",
        "subject": "myopic",
        "baseline": "causal",
        "within": size,
        "probe": None,
        "severity": None,
        "stage": "myopia",
    }
    for size in SIZES
)
"""Claims that the study named before it was run."""
UNTESTED = {**PRIMARY[0], "claim": "volume", "subject": "w128", "baseline": "w64"}
UNTESTED |= {"within": "causal", "stage": "volume"}
"""A claim of a size none of whose members was trained."""
P_VALUES = (0.004, 0.03, 0.02, 0.9)
"""Of the contrasts; the first two are primary."""

OF_TEXT = ("rashomon", "divergence", "myopia")
EVERYTHING = (*OF_TEXT, "processes")
"""Analyses; with the last one come corpora and models of known processes."""

Rows = list[dict[str, Any]]


def key_of(text: str) -> str:
    """A key made up from a name."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class ExampleResults:
    """Writes artifacts below `root`; `current` collects the keys of the current study."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.current: dict[str, str] = {}
        self.confidence = 0.95
        self.random = np.random.default_rng(7)
        self.models: list[dict[str, Any]] = []
        """Current models of real text."""
        self.reference: str | None = None
        """Key of the reference seed, which takes part in no analysis."""
        self.probes: list[str] = []
        """Keys of the probes on which all models are tried."""
        self.known: dict[str, list[dict[str, Any]]] = {}
        """Current models of text of a known process, by corpus."""

    def add(
        self,
        stage: str,
        label: str,
        tables: dict[str, Rows],
        inputs: dict[str, list[str]] | None = None,
        *,
        settings: dict[str, Any] | None = None,
        is_current: bool = True,
        seconds: float = 1.5,
        fill: bool = True,
    ) -> str:
        """Write one artifact, its manifest last; returns its key.

        Columns of the schema that rows leave out are made up, if `fill`.
        """
        name = f"{stage}/{label}"
        digest = hashlib.sha256(
            json.dumps([name, settings, is_current], sort_keys=True).encode()
        ).hexdigest()
        key = digest[:12]
        folder = self.root / stage / key
        for table, rows in tables.items():
            path = folder / "tables" / f"{table}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = [completed(table, row) if fill else row for row in rows]
            pq.write_table(pa.Table.from_pylist(whole), path)
        folder.mkdir(parents=True, exist_ok=True)
        manifest = kit.manifest(
            stage,
            key=key,
            digest=digest,
            label=name,
            settings={"statistics": {"confidence": self.confidence}, **(settings or {})},
            inputs={
                role: tuple(InputReference("any", used, used * 5) for used in keys)
                for role, keys in (inputs or {}).items()
            },
            code={f"manymasks.stages.{stage}": "0" * 64},
            files=kit.payload(folder),
            environment={
                "python": "3.11.7",
                "platform": "Linux x86_64",
                "packages": {"torch": "2.13.0", "duckdb": "2.0.0"},
                "git": {"commit": "0123456789abcdef", "dirty": False},
            },
            created=f"2026-11-20T13:00:{0 if is_current else 30:02d}Z",
            wall_seconds=seconds,
            cpu_seconds=seconds * 0.9,
            peak_memory_bytes=400_000_000,
        )
        write_manifest(folder / "manifest.json", manifest)
        if is_current:
            self.current[key] = name
        return key

    def train(
        self,
        size: str,
        variant: str,
        init: int,
        order: int,
        *,
        corpus: str = "pydocs",
        parent: str | None = None,
        is_current: bool = True,
        is_reference: bool = False,
        has_failed: bool = False,
    ) -> str:
        """A training artifact with its evaluation; returns the model's key.

        With a `parent` it started from the weights of that model. A reference seed is not
        evaluated, and is no model of the example; nor is a member whose training failed.
        """
        label = f"{corpus}/{size}/{variant}/i{init}-o{order}"
        rate = 0.003 if is_current else 0.01
        final = (3.9 if size == "w32" else 3.6) + 0.05 * (variant == "myopic")
        final += float(self.random.normal(0, 0.008))
        model: dict[str, Any] = {
            "model_class": key_of(f"{corpus}/{size}/{variant}/{rate}"),
            "corpus": corpus,
            "size": size,
            "variant": variant,
            "gradient": "myopic" if parent else variant,
            "seed_init": init,
            "seed_order": order,
            "method": "fine-tuned" if parent else "trained",
            "parent": parent,
            "status": "failed" if has_failed else "trained",
            "failed_step": 7 if has_failed else None,
            "parameters": SIZES.get(size, 500_000),
            "training_tokens": 2_048_000,
            "learning_rate": rate,
            "cost_seconds": 12.0,
        }
        settings: dict[str, Any] = {
            "training": {"learning_rate": rate, "steps": 1000},
            "width": int(size[1:]),
        }
        if not is_current:
            settings["training"]["nesterov"] = True
        digest = hashlib.sha256(
            json.dumps([f"training/{label}", settings, is_current], sort_keys=True).encode()
        ).hexdigest()
        model["model"] = digest[:12]
        curve = [
            {
                "model": model["model"],
                "step": step,
                "split": split,
                "nats": final
                + 3.3 * float(np.exp(-step / 160))
                + (0.03 if split == "select" else float(self.random.normal(0, 0.02))),
                "tokens": step * 2048,
                "learning_rate": rate,
            }
            for step in range(0, 1001, 50)
            for split in ("train", "select")
        ]
        key = self.add(
            "training",
            label,
            {"model": [model], "training_curve": curve},
            {"tokens": [key_of("tokens")]},
            settings=settings,
            is_current=is_current,
            seconds=12.0,
        )
        assert key == model["model"]
        if is_reference:
            self.reference = key
        if is_reference or has_failed:
            return key
        if is_current:
            models = self.models if corpus == "pydocs" else self.known.setdefault(corpus, [])
            models.append({**model, "final": final})
        self.evaluate(label, key, final, is_current)
        return key

    def evaluate(self, label: str, model: str, final: float, is_current: bool) -> None:
        """An evaluation artifact."""
        losses, documents, positions = [], [], []
        for split, nats in (("select", final), ("measure", final + 0.02)):
            losses.append(
                {
                    "model": model,
                    "split": split,
                    "nats": nats,
                    "bits_per_byte": nats / np.log(2) / 3,
                    "top1": 0.31,
                    "bytes": 12000,
                }
            )
            documents += [
                {
                    "model": model,
                    "split": split,
                    "document": f"d{i}",
                    "nats": nats * 200 + float(self.random.normal(0, 9)),
                    "bytes": 600,
                    "top1": 62,
                }
                for i in range(20)
            ]
            positions += [
                {
                    "model": model,
                    "split": split,
                    "position_low": low,
                    "position_high": high - 1,
                    "nats": nats + 2 / (1 + low),
                    "tokens": 31 * (high - low),
                }
                for low, high in itertools.pairwise(EDGES)
            ]
        self.add(
            "evaluation",
            label,
            {"model_loss": losses, "document_loss": documents, "position_loss": positions},
            {"model": [model]},
            settings={"batch": 64},
            is_current=is_current,
            seconds=2.0,
        )

    def classes(self) -> dict[str, list[dict[str, Any]]]:
        """Current models of real text by class label."""
        found: dict[str, list[dict[str, Any]]] = {}
        for model in self.models:
            label = f"pydocs/{model['size']}/{model['variant']}"
            found.setdefault(label, []).append(model)
        return found

    def tune(self, size: str, variant: str, best: float) -> str:
        """Trials of four rates with two pairs of seeds; at the highest rate one failed."""
        trials = [
            {
                "corpus": "pydocs",
                "size": size,
                "variant": variant,
                "learning_rate": rate,
                "seed_init": init,
                "seed_order": 1000,
                "select_nats": None
                if (rate, init) == (0.012, 1001)
                else 4 + 0.1 * abs(float(np.log2(rate / best))) + 0.002 * (init - 1000),
                "status": "failed" if (rate, init) == (0.012, 1001) else "trained",
                "is_chosen": rate == best,
            }
            for rate in (0.0015, 0.003, 0.006, 0.012)
            for init in (1000, 1001)
        ]
        label = f"pydocs/{size}/{variant}"
        return self.add("tuning", label, {"tuning": trials}, {"tokens": [key_of("tokens")]})

    def rashomon(self) -> str:
        """Derived members, and the sets: which models are in them and how they differ."""
        classes = self.classes()
        derived: dict[str, Rows] = {}
        made = []
        for label, models in classes.items():
            tables = example_sets.candidates(label, models, self.random)
            derived[label] = tables["model"]
            rows = [{key: row[key] for key in row if key != "final"} for row in tables["model"]]
            parent = {"training": [models[0]["model"]]}
            made.append(self.add("derived", label, {**tables, "model": rows}, parent))
        inputs = {"training": [model["model"] for model in self.models], "derived": made}
        tables = example_sets.sets(classes, derived)
        key = self.add("rashomon", "pydocs", tables, inputs)
        trained = [row for row in tables["rashomon_set"] if row["method"] == "trained"]
        self.add(
            "universal",
            "pydocs",
            example_universal.universal(self.models, trained, np.random.default_rng(11)),
            {**inputs, "rashomon": [key]},
            settings={
                "universal": {"thresholds": list(example_universal.THRESHOLDS), "lead": 0.01}
            },
        )
        tables = example_sets.multiplicity(tables, self.random)
        self.add("multiplicity", "pydocs", tables, {**inputs, "rashomon": [key]})
        self.add("volume", "pydocs", example_sets.volume(self.models, self.random), inputs)
        coded = example_code_length.code_length("pydocs", self.models)
        self.add("code_length", "pydocs", coded, inputs)
        self.add("funnel", "pydocs", example_sets.funnel(classes), inputs)
        return key

    def divergence(
        self,
        probe: str,
        severities: Sequence[int],
        stage: str = "probe",
        models: Rows | None = None,
    ) -> str:
        """All pairs, pools and floors on one probe, with two exploratory contrasts."""
        models = self.models if models is None else models
        key = self.add(stage, f"pydocs/{probe}", _contexts(stage, probe, severities, models))
        pairs: Rows = []
        pools: Rows = []
        floors: Rows = []
        probes: Rows = []
        for severity in range(len(severities)):
            growth = 1 + 0.35 * severity
            by_pool: dict[tuple[str, str], list[float]] = {}
            ordered = sorted(models, key=lambda model: str(model["model"]))
            for a, b in itertools.combinations(ordered, 2):
                kl = 0.16 + 0.05 * (a["size"] == "w64") + 0.03 * (a["seed_init"] != b["seed_init"])
                kl += 0.04 * (a["variant"] != b["variant"]) + 0.25 * (a["size"] != b["size"])
                kl *= growth * float(np.exp(self.random.normal(0, 0.06)))
                pairs.append(
                    {
                        "probe": probe,
                        "severity": severity,
                        "model_a": a["model"],
                        "model_b": b["model"],
                        "kl": kl,
                        **example_behaviour.pair(kl, b["final"] - a["final"]),
                    }
                )
                names = [f"pydocs/{model['size']}/{model['variant']}" for model in (a, b)]
                by_pool.setdefault((min(names), max(names)), []).append(kl)
            for (pool, other), values in by_pool.items():
                metrics = example_behaviour.pool(float(np.mean(values)), is_within=pool == other)
                pools += [
                    {
                        "probe": probe,
                        "severity": severity,
                        "pool": pool,
                        "other": other,
                        "metric": metric,
                        "value": value,
                        "floor": 2e-12,
                        "entropy_share": value / 3.4,
                        "models": len(models) // (4 if pool == other else 2),
                    }
                    for metric, value in metrics.items()
                ]
            for model in models:
                row = {"model": model["model"], "probe": probe, "severity": severity}
                probes.append({**row, "nats": model["final"] * growth, "entropy": 3.4, "top1": 0.3})
                floors.append(
                    {**row, "perturbation": "batch 8 -> 3", "kl": 2e-12, "top1_agreement": 1.0}
                )
        contrasts = [
            _contrast(
                p,
                claim="spread",
                subject="w64",
                baseline="w32",
                within=variant,
                probe=probe,
                severity=0,
            )
            for variant, p in zip(VARIANTS, P_VALUES[2:], strict=True)
        ]
        more = example_behaviour.on_probe(probe, len(severities), models, self.random)
        inputs = {"probe": [key], "training": [model["model"] for model in models]}
        if stage == "probe":
            tables = example_explorer.explored(probe, len(severities), models)
            self.add("explorer", f"pydocs/{probe}", tables, inputs)
        if self.reference is not None:
            inputs = {**inputs, "reference": [self.reference]}
        self.add(
            "divergence",
            f"pydocs/{probe}",
            {
                "pair_divergence": pairs,
                "pool_divergence": pools,
                "noise_floor": floors,
                "model_probe": probes,
                "contrast": contrasts if stage == "probe" else [],
                **more,
            },
            inputs,
            seconds=8.0,
        )
        return key

    def series(self) -> None:
        """Members as checkpoints of a series: a variant is a step."""
        steps = {variant: 100 * (i + 1) for i, variant in enumerate(VARIANTS)}
        rows = [
            {
                "model": model["model"],
                "source": "owner/name",
                "step": steps[model["variant"]],
                "labels": json.dumps({"step": steps[model["variant"]]}),
                "files": "{}",
            }
            for model in self.models
        ]
        self.add("pretrained", "pydocs", {"pretrained_model": rows})

    def behaviour(self) -> None:
        """A search, what members write and represent, and the questions over severities."""
        half = [model for model in self.models if model["seed_init"] == 1]
        self.divergence(SEARCH, example_behaviour.GENERATIONS, "search", half)
        inputs = {"training": [model["model"] for model in self.models]}
        self.add("rollout", "pydocs", example_behaviour.rollout(self.models, self.random), inputs)
        self.add("representation", "pydocs", example_behaviour.representation(self.models), inputs)
        carried = example_text_spectrum.text_spectrum(self.models)
        self.add("text_spectrum", "pydocs", carried, inputs)
        tables: dict[str, Rows] = {}
        for probe, severities in PROBES.items():
            found = example_behaviour.severity(probe, len(severities), self.models, self.random)
            for table, rows in found.items():
                tables.setdefault(table, []).extend(rows)
        self.add("severity", "pydocs", tables, {"probe": self.probes})

    def myopia(self, *, is_current: bool = True) -> str:
        """The gap by position and over all, with two primary contrasts."""
        gaps = []
        for size, (low, high) in itertools.product(
            SIZES, [*itertools.pairwise(EDGES), (0, EDGES[-1])]
        ):
            gap = (0.05 if size == "w32" else 0.065) * float(1 - np.exp(-low / 10))
            is_total = high - low == EDGES[-1]
            gap = 0.045 if is_total else gap
            gaps.append(
                {
                    "corpus": "pydocs",
                    "size": size,
                    "baseline": "causal",
                    "variant": "myopic",
                    "split": "measure",
                    "position_low": low,
                    "position_high": high - 1,
                    "is_total": is_total,
                    "gap": gap,
                    "p": 0.004,
                    "baseline_nats": 3.6,
                    "variant_nats": 3.6 + gap,
                }
            )
        contrasts = [_contrast(p, **claim) for claim, p in zip(PRIMARY, P_VALUES[:2], strict=True)]
        return self.add(
            "myopia",
            "pydocs",
            {"myopia_gap": gaps, "contrast": contrasts, **_arms()},
            {"model": [model["model"] for model in self.models]},
            is_current=is_current,
        )

    def floor(self) -> str:
        """Counts on both splits, in total and by position."""
        named = [
            ({"corpus": "pydocs", "baseline": floor, "split": split}, 3.6 + ARMS[floor][2])
            for floor in ("unigram", "bigram")
            for split in ("select", "measure")
        ]
        losses = [
            {**name, "nats": nats, "bits_per_byte": nats / np.log(2) / 3} for name, nats in named
        ]
        positions = [
            {**name, "position_low": low, "position_high": high - 1, "nats": nats, "tokens": 31}
            for name, nats in named
            for low, high in itertools.pairwise(EDGES)
        ]
        tables = {"ngram_loss": losses, "ngram_position_loss": positions}
        return self.add("ngram_baseline", "pydocs", tables, {"tokens": [key_of("tokens")]})

    def gradient(self) -> str:
        """Present and future in the gradients of the causal members."""
        causal = [model for model in self.models if model["variant"] == "causal"]
        rows = [
            {
                "model": model["model"],
                "level": level,
                "weights": weights,
                "gamma": gamma,
                "norm": 1.0,
                "rest_norm": 0.4 * (1 - gamma),
                "whole_norm": 1.2,
                "projection": 0.7
                + 0.3 * gamma**2
                + (1 - gamma) * float(self.random.normal(0, 0.02)),
                "cosine": 0.9 + 0.1 * gamma,
                "rest_cosine": 0.2 if gamma < 1 else None,
            }
            for model in causal
            for level in ("mean", "window")
            for weights in ("W_E", "W_K", "all")
            for gamma in (0.0, 0.5, 0.9, 1.0)
        ]
        models = {"training": [model["model"] for model in causal]}
        return self.add("gradient", "pydocs", {"myopia_gradient": rows}, models)

    def processes(self) -> None:
        """Corpora of known processes, their models, and the analyses that only they allow."""
        for corpus in example_known.CORPORA:
            made = {"corpus": corpus, "kind": "process", "documents": 300, "bytes": 38_000}
            used = self.add("corpus", corpus, {"corpus": [made]})
            tokenizer = {"corpus": corpus, "kind": "symbols", "vocabulary": 13}
            self.add("tokenizer", corpus, {"tokenizer": [tokenizer]}, {"corpus": [used]})
            for variant, init, order in itertools.product(VARIANTS, (0, 1), (0, 1)):
                self.train("w32", variant, init, order, corpus=corpus)
            models = self.known[corpus]
            for model in models[:4] if corpus == "tally" else ():
                seeds = (model["seed_init"], model["seed_order"])
                self.train("w32", "eroded", *seeds, corpus=corpus, parent=model["model"])
            inputs = {"training": [model["model"] for model in models]}
            tables = {
                "truth": example_known.truth(corpus),
                "excess": example_known.excess(corpus, models, self.random),
                "belief": example_known.belief(corpus, models, self.random),
            }
            if corpus == "masks":
                tables["spectroscopy"] = example_known.spectroscopy(models, self.random)
                tables["swap"] = example_known.swap(models, self.random)
                tables["decomposition"] = example_decomposition.decomposition(corpus, models)
                tables["recurrence"] = example_recurrence.recurrence(models)
                tables["fine_tuning"] = example_tuning.by_variant(
                    models, {"causal": "one mask", "myopic": "one premise"}
                )
                for name, rows in example_tuning.rewarded(models).items():
                    tables["fine_tuning"][name] += rows
            if corpus == "tally":
                tables["thinking"] = example_thinking.thinking(models, {corpus: "filler"})
                tables["steering"] = example_steering.steering(models, "steer-hard")
            if corpus == "fork":
                tables["rule_choice"] = example_known.rule_choice(corpus, models, self.random)
                tables["steering"] = example_steering.steering(models, "steer-easy")
            for stage, rows in tables.items():
                self.add(stage, corpus, rows, inputs)


def _contexts(stage: str, probe: str, severities: Sequence[int], models: Rows) -> dict[str, Rows]:
    """Tables of an artifact of contexts."""
    found = {
        "probe": [
            {
                "probe": probe,
                "severity": place,
                "corpus": "pydocs",
                "family": stage if stage == "search" else probe,
                "split": "measure",
                "is_synthetic": probe in ("copy", "recall", "brackets"),
                "description": f"blocks of {block}" if block else "text as it is",
                "scored": 32,
                "changed": 1 - 1 / block if block else 0.0,
            }
            for place, block in enumerate(severities)
        ],
        "probe_distance": [
            {
                "probe": probe,
                "severity": place,
                "measure": measure,
                "value": value * (1 + 0.1 * place),
            }
            for place in range(len(severities))
            for measure, value in DISTANCES.items()
        ],
    }
    if stage == "search":
        found["search_step"] = example_behaviour.search(probe, models)
    return found


def _arms() -> dict[str, Rows]:
    """Tables of the myopia analysis beside the gap."""
    sizes = [{"corpus": "pydocs", "size": size} for size in SIZES]
    arms = [
        {
            **size,
            "arm": arm,
            "is_ngram": gradient is None,
            "gradient": gradient,
            "gamma": gamma,
            "split": "measure",
            "nats": 3.6 + gap,
            "gap": gap,
            "models": None if gradient is None else 4,
            "seeds": 0 if arm == "causal" else 4,
        }
        for size in sizes
        for arm, (gradient, gamma, gap) in ARMS.items()
    ]
    parts = [
        {
            **size,
            "local": "local",
            "past": "causal",
            "myopic": "myopic",
            "part": part,
            "split": "measure",
            "nats": nats,
            "p": 0.03,
        }
        for size in sizes
        for part, nats in (("bonus", 0.01), ("malus", 0.055), ("gap", 0.045))
    ]
    curve = [
        {
            **size,
            "baseline": "causal",
            "variant": "myopic",
            "step": step,
            "tokens": step * 2048,
            "gap": 0.045 * step / 1000,
        }
        for size in sizes
        for step in range(50, 1001, 50)
    ]
    horizon = [
        {
            **size,
            "baseline": "causal",
            "split": "measure",
            "gammas": 4,
            "gap": 0.045,
            "half_gamma": 0.8,
            "horizon": 5.0,
            "fitted_horizon": 6.0,
        }
        for size in sizes
    ]
    return {
        "myopia_arm": arms,
        "myopia_part": parts,
        "myopia_curve": curve,
        "myopia_horizon": horizon,
    }


def _contrast(p: float, **claim: Any) -> dict[str, Any]:
    claim.pop("stage", None)
    return {"corpus": "pydocs", **claim, "estimate": 0.05, "p": p}


def write_results(
    root: Path,
    *,
    analyses: tuple[str, ...] = EVERYTHING,
    tuned: bool = True,
) -> ExampleResults:
    """A whole study below `root`, with one old training and one old myopia artifact."""
    results = ExampleResults(root)
    corpus = {"corpus": "pydocs", "kind": "pydocs", "documents": 200, "bytes": 2_200_000}
    tokenizer = {"corpus": "pydocs", "kind": "bpe", "vocabulary": 1024, "bytes_per_token": 3.0}
    used = results.add("corpus", "pydocs", {"corpus": [corpus]})
    used = results.add("tokenizer", "pydocs", {"tokenizer": [tokenizer]}, {"corpus": [used]})
    for size, variant, init, order in itertools.product(SIZES, VARIANTS, (0, 1), (0, 1)):
        results.train(size, variant, init, order)
    results.train("w32", "causal", 0, 0, is_current=False)
    if tuned:
        results.tune("w32", "causal", 0.003)
        results.tune("w32", "myopic", 0.0015)
    if "rashomon" in analyses:
        results.rashomon()
    if "divergence" in analyses:
        results.train("w64", "causal", 900, 900, is_reference=True)
        results.probes = [results.divergence(*probe) for probe in PROBES.items()]
        results.behaviour()
        results.series()
    if "myopia" in analyses:
        results.myopia()
        results.myopia(is_current=False)
        results.floor()
        results.gradient()
    if "processes" in analyses:
        results.processes()
    (root / "downloads").mkdir()
    (root / "README.md").write_text("Artifacts lie here.")
    return results


def replace_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write other rows to a table, and its new digest to the manifest."""
    pq.write_table(pa.Table.from_pylist(rows), path)
    manifest = path.parents[1] / "manifest.json"
    files = kit.payload(path.parents[1])
    listed = tuple(file for file in files if file.path != "manifest.json")
    write_manifest(manifest, dataclasses.replace(read_manifest(manifest), files=listed))
