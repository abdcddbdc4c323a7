"""A study of three trainings and no analyses, to be disturbed."""

import json
import random
import time
from pathlib import Path

from clones import Clone, clone

STUDY = """\
name: interrupted
primary: []
corpora:
  "*": null
  words: {kind: files, paths: [words.txt], separator: "\\n\\n", select: 0.2, measure: 0.2}
tokenizer: {kind: bytes}
variants: {half: {gradient: discount, gamma: 0.5}}
sizes:
  small: null
  base: {width: 32}
training: {context: 32, batch: 8, steps: 400, curve_every: 50, curve_windows: 8}
seeds: {init: [0], order: [0]}
evaluation: {position_edges: [0, 4]}
probes: {shuffle: null, splice: null, copy: null, uniform-noise: null, self: null, search: null}
analyses: []
hardware: {checkpoint_seconds: 0.05, device: cpu}
"""
OVERLAY = ("--configfile", "study.yaml")


def project(folder: Path) -> Clone:
    made = clone(folder)
    (folder / "study.yaml").write_text(STUDY)
    chosen = random.Random(0)
    words = ["".join(chosen.choices("abcdefgh", k=5)) for _ in range(60)]
    paragraphs = [" ".join(chosen.choices(words, k=120)) for _ in range(60)]
    (folder / "words.txt").write_text("\n\n".join(paragraphs))
    return made


def weights(made: Clone) -> dict[str, str]:
    """SHA-256 of each member's weights file, by label."""
    digests = {}
    for path in (made.folder / "results" / "training").glob("*/manifest.json"):
        manifest = json.loads(path.read_text())
        (digest,) = [f["sha256"] for f in manifest["files"] if f["path"] == "weights.safetensors"]
        digests[manifest["label"]] = digest
    return digests


def states(made: Clone) -> list[Path]:
    """Saved states of members that are in training."""
    return list((made.folder / "results/training").glob("*/state/*.safetensors"))


def wait_for(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)
