"""Members from outside: their settings, their files, and studies of them up to the report."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import example_pretrained as example
import numpy as np
import pytest
import torch
import yaml
from example_hub import COMMAND, FIRST, NAME, SECOND, hub, python
from example_outside import checkpoint
from torch.nn.functional import cross_entropy

import manymasks as mm
from manymasks.catalogue import STAGES
from manymasks.commands.export_model import export_model
from manymasks.config.corpora import Members
from manymasks.config.effects import warnings
from manymasks.config.loading import load_study
from manymasks.config.pretrained_members import PretrainedSeries, pretrained_members
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.errors import UserError
from manymasks.models.hugging_face import load_causal, load_pretrained
from manymasks.models.pretrained_stack import PretrainedStack, PretrainedText
from manymasks.plan.graph import Plan, plan_study
from manymasks.report.drawing import QUERIES
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest
from manymasks.tokens.shards import TokenStream

pytest.importorskip("transformers", reason="needs the extra hf")
CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    example.write_text(tmp_path)
    return tmp_path


# ------------------------------------------------------------------------------ the settings


def series(**changes: Any) -> PretrainedSeries:
    settings = {"path": "{size}-{seed}", "factors": {"size": ("1.4B", "31m"), "seed": (0, 1)}}
    return PretrainedSeries.model_validate({**settings, **changes})


def test_a_pattern_stands_for_all_combinations_of_its_factors() -> None:
    (a, b, c, d) = pretrained_members([series()])
    assert [one.path for one in (a, b, c, d)] == ["1.4B-0", "1.4B-1", "31m-0", "31m-1"]
    assert (a.size, a.variant, a.seed_init, b.seed_order) == ("1-4b", "pretrained", 0, 1)
    factors = {"size": "14m", "seed_init": 3, "step": (0, 512), "data": "dedup"}
    late = series(path=None, repository="a/pythia-{size}", revision="step{step}", factors=factors)
    one, other = pretrained_members([late])
    assert (one.variant, other.variant) == ("step0-datadedup", "step512-datadedup")
    assert other.location == "a/pythia-14m@step512"
    assert (other.seed_init, other.seed_order, other.labels["step"]) == (3, 3, 512)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": None}, "either path, a folder, or repository"),
        ({"repository": "a/b"}, "either path, a folder, or repository"),
        ({"revision": "main"}, "revision belongs to a repository"),
        ({"path": "{seed}", "factors": {"seed": 0}}, "factors.size is missing"),
        ({"path": "{size}", "factors": {"size": "a"}}, "either seed, or seed_init and seed_order"),
        ({"factors": {"size": "a", "seed": "b"}}, "factors.seed must be whole numbers, found 'b'"),
        ({"path": "{kind}"}, r"'\{kind\}' in the pattern is not a factor. Factors: size, seed"),
        ({"path": "{size}"}, "factors.seed has several values, and neither path"),
    ],
)
def test_a_series_names_what_it_stands_for(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        series(**changes)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"pretrained": None, "pinned": {"a": {"files": {"b": "0" * 64}}}}, "pinned belongs to"),
        ({"seeds": {"init": (1,)}}, "seeds is of training, and these members are pretrained"),
        ({"pretrained": (series(), series())}, "1.4B-0 is listed more than once"),
        (
            {"pretrained": (series(), series(path="other-{size}-{seed}"))},
            "other-1.4B-0 has the size, variant and seeds of another one",
        ),
        ({"pretrained": (series(reference=True),)}, "all are reference models"),
    ],
)
def test_members_are_trained_or_pretrained(members: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Members.model_validate({"pretrained": (series(),), **members})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokenizer": {"kind": "bytes"}}, "own tokenizer, and tokenizer.kind is"),
        (
            {"corpora": {"words": {"members": {"analyses": ["myopia"]}}}},
            "myopia needs members that",
        ),
        ({"probes": {"self": {"family": "self-written", "scored": 8}}}, "write `reference: true`"),
        ({}, "words.members: models/gpt_neox-0-0 and 11 more: not pinned"),
    ],
)
def test_what_does_not_apply_is_refused_when_it_is_planned(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    path, overlay = folder / "study.yaml", folder / "overlay.yaml"
    settings = example.settings_of(folder)
    settings["tokenizer"] |= {"sha256": "0" * 64, "repository": NAME, "revision": FIRST}
    if "tokenizer" in changes:
        settings["tokenizer"] = {}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    overlay.write_text(yaml.safe_dump(changes), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        plan_study(load_study([path, overlay]), folder)


def test_settings_of_training_have_no_effect_on_pretrained_members(folder: Path) -> None:
    path, overlay = folder / "study.yaml", folder / "overlay.yaml"
    path.write_text(yaml.safe_dump(example.settings_of(folder)), encoding="utf-8")
    changes = {"training": {"steps": 9, "context": 16}, "myopia": {"gradient_windows": 4}}
    overlay.write_text(yaml.safe_dump(changes), encoding="utf-8")
    study = load_study([path, overlay])
    (steps, myopia) = warnings(study, [path, overlay])
    assert "training.steps has no effect: all members are pretrained" in steps
    assert "myopia has no effect: myopia needs members that are trained here" in myopia


# -------------------------------------------------------------------------------- the models


@pytest.mark.parametrize("architecture", ["gpt_neox", "llama", "gpt2", "qwen2"])
def test_a_stack_computes_as_the_library(folder: Path, architecture: str) -> None:
    """The vocabulary of the model is padded, and its texts begin with another token."""
    names = {"n_positions": 32, "n_embd": 16, "n_layer": 2, "n_head": 2}
    changes = {"gpt2": names, "qwen2": {"num_key_value_heads": 1}}.get(architecture, {})
    model = checkpoint(folder / "a", architecture, 1, 264, bos_token_id=7, **changes)
    stack = PretrainedStack([load_causal(folder / "a", CPU, "float32")], 257, 0)
    assert (stack.members, stack.context, stack.W_U.shape[1]) == (1, 32, 257)
    tokens = torch.randint(1, 257, (3, 12), generator=torch.Generator().manual_seed(0))
    tokens[0, 0] = 0
    read = tokens.clone()
    read[0, 0] = 7
    with torch.no_grad():
        out = model(read, output_hidden_states=True)
        expected = out.logits[..., :257].log_softmax(-1)
        assert torch.allclose(stack(tokens[None])[0].log_softmax(-1), expected, atol=1e-5)
        assert torch.allclose(
            stack(tokens[None], 2)[0].log_softmax(-1), expected[:, -2:], atol=1e-5
        )
        levels = stack.streams(tokens[None])
        for level, hidden in zip(levels[:-1], out.hidden_states, strict=False):
            assert torch.allclose(level[0], hidden, atol=1e-5)
        losses, tops = stack.scores(tokens[None])
    true = tokens[:, 1:, None]
    assert torch.allclose(-losses[0], expected[:, :-1].gather(2, true)[..., 0], atol=1e-5)
    assert (tops[0] == (expected[:, :-1].argmax(-1) == true[..., 0])).all()
    assert len(levels) == 3
    text = PretrainedText(stack)
    text.read(tokens[:, :5])
    branches = text.repeated(2).read(tokens[:, 5:6].repeat_interleave(2, 0)).log_softmax(-1)
    assert torch.allclose(branches, expected[:, 5].repeat_interleave(2, 0), atol=1e-4)
    for i in range(5, 12):
        after = text.read(tokens[:, i : i + 1]).log_softmax(-1)
        assert torch.allclose(after, expected[:, i], atol=1e-4)


def test_losses_of_a_padded_vocabulary_are_cross_entropies_in_any_company(folder: Path) -> None:
    model = checkpoint(folder / "a", "gpt_neox", 1, 264)
    stack = PretrainedStack([load_causal(folder / "a", CPU, "float32")], 257, 0)
    tokens = torch.randint(1, 257, (4, 17), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = model(tokens[:, :-1]).logits[..., :257]
        losses, tops = stack.scores(tokens[None])
        true = tokens[:, 1:]
        expected = cross_entropy(logits.mT, true, reduction="none")
        assert torch.allclose(losses[0], expected, rtol=0, atol=1e-6)
        assert torch.equal(tops[0], logits.argmax(-1) == true)
        twice = stack.scores(tokens[[0, 1, 2, 3, 3, 2, 1, 0]][None])[0][0]
        assert torch.allclose(twice[:4], twice[4:].flip(0), rtol=0, atol=1e-6)


def test_members_of_a_stack_are_computed_each_with_its_weights(folder: Path) -> None:
    for seed in (0, 1):
        checkpoint(folder / str(seed), example.ARCHITECTURES[seed], seed)
    models = [load_causal(folder / str(seed), CPU, "float32") for seed in (0, 1)]
    stack = PretrainedStack(models, 257, 0)
    tokens = torch.randint(0, 257, (1, 3, 9), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        both, losses = stack(tokens, 4), stack.scores(tokens)[0]
        for i, model in enumerate(models):
            alone = PretrainedStack([model], 257, 0)
            assert torch.equal(both[i], alone(tokens, 4)[0])
            assert torch.equal(losses[i], alone.scores(tokens)[0][0])
    with pytest.raises(ValueError, match="expected one member, found 2"):
        PretrainedText(stack)


# --------------------------------------------------------------------------------- the study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plan, dict[str, Manifest]]]:
    """Twelve checkpoints of two architectures at two steps, from documents to the report."""
    folder = tmp_path_factory.mktemp("outside")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        example.write_text(folder)
        example.write_checkpoints(folder / "models")
        plan = example.plan_of(folder, example.settings_of(folder))
        yield plan, example.run_all(plan, Layout(Path("results")))


def rows(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect("results/manymasks.duckdb", read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_twelve_checkpoints_end_in_database_and_report(
    study: tuple[Plan, dict[str, Manifest]],
) -> None:
    plan, _ = study
    made = {node.stage for node in plan.nodes}
    assert not made & {"training", "tuning", *(s for s in STAGES if STAGES[s].needs_training)}
    assert rows("SELECT label, count(*) FROM current_model GROUP BY label ORDER BY label") == [
        (f"words/{size}/step{step}", 3) for size in example.ARCHITECTURES for step in example.STEPS
    ]
    assert rows("SELECT label, models FROM model_class ORDER BY label LIMIT 1") == [
        ("words/gpt_neox/step0", 3)
    ]
    (origin,) = rows(
        "SELECT source, revision, architecture, longest, logits, step, labels "
        "FROM pretrained_model JOIN model USING (model) "
        "WHERE size = 'llama' AND seed_init = 2 AND step = 1"
    )
    expected = ("models/llama-2-1", None, "LlamaForCausalLM", 32, 257, 1)
    assert (*origin[:-1], json.loads(origin[-1])) == (*expected, {"step": 1})
    for table in (
        "rashomon_member", "rashomon_metric", "position_multiplicity", "pair_divergence",
        "severity_trend", "funnel_step", "explored_pair", "rollout", "sequence_divergence",
        "representation_similarity",
    ):  # fmt: skip
        ((count,),) = rows(f"SELECT count(*) FROM {table}")
        assert count, table
    components = {name for (name,) in rows("SELECT DISTINCT component FROM behaviour_component")}
    assert {"size", "step", "seed", "size x step"} <= components
    assert "variant" not in components
    sets = rows("SELECT max(members) FROM rashomon_set WHERE method = 'trained'")
    assert sets == [(3,)]
    page = Path("results/report.html").read_text(encoding="utf-8")
    assert "words/gpt_neox" in page or "gpt_neox" in page


def test_seeds_diverge_by_the_step_of_a_series(study: tuple[Plan, dict[str, Manifest]]) -> None:
    from manymasks.database.queries import examples

    (query,) = [one for one in examples() if one.name == "trajectory-of-checkpoints"]
    answer = rows(query.sql)
    assert {(row[1], row[2], row[3]) for row in answer} == {
        (size, step, 3) for size in example.ARCHITECTURES for step in example.STEPS
    }
    nats = {(row[1], row[2]): row[4] for row in answer}
    assert all(nats[size, 1] < nats[size, 0] for size in example.ARCHITECTURES)
    series = rows((QUERIES / "checkpoint_series.sql").read_text(encoding="utf-8"))
    assert sorted(row[2:5] for row in series) == [
        (size, "", step) for size in example.ARCHITECTURES for step in example.STEPS
    ]


def test_losses_are_those_of_the_library(study: tuple[Plan, dict[str, Manifest]]) -> None:
    _, manifests = study
    tokens = manifests["tokens/words"]
    paths = sorted((Path("results/tokens") / tokens.key / "measure").glob("*.arrow"))
    stream = TokenStream.open(paths)
    model = load_pretrained(Path("models/gpt_neox-1-0"))
    total = count = 0.0
    for i in range(len(stream.documents)):
        ids = stream.document(i).astype(np.int64)
        law = torch.cat(list(model.laws(ids, example.CONTEXT))).numpy()
        total -= law[np.arange(len(ids)), ids].sum(dtype=np.float64)
        count += len(ids)
    ((nats,),) = rows(
        "SELECT l.nats FROM model_loss AS l JOIN current_model USING (model) WHERE size = "
        "'gpt_neox' AND variant = 'step0' AND seed_init = 1 AND split = 'measure'"
    )
    assert nats == pytest.approx(total / count, abs=1e-6)


def test_members_of_a_study_are_models_of_a_notebook(
    study: tuple[Plan, dict[str, Manifest]],
) -> None:
    opened = mm.open()
    members = opened.members("words/gpt_neox/step0")
    assert [member.name for member in members] == [
        f"words/gpt_neox/step0/i{seed}-o{seed}" for seed in example.SEEDS
    ]
    assert len(opened.members("words")) == 12
    outside = [load_pretrained(Path(f"models/gpt_neox-{seed}-0")) for seed in example.SEEDS]
    text = Path("words.txt").read_text(encoding="utf-8")[:100]
    for member, model in zip(members, outside, strict=True):
        expected = torch.cat(list(model.laws(text, example.CONTEXT))).numpy()
        assert np.abs(member.log_probs(text) - expected).max() < 1e-5
        assert member.generate(text[:5], tokens=8) == model.generate(text[:5], tokens=8)
    ours = mm.compare(*members[:2], text)
    assert ours.names == (members[0].name, members[1].name)
    assert len(ours.where(3)) == 3
    assert ours.hidden > 0
    short = mm.compare(*outside[:2], text[: example.CONTEXT])
    assert np.allclose(ours.kl_ab[: len(short.ids)], short.kl_ab, atol=1e-4)


def test_exported_members_have_the_same_numbers_in_a_database(folder: Path) -> None:
    """Export, then import: losses to 1e-5, divergences to 1e-4."""
    checkpoint(folder / "models/gpt_neox-0-0", "gpt_neox", 0)
    analyses = ["rashomon", "divergence"]
    settings = {**example.settings_of(folder), "analyses": analyses}
    settings["corpora"]["words"]["members"] = {}
    settings["probes"] = {"held-out": settings["probes"]["held-out"]}
    settings["training"] |= {"batch": 4, "steps": 12, "curve_windows": 4}
    settings["seeds"] = {"init": [0, 1]}
    settings["sizes"] = {"base": {"width": 16, "layers": 1, "heads": 2, "embedding_sd": 1.0}}
    layout = Layout(Path("results"))
    example.run_all(without_report(example.plan_of(folder, settings)), layout)
    losses = "SELECT seed_init, select_nats, measure_nats FROM current_model ORDER BY 1"
    pairs = (
        "SELECT kl_ab + kl_ba, js, hidden FROM (SELECT d.kl_ab, d.kl_ba, d.js, d.hidden FROM "
        "pair_divergence AS d JOIN artifact AS a ON a.artifact = d.artifact AND a.is_current)"
    )
    ours = rows(losses), rows(pairs)
    for seed in (0, 1):
        export_model(f"words/base/causal/i{seed}-o{seed}", layout, folder / f"out-{seed}")
    settings["tokenizer"]["path"] = "out-0/tokenizer.json"
    series = {"path": "out-{seed}", "factors": {"size": "base", "seed": [0, 1]}}
    settings["corpora"]["words"]["members"] = {"pretrained": [series]}
    example.run_all(without_report(example.plan_of(folder, settings)), layout)
    theirs = rows(losses), rows(pairs)
    assert np.abs(np.array(theirs[0]) - np.array(ours[0])).max() < 1e-5
    assert np.abs(np.array(theirs[1]) - np.array(ours[1])).max() < 1e-4
    assert len(ours[1]) == 1


def without_report(plan: Plan) -> Plan:
    return Plan(plan.study, plan.nodes[:-1])


# --------------------------------------------------------------------------------- the files


def pretrained_jobs(plan: Plan) -> Iterator[dict[str, Any]]:
    """Descriptions of the jobs of checkpoints, once those before them are made."""
    for node in plan.nodes:
        description = description_of(node, plan.study.hardware)
        if node.stage == "pretrained":
            yield description
        elif node.stage in ("corpus", "tokenizer", "tokens"):
            run_job(description, Layout(Path("results")))


def one_checkpoint(folder: Path, **members: Any) -> dict[str, Any]:
    series = {"path": "models/a", "factors": {"size": "a", "seed": 0}, **members}
    settings = example.settings_of(folder, pretrained=[series])
    settings["tokenizer"]["path"] = "models/a/tokenizer.json"
    return {**settings, "analyses": []}


def test_files_are_verified_and_a_changed_one_is_refused(folder: Path) -> None:
    checkpoint(folder / "models/a", "llama", 0)
    plan = example.plan_of(folder, one_checkpoint(folder))
    (job,) = pretrained_jobs(plan)
    manifest = run_job(job, Layout(Path("results")))
    assert {file.path for file in manifest.files} >= {"model/config.json", "model/tokenizer.json"}
    assert manifest.figures["status"] == "trained"
    settings = yaml.safe_load((folder / "study.yaml").read_text())
    (pinned,) = settings["corpora"]["words"]["members"]["pinned"].items()
    assert pinned[0] == "models/a"
    assert list(pinned[1]["files"]) == ["config.json", "model.safetensors", "tokenizer.json"]
    checkpoint(folder / "models/a", "llama", 1)
    with pytest.raises(UserError, match=r"model.safetensors: is not the file that was pinned"):
        run_job(job, Layout(Path("results")), force=True)


def test_a_checkpoint_that_cannot_be_a_member_is_named(folder: Path) -> None:
    checkpoint(folder / "models/a", "llama", 0, max_position_embeddings=16)
    (job,) = pretrained_jobs(example.plan_of(folder, one_checkpoint(folder)))
    with pytest.raises(UserError, match=r"at most 16 tokens .* training.context is 24: lower it"):
        run_job(job, Layout(Path("results")))
    checkpoint(folder / "models/a", "llama", 0, 200)
    (job,) = pretrained_jobs(example.plan_of(folder, one_checkpoint(folder)))
    with pytest.raises(UserError, match="predicts 200 tokens, and the tokenizer of the study has"):
        run_job(job, Layout(Path("results")))
    path = folder / "models/a/tokenizer.json"
    checkpoint(folder / "models/a", "llama", 0)
    definition = json.loads(path.read_text())
    settings = one_checkpoint(folder)
    settings["tokenizer"]["path"] = "own.json"
    (folder / "own.json").write_text(json.dumps(definition))
    definition["model"]["vocab"]["zz"] = definition["model"]["vocab"].pop("z")
    path.write_text(json.dumps(definition))
    (job,) = pretrained_jobs(example.plan_of(folder, settings))
    with pytest.raises(UserError, match=r"other tokens than the tokenizer .*2 differ, such as 'z'"):
        run_job(job, Layout(Path("results")))
    (folder / "models/a/model.safetensors").rename(folder / "models/a/pytorch_model.bin")
    with pytest.raises(UserError, match=r"weights are pickles \(pytorch_model.bin\)"):
        example.plan_of(folder, settings)


def test_checkpoints_of_the_hub_are_pinned_and_their_verified_files_are_taken(folder: Path) -> None:
    checkpoint(folder / "models/a", "gpt_neox", 0)
    files = {path.name: path.read_bytes() for path in (folder / "models/a").iterdir()}
    settings = one_checkpoint(folder, path=None, repository="owner/{name}")
    (entry,) = settings["corpora"]["words"]["members"]["pretrained"]
    entry["factors"]["name"] = "name"
    (folder / "config").mkdir()
    path = folder / "config/config.yaml"
    example.plan_of(folder, one_checkpoint(folder))
    settings["tokenizer"] = yaml.safe_load((folder / "study.yaml").read_text())["tokenizer"]
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with hub(holds="model", commits={FIRST: {}, SECOND: files}) as (_, server):
        done = python(COMMAND, server.url, "pin", "words")
        assert done.returncode == 0, done.stderr
        pinned = yaml.safe_load(path.read_text())["corpora"]["words"]["members"]["pinned"]
        assert pinned[NAME]["revision"] == SECOND
    downloads = Layout(Path("results")).downloads
    downloads.mkdir(parents=True)
    for name, sha256 in pinned[NAME]["files"].items():
        (downloads / sha256).write_bytes(files[name])
    (job,) = pretrained_jobs(plan_study(load_study([path]), folder))
    manifest = run_job(job, Layout(Path("results")))
    assert manifest.label == "pretrained/words/a/namename/i0-o0"
    assert manifest.operational["revision"] == SECOND


def test_digests_and_factors_identify_a_checkpoint_and_its_place_does_not(folder: Path) -> None:
    checkpoint(folder / "models/a", "llama", 0)
    (folder / "other").symlink_to(folder / "models")

    def keys(**entry: Any) -> dict[str, str]:
        plan = example.plan_of(folder, one_checkpoint(folder, **entry))
        return {node.stage: node.key for node in plan.nodes}

    first = keys()
    assert keys(path="other/a")["evaluation"] == first["evaluation"]
    for changes in ({"dtype": "bfloat16"}, {"factors": {"size": "a", "seed": 1}}):
        assert keys(**changes)["pretrained"] != first["pretrained"]


def test_the_study_of_the_repository_has_ten_seeds_of_two_sizes_once_it_is_pinned(
    tmp_path: Path,
) -> None:
    root = Path(__file__).parents[2] / "config"
    files = [root / "config.yaml", root / "pretrained.yaml"]
    members = load_study(files).corpora["stories"].members
    pinned = {
        model.location: {"revision": FIRST, "files": {"config.json": f"a{number:063x}"}}
        for number, model in enumerate(members.pretrained_members)
    }
    overlay = tmp_path / "pinned.yaml"
    settings = {
        "corpora": {"stories": {"members": {"pinned": pinned}}},
        "tokenizer": {"revision": FIRST, "sha256": "0" * 64},
    }
    overlay.write_text(yaml.safe_dump(settings), encoding="utf-8")
    nodes = plan_study(load_study([*files, overlay]), tmp_path).nodes
    labels = [node.label for node in nodes if node.stage == "evaluation"]
    assert labels == [
        f"evaluation/stories/{size}/pretrained/i{seed}-o{seed}"
        for size in ("14m", "31m")
        for seed in range(10)
    ]
    (written,) = [node for node in nodes if node.stage == "self_written"]
    assert [node.label for node in written.inputs["training"]] == [
        "pretrained/stories/70m/pretrained/i0-o0"
    ]
    (contested,) = [node for node in nodes if node.label == "divergence/stories/held-out"]
    assert (len(contested.inputs["training"]), len(contested.inputs["reference"])) == (20, 1)
