"""How checkpoints are loaded: on which devices, and with which code."""

import json
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import example_pretrained as example
import pytest
import torch
from example_outside import checkpoint

from manymasks.config.pretrained_members import PretrainedSeries
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.errors import UserError
from manymasks.models.hugging_face import load_causal
from manymasks.models.pretrained_stack import PretrainedStack, PretrainedText
from manymasks.plan import pretrained_nodes
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest

transformers: Any = pytest.importorskip("transformers", reason="needs the extra hf")
CPU = torch.device("cpu")
CODE = """
from transformers import LlamaConfig, LlamaForCausalLM


class MineConfig(LlamaConfig):
    model_type = "mine"


class MineForCausalLM(LlamaForCausalLM):
    config_class = MineConfig
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    example.write_text(tmp_path)
    return tmp_path


def settings_of(folder: Path, **series: Any) -> dict[str, Any]:
    """A study of one checkpoint without analyses."""
    one = {"path": "models/a", "factors": {"size": "a", "seed": 0}, **series}
    settings = example.settings_of(folder, pretrained=[one])
    settings["tokenizer"]["path"] = "models/a/tokenizer.json"
    return {**settings, "analyses": []}


def evaluate(folder: Path, **series: Any) -> tuple[Manifest, Manifest]:
    """The artifact of a checkpoint and that of its evaluation."""
    plan = example.plan_of(folder, settings_of(folder, **series))
    made = {
        node.stage: run_job(description_of(node, plan.study.hardware), Layout(Path("results")))
        for node in plan.nodes
        if node.stage not in ("database", "report")
    }
    return made["pretrained"], made["evaluation"]


# ------------------------------------------------------------------------------ the devices


def without_accelerate(package: str) -> str:
    if package == "accelerate":
        raise PackageNotFoundError(package)
    return installed_version(package)


def test_a_device_map_without_accelerate_is_refused_when_it_is_planned(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint(folder / "models/a", "llama", 0)
    monkeypatch.setattr(pretrained_nodes, "version", without_accelerate)
    with pytest.raises(UserError, match=r"device_map: needs accelerate.*pip install .* accelerate"):
        example.plan_of(folder, settings_of(folder, device_map="auto"))


def test_a_device_map_is_in_the_key_as_precision_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained_nodes, "version", lambda package: "1.0")
    checkpoint(folder / "models/a", "llama", 0)
    keys = set()
    for series in ({}, {"device_map": "auto"}, {"device_map": {"": 0}}, {"dtype": "bfloat16"}):
        plan = example.plan_of(folder, settings_of(folder, **series))
        keys |= {node.key for node in plan.nodes if node.stage == "pretrained"}
    assert len(keys) == 4


@pytest.mark.parametrize("device_map", ["everywhere", {"": "disk"}, {"lm_head": -1}, {}])
def test_devices_are_a_strategy_or_devices_by_module(device_map: Any) -> None:
    with pytest.raises(ValueError, match="device_map"):
        PretrainedSeries.model_validate(
            {"path": "a", "factors": {"size": "a", "seed": 0}, "device_map": device_map}
        )


def test_a_model_that_is_placed_by_accelerate_has_the_same_numbers(folder: Path) -> None:
    pytest.importorskip("accelerate", reason="device maps need accelerate")
    checkpoint(folder / "models/a", "gpt_neox", 0)
    _, alone = evaluate(folder)
    _, placed = evaluate(folder, device_map="auto")
    assert placed.key != alone.key
    assert placed.figures["measure_nats"] == alone.figures["measure_nats"]
    assert load_causal(folder / "models/a", CPU, "float32", "auto").device == CPU


def test_weights_of_another_device_keep_their_shape(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of a model on a device without values stand for those that a map has elsewhere."""
    checkpoint(folder / "models/a", "llama", 0)
    model = load_causal(folder / "models/a", CPU, "float32")
    model.model.hf_device_map = {"model.embed_tokens": "cpu", "lm_head": "meta"}
    model.model.lm_head.weight = torch.nn.Parameter(
        model.model.lm_head.weight.to("meta"), requires_grad=False
    )
    stack = PretrainedStack([model], 200, 0)
    assert stack.W_U.shape == (1, 200, 16)
    assert stack.W_U.device == stack.W_E.device == CPU


def test_texts_that_begin_with_nothing_are_branched(folder: Path) -> None:
    checkpoint(folder / "models/a", "llama", 0)
    stack = PretrainedStack([load_causal(folder / "models/a", CPU, "float32")], 257, 0)
    tokens = torch.arange(5, 9)
    logits = PretrainedText(stack).repeated(4).read(tokens[:, None])
    with torch.no_grad():
        assert torch.allclose(logits, stack(tokens[None, :, None])[0, :, 0], atol=1e-5)


# --------------------------------------------------------------------------------- the code


def with_code(folder: Path) -> None:
    """A checkpoint of a class that a file beside it has."""
    checkpoint(folder, "llama", 0)
    config = json.loads((folder / "config.json").read_text())
    classes = {"AutoConfig": "MineConfig", "AutoModelForCausalLM": "MineForCausalLM"}
    config |= {
        "model_type": "mine",
        "architectures": ["MineForCausalLM"],
        "auto_map": {name: f"modeling_mine.{value}" for name, value in classes.items()},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "modeling_mine.py").write_text(CODE)


def test_code_beside_a_checkpoint_runs_where_the_study_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "transformers.dynamic_module_utils.HF_MODULES_CACHE", str(folder / "modules")
    )
    with_code(folder / "models/a")
    with pytest.raises(UserError, match=r"names code to run .* `remote_code: true` of its series"):
        evaluate(folder)
    member, evaluation = evaluate(folder, remote_code=True)
    assert "model/modeling_mine.py" in {file.path for file in member.files}
    checkpoint(folder / "models/a", "llama", 0)
    _, plain = evaluate(folder)
    assert evaluation.figures["measure_nats"] == plain.figures["measure_nats"]
    with_code(folder / "models/a")
    plan = example.plan_of(folder, settings_of(folder, remote_code=True))
    (folder / "models/a/modeling_mine.py").write_text(CODE + "\n")
    (node,) = [node for node in plan.nodes if node.stage == "pretrained"]
    with pytest.raises(UserError, match=r"modeling_mine.py: is not the file that was pinned"):
        run_job(description_of(node, plan.study.hardware), Layout(Path("results")), force=True)
