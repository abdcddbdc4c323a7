"""Which edit makes which jobs stale: each edit against the exact set of planned jobs."""

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import product

import pytest
from project import NOTHING_TO_DO, Project

Edit = Callable[[Project], object]

INIT, ORDER = (0, 1, 2), (0,)
SMOKE = {
    "corpus": 1, "tokenizer": 1, "tokens": 1, "training": 12, "evaluation": 12, "rashomon": 1,
    "probe": 2, "divergence": 2, "myopia": 1, "database": 1, "report": 1,
}  # fmt: skip
DEFAULT = {**SMOKE, "training": 24, "evaluation": 24}

LOOP = "src/manymasks/training/loop.py"
VIEWS = "src/manymasks/database/views.sql"
CONFIG, OVERLAY = "config/config.yaml", "config/smoke.yaml"

NOTHING: set[str] = set()
PUBLISHED = {"database", "report"}
DIVERGENCES = {"divergence/pydocs/held-out", "divergence/pydocs/shuffle"}
OF_ALL_MEMBERS = {"rashomon/pydocs", "myopia/pydocs", *DIVERGENCES, *PUBLISHED}


def members(
    stages: Iterable[str] = ("training", "evaluation"),
    size: Iterable[str] = ("small", "base"),
    variant: Iterable[str] = ("causal", "myopic"),
    init: Iterable[int] = INIT,
    order: Iterable[int] = ORDER,
) -> set[str]:
    """Labels of what is made once for each member."""
    return {
        f"{stage}/pydocs/{s}/{v}/i{i}-o{o}"
        for stage, s, v, i, o in product(stages, size, variant, init, order)
    }


def edit(path: str, old: str, new: str) -> Edit:
    return lambda project: project.replace(path, old, new)


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


def reverse_keys(project: Project) -> None:
    """Write the study with the keys of every mapping in the opposite order."""
    import yaml

    def backwards(value: object) -> object:
        if isinstance(value, dict):
            return {key: backwards(value[key]) for key in reversed(value)}
        return [backwards(item) for item in value] if isinstance(value, list) else value

    for name in (CONFIG, OVERLAY):
        path = project.root / name
        path.write_text(
            yaml.safe_dump(backwards(yaml.safe_load(path.read_text())), sort_keys=False)
        )


def forget(project: Project) -> None:
    shutil.rmtree(project.root / ".snakemake", ignore_errors=True)


LEARNING_RATE = edit(CONFIG, "learning_rate: 3e-3", "learning_rate: 2e-3")
MORE_INIT = edit(OVERLAY, "init: [0, 1, 2]", "init: [0, 1, 2, 3]")
DOCSTRING = edit(LOOP, '"""Train a model in place.', '"""Train a model where it lies.')
LOGIC = edit(LOOP, "EPSILON = 1e-8", "EPSILON = 1e-7")

TABLE: dict[str, tuple[Edit, set[str]]] = {
    "nothing": (lambda project: None, NOTHING),
    # Code
    "comment and docstring in training code": (
        edits(before(LOOP, "# A comment.\n\n"), DOCSTRING),
        NOTHING,
    ),
    "logic in training code": (LOGIC, members() | OF_ALL_MEMBERS),
    "logic in what only rashomon uses": (
        before("src/manymasks/rashomon/membership.py", "NEW = 1\n"),
        {"rashomon/pydocs", *PUBLISHED},
    ),
    "logic in the probes": (
        before("src/manymasks/probes/families.py", "NEW = 1\n"),
        {"probe/pydocs/held-out", "probe/pydocs/shuffle", *DIVERGENCES, *PUBLISHED},
    ),
    "logic in what plans and stores": (
        edits(
            before("src/manymasks/plan/states.py", "NEW = 1\n"),
            before("src/manymasks/store/atomic.py", "NEW = 1\n"),
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
    "one more seed of the initial weights": (MORE_INIT, members(init=[3]) | OF_ALL_MEMBERS),
    "one more seed of the data order": (
        edit(OVERLAY, "order: [0]", "order: [0, 7]"),
        members(order=[7]) | OF_ALL_MEMBERS,
    ),
    "a seed removed": (edit(OVERLAY, "init: [0, 1, 2]", "init: [0, 2]"), OF_ALL_MEMBERS),
    "seeds in another order": (edit(OVERLAY, "init: [0, 1, 2]", "init: [2, 0, 1]"), {"report"}),
    # Settings
    "learning rate": (LEARNING_RATE, members() | OF_ALL_MEMBERS),
    "learning rate of one variant": (
        edit(CONFIG, "{gradient: myopic}", "{gradient: myopic, learning_rate: 1e-3}"),
        members(variant=["myopic"]) | OF_ALL_MEMBERS,
    ),
    "learning rate of one variant, said again": (
        edit(CONFIG, "{gradient: myopic}", "{gradient: myopic, learning_rate: 3e-3}"),
        {"report"},
    ),
    "a size renamed": (
        edits(edit(CONFIG, "  small: {", "  tiny: {"), edit(OVERLAY, "  small: {", "  tiny: {")),
        OF_ALL_MEMBERS,
    ),
    "an analysis less": (
        edit(CONFIG, "analyses: [rashomon, divergence, myopia]", "analyses: [rashomon]"),
        PUBLISHED,
    ),
    "a probe's severities": (
        edit(OVERLAY, "severities: [4, 16]", "severities: [4, 8]"),
        {"probe/pydocs/shuffle", "divergence/pydocs/shuffle", *PUBLISHED},
    ),
    "a threshold": (
        edit(CONFIG, "nats: [0.01, 0.02, 0.05]", "nats: [0.01, 0.02]"),
        {"rashomon/pydocs", *PUBLISHED},
    ),
    "resamples": (
        edit(OVERLAY, "resamples: 200", "resamples: 300"),
        members(["evaluation"]) | OF_ALL_MEMBERS,
    ),
    "batch of the evaluation": (
        edit(OVERLAY, "evaluation: {", "evaluation: {batch: 32, "),
        members(["evaluation"]) | {"rashomon/pydocs", "myopia/pydocs"} | PUBLISHED,
    ),
    "vocabulary": (
        edit(OVERLAY, "vocabulary: 512", "vocabulary: 600"),
        {"tokenizer/pydocs", "tokens/pydocs", "probe/pydocs/held-out", "probe/pydocs/shuffle"}
        | members()
        | OF_ALL_MEMBERS,
    ),
    "title of the study": (edit(OVERLAY, "name: smoke", "name: smaller"), {"report"}),
    # What a setting is written as
    "float spelling 0.003": (edit(CONFIG, "learning_rate: 3e-3", "learning_rate: 0.003"), NOTHING),
    "float spelling 3.0e-3": (
        edit(CONFIG, "learning_rate: 3e-3", "learning_rate: 3.0e-3"),
        NOTHING,
    ),
    "a default written out, a whole number as a float": (
        edits(
            edit(CONFIG, "learning_rate: 3e-3 ", "learning_rate: 3e-3\n  weight_decay: 0.1 "),
            edit(CONFIG, "percent: [1]", "percent: [1.0]"),
        ),
        NOTHING,
    ),
    "comments in the study": (
        edits(before(CONFIG, "# Mine.\n"), edit(OVERLAY, "name: smoke", "name: smoke  # mine")),
        NOTHING,
    ),
    "key order": (reverse_keys, NOTHING),
    "how the work is done": (
        before(OVERLAY, "machine: {log_seconds: 3, checkpoint_seconds: 5, device: cpu}\n"),
        NOTHING,
    ),
    # Files
    "everything touched": (touch_everything, NOTHING),
    "Snakemake's records deleted": (forget, NOTHING),
    "text of a rule": (
        edits(
            edit(
                "workflow/rules/training.smk",
                '"manymasks run training {wildcards.key} --lines"',
                '"nice manymasks run training {wildcards.key} --lines"',
            ),
            before("workflow/rules/tokens.smk", "# A comment.\n"),
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
        delete("tokens/pydocs", "training/pydocs/base/causal/i1-o0", "rashomon/pydocs"),
        NOTHING,
    ),
    "an intermediate deleted, then a seed added": (
        edits(delete("tokens/pydocs"), MORE_INIT),
        {"tokens/pydocs"} | members(init=[3]) | OF_ALL_MEMBERS,
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_edit_makes_exactly_these_jobs_stale(project: Project, name: str) -> None:
    change, expected = TABLE[name]
    change(project)
    assert project.planned() == expected


def test_smoke_and_default_study_are_planned_whole_in_a_fresh_clone(checkout: Project) -> None:
    for overlay, expected in ((OVERLAY, SMOKE), (None, DEFAULT)):
        found = checkout.planned(overlay=overlay)
        assert Counter(label.partition("/")[0] for label in found) == expected
        assert found == {line.label for line in checkout.plan(overlay)}
    assert not checkout.results.exists()


def test_command_line_settings_count_as_those_of_a_file(project: Project) -> None:
    given = project.jobs("--config", 'training={"learning_rate": 2e-3}')
    LEARNING_RATE(project)
    assert given == project.jobs()
    assert len(given) == len(members() | OF_ALL_MEMBERS)


def test_switching_back_to_an_old_setting_makes_nothing(project: Project) -> None:
    links = [project.results / name for name in ("manymasks.duckdb", "report.html")]
    old = [path.parent for path in project.manifests("database", "report")]
    config = (project.root / CONFIG).read_text()

    LEARNING_RATE(project)
    project.fabricate()
    assert project.planned() == NOTHING
    done = project.snakemake("--cores", "1")
    assert done.returncode == 0, done.stderr
    new = [path.parent for path in project.manifests("database", "report")]
    assert [link.resolve().parent for link in links] == new

    (project.root / CONFIG).write_text(config)
    assert project.planned() == NOTHING
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
