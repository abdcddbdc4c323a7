"""A study of checkpoints of `transformers` that lie on disk, run in this process."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import yaml
from example_outside import END, byte_level, checkpoint

from manymasks.commands.pin import pin_files
from manymasks.config.loading import load_study
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.plan.graph import Plan, plan_study
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest

CONTEXT = 24
ARCHITECTURES = ("gpt_neox", "llama")
SEEDS = (0, 1, 2)
STEPS = (0, 1)
STEP = 20
"""Optimiser steps between two checkpoints."""


def write_text(folder: Path) -> None:
    chosen = random.Random(0)
    words = ["".join(chosen.choices("abcdefgh", k=4)) for _ in range(40)]
    paragraphs = [" ".join(chosen.choices(words, k=30)) for _ in range(60)]
    (folder / "words.txt").write_text("\n\n".join(paragraphs), encoding="utf-8")


def write_checkpoints(folder: Path, steps: Iterable[int] = STEPS) -> None:
    """Two architectures, a few seeds, and as many steps: 12 folders. Step 0 has drawn weights, and
    a later one those that `STEP` optimiser steps make of the earlier one, on bytes of the text."""
    text = (folder.parent / "words.txt").read_text(encoding="utf-8")
    ids = torch.tensor(byte_level().encode(text).ids)
    for architecture in ARCHITECTURES:
        for seed in SEEDS:
            model = None
            for step in steps:
                path = folder / f"{architecture}-{seed}-{step}"
                if model is None:
                    model = checkpoint(path, architecture, seed)
                    continue
                train(model, ids, seed)
                checkpoint(path, architecture, seed)
                model.save_pretrained(path)


def train(model: Any, ids: torch.Tensor, seed: int) -> None:
    """A few optimiser steps on windows of a text."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(STEP):
        begins = torch.randint(len(ids) - CONTEXT, (8,), generator=generator)
        windows = torch.stack([ids[begin : begin + CONTEXT] for begin in begins])
        model(input_ids=windows, labels=windows).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def settings_of(folder: Path, **members: Any) -> dict[str, Any]:
    """A study of the checkpoints of a folder, not pinned; `members`: changes of its members."""
    series = {
        "path": "models/{size}-{seed}-{step}",
        "factors": {"size": [*ARCHITECTURES], "seed": [*SEEDS], "step": [*STEPS]},
    }
    tokenizer = {"kind": "pretrained", "path": f"models/{ARCHITECTURES[0]}-0-0/tokenizer.json"}
    return {
        "corpora": {
            "words": {
                "kind": "files", "paths": ["words.txt"], "separator": "\n\n", "select": 0.3,
                "measure": 0.3, "members": {"pretrained": [series], **members},
            }
        },
        "tokenizer": {**tokenizer, "end_of_text": END},
        "sizes": {"base": {"width": 8, "layers": 1, "heads": 1}},
        "variants": {"causal": {"gradient": "causal"}},
        "training": {"context": CONTEXT},
        "evaluation": {"position_edges": [0, 4]},
        "rashomon": {"references": {"fixed": {"kind": "absolute", "nats": 20}}},
        "probes": {
            "held-out": {"family": "held-out", "windows": 8, "scored": 4},
            "shuffle": {"family": "shuffle", "windows": 4, "scored": 4, "severities": [4]},
        },
        "multiplicity": {"windows": 8, "scored": 4, "kept": 4},
        "rollout": {"prompts": 4, "prompt": 4, "length": 4},
        "representation": {"windows": 4, "tokens": 24, "permutations": 19},
        "explorer": {"contexts": 3, "scored": 4},
        "funnel": {"orders": 20},
        "statistics": {"resamples": 100},
        "hardware": {"device": "cpu"},
    }  # fmt: skip


def plan_of(folder: Path, settings: dict[str, Any], *, is_pinned: bool = True) -> Plan:
    """The plan of a study in the folder of the run, once `manymasks pin` wrote its digests."""
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    if is_pinned:
        for name in ("tokenizer", *settings["corpora"]):
            if name == "tokenizer" or "pretrained" in settings["corpora"][name]["members"]:
                pin_files(name, [path], None, dry_run=False)
    return plan_study(load_study([path]), folder)


def run_all(plan: Plan, layout: Layout) -> dict[str, Manifest]:
    """Make all artifacts of a plan; their manifests by label."""
    manifests = {}
    for node in plan.nodes:
        manifests[node.label] = run_job(description_of(node, plan.study.hardware), layout)
        if node.stage in ("database", "report"):
            path = layout.database if node.stage == "database" else layout.report
            path.unlink(missing_ok=True)
            path.symlink_to(layout.folder(node.stage, node.key).absolute() / path.name)
    return manifests
