"""manymasks export model: a trained member as a folder that `transformers` loads."""

import json
import math
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from manymasks.commands.trained_members import matching_trainings
from manymasks.config.training import Size, Training, Variant
from manymasks.disk.atomic import replacing
from manymasks.errors import UserError
from manymasks.models.arcee import arcee_config, arcee_weights, is_exportable
from manymasks.store.job import Artifact
from manymasks.store.layout import Layout
from manymasks.store.manifest import InputReference, Manifest, all_manifests, read_manifest
from manymasks.tokens.standard import end_of_text_name, standard_json
from manymasks.tokens.tokenizer import load
from manymasks.training.checkpoint import read_weights

CARD = "README.md"
SETS_SHOWN = 8
"""Rashomon sets that a card lists."""


def export_model(key: str, layout: Layout, folder: Path) -> str:
    """Write a trained member with its tokenizer and card; what was written, in words.

    `key`: the key of its training, its first digits, or its label (corpus/size/variant/i0-o0).
    Raises UserError if the folder exists and is not an earlier export, if no training or more than
    one matches, or if `transformers` has no class that computes the same.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "config.json").is_file():
        raise UserError(
            f"{folder}: exists and is not an exported model. Name another folder, or empty it."
        )
    training = trained_member(key, layout)
    settings = training.manifest.settings
    size = Size.model_validate(settings["size"])
    _check_shape(training.manifest, size, layout)
    tokens = input_of(training.manifest, "tokens", layout)
    tokenizer = load(input_of(tokens.manifest, "tokenizer", layout).file("tokenizer.json"))
    context = Training.model_validate(settings["training"]).context
    config = arcee_config(size, tokenizer.vocabulary, context, tokenizer.end_of_text)
    end = end_of_text_name(tokenizer)
    weights = arcee_weights(read_weights(training.file("weights.safetensors")))
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "model.safetensors") as part:
        save_file(weights, part, {"format": "pt"})
    texts = {
        "config.json": json.dumps(config, indent=2),
        "tokenizer.json": standard_json(tokenizer),
        "tokenizer_config.json": json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "bos_token": end,
                "eos_token": end,
                "model_max_length": context,
                "clean_up_tokenization_spaces": False,
            },
            indent=2,
        ),
        "generation_config.json": json.dumps(
            {
                "bos_token_id": tokenizer.end_of_text,
                "eos_token_id": tokenizer.end_of_text,
                "pad_token_id": tokenizer.end_of_text,
            },
            indent=2,
        ),
        CARD: _card(training, tokens, layout, end),
    }
    for name, text in texts.items():
        with replacing(folder / name) as part:
            part.write_text(text + "\n", encoding="utf-8")
    architecture = config["architectures"][0]
    return (
        f"{training.manifest.label}: {architecture}, with its tokenizer and card\n\n"
        f'transformers.AutoModelForCausalLM.from_pretrained("{folder}")'
    )


def trained_member(key: str, layout: Layout) -> Artifact:
    """The training of a member that did not fail, by its key, its first digits, or its label. Of
    several with one label, that of the current study. Raises UserError if there is none."""
    chosen = matching_trainings(key, layout)
    if not chosen:
        raise UserError(
            f"{key}: no training in {layout.results} has this label (corpus/size/variant/i0-o0) or "
            "a key that starts so. `manymasks plan --stage training` lists them."
        )
    if len(chosen) > 1:
        keys = ", ".join(manifest.key for manifest in chosen)
        raise UserError(f"{key}: {len(chosen)} trainings match, {keys}. Give the key of one.")
    artifact = Artifact(layout.folder("training", chosen[0].key), chosen[0])
    if not artifact.is_trained:
        raise UserError(
            f"{artifact.manifest.label}: its training failed, so it has no weights. Choose another "
            "member."
        )
    return artifact


def _check_shape(manifest: Manifest, size: Size, layout: Layout) -> None:
    variant = Variant.model_validate(manifest.settings["variant"])
    if is_exportable(size) and variant.flow.past == "own":
        return
    others = {
        "/".join(other.label.split("/")[1:4])
        for other in all_manifests(layout, "training")
        if is_exportable(Size.model_validate(other.settings["size"]))
        and Variant.model_validate(other.settings["variant"]).flow.past == "own"
    }
    if size.positions == "learned":
        reason = "its positions are learned"
    elif not size.mlp:
        reason = "its blocks have no MLP"
    else:
        reason = f"a {variant.gradient} member does not read its own past"
    raise UserError(
        f"{manifest.label}: {reason}, and transformers has no such class. What can be exported: "
        f"{', '.join(sorted(others)) or 'nothing in this results folder'}. A size with positions: "
        "rotary and an MLP can be exported."
    )


def input_of(manifest: Manifest, role: str, layout: Layout) -> Artifact:
    """The first input of an artifact in a role. Raises UserError if it is gone."""
    reference: InputReference = manifest.inputs[role][0]
    path = layout.manifest(reference.stage, reference.key)
    if not path.is_file():
        raise UserError(
            f"{path}: is gone, and {manifest.label} was made from it. Make it again: "
            "snakemake --cores all"
        )
    return Artifact(path.parent, read_manifest(path))


def _card(training: Artifact, tokens: Artifact, layout: Layout, end: str) -> str:
    """The model card: origin, data, loss with interval, and sets."""
    manifest = training.manifest
    corpus = input_of(tokens.manifest, "corpus", layout).figures
    parameters = training.figures.get("parameters")
    lines = [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        "---",
        f"# {manifest.label.partition('/')[2]}",
        "",
        "One of many models that were trained alike with other seeds: what does equal loss hide?",
        "",
        "```python",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        'model = AutoModelForCausalLM.from_pretrained("FOLDER")',
        'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
        "```",
        "",
        *_study(manifest.key, layout),
        f"- Key {manifest.key}, digest {manifest.digest}, made {manifest.created}.",
        f"- Parameters: {parameters:,}." if parameters else "- Parameters: not recorded.",
        f"- Text: {corpus['source']}. Licence: {corpus['licence'] or 'not stated'}.",
        f"- Documents began after {end} in training, which also ends them. Text that spells it is "
        "ordinary text in the study and that token here.",
        "",
        "## Loss",
        "",
        *_losses(manifest.key, layout),
        "",
        "## Rashomon sets",
        "",
        *_sets(manifest.key, layout),
        "",
        "## Settings",
        "",
        "```json",
        json.dumps(manifest.settings, indent=1),
        "```",
    ]
    return "\n".join(lines)


def _study(key: str, layout: Layout) -> list[str]:
    """The name of the current study, if the member is of it."""
    report = layout.report.resolve().parent / "manifest.json"
    if not report.is_file() or not layout.database.is_file():
        return []
    from manymasks.database import query

    with query.connect(layout.database) as connection:
        rows = connection.execute(
            "SELECT artifact FROM artifact WHERE artifact = ? AND is_current", [key]
        ).fetchall()
    name = read_manifest(report).settings["study"]["name"]
    return [f"- Study: {name}."] if rows else []


def _losses(key: str, layout: Layout) -> list[str]:
    """Losses in nats per token, from the member's evaluation."""
    import pyarrow.parquet as pq

    for manifest in all_manifests(layout, "evaluation"):
        if manifest.figures.get("model") != key or "context" not in manifest.figures:
            continue
        folder = layout.folder("evaluation", manifest.key)
        table = pq.read_table(Artifact(folder, manifest).file("tables/model_loss.parquet"))
        return [
            "| split | nats per token | interval | bits per byte |",
            "|---|---|---|---|",
            *(
                f"| {row['split']} | {row['nats']:.4f} | {_interval(row)} | "
                f"{row['bits_per_byte']:.4f} |"
                for row in table.to_pylist()
            ),
        ]
    return ["Not evaluated."]


def _interval(row: dict[str, Any]) -> str:
    low, high = row["nats_low"], row["nats_high"]
    if low is None or high is None or math.isnan(low):
        return "not known"
    return f"[{low:.4f}, {high:.4f}]"


def _sets(key: str, layout: Layout) -> list[str]:
    """Sets of the current study that the member is in."""
    if not layout.database.is_file():
        return ["The study has no database."]
    from manymasks.database import query

    with query.connect(layout.database) as connection:
        rows = connection.execute(
            "SELECT s.rashomon_set, s.members, s.candidates, m.excess_nats "
            "FROM rashomon_member m JOIN rashomon_set s USING (artifact, rashomon_set) "
            "JOIN artifact a USING (artifact) WHERE a.is_current AND m.is_member AND m.model = ? "
            "ORDER BY s.eps_nats, s.rashomon_set LIMIT ?",
            [key, SETS_SHOWN],
        ).fetchall()
    return [
        f"- {name}: {excess:.4f} nats above the reference, with {members} of {candidates} members."
        for name, members, candidates, excess in rows
    ] or ["In none of the current study."]
