"""Sizes with a recurrent mixer: what is refused, what is planned, and what stays as it was."""

from pathlib import Path
from typing import Any

import pydantic
import pytest

from manymasks.config.loading import load_study
from manymasks.config.training import OF_MIXER, Size
from manymasks.errors import UserError
from manymasks.plan.graph import plan_study
from manymasks.plan.node import Node

STUDY = """\
corpora: {known: {kind: process, process: masks}}
analyses: [recurrence]
sizes:
  with-attention: {width: 32}
  with-state: {mixer: recurrent, width: 32}
variants: {causal: {gradient: causal}, frozen: {gradient: reservoir}}
training: {learning_rate: 1e-3}
seeds: {init: [0]}
"""


def nodes(folder: Path, text: str = STUDY) -> tuple[Node, ...]:
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return plan_study(load_study([folder / "config.yaml"]), folder).nodes


def trainings(folder: Path, text: str = STUDY) -> dict[str, dict[str, Any]]:
    return {n.label: n.settings for n in nodes(folder, text) if n.stage == "training"}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"head_size": 8}, "head_size belongs to mixer recurrent, this one is attention: remove"),
        ({"delta": False}, "delta belongs to mixer recurrent"),
        ({"hidden": 8}, "hidden belongs to mixer recurrent"),
        ({"mixer": "recurrent", "heads": 4}, "heads belongs to mixer attention, this one is rec"),
        ({"mixer": "recurrent", "positions": "learned"}, "positions belongs to mixer attention"),
        ({"mixer": "recurrent", "head_size": 12}, r"not divisible by head_size \(12\)"),
        ({"mixer": "recurrent", "mlp": 1, "width": 16}, "more weights than one of attention"),
        ({"mixer": "recurrent", "chunk": 129}, "less than or equal to 128"),
    ],
)
def test_refuses_settings_of_the_other_mixer(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=problem):
        Size.model_validate({"width": 32, **settings})


def test_a_size_of_attention_has_the_settings_that_it_always_had(tmp_path: Path) -> None:
    found = trainings(tmp_path)["training/known/with-attention/causal/i0-o0"]
    assert found["size"].keys() == {
        "width", "layers", "heads", "mlp", "positions", "rotary_base", "embedding_sd", "activation",
    }  # fmt: skip


def test_a_recurrent_size_has_its_settings_and_a_matched_mlp(tmp_path: Path) -> None:
    found = trainings(tmp_path)["training/known/with-state/causal/i0-o0"]
    assert found["size"].keys() == {
        *("mixer", "width", "layers", "mlp", "embedding_sd", "activation"),
        *OF_MIXER["recurrent"],
    }
    assert found["size"]["hidden"] == Size(mixer="recurrent", width=32).matched_hidden
    assert found["training"]["kernels"] == "torch"


def test_a_reservoir_takes_torch_kernels_in_any_mixer(tmp_path: Path) -> None:
    by_label = trainings(tmp_path, STUDY.replace("1e-3}", "1e-3, kernels: native}"))
    kernels = {label: settings["training"]["kernels"] for label, settings in by_label.items()}
    assert kernels["training/known/with-attention/causal/i0-o0"] == "native"
    assert kernels["training/known/with-attention/frozen/i0-o0"] == "torch"


def test_members_have_a_mixer_only_beside_recurrent_ones(tmp_path: Path) -> None:
    (stage,) = (n for n in nodes(tmp_path) if n.stage == "recurrence")
    named = {m["size"]: (m["mixer"], m["shape"]) for m in stage.settings["members"]}
    assert named == {"with-attention": ("attention", "32x2"), "with-state": ("recurrent", "32x2")}
    alone = STUDY.replace("  with-state: {mixer: recurrent, width: 32}\n", "")
    (stage,) = (n for n in nodes(tmp_path, alone) if n.stage == "recurrence")
    assert not any("mixer" in m for m in stage.settings["members"])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("{gradient: reservoir}", "{gradient: myopic-kv}"), "myopic-kv needs attention"),
        (("{gradient: reservoir}", "{gradient: local, past_from: causal}"), "local needs attent"),
        (("[recurrence]", "[recurrence, swap]"), "swap needs attention, and size with-state is"),
    ],
)
def test_refuses_what_a_recurrence_has_no_form_of(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        nodes(tmp_path, STUDY.replace(*change))
