"""Which edit makes which jobs stale: each edit against the exact set of planned jobs."""

import os
import random
import re
import shutil
from collections.abc import Callable, Iterable
from itertools import product
from typing import Any

import pytest
import yaml
from project import NOTHING_TO_DO, Project

import kit
from manymasks.config.yaml_reading import read_yaml

Edit = Callable[[Project], object]

SMOKE = kit.repository_plan("smoke.yaml")
SEEDS = SMOKE.study.seeds.pairs
LOOP = "src/manymasks/training/loop.py"
OPTIMIZER = "src/manymasks/training/optimizer.py"
VIEWS = "src/manymasks/database/views/10-study.sql"
CONFIG, OVERLAY = "config/config.yaml", "config/smoke.yaml"

NOTHING: set[str] = set()
PUBLISHED = {"database", "report"}
PROBES = {"probe/pydocs/held-out", "probe/pydocs/shuffle"}
REFERENCE, SAMPLED = {"training/pydocs/small/causal/i900-o900"}, {"self_written/pydocs/self"}
DIVERGENCES = {f"divergence/pydocs/{probe}" for probe in ("held-out", "shuffle", "self")}
EXPLORED = {f"explorer/pydocs/{probe}" for probe in ("held-out", "shuffle", "self")}
SEVERITY = {"severity/pydocs"}
FLOOR, GRADIENT = {"ngram_baseline/pydocs"}, {"gradient/pydocs"}
MULTIPLICITY, FUNNEL = {"multiplicity/pydocs"}, {"funnel/pydocs"}
UNIVERSAL = {"universal/pydocs"}
SETS = {"rashomon/pydocs", *MULTIPLICITY, *UNIVERSAL, "volume/pydocs", *FUNNEL}
BEHAVIOUR = {*DIVERGENCES, *EXPLORED, *SEVERITY, "rollout/pydocs", "representation/pydocs"}
OF_ALL_MEMBERS = {*SETS, "myopia/pydocs", *BEHAVIOUR, *GRADIENT, *PUBLISHED}


def members(
    stages: Iterable[str] = ("training", "evaluation"),
    size: Iterable[str] = ("small", "base"),
    variant: Iterable[str] = ("causal", "myopic"),
    seeds: Iterable[tuple[int, int]] = SEEDS,
) -> set[str]:
    """Labels of what is made once for each member."""
    return {
        f"{stage}/pydocs/{s}/{v}/i{i}-o{o}"
        for stage, s, v, (i, o) in product(stages, size, variant, seeds)
    }


def candidates(
    size: Iterable[str] = ("small", "base"), variant: Iterable[str] = ("causal", "myopic")
) -> set[str]:
    """Labels of what is made once for each class, of its first member."""
    return {f"derived/pydocs/{s}/{v}" for s, v in product(size, variant)}


def edit(path: str, old: str, new: str) -> Edit:
    return lambda project: project.replace(path, old, new)


def setting(path: str, value: object) -> Edit:
    return lambda project: project.set(path, value)


def edits(*several: Edit) -> Edit:
    return lambda project: [each(project) for each in several]


def before(path: str, text: str) -> Edit:
    return lambda project: project.prepend(path, text)


def delete(*labels: str) -> Edit:
    return lambda project: [path.unlink() for path in project.manifests(*labels)]


def touch_everything(project: Project) -> None:
    """Every file of the study and of the source gets a time of its own, at random."""
    rng = random.Random(0)
    for path in sorted(project.root.rglob("*")):
        if path.is_file():
            when = rng.randrange(1_600_000_000, 1_800_000_000)
            os.utime(path, (when, when))


def rewrite(change: Callable[[dict[str, Any]], object]) -> Edit:
    """Write the study's files anew, their values changed."""

    def apply(project: Project) -> None:
        for name in (CONFIG, OVERLAY):
            path = project.root / name
            text = yaml.safe_dump(change(read_yaml(path).values), sort_keys=False)
            path.write_text(text, encoding="utf-8")

    return apply


def backwards(value: Any) -> Any:
    """The keys of every mapping in the opposite order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def rename_small(values: dict[str, Any]) -> dict[str, Any]:
    sizes = {"tiny" if name == "small" else name: size for name, size in values["sizes"].items()}
    primary = [
        {**claim, **{k: "tiny" for k in ("subject", "baseline", "within") if claim[k] == "small"}}
        for claim in values["primary"]
    ]
    return {**values, "sizes": sizes, "primary": primary}


def respell(form: str) -> Edit:
    """Write the learning rates in another form, such as 0.003, 3.000e-03 or 3E-3."""

    def apply(project: Project) -> None:
        path = project.root / CONFIG
        text, count = re.subn(
            r"(learning_rate: )([0-9.e-]+)",
            lambda found: found[1] + format(float(found[2]), form),
            path.read_text(encoding="utf-8"),
        )
        assert count
        path.write_text(text, encoding="utf-8")

    return apply


def forget(project: Project) -> None:
    shutil.rmtree(project.root / ".snakemake", ignore_errors=True)


LEARNING_RATE = setting("sizes.base.learning_rate", 0.002)
OF_OTHER_RATE = members(size=["base"]) | candidates(size=["base"]) | OF_ALL_MEMBERS
MORE_INIT = setting("seeds.init", [0, 1, 2, 3])
DOCSTRING = edit(LOOP, '"""Train a stack in place.', '"""Train a stack where it lies.')
LOGIC = edit(OPTIMIZER, "EPSILON = 1e-8", "EPSILON = 1e-7")

TABLE: dict[str, tuple[Edit, set[str]]] = {
    "nothing": (lambda project: None, NOTHING),
    # Code
    "comment and docstring in training code": (
        edits(before(LOOP, "# A comment.\n\n"), DOCSTRING),
        NOTHING,
    ),
    "logic in training code": (
        LOGIC,
        members() | candidates() | REFERENCE | SAMPLED | OF_ALL_MEMBERS,
    ),
    "logic in what only rashomon uses": (
        before("src/manymasks/rashomon/membership.py", "NEW = 1\n"),
        {"rashomon/pydocs", *MULTIPLICITY, *UNIVERSAL, *PUBLISHED},
    ),
    "logic in the probes": (
        before("src/manymasks/kinds/families.py", "NEW = 1\n"),
        {*PROBES, *SAMPLED, *UNIVERSAL, *DIVERGENCES, *EXPLORED, *SEVERITY, *FUNNEL, *PUBLISHED},
    ),
    "logic in what plans and stores": (
        edits(
            before("src/manymasks/plan/states.py", "NEW = 1\n"),
            before("src/manymasks/disk/atomic.py", "NEW = 1\n"),
            before("src/manymasks/cli.py", "NEW = 1\n"),
        ),
        NOTHING,
    ),
    "a view": (edit(VIEWS, "m.training_tokens,", "m.training_tokens AS tokens,"), PUBLISHED),
    "a comment in a view": (before(VIEWS, "-- A comment.\n\n"), NOTHING),
    "a query of the report": (
        before("src/manymasks/report/queries/headline.sql", "SELECT 1;\n"),
        {"report"},
    ),
    # Seeds
    "one more seed": (MORE_INIT, members(seeds=[(3, 3)]) | OF_ALL_MEMBERS),
    "another seed of the data order": (
        setting("seeds.order", [0, 1, 7]),
        members(seeds=[(2, 7)]) | OF_ALL_MEMBERS,
    ),
    "a seed removed": (setting("seeds.init", [0, 2]), OF_ALL_MEMBERS),
    "seeds in another order": (setting("seeds.init", [2, 0, 1]), {"report"}),
    # Settings
    "a setting of all trainings": (
        setting("training.beta2", 0.99),
        members() | candidates() | REFERENCE | SAMPLED | OF_ALL_MEMBERS,
    ),
    "learning rate of one size": (LEARNING_RATE, OF_OTHER_RATE),
    "learning rate of one variant": (
        setting("variants.myopic.learning_rate", 0.0123),
        # Its parts are those of a causal gradient.
        members(variant=["myopic"]) | candidates(variant=["myopic"]) | OF_ALL_MEMBERS - GRADIENT,
    ),
    "learning rate of all, where each size has its own": (
        setting("training.learning_rate", 0.0123),
        {"report"},
    ),
    "a size renamed": (rewrite(rename_small), OF_ALL_MEMBERS),
    "an analysis less": (
        edits(setting("analyses", ["derived", "rashomon"]), setting("primary", [])),
        PUBLISHED,
    ),
    "a probe's severities": (
        setting("probes.shuffle.severities", [4, 8]),
        {f"{stage}/pydocs/shuffle" for stage in ("probe", "divergence", "explorer")}
        | SEVERITY
        | FUNNEL
        | PUBLISHED,
    ),
    "a threshold": (
        setting("rashomon.eps.nats", [0.01]),
        {"rashomon/pydocs", *MULTIPLICITY, *UNIVERSAL, *PUBLISHED},
    ),
    "resamples": (
        setting("statistics.resamples", 300),
        members(["evaluation"])
        | candidates()
        | FLOOR
        | PROBES
        | SAMPLED
        | OF_ALL_MEMBERS - GRADIENT,
    ),
    "batch of the evaluation": (
        setting("evaluation.batch", 32),
        members(["evaluation"])
        | candidates()
        | FLOOR
        | {"rashomon/pydocs", "myopia/pydocs"}
        | MULTIPLICITY
        | UNIVERSAL
        | FUNNEL
        | PUBLISHED,
    ),
    "vocabulary": (
        setting("tokenizer.vocabulary", 600),
        {"tokenizer/pydocs", "tokens/pydocs", *PROBES}
        | members()
        | candidates()
        | REFERENCE
        | SAMPLED
        | FLOOR
        | OF_ALL_MEMBERS,
    ),
    "other reference seeds": (
        setting("reference_seeds.init", [901]),
        {"training/pydocs/small/causal/i901-o901"}
        | SAMPLED
        | DIVERGENCES
        | {"explorer/pydocs/self"}
        | SEVERITY
        | FUNNEL
        | PUBLISHED,
    ),
    "what members write": (setting("rollout.length", 9), {"rollout/pydocs", *PUBLISHED}),
    "title of the study": (setting("name", "smaller"), {"report"}),
    # What a setting is written as
    "floats as 0.003000": (respell("f"), NOTHING),
    "floats as 3.00E-03": (respell(".2E"), NOTHING),
    "a default written out, a whole number as a float": (
        edits(setting("training.weight_decay", 0.1), setting("rashomon.eps.percent", [1.0])),
        NOTHING,
    ),
    "comments in the study": (
        edits(before(CONFIG, "# Mine.\n"), edit(OVERLAY, "name: smoke", "name: smoke  # mine")),
        NOTHING,
    ),
    "key order": (rewrite(backwards), NOTHING),
    "how the work is done": (
        setting(
            "hardware", {"log_seconds": 3, "checkpoint_seconds": 5, "device": "cpu", "stack": 3}
        ),
        NOTHING,
    ),
    # Files
    "everything touched": (touch_everything, NOTHING),
    "Snakemake's records deleted": (forget, NOTHING),
    "both": (edits(touch_everything, forget), NOTHING),
    "text of a rule": (
        edits(
            edit(
                "workflow/rules/stages.smk",
                '"{params.program} run {params.stage} {wildcards.key} --lines"',
                '"nice {params.program} run {params.stage} {wildcards.key} --lines"',
            ),
            before("workflow/rules/stages.smk", "# A comment.\n"),
        ),
        NOTHING,
    ),
    "environment and README": (
        edits(before("envs/manymasks.yaml", "# Mine.\n"), before("README.md", "Mine.\n")),
        NOTHING,
    ),
    "the report deleted": (delete("report"), {"report"}),
    "the database deleted": (delete("database"), {"database"}),
    "an intermediate deleted": (
        delete("tokens/pydocs", "training/pydocs/base/causal/i1-o1", "rashomon/pydocs"),
        NOTHING,
    ),
    "an intermediate deleted, then a seed added": (
        edits(delete("tokens/pydocs"), MORE_INIT),
        {"tokens/pydocs"} | members(seeds=[(3, 3)]) | OF_ALL_MEMBERS,
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_edit_makes_exactly_these_jobs_stale(project: Project, name: str) -> None:
    change, expected = TABLE[name]
    change(project)
    assert project.planned() == expected


def test_a_fresh_clone_plans_every_node(checkout: Project) -> None:
    for overlay, plan in ((OVERLAY, SMOKE), (None, kit.repository_plan())):
        expected = {node.label for node in plan.nodes}
        assert checkout.planned(overlay=overlay) == expected
        assert {line.label for line in checkout.plan(overlay)} == expected
    assert not checkout.results.exists()


def test_command_line_settings_equal_those_of_a_file(project: Project) -> None:
    given = project.jobs("--config", 'sizes={"base": {"learning_rate": 2e-3}}')
    LEARNING_RATE(project)
    assert given == project.jobs()
    assert len(given) == len(OF_OTHER_RATE)


def test_returning_to_an_old_setting_makes_no_artifact(project: Project) -> None:
    links = [project.results / name for name in ("manymasks.duckdb", "report.html")]
    old = [path.parent for path in project.manifests("database", "report")]
    overlay = (project.root / OVERLAY).read_text()

    LEARNING_RATE(project)
    project.fabricate()
    assert project.planned() == NOTHING
    done = project.snakemake("--cores", "1")
    assert done.returncode == 0, done.stderr
    new = [path.parent for path in project.manifests("database", "report")]
    assert [link.resolve().parent for link in links] == new

    (project.root / OVERLAY).write_text(overlay)
    assert project.planned() == NOTHING
    assert project.snakemake("-np").returncode == 0
    # A dry run looks only: the links still show the study that was run last.
    assert [link.resolve().parent for link in links] == new
    done = project.snakemake("--cores", "1")
    assert NOTHING_TO_DO in done.stdout + done.stderr
    assert [link.resolve().parent for link in links] == old
    assert not any(link.readlink().is_absolute() for link in links)


@pytest.mark.parametrize("flags", [("-n",), ("-np",), ("--dry-run", "--quiet"), ("--summary",)])
def test_a_dry_run_writes_nothing(project: Project, flags: tuple[str, ...]) -> None:
    MORE_INIT(project)
    tree = project.tree()
    done = project.snakemake(*flags)
    assert done.returncode == 0, done.stderr
    assert project.tree() == tree
