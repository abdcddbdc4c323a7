"""Contexts that checkpoints write, and contexts that make checkpoints disagree."""

from pathlib import Path
from typing import Any

import example_pretrained as example
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from example_outside import checkpoint

from manymasks.plan.graph import Plan
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest

transformers: Any = pytest.importorskip("transformers", reason="needs the extra hf")
SCORED = 4
SEEDS = (0, 1, 2, 3)
COLD = 1e-4
"""A temperature at which the most probable token is written."""
Made = dict[str, Manifest]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Four seeds of two architectures, and a reference model, tried on contexts of both kinds."""
    folder = tmp_path_factory.mktemp("probes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        example.write_text(folder)
        for architecture in example.ARCHITECTURES:
            for seed in SEEDS:
                checkpoint(folder / f"models/{architecture}-{seed}-0", architecture, seed)
        checkpoint(folder / "models/reference", "gpt_neox", 9)
        settings = example.settings_of(folder)
        settings["corpora"]["words"]["members"]["pretrained"] = [
            {
                "path": "models/{size}-{seed}-0",
                "factors": {"size": [*example.ARCHITECTURES], "seed": [*SEEDS]},
            },
            {"path": "models/reference", "factors": {"size": "r", "seed": 9}, "reference": True},
        ]
        settings["probes"] = {
            "self": {
                "family": "self-written", "windows": 6, "scored": SCORED, "severities": [COLD, 1.0],
            },
            "search": {
                "family": "search", "windows": 3, "scored": SCORED, "severities": [2, 4],
                "population": 4,
            },
        }  # fmt: skip
        settings["analyses"] = ["divergence", "severity", "explorer"]
        plan = example.plan_of(folder, settings)
        yield example.run_all(Plan(plan.study, plan.nodes[:-1]), Layout(Path("results")))


def folder_of(made: Made, label: str) -> Path:
    return Path("results") / made[label].stage / made[label].key


def table(made: Made, label: str, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(
        folder_of(made, label) / f"tables/{name}.parquet"
    ).to_pylist()
    return rows


def contexts(made: Made, label: str) -> np.ndarray:
    """(severities, windows, context + 1) token ids."""
    with np.load(folder_of(made, label) / "contexts.npz") as arrays:
        return arrays["tokens"]


def test_a_reference_model_writes_its_most_probable_tokens_when_it_is_cold(made: Made) -> None:
    text, cold, warm = contexts(made, "self_written/words/self")
    written = example.CONTEXT + 1 - SCORED
    assert made["self_written/words/self"].figures["writers"] == 1
    model = transformers.AutoModelForCausalLM.from_pretrained("models/reference").eval()
    read = torch.from_numpy(text[:, :1])
    while read.shape[1] < written:
        with torch.no_grad():
            logits = model(read).logits[:, -1]
        # No end of text is written.
        logits[:, 0] = -torch.inf
        read = torch.cat((read, logits.argmax(1, keepdim=True)), 1)
    assert (cold[:, :written] == read.numpy()).all()
    assert (warm[:, 1:written] != cold[:, 1:written]).any()
    assert (text[:, written:] == warm[:, written:]).all()


def test_contexts_that_are_searched_for_make_half_of_the_seeds_disagree(made: Made) -> None:
    steps = table(made, "search/words/search", "search_step")
    assert {(row["pool"], row["generations"], row["models"]) for row in steps} == {
        (f"words/{size}/pretrained", generations, 2)
        for size in example.ARCHITECTURES
        for generations in (0, 2, 4)
    }
    searched = np.array([row["searched"] for row in steps]).reshape(3, 2).mean(1)
    assert searched[0] < searched[1] <= searched[2]
    # Other seeds are compared there.
    compared = table(made, "divergence/words/search", "model_probe")
    keys = {manifest.key: label for label, manifest in made.items()}
    assert {keys[row["model"]].rpartition("/")[2] for row in compared} >= {"i2-o2", "i3-o3"}
    assert not {"i0-o0", "i1-o1"} & {keys[row["model"]].rpartition("/")[2] for row in compared}


def test_all_members_are_compared_on_what_the_reference_wrote(made: Made) -> None:
    rows = table(made, "divergence/words/self", "model_probe")
    keys = {manifest.key: label for label, manifest in made.items()}
    members = {keys[row["model"]] for row in rows}
    assert len(members - {"pretrained/words/r/pretrained/i9-o9"}) == 8
    assert {row["severity"] for row in rows} == {0, 1, 2}
    assert all(
        np.isfinite(row["kl_ab"]) for row in table(made, "divergence/words/self", "pair_divergence")
    )
    assert table(made, "severity/words", "severity_trend")
    assert table(made, "explorer/words/self", "explored_prediction")
