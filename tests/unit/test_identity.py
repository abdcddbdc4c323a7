"""Which settings are in keys: all of them, but for those that are declared operational."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pydantic
import pytest

from manymasks.config.checks import cross_field_problems
from manymasks.config.corpora import UrlCorpus
from manymasks.config.loading import load_study, settings_of
from manymasks.config.settings import identity
from manymasks.config.study import Study
from manymasks.config.training import Size
from manymasks.documentation.settings import settings_page
from manymasks.errors import UserError
from manymasks.plan import node as planning
from manymasks.plan.graph import plan_study
from manymasks.store.canonical import canonical

BASE = """\
corpora:
  pydocs: {kind: pydocs}
sizes:
  base: {width: 64}
variants:
  causal: {gradient: causal}
  myopic: {gradient: myopic}
"""
RICH = f"""\
corpora:
  text:
    kind: pydocs
    packages: []
    members: {{variants: [causal, plain, myopic, half, tuned, again]}}
  link: {{kind: url, url: "http://a/b", sha256: {"a" * 64}, members: {{variants: [causal, plain]}}}}
  hub:
    kind: hub
    repository: a/b
    revision: {"a" * 40}
    files: [{{path: x, sha256: {"a" * 64}}}]
    members: {{variants: [causal, plain]}}
  whole:
    kind: dataset
    path: a/b
    files: {{x: {"a" * 64}}}
    members: {{variants: [causal, plain]}}
  given:
    kind: dataset
    path: a/b
    data_files: {{train: x, other: y, base: z}}
    split: {{train: train, select: other, measure: base}}
    files: {{x: {"a" * 64}, y: {"b" * 64}}}
    members: {{variants: [causal, plain]}}
  mine: {{kind: files, paths: [mine.txt], members: {{variants: [causal, plain]}}}}
  known:
    kind: process
    process: masks
    members: {{sizes: {{tiny: {{width: 8}}}}, seeds: {{init: [5, 6, 7, 8]}}}}
  changed:
    kind: process
    process: masks
    seed: 1
    law: {{only: sticky, premise: P4}}
    members:
      variants: [causal, moved]
      sizes: {{tiny: {{width: 8}}}}
      seeds: {{init: [5]}}
      analyses: [fine_tuning]
  rewarded:
    kind: process
    process: masks
    seed: 2
    members: {{variants: [causal], sizes: {{tiny: {{width: 8}}}}, analyses: [fine_tuning]}}
  other-prior:
    kind: process
    process: masks
    law: {{prior: [0.4, 0.2, 0.2, 0.2]}}
    members: {{variants: [causal], sizes: {{tiny: {{width: 8}}}}, analyses: []}}
  fork:
    kind: process
    process: fork
    members: {{variants: [causal], sizes: {{state: {{mixer: recurrent, width: 32}}}}}}
  steer:
    kind: process
    process: steer
    members:
      variants: [causal]
      sizes: {{tiny: {{width: 8}}}}
      seeds: {{init: [5]}}
      analyses: [steering]
  asked:
    kind: process
    process: lag
    answer_format: filler
    members: {{variants: [causal], sizes: {{tiny: {{width: 8}}}}, analyses: [thinking]}}
sizes:
  base: {{width: 16}}
  more: {{width: 32}}
  most: {{width: 64}}
  state: {{mixer: recurrent, width: 32}}
variants:
  causal: {{gradient: causal}}
  plain: {{gradient: causal, learning_rate: 0.1}}
  myopic: {{gradient: myopic}}
  half: {{gradient: discount, gamma: 0.5}}
  tuned: {{gradient: discount, gamma: 0.7, learning_rate: tune}}
  alone: {{gradient: local, past_from: causal}}
  again: {{gradient: myopic, starts_from: causal}}
  moved: {{gradient: causal, starts_from: causal, learning_rate: 0.2}}
training: {{late: [0.5]}}
tune: {{rates: [0.1, 0.2], seeds: {{init: [50, 51, 52, 53]}}}}
seeds: {{init: [0, 1, 2, 3]}}
reference_seeds: {{size: base, variant: causal, init: [60, 61, 62, 63]}}
fine_tuning: {{reward: {{rewards: [{{letter: a, nats: 0.5}}, {{mask: sticky}}]}}}}
rashomon:
  references:
    best: {{kind: best_of_class}}
    fixed: {{kind: absolute, nats: 3.0}}
    typical: {{kind: mean_minus_sd, k: 1}}
probes:
  held-out: {{family: held-out}}
  shuffle: {{family: shuffle, scored: 32, severities: [2, 4]}}
  other: {{family: other-corpus, scored: 32, corpus: link}}
  self: {{family: self-written, scored: 32}}
  search: {{family: search, scored: 32}}
myopia:
  contrasts: [{{baseline: causal, variant: myopic}}, {{baseline: causal, variant: half}}]
primary:
  - {{claim: gap, corpus: text, subject: myopic, baseline: causal, within: base}}
  - {{claim: share, corpus: text, subject: most, baseline: base, within: causal}}
  - {{claim: spread, corpus: text, subject: more, baseline: base, within: causal, probe: held-out}}
"""
"""A study in which every setting has something to act on."""
NAMES = (
    "other", "b" * 64, "b" * 40, "a/c", "mine.txt", "m*.txt", "causal", "plain", "myopic", "half",
    "base", "more", "most", "numpy", "text", "mine", "held-out", "shuffle",
    "known", "steps",
)  # fmt: skip
VALUES = (
    *NAMES,
    1,
    2,
    0.5,
    64,
    ["causal"],
    {"init": [1]},
    {"wide": {"width": 8}},
    ["truth"],
    [70, 71, 72, 73],
    [0.25],
)
"""What a text, or a null, is replaced by; most of it is refused for most settings."""
OPERATIONAL = {
    "corpora.<name>.paths", "corpora.<name>.url", "corpora.<name>.local", "hardware.device",
    "hardware.members_per_gpu", "hardware.stack", "hardware.log_seconds",
    "hardware.checkpoint_seconds", "tokenizer.path", "tokenizer.repository", "tokenizer.revision",
    "corpora.<name>.members.pretrained.<item>.path",
    "corpora.<name>.members.pretrained.<item>.repository",
    "corpora.<name>.members.pretrained.<item>.revision",
    "corpora.<name>.members.pinned.<name>.revision",
}  # fmt: skip

MEMBERS = ("corpora.<name>.members.pretrained", "corpora.<name>.members.pinned")
FIELDS = {".".join(path): field for path, field in settings_of(Study)}
LEAVES = [path for path in FIELDS if not any(other.startswith(f"{path}.") for other in FIELDS)]
TOGETHER = (
    "corpora.<name>.kind", "tokenizer.sha256", "tokenizer.end_of_text", "tokenizer.path",
    "tokenizer.repository", "tokenizer.revision",
    *(path for path in FIELDS if path.startswith(MEMBERS)),
)  # fmt: skip
"""A kind decides which other settings there are; those of `pretrained` are in test_pretrained, and
those of pretrained members in test_pretrained_members."""
SINGLE = [path for path in LEAVES if path not in TOGETHER]
"""Settings that can be changed alone."""


def is_operational(path: str) -> bool:
    extra = FIELDS[path].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("operational"))


def literals(annotation: Any) -> list[Any]:
    """Values that a type lists."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [value for part in get_args(annotation) for value in literals(part)]


def others(value: Any, annotation: Any) -> Iterator[Any]:
    """Values that a setting might have instead."""
    yield from literals(annotation)
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, value - 1, 2 * value)
        case float():
            yield from (0.99 * value, 0.5 * value, value + 0.01, value + 1)
        case list():
            yield from (
                value[::-1],
                value[:-1],
                value[1:],
                [*value, 1.0],
                *([*value, name] for name in NAMES),
            )
            last = value[-1] if value else 1
            yield from ([*value[:-1], item] for item in others(last, annotation))
        case _:
            yield from VALUES


def places(values: Any, path: list[str]) -> Iterator[tuple[Any, ...]]:
    """Keys and indices of every setting in `values` that a path stands for."""
    if not path:
        yield ()
        return
    step, rest = path[0], path[1:]
    if not isinstance(values, dict | list) or (
        step not in ("<name>", "<item>") and step not in values
    ):
        return
    keys = {"<name>": list(values), "<item>": range(len(values))}.get(step, [step])
    for key in keys:
        for inner in places(values[key], rest):
            yield (key, *inner)


def value_at(values: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        values = values[key]
    return values


def replaced(values: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy of nested settings with another value in one place."""
    if not place:
        return value
    copy = list(values) if isinstance(values, list) else dict(values)
    copy[place[0]] = replaced(values[place[0]], place[1:], value)
    return copy


def keys(values: Any, folder: Path) -> dict[str, str]:
    """Keys by label of the plan of a study."""
    study = Study.model_validate(values)
    if list(cross_field_problems(study)):
        raise ValueError("settings that do not go together")
    return {node.label: node.key for node in plan_study(study, folder).nodes}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("study")
    (folder / "mine.txt").write_text("text", encoding="utf-8")
    (folder / "config.yaml").write_text(RICH, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        # The code is the same everywhere: it need not be read for each of many plans.
        patch.setattr(planning, "code_of", lambda stage: {})
        yield folder
    planning.planned_code.cache_clear()


@pytest.fixture(scope="module")
def rich(folder: Path) -> dict[str, Any]:
    """The rich study as plain values, defaults included."""
    return load_study([folder / "config.yaml"]).model_dump(mode="json")


def stale(rich: dict[str, Any], path: str, folder: Path) -> Iterator[set[str]]:
    """Labels whose key is another one, or gone, for each other value of a setting."""
    before = keys(rich, folder)
    for place in places(rich, path.split(".")):
        old = value_at(rich, place)
        for value in others(old, FIELDS[path].annotation):
            if value == old:
                continue
            try:
                after = keys(replaced(rich, place, value), folder)
            except (pydantic.ValidationError, ValueError, UserError):
                continue
            yield {label for label in before | after if before.get(label) != after.get(label)}


@pytest.mark.parametrize("path", [path for path in SINGLE if not is_operational(path)])
def test_an_identity_setting_is_in_a_key(rich: dict[str, Any], path: str, folder: Path) -> None:
    """In one beside that of the report, which shows all settings, the name of the study too."""
    ends = set() if path == "name" else {"report"}
    assert any(labels - ends for labels in stale(rich, path, folder))


@pytest.mark.parametrize("path", sorted(OPERATIONAL - set(TOGETHER)))
def test_an_operational_setting_is_in_no_key(rich: dict[str, Any], path: str, folder: Path) -> None:
    changes = list(itertools.islice(stale(rich, path, folder), 3))
    assert changes
    assert not any(changes)


def test_settings_are_identity_unless_declared_operational() -> None:
    assert {path for path in FIELDS if is_operational(path)} == OPERATIONAL


# ----------------------------------------------------------------------------- plain values


def study_of(folder: Path, text: str) -> Study:
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return load_study([folder / "config.yaml"])


def test_identity_leaves_operational_settings_out(tmp_path: Path) -> None:
    url = UrlCorpus(kind="url", url="http://a/b", sha256="0" * 64, local="here.txt")
    assert {"url", "local"} & identity(url).keys() == set()
    assert identity(url)["sha256"] == "0" * 64
    study = study_of(tmp_path, BASE + "hardware: {device: cpu, log_seconds: 1}\n")
    assert identity(study)["hardware"] == {}
    assert identity(study) == identity(study_of(tmp_path, BASE))
    assert identity(study)["sizes"]["base"] == {**Size(width=64).model_dump()}


@pytest.mark.parametrize(
    "text",
    [
        "training: {learning_rate: 0.001, weight_decay: 0, steps: 1000}\n",
        "training: {steps: 1e3, weight_decay: 0.0, learning_rate: 1e-3}\n",
        "training:\n  weight_decay: -0.0\n  learning_rate: 1.0e-03\n  steps: 01000\n",
    ],
)
def test_spelling_and_order_do_not_change_identity(tmp_path: Path, text: str) -> None:
    head = "training: {weight_decay: 0, steps: 1000, learning_rate: .001}\n"
    expected = canonical(identity(study_of(tmp_path, head + BASE)))
    assert canonical(identity(study_of(tmp_path, BASE + text))) == expected


def test_the_reference_has_every_setting() -> None:
    rows = [line.split(" | ") for line in settings_page().splitlines() if line.startswith("| `")]
    kinds = {cells[0].strip("| `"): cells[2] for cells in rows if len(cells) > 3}
    for path in LEAVES:
        # Sizes and seeds of a corpus have the settings of the sections `sizes` and `seeds`.
        is_shared = path.count(".") > 3 and not path.startswith(MEMBERS)
        row = path.removeprefix("corpora.<name>.members.") if is_shared else path
        assert kinds[row] == ("operational" if is_operational(path) else "identity"), path
