"""Settings: what is read is what was written, and every mistake is named where it was made."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pydantic
import pytest
import yaml

from manymasks.config import renamed
from manymasks.config.analyses import Contrast
from manymasks.config.checks import cross_field_problems
from manymasks.config.effects import warnings
from manymasks.config.loading import load_study, settings_of
from manymasks.config.probes import Probe
from manymasks.config.study import Study
from manymasks.config.training import Training
from manymasks.config.yaml_reading import read_yaml
from manymasks.documentation.settings import schema
from manymasks.errors import UserError

CONFIG = Path(__file__).parents[2] / "config"
BASE = """\
corpora:
  pydocs: {kind: pydocs}
sizes:
  base: {width: 64}
variants:
  causal: {gradient: causal}
  myopic: {gradient: myopic}
"""
NEXT = BASE.count("\n") + 1
"""The line on which text added to BASE stands."""


def study_of(tmp_path: Path, *texts: str, overrides: dict[str, Any] | None = None) -> Study:
    """The study of files config.yaml, overlay1.yaml, ... with these texts."""
    files = []
    for i, text in enumerate(texts):
        files.append(tmp_path / (f"overlay{i}.yaml" if i else "config.yaml"))
        files[-1].write_text(text, encoding="utf-8")
    return load_study(files, overrides)


def problems(tmp_path: Path, *texts: str, overrides: dict[str, Any] | None = None) -> list[str]:
    """What is wrong with them, line by line, without the folder."""
    with pytest.raises(UserError) as caught:
        study_of(tmp_path, *texts, overrides=overrides)
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


# ---------------------------------------------------------------------------- strict YAML


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e-3", 0.001),
        ("1E-3", 0.001),
        ("+1.5e+2", 150.0),
        (".5", 0.5),
        ("2e6", 2_000_000),
        ("3.0", 3.0),
        ("010", 10),
        ("-7", -7),
        ("no", "no"),
        ("off", "off"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("2026-01-01", "2026-01-01"),
        (".inf", ".inf"),
        ("'1e-3'", "1e-3"),
        ("!!str 5", "5"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
    ],
)
def test_scalars_follow_the_core_schema(tmp_path: Path, written: str, read: Any) -> None:
    path = tmp_path / "some.yaml"
    path.write_text(f"key: {written}\n", encoding="utf-8")
    document = read_yaml(path)
    assert document.problems == []
    assert document.values == {"key": read}
    assert type(document.values["key"]) is type(read)


def test_every_key_and_item_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "some.yaml"
    path.write_text("a:\n  b: 1\n  c:\n    - x\n    - d: 2\n", encoding="utf-8")
    assert read_yaml(path).lines == {
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
        ("a", "c", 1, "d"): 5,
    }


def test_a_key_given_twice_names_both_lines(tmp_path: Path) -> None:
    text = BASE + "training:\n  steps: 10\n  batch: 4\n  steps: 20\nsizes: {}\n"
    assert problems(tmp_path, text) == [
        f"config.yaml line {NEXT + 3}: 'training.steps' is set twice "
        f"(first in line {NEXT + 1}): keep one of them",
        f"config.yaml line {NEXT + 4}: 'sizes' is set twice (first in line 3): keep one of them",
    ]


def test_a_key_given_twice_in_a_list_item(tmp_path: Path) -> None:
    text = BASE + "myopia:\n  contrasts:\n  - {baseline: causal, variant: myopic, variant: x}\n"
    (found,) = problems(tmp_path, text)
    assert found.startswith(f"config.yaml line {NEXT + 2}: 'myopia.contrasts.0.variant' is set")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("name: a\n  b: c\n", "line 2, column 4"),
        ("a: [1, 2\nb: 3\n", "line 2, column 2"),
        ("name: 'open\n", "line 2, column 1"),
        ("\tname: a\n", "line 1, column 1"),
        ("name: @x\n", "line 1, column 7"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1"),
    ],
)
def test_broken_yaml_names_line_and_column(tmp_path: Path, text: str, where: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith(f"config.yaml {where}: this is not valid YAML: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "config.yaml: is empty"),
        ("# only a comment\n", "config.yaml: is empty"),
        ("\n- a\n- b\n", "config.yaml line 2: expected settings at the top level"),
        ("word\n", "config.yaml line 1: expected settings at the top level"),
        ("? [a]\n: 3\n", "config.yaml line 1: a key must be a plain word"),
        ("\x00", "config.yaml: this is not valid YAML"),
        ("name: !!int x\n", "config.yaml line 1: 'x' cannot be read as tag:yaml.org,2002:int"),
        ("name: !!python/object:os.system x\n", "config.yaml line 1: 'x' cannot be read as"),
        ("a: &a\n  b: *a\n", "config.yaml line 1: contains itself, through an anchor"),
    ],
)
def test_files_that_hold_no_settings(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text)[0].startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &b {w: 1, l: 2}\nc: {<<: *b, w: 64}\n", {"w": 64, "l": 2}),
        ("a: &b {w: 1, l: 2}\nc: {w: 64, <<: *b}\n", {"w": 64, "l": 2}),
        ("c:\n  <<: {w: 1}\n  w: 64\n", {"w": 64}),
        ("c: {<<: [{w: 1}, {w: 2, l: 3}], h: 4}\n", {"w": 1, "l": 3, "h": 4}),
        ("a: &a {w: 1}\nb: &b {<<: *a, l: 2}\nc: {<<: *b}\n", {"w": 1, "l": 2}),
        ("a: &a {m: {x: 1, y: 2}}\nc: {<<: *a, m: {x: 3}}\n", {"m": {"x": 3}}),
        ("c: {<<: {}}\n", {}),
        ('c: {"<<": 3}\n', {"<<": 3}),
    ],
)
def test_merge_keys(tmp_path: Path, text: str, expected: dict[str, object]) -> None:
    path = tmp_path / "merged.yaml"
    path.write_text(text, encoding="utf-8")
    document = read_yaml(path)
    assert not document.problems
    assert document.values["c"] == expected
    if '"<<"' not in text:
        assert yaml.safe_load(text)["c"] == expected, "as another reader has it"


def test_a_mistake_that_is_merged_is_located_where_it_is_written(tmp_path: Path) -> None:
    sizes = "sizes:\n  one: &one\n    widht: 8\n  two: {<<: *one, width: 16}\n"
    lines = problems(tmp_path, sizes)
    number = (tmp_path / "config.yaml").read_text(encoding="utf-8").split("widht")[0].count("\n")
    assert any("sizes.two.widht is not a setting" in line for line in lines)
    assert all(line.endswith(f"(line {number + 1})") for line in lines if "two.widht" in line)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a {<<: *a, w: 1}\n", "config.yaml line 1: contains itself, through an anchor"),
        ("a: {<<: 3}\n", "config.yaml line 1: '<<' takes mappings, such as *name of an anchor"),
        ("a: {<<: [{}, 3]}\n", "config.yaml line 1: '<<' takes mappings"),
    ],
)
def test_merge_keys_that_merge_nothing(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text)[0].startswith(expected)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "wide.yaml"
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path.write_bytes(f"{mark}name: x\n".encode(encoding))
    with pytest.raises(UserError, match=r"wide\.yaml: .* It is UTF-16: save it as UTF-8"):
        load_study([path])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("name: caf\xe9\n".encode("latin-1"))
    files = [tmp_path / "absent.yaml", tmp_path / "latin.yaml", tmp_path]
    with pytest.raises(UserError) as caught:
        load_study(files)
    first, second, third = str(caught.value).splitlines()
    assert first == f"{tmp_path}/absent.yaml: there is no such file"
    assert second.startswith(f"{tmp_path}/latin.yaml: cannot be read as UTF-8 text")
    assert third.startswith(f"{tmp_path}: cannot be read")


def test_yaml_aliases_are_resolved(tmp_path: Path) -> None:
    text = BASE.replace("width: 64", "width: &w 64") + "training: {batch: *w}\n"
    assert study_of(tmp_path, text).training.batch == 64


# ----------------------------------------------------------------------- unknown settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "training:\n  learning_rte: 1e-3\n",
            "config.yaml: training.learning_rte is not a setting. Did you mean "
            f"training.learning_rate? (line {NEXT + 1})",
        ),
        (
            "train: {learning_rte: 1e-3}\n",
            f"config.yaml: train is not a setting. Did you mean training? (line {NEXT})",
        ),
        (
            "learning_rate: 1e-3\n",
            "config.yaml: learning_rate is not a setting. Did you mean training.learning_rate? "
            f"(line {NEXT})",
        ),
        (
            "training: {vocabulary: 300}\n",
            "config.yaml: training.vocabulary is not a setting. Did you mean "
            f"tokenizer.vocabulary? (line {NEXT})",
        ),
        (
            "tokenizer: {xyzzy: 1}\n",
            "config.yaml: tokenizer.xyzzy is not a setting. Settings of this section: "
            "kind, vocabulary, path, repository, revision, sha256, end_of_text. "
            f"(line {NEXT})",
        ),
        (
            "rashomon:\n  references:\n    x: {kind: absolute, natss: 3}\n",
            "config.yaml: rashomon.references.x.natss is not a setting. Did you mean "
            f"rashomon.references.x.nats? (line {NEXT + 2})",
        ),
        (
            "rashomon: {eps: {percentage: [1]}}\n",
            "config.yaml: rashomon.eps.percentage is not a setting. Did you mean "
            f"rashomon.eps.percent? (line {NEXT})",
        ),
        (
            "probes: {p: {family: held-out, window: 5}}\n",
            "config.yaml: probes.p.window is not a setting. Did you mean probes.p.windows? "
            f"(line {NEXT})",
        ),
    ],
)
def test_an_unknown_setting_is_refused_with_a_suggestion(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert problems(tmp_path, BASE + text) == [expected]


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (
            "{kind: pydocs}",
            "{kind: pydocs, packges: [numpy]}",
            "config.yaml: corpora.pydocs.packges is not a setting. Did you mean "
            "corpora.pydocs.packages? (line 2)",
        ),
        (
            "{width: 64}",
            "{width: 64, layer: 2}",
            "config.yaml: sizes.base.layer is not a setting. Did you mean sizes.base.layers? "
            "(line 4)",
        ),
        (
            "{gradient: myopic}",
            "{gradient: myopic, learning-rate: 1}",
            "config.yaml: variants.myopic.learning-rate is not a setting. Did you mean "
            "variants.myopic.learning_rate? (line 7)",
        ),
        (
            "{kind: pydocs}",
            "{kind: pydoc}",
            "config.yaml: corpora.pydocs.kind must be 'pydocs', 'files', 'url', 'hub', 'dataset', "
            "'process', "
            "found 'pydoc'. Did you mean pydocs? (line 2)",
        ),
    ],
)
def test_an_unknown_setting_under_a_name(
    tmp_path: Path, right: str, wrong: str, expected: str
) -> None:
    assert problems(tmp_path, BASE.replace(right, wrong, 1)) == [expected]


def test_a_misspelt_key_in_a_list_item(tmp_path: Path) -> None:
    text = BASE + "myopia:\n  contrasts:\n  - {basline: causal, variant: myopic}\n"
    assert problems(tmp_path, text) == [
        "config.yaml: myopia.contrasts.0.baseline is missing: this setting has no default "
        f"(The variant whose loss is subtracted) (line {NEXT + 2})",
        "config.yaml: myopia.contrasts.0.basline is not a setting. Did you mean "
        f"myopia.contrasts.0.baseline? (line {NEXT + 2})",
    ]


OLD_NAMES = [
    ("machine: {device: cpu}\n", "machine was renamed: write hardware"),
    ("candidates: {draws: 2}\n", "candidates was renamed: write derived"),
    ("rules: {questions: 9}\n", "rules was renamed: write rule_choice"),
    ("analyses: [candidates]\n", "analyses.0 'candidates' was renamed: write derived"),
    ("analyses: [rules]\n", "analyses.0 'rules' was renamed: write rule_choice"),
    ("truth: {floor_batch: 2}\n", "truth.floor_batch was renamed: write excess.floor_batch"),
    (
        "primary: [{claim: gap, corpus: c, of: myopic, baseline: causal, within: base}]\n",
        "primary.0.of was renamed: write primary.0.subject",
    ),
]


@pytest.mark.parametrize(("text", "expected"), OLD_NAMES)
def test_an_old_name_is_refused_with_the_new_one(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, BASE + text) == [f"config.yaml: {expected} (line {NEXT})"]


def test_old_names_under_a_name_are_refused_with_the_new_ones(tmp_path: Path) -> None:
    drawn = {"kind": "process", "process": "fork", "eps": 0.1}
    old = {
        "corpora": {"drawn": {**drawn, "members": {"analyses": ["candidates"]}}},
        "variants": {"beside": {"gradient": "local", "of": "causal"}},
        "probes": {"p": {"family": "self"}, "q": {"family": "search", "candidates": 4}},
    }
    assert problems(tmp_path, BASE, overrides=old) == [
        "--config: corpora.drawn.members.analyses.0 'candidates' was renamed: write derived",
        "--config: corpora.drawn.eps was renamed: write corpora.drawn.answered",
        "--config: variants.beside.of was renamed: write variants.beside.past_from",
        "--config: probes.p.family 'self' was renamed: write self-written",
        "--config: probes.q.candidates was renamed: write probes.q.population",
    ]


def test_every_new_name_is_a_setting_and_no_old_name_is() -> None:
    known = {".".join(steps) for steps, _ in settings_of(Study)}
    assert set(renamed.SETTINGS.values()) <= known
    assert not renamed.SETTINGS.keys() & known


def test_reference_seeds_need_a_variant_that_is_no_control(tmp_path: Path) -> None:
    text = BASE + "  echo: {gradient: bigram}\nreference_seeds: {variant: echo}\n"
    (found,) = problems(tmp_path, text)
    assert "reference_seeds.variant 'echo' is a control or fine-tuned: name another" in found
    # A myopic one does, and writes what a self-written probe needs where no variant is causal.
    probe = "probes: {p: {family: self-written, scored: 3}}\nmyopia: {contrasts: []}\n"
    text = BASE.replace("  causal: {gradient: causal}\n", "") + probe
    study = study_of(tmp_path, text + "reference_seeds: {variant: myopic}\n")
    assert study.reference_arm("pydocs") == ("base", "myopic")
    (found,) = problems(tmp_path, text + "reference_seeds: {}\n")
    assert "probes.p reference seeds of a causal variant write the contexts" in found


def test_unknown_names_are_refused_at_every_level(tmp_path: Path) -> None:
    """At each level of the tree, also of those that have no test of their own."""
    hub = {
        "kind": "hub",
        "repository": "a/b",
        "revision": "a" * 40,
        "files": [{"path": "x", "sha256": "a" * 64}],
    }
    whole: dict[str, Any] = json.loads(
        study_of(tmp_path, BASE, overrides={"corpora": {"hub": hub}}).model_dump_json()
    )
    places: list[tuple[Any, ...]] = []

    def walk(value: Any, place: tuple[Any, ...]) -> None:
        if isinstance(value, dict):
            named = place in [(n,) for n in ("corpora", "sizes", "variants", "probes")]
            named = named or place[3:] == ("pinned",)
            if not named and place != ("rashomon", "references"):
                places.append(place)
            for key, item in value.items():
                walk(item, (*place, key))
        elif isinstance(value, list):
            for i, item in enumerate(value):
                walk(item, (*place, i))

    walk(whole, ())
    assert len(places) > 15
    for place in places:
        changed = json.loads(json.dumps(whole))
        inside = changed
        for step in place:
            inside = inside[step]
        inside["zzzz"] = 1
        name = ".".join(map(str, (*place, "zzzz")))
        (found,) = problems(tmp_path, json.dumps(changed))
        assert found.startswith(f"config.yaml: {name} is not a setting."), place


# ------------------------------------------------------------- types, ranges, combinations


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("training: {steps: soon}\n", "training.steps must be a whole number, found the text"),
        ("training: {steps: 1.5}\n", "training.steps must be a whole number, found 1.5"),
        ("training: {steps: true}\n", "training.steps must be a whole number, found true"),
        ("training: {steps: '10'}\n", "training.steps must be a whole number, found the text '10'"),
        ("training: {steps: 0}\n", "training.steps must be greater than or equal to 1, found 0"),
        ("training: {steps: null}\n", "training.steps must be a whole number, found nothing"),
        (
            "training: {learning_rate: fast}\n",
            "training.learning_rate must be a number or 'tune', found the text 'fast' (line",
        ),
        (
            "training: {learning_rate: tuned}\n",
            "training.learning_rate must be a number or 'tune', found the text 'tuned'. Did you "
            "mean tune?",
        ),
        ("training: {learning_rate: true}\n", "must be a number or 'tune', found true (line"),
        ("training: {learning_rate: null}\n", "must be a number or 'tune', found nothing"),
        ("training: {learning_rate: '1e-3'}\n", "a number or 'tune', found the text '1e-3'"),
        (
            "training: {learning_rate: 0}\n",
            "training.learning_rate must be greater than 0, found 0",
        ),
        ("training: {learning_rate: 1e999}\n", "training.learning_rate must be a finite number"),
        ("tune: {rates: [0.1]}\n", "tune.rates must have at least 2, found [0.1]"),
        ("tune: {rates: [0.2, 0.1]}\n", "tune.rates must rise, found [0.2, 0.1]"),
        ("tune: {rates: [0.1, tune]}\n", "tune.rates.1 must be a number, found the text 'tune'"),
        ("tune: {rates: [0, 0.1]}\n", "tune.rates.0 must be greater than 0, found 0"),
        ("tune: {seeds: {init: [3, 3]}}\n", "tune.seeds.init has 3 more than once"),
        ("tune: {steps: 0}\n", "tune.steps must be greater than or equal to 1, found 0"),
        ("training: {beta1: 1}\n", "training.beta1 must be less than 1, found 1"),
        ("training: {clip: 1e999}\n", "training.clip must be a finite number, found Infinity"),
        ("training: {clip: .inf}\n", "training.clip must be a number, found the text '.inf'"),
        ("training: 3\n", "training must be a mapping of settings, found 3"),
        ("training: null\n", "training must be a mapping of settings, found nothing"),
        ("tokenizer: {vocabulary: 256}\n", "tokenizer.vocabulary must be greater than or equal"),
        (
            "tokenizer: {kind: byte}\n",
            "tokenizer.kind must be 'bpe', 'bytes', 'characters' or 'pretrained'",
        ),
        ("seeds: {init: 3}\n", "seeds.init must be a list, found 3"),
        ("seeds: {init: []}\n", "seeds.init must have at least 1, found []"),
        ("seeds: {init: [a]}\n", "seeds.init.0 must be a whole number, found the text 'a'"),
        ("seeds: {order: [0, -1]}\n", "seeds.order.1 must be greater than or equal to 0, found -1"),
        ("seeds: {order: [9223372036854775808]}\n", "seeds.order.0 must be less than"),
        ("seeds: {init: [4, 4]}\n", "seeds.init has 4 more than once"),
        ("name: 5\n", "name must be text, found 5: put it in quotes"),
        ("name: My Study\n", "name must match ^[a-z0-9]"),
        (
            "analyses: [rashomn]\n",
            "analyses.0 must be 'derived', 'rashomon', 'multiplicity', ",
        ),
        ("hardware: {device: gpu}\n", "hardware.device must be 'auto', 'cpu' or 'cuda', found"),
        ("hardware: {members_per_gpu: 0}\n", "hardware.members_per_gpu must be greater than"),
        (
            "hardware: {stack: all}\n",
            "hardware.stack must be a whole number or 'auto', found the text 'all'",
        ),
        ("hardware: {stack: 1.5}\n", "hardware.stack must be a whole number or 'auto', found 1.5"),
        ("hardware: {stack: 0}\n", "hardware.stack must be greater than or equal to 1, found 0"),
        ("statistics: {confidence: 1}\n", "statistics.confidence must be less than 1, found 1"),
        ("training: {warmup: 0.8, decay: 0.3}\n", "training warmup 0.8 and decay 0.3 are shares"),
        ("evaluation: {position_edges: [1, 2]}\n", "evaluation position_edges must rise from 0"),
        ("evaluation: {position_edges: [0, 4, 4]}\n", "evaluation.position_edges must rise"),
        ("evaluation: {position_edges: [0, 128]}\n", "evaluation.position_edges the last bucket"),
        ("rashomon: {references: {x: 3}}\n", "rashomon.references.x must be a mapping"),
        ("rashomon: {references: {x: {kind: best}}}\n", "rashomon.references.x.kind must be"),
        (
            "rashomon: {references: {x: {kind: absolute}}}\n",
            "rashomon.references.x nats belongs to references of kind absolute: it is missing",
        ),
        (
            "rashomon: {references: {x: {kind: best_of_pool, k: 1}}}\n",
            "rashomon.references.x k belongs to references of kind mean_minus_sd: this one is "
            "best_of_pool",
        ),
        ("rashomon: {eps: {nats: [-1]}}\n", "rashomon.eps.nats.0 must be greater than or equal"),
        (
            "probes: {p: {family: held-out, scored: 128}}\n",
            "probes.p.scored is 128, which leaves no context: it must be less than",
        ),
        (
            "probes: {p: {family: long, scored: 3, severities: [1]}}\n",
            "probes.p severities of a long probe are times the context trained on, above 1, ",
        ),
        (
            "probes: {p: {family: other-corpus, scored: 3}}\n",
            "probes.p a probe of family other-corpus needs corpus, the name of the other corpus",
        ),
        (
            "probes: {p: {family: shuffle, scored: 3, corpus: c}}\n",
            "probes.p corpus is for other-corpus probes; take it from this shuffle probe",
        ),
        (
            "probes: {p: {family: other-corpus, scored: 3, corpus: none}}\n",
            "probes.p.corpus 'none' is not a corpus. Corpora: ",
        ),
        (
            "probes: {p: {family: self-written, scored: 3, plausible: 1}}\n",
            "probes.p plausible is for search probes; take it from this self-written probe",
        ),
        (
            "probes: {p: {family: splice, scored: 3, population: 4}}\n",
            "probes.p population is for search probes; take it from this splice probe",
        ),
        (
            "probes: {p: {family: self-written, scored: 3}}\n",
            "probes.p reference seeds of a causal variant write the contexts of a self-written ",
        ),
        (
            "probes: {p: {family: search, scored: 3}}\nseeds: {init: [0, 1, 2]}\n",
            "probes.p a search needs two members in each half of the initial seeds, and ",
        ),
        (
            "reference_seeds: {init: [0], order: [900]}\n",
            "reference_seeds.init 0 is a seed of the study: reference seeds are in no",
        ),
        (
            "reference_seeds: {size: huge}\n",
            "reference_seeds.size 'huge' is not one of ",
        ),
        (
            "rollout: {prompt: 100, length: 40}\n",
            "rollout.length a prompt of 100 tokens and 40 after it do not fit training.context",
        ),
        (
            "rollout: {batch: 7}\n",
            "rollout floor_batch is 7, the same as batch: the noise floor compares two",
        ),
        (
            "representation: {neighbours: 30, tokens: 31}\n",
            "representation neighbours (30) must be fewer than the other tokens (30)",
        ),
        (
            "probes: {p: {family: shuffle, scored: 3, severities: []}}\n",
            "probes.p a shuffle probe needs severities: leave the setting out",
        ),
        (
            "probes: {p: {family: rare, scored: 3, severities: [2]}}\n",
            "probes.p severities of a rare probe are shares of the context, above 0 and at most 1",
        ),
        (
            "probes: {p: {family: copy, scored: 65}}\n",
            "probes.p.severities training.context (128) has no room for a copy probe with scored",
        ),
        (
            "probes: {p: {family: recall, scored: 1, severities: [2, 64]}}\n",
            "probes.p.severities 64 does not fit the context (128 tokens, 1 of them scored): a "
            "recall probe has room for 63",
        ),
        (
            "probes: {p: {family: shuffle, severities: [2]}}\n",
            "probes.p a shuffle probe needs scored",
        ),
        (
            "probes: {p: {family: shuffle, scored: 3, severities: [4, 2]}}\n",
            "probes.p severities must rise, found [4, 2]",
        ),
        (
            "probes: {p: {family: shuffle, scored: 100, severities: [2, 32]}}\n",
            "probes.p.severities 32 does not fit the context (128 tokens, 100 of them scored): a "
            "shuffle probe has room for 28",
        ),
        ("probes: {p: {family: held-out, severities: [2]}}\n", "probes.p a held-out probe has"),
        ("probes: {p: {}}\n", "probes.p.family is missing: this setting has no default"),
        (
            "myopia: {contrasts: [{baseline: causal, variant: myopc}]}\n",
            "myopia.contrasts.0.variant 'myopc' is not a variant. Variants: causal, myopic",
        ),
        ("variants: {again: {gradient: causal}}\n", "'variants' is set twice"),
        (
            "rashomon: {eps: {nats: [0.01, 1e-2]}}\n",
            "rashomon.eps nats has the threshold 0.01 more than once",
        ),
        (
            "myopia: {contrasts: [{baseline: causal, variant: causal}]}\n",
            "myopia.contrasts.0 'causal' cannot be compared with itself",
        ),
        (
            "myopia: {contrasts: [{baseline: causal, variant: myopic}, "
            "{baseline: causal, variant: myopic}]}\n",
            "myopia contrasts has myopic against causal more than once",
        ),
        (
            "divergence: {batch: 4, floor_batch: 4}\n",
            "divergence floor_batch is 4, the same as batch",
        ),
    ],
)
def test_wrong_types_ranges_and_combinations(tmp_path: Path, text: str, expected: str) -> None:
    (found,) = problems(tmp_path, BASE + text)
    assert expected in found
    assert found.startswith("config.yaml")
    assert f"line {NEXT}" in found


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("{width: 64}", "{width: 64, heads: 5}", "sizes.base width 64 is not divisible by 2 x"),
        ("{width: 64}", "{width: 6, heads: 2}", "sizes.base width 6 is not divisible by 2 x heads"),
        ("{width: 64}", "{layers: 2}", "sizes.base.width is missing: this setting has no default"),
        ("{width: 64}", "64", "sizes.base must be a mapping of settings, found 64"),
        ("base:", "Base Size:", "sizes.Base Size must match"),
        (
            "{width: 64}",
            "{width: 64, learning_rate: fast}",
            "sizes.base.learning_rate must be a number or 'tune', found the text 'fast'",
        ),
        (
            "{gradient: myopic}",
            "{gradient: myopic, learning_rate: -1}",
            "variants.myopic.learning_rate must be greater than 0, found -1",
        ),
        (
            "{gradient: myopic}",
            "{gradient: local}",
            "variants.myopic past_from belongs to gradient local: it is missing here",
        ),
        (
            "{gradient: myopic}",
            "{gradient: myopic, past_from: causal}",
            "variants.myopic past_from belongs to gradient local: this one is myopic",
        ),
        (
            "{gradient: myopic}",
            "{gradient: local, past_from: caused}",
            "variants.myopic.past_from 'caused' is not a variant. Variants: causal, myopic",
        ),
        (
            "{gradient: myopic}",
            "{gradient: local, past_from: myopic}",
            "variants.myopic.past_from 'myopic' is itself local: name another",
        ),
        ("{gradient: myopic}", "{gradient: causal}", "variants.myopic is the same as variants.c"),
        ("{kind: pydocs}", "{packages: []}", "corpora.pydocs.kind is missing"),
        ("{kind: pydocs}", "text", "corpora.pydocs must be a mapping, found the text 'text'"),
        ("{kind: pydocs}", "{kind: files}", "corpora.pydocs.paths is missing"),
        ("{kind: pydocs}", "{kind: files, paths: a.txt}", "corpora.pydocs.paths must be a list"),
        (
            "{kind: pydocs}",
            "{kind: pydocs, select: 0.6, measure: 0.5}",
            "corpora.pydocs select and measure are 0.6 and 0.5 of the documents",
        ),
        ("{kind: pydocs}", "{kind: pydocs, select: 0}", "corpora.pydocs.select must be greater"),
        (
            "{kind: pydocs}",
            "{kind: url, url: http://a.b/c, sha256: 12ab}",
            "corpora.pydocs.sha256 must match ^[0-9a-f]{64}$, found the text '12ab'",
        ),
    ],
)
def test_mistakes_under_a_name(tmp_path: Path, right: str, wrong: str, expected: str) -> None:
    (found,) = problems(tmp_path, BASE.replace(right, wrong, 1))
    assert found.startswith(f"config.yaml: {expected}")
    assert found.endswith(")")


@pytest.mark.parametrize(
    "asks",
    [
        "training: {learning_rate: tune}\n",
        "sizes: {base: {learning_rate: tune}}\n",
        "variants: {myopic: {learning_rate: tune}}\n",
    ],
)
def test_seeds_of_trials_differ_from_those_of_members(tmp_path: Path, asks: str) -> None:
    text = BASE + "seeds: {init: [0, 1], order: [2, 3]}\n"
    shared = "tune:\n  seeds:\n    init: [7, 1, 0]\n    order: [3]\n"
    assert problems(tmp_path, text, shared, asks) == [
        "overlay1.yaml: tune.seeds.init 0 is a seed of the study: choose other seeds for trials "
        "(line 3)",
        "overlay1.yaml: tune.seeds.order 3 is a seed of the study: choose other seeds for trials "
        "(line 4)",
    ]
    # One number may be a seed of the weights here and of the order there.
    apart = "tune: {seeds: {init: [2, 3], order: [0]}}\n"
    assert study_of(tmp_path, text, apart, asks).tune.seeds.init == (2, 3)
    # Where nothing is tuned, no trial needs a seed.
    assert study_of(tmp_path, text, shared).tune.seeds.order == (3,)


def test_the_learning_rate_of_a_variant_precedes_that_of_the_size(tmp_path: Path) -> None:
    text = BASE.replace("{width: 64}", "{width: 64, learning_rate: tune}")
    text = text.replace("{gradient: myopic}", "{gradient: myopic, learning_rate: 0.01}")
    study = study_of(tmp_path, text, "sizes: {wide: {width: 128}}\n")
    rates = {
        (size, variant): study.learning_rate("pydocs", size, variant)
        for size in study.sizes
        for variant in study.variants
    }
    assert rates == {
        ("base", "causal"): "tune",
        ("base", "myopic"): 0.01,
        ("wide", "causal"): 1.2e-2,
        ("wide", "myopic"): 0.01,
    }


def test_a_corpus_chooses_its_members_their_seeds_and_their_rate(tmp_path: Path) -> None:
    own = (
        "{sizes: {wide: {width: 128, learning_rate: 0.2}}, variants: [causal, worn], "
        "seeds: {init: [7]}, learning_rate: 0.5}"
    )
    text = BASE.replace(
        "  pydocs: {kind: pydocs}\n",
        f"""\
  pydocs: {{kind: pydocs}}
  masks: {{kind: process, process: masks, members: {own}}}
""",
    )
    worn = "variants: {worn: {gradient: myopic, starts_from: causal, learning_rate: 0.1}}\n"
    study = study_of(tmp_path, text, worn)
    assert (list(study.sizes_of("masks")), list(study.sizes_of("pydocs"))) == (["wide"], ["base"])
    assert list(study.variants_of("masks")) == ["causal", "worn"]
    assert list(study.variants_of("pydocs")) == ["causal", "myopic", "worn"]
    assert study.seeds_of("masks").init == (7,)
    assert study.seeds_of("pydocs") == study.seeds
    # The corpus goes before the size; where a variant starts from another's weights, the rate
    # is what it is about.
    assert study.learning_rate("masks", "wide", "causal") == 0.5
    assert study.learning_rate("masks", "wide", "worn") == 0.1
    assert study.learning_rate("pydocs", "base", "causal") == 1.2e-2


STARTED = """\
corpora:
  pydocs: {kind: pydocs, members: {variants: [causal]}}
  masks: {kind: process, process: masks, members: {variants: [causal]}}
  other: {kind: process, process: masks, seed: 1, members: {variants: [tuned]}}
variants:
  causal: {gradient: causal}
  myopic: {gradient: myopic}
  tuned: {gradient: causal, starts_from: causal, starts_on: masks}
sizes: {base: {width: 64}}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("variants: {tuned: {starts_from: null}}", "variants.tuned starts_on names the corpus of"),
        (
            "variants: {tuned: {starts_on: masque}}",
            "variants.tuned.starts_on 'masque' is not a corpus. Corpora: pydocs, masks, other",
        ),
        (
            "corpora: {masks: {members: {variants: [myopic]}}}",
            "corpora.other.members.variants 'tuned' starts from 'causal' on masks, which is not "
            "trained there: add it to corpora.masks.members.variants",
        ),
        (
            "corpora: {masks: {members: {sizes: {base: {width: 48}}}}}",
            "'tuned' starts from members of masks, which has no size base of this shape: give",
        ),
        (
            "corpora: {masks: {members: {seeds: {init: [0, 1]}}}}",
            "'tuned' starts from members of masks, none of which has the seeds 2 and 2: give",
        ),
        (
            "corpora: {other: {process: mess3}}",
            "'tuned' starts from members of masks, and other has another vocabulary: list",
        ),
        (
            "corpora: {pydocs: {members: {variants: [tuned]}}}",
            "corpora.pydocs.members.variants 'tuned' starts from members of masks, and pydocs",
        ),
        (
            "corpora: {masks: {members: {variants: [causal, tuned, more]}}}\n"
            "variants: {more: {gradient: causal, starts_from: tuned, starts_on: masks}}",
            "variants.more.starts_on 'tuned' is itself fine-tuned on masks: go on from it on a",
        ),
        (
            "corpora: {masks: {members: {variants: [causal, back]}}}\n"
            "variants: {back: {gradient: causal, starts_from: tuned, starts_on: other}}",
            "corpora.masks.members.variants members of masks, other start from one another",
        ),
        (
            "variants: {tuned: {warmup: 0.8}}",
            "variants.tuned has warmup 0.8 and decay 0.3, shares of its steps",
        ),
    ],
)
def test_a_start_on_another_corpus_is_checked(tmp_path: Path, text: str, expected: str) -> None:
    assert study_of(tmp_path, STARTED).starts_on("other") == {"masks"}
    assert expected in problems(tmp_path, STARTED, text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "corpora: {pydocs: {members: {variants: [causal, kausal]}}}\n",
            ["corpora.pydocs.members.variants 'kausal' is not a variant. Variants: causal, myopic"],
        ),
        (
            "variants: {worn: {gradient: myopic, starts_from: kausal}}\n",
            ["variants.worn.starts_from 'kausal' is not a variant"],
        ),
        (
            "variants: {worn: {gradient: myopic, starts_from: causal, learning_rate: tune}}\n",
            ["variants.worn.learning_rate is `tune`, but a fine-tuned variant needs a number"],
        ),
        (
            "variants: {a: {gradient: myopic, starts_from: causal, learning_rate: 0.1}, "
            "b: {gradient: causal, starts_from: a, learning_rate: 0.1}}\n",
            ["variants.b.starts_from 'a' is itself fine-tuned: name another variant"],
        ),
        (
            "variants: {worn: {gradient: myopic, starts_from: causal, learning_rate: 0.1}}\n"
            "corpora: {pydocs: {members: {variants: [myopic, worn]}}}\n",
            ["corpora.pydocs.members.variants 'worn' is trained from 'causal', which must be"],
        ),
    ],
)
def test_names_in_members_and_variants_are_checked(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    found = problems(tmp_path, BASE, text)
    assert len(found) == len(expected)
    for line, start in zip(sorted(found), sorted(expected), strict=True):
        assert start in line


def test_a_wrong_section_suppresses_checks_between_sections(tmp_path: Path) -> None:
    text = BASE + "seeds: {init: [1000], order: [a]}\ntraining: {learning_rate: tune}\n"
    (found,) = problems(tmp_path, text)
    assert "seeds.order.0 must be a whole number" in found


def test_the_default_contrast_needs_its_variants(tmp_path: Path) -> None:
    text = BASE.replace("  myopic: {gradient: myopic}\n", "")
    (found,) = problems(tmp_path, text)
    assert "myopia.contrasts.0.variant 'myopic' is not a variant" in found
    assert study_of(tmp_path, text + "analyses: [rashomon]\n").analyses == ("rashomon",)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("analyses: [excess]\n", "analyses has excess without truth"),
        (
            "corpora: {drawn: {members: {analyses: [excess]}}}\n",
            "corpora.drawn.members.analyses has excess without truth",
        ),
    ],
)
def test_excess_needs_truth(tmp_path: Path, chosen: str, expected: str) -> None:
    drawn = "corpora: {drawn: {kind: process, process: tally}}\n"
    (problem,) = problems(tmp_path, BASE, drawn, chosen)
    assert expected in problem
    assert "add truth" in problem
    # Text without a known process has neither.
    assert study_of(tmp_path, BASE, "analyses: [excess]\n").analyses == ("excess",)


@pytest.mark.parametrize(
    ("most", "probe", "needed"),
    [
        (128, "{family: held-out}", 129),
        (500, "{family: long, scored: 16, severities: [1.5, 4]}", 513),
    ],
)
def test_held_out_documents_hold_a_window(
    tmp_path: Path, most: int, probe: str, needed: int
) -> None:
    text = f"corpora: {{mine: {{kind: pydocs, held_out_tokens: {most}}}}}\n"
    probes = f"probes: {{p: {probe}}}\n"
    (problem,) = problems(tmp_path, BASE, text, probes)
    assert f"corpora.mine.held_out_tokens is {most}, and windows have up to" in problem
    assert f"raise it to {needed} or more" in problem
    for enough in (needed, "null"):
        assert study_of(tmp_path, BASE, text.replace(str(most), str(enough)), probes)


CLAIMS = """\
corpora: {drawn: {kind: process, process: tally}}
sizes: {wide: {width: 128}, wider: {width: 256}}
variants: {local: {gradient: local, past_from: causal}}
probes: {plain: {family: held-out}, mixed: {family: shuffle, scored: 8}}
"""


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("gap, corpus: pydocs, subject: myopic, baseline: causal, within: base", None),
        ("share, corpus: pydocs, subject: wider, baseline: base, within: causal", None),
        ("headroom, corpus: pydocs, subject: wide, baseline: base, within: causal", None),
        (
            "spread, corpus: pydocs, subject: wide, baseline: base, within: causal, probe: mixed",
            None,
        ),
        (
            "gap, corpus: pydocs, subject: causal, baseline: myopic, within: base",
            "primary.0 is not tested: add these two variants to myopia.contrasts",
        ),
        (
            "gap, corpus: other, subject: myopic, baseline: causal, within: base",
            "primary.0.corpus 'other' is not a corpus. Corpora: pydocs, drawn",
        ),
        (
            "volume, corpus: pydocs, subject: huge, baseline: base, within: causal",
            "primary.0.subject 'huge' is not one of base, wide, wider, as a claim of kind volume",
        ),
        (
            "spread, corpus: pydocs, subject: wide, baseline: base, within: causal, probe: p",
            "primary.0.probe 'p' is not a probe. Probes: ",
        ),
        (
            "share, corpus: pydocs, subject: base, baseline: wide, within: causal",
            "primary.0 is not tested: 'base' is smaller than 'wide': exchange the two",
        ),
        (
            "headroom, corpus: pydocs, subject: wider, baseline: base, within: causal",
            "primary.0 is not tested: headroom is measured from a size to the next one",
        ),
        (
            "volume, corpus: pydocs, subject: wide, baseline: base, within: local",
            "primary.0 is not tested: 'local' is a control, in no Rashomon set",
        ),
        (
            "spread, corpus: drawn, subject: wide, baseline: base, within: causal, probe: mixed",
            "primary.0 is not tested: on the process drawn, held-out text is the only probe",
        ),
    ],
)
def test_a_claim_that_nothing_tests_is_refused(
    tmp_path: Path, claim: str, expected: str | None
) -> None:
    text = f"{CLAIMS}primary: [{{claim: {claim}}}]\n"
    if expected is None:
        assert len(study_of(tmp_path, BASE, text).primary) == 1
    else:
        (found,) = problems(tmp_path, BASE, text)
        assert expected in found


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("seeds: {init: [0], order: [0]}", "a spread needs two members of a size, and pydocs has"),
        ("analyses: [rashomon]", "'divergence' is not an analysis of pydocs. Add it to analyses"),
    ],
)
def test_a_claim_needs_its_analysis_and_its_members(
    tmp_path: Path, settings: str, expected: str
) -> None:
    claim = "claim: spread, corpus: pydocs, subject: wide, baseline: base, within: causal"
    text = f"{CLAIMS}primary: [{{{claim}, probe: plain}}]\n{settings}\n"
    found = problems(tmp_path, BASE, text)
    assert any(f"primary.0 is not tested: {expected}" in line for line in found), found


def test_an_empty_study_names_what_has_no_default(tmp_path: Path) -> None:
    found = problems(tmp_path, "name: x\n")
    assert [line.partition(" is missing")[0] for line in found] == [
        "config.yaml: corpora",
        "config.yaml: sizes",
        "config.yaml: variants",
    ]


def test_all_problems_of_all_files_at_once(tmp_path: Path) -> None:
    overlay = (
        "training: {steps: soon, batch: 0}\n"
        "seeds: {init: [1, 1]}\n"
        "sizes: {odd: {width: 5}}\n"
        "nonsense: 1\n"
        "myopia: {contrasts: [{baseline: causal, variant: other}]}\n"
    )
    found = problems(
        tmp_path,
        BASE + "name: a\nname: b\n",
        overlay,
        "tokenizer: [1\n",
        overrides={"statistics": {"seed": "x"}},
    )
    for start in (
        f"config.yaml line {NEXT + 1}: 'name' is set twice",
        "overlay2.yaml line 2, column 1: this is not valid YAML",
        "overlay1.yaml: training.steps must be a whole number",
        "overlay1.yaml: training.batch must be greater",
        "overlay1.yaml: seeds.init has 1 more than once",
        "overlay1.yaml: sizes.odd width 5 is not divisible",
        "overlay1.yaml: nonsense is not a setting",
        "--config: statistics.seed must be a whole number",
    ):
        assert any(line.startswith(start) for line in found), start


def test_mistakes_between_sections_come_with_the_others(tmp_path: Path) -> None:
    text = BASE + (
        "seeds: {init: 3}\n"
        "probes: {p: {family: held-out, scored: 200}}\n"
        "myopia: {contrasts: [{baseline: causal, variant: other}]}\n"
    )
    found = problems(tmp_path, text)
    assert [line.split()[1] for line in found] == [
        "seeds.init",
        "myopia.contrasts.0.variant",
        "probes.p.scored",
    ]


def test_a_section_that_is_wrong_causes_no_mistakes_elsewhere(tmp_path: Path) -> None:
    text = BASE + "training: {context: long}\nprobes: {p: {family: held-out, scored: 200}}\n"
    (found,) = problems(tmp_path, text)
    assert "training.context must be a whole number" in found


def test_a_broken_file_causes_no_missing_settings(tmp_path: Path) -> None:
    found = problems(tmp_path, "corpora: [\n", "training: {stps: 3}\n")
    assert len(found) == 2
    assert found[0].startswith("config.yaml line 2, column 1")
    assert found[1].startswith("overlay1.yaml: training.stps is not a setting. Did you mean")


# ------------------------------------------------------------------ overlays and overrides


def test_overlays_merge_deeply_and_replace_lists(tmp_path: Path) -> None:
    study = study_of(
        tmp_path,
        BASE + "training: {steps: 10, batch: 4}\nseeds: {init: [0, 1, 2], order: [5]}\n",
        "training: {steps: 20}\nseeds: {init: [7]}\nsizes: {base: {layers: 3}}\n",
        "sizes: {wide: {width: 128}}\n",
    )
    assert (study.training.steps, study.training.batch) == (20, 4)
    assert (study.seeds.init, study.seeds.order) == ((7,), (5,))
    assert (study.sizes["base"].width, study.sizes["base"].layers) == (64, 3)
    assert list(study.sizes) == ["base", "wide"]


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("corpora", "corpora: {pydocs: null, mine: {kind: files, paths: [a.txt]}}\n"),
        ("sizes", "sizes: {base: null, mine: {width: 8}}\n"),
        ("variants", "variants: {causal: null, mine: {gradient: causal}}\nanalyses: []\n"),
        ("probes", "probes: {held-out: null, mine: {family: held-out}}\n"),
    ],
)
def test_null_removes_a_name(tmp_path: Path, section: str, text: str) -> None:
    base = BASE + "probes: {held-out: {family: held-out}}\n"
    study = study_of(tmp_path, base, text)
    assert [*getattr(study, section)][-1] == "mine"
    assert not {"pydocs", "base", "causal", "held-out"} & set(getattr(study, section))


def test_a_star_removes_all_earlier_names(tmp_path: Path) -> None:
    overlay = 'corpora: {"*": null, mine: {kind: pydocs}}\n'
    study = study_of(tmp_path, BASE, overlay, "corpora: {more: {kind: pydocs, packages: []}}\n")
    assert list(study.corpora) == ["mine", "more"]
    (none,) = problems(tmp_path, BASE, 'corpora: {"*": null}\n')
    assert "corpora must have at least 1, found {}" in none
    (other,) = problems(tmp_path, BASE, 'corpora: {"*": {kind: pydocs}}\n')
    assert "corpora.* must match" in other


def test_null_removes_a_reference(tmp_path: Path) -> None:
    base = BASE + "rashomon: {references: {a: {kind: best_of_class}, b: {kind: best_of_pool}}}\n"
    study = study_of(tmp_path, base, "rashomon: {references: {a: null}}\n")
    assert list(study.rashomon.references) == ["b"]


def test_an_overlay_that_removes_all_names_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, BASE, "sizes: {base: null}\n")
    assert "sizes must have at least 1, found {}" in found


def test_the_message_names_the_overlay_that_set_the_value(tmp_path: Path) -> None:
    base = BASE + "training: {steps: 10, batch: 0}\n"
    found = problems(tmp_path, base, "# one\n\ntraining:\n  steps: -3\n", "name: fine\n")
    assert sorted(found) == [
        f"config.yaml: training.batch must be greater than or equal to 1, found 0 (line {NEXT})",
        "overlay1.yaml: training.steps must be greater than or equal to 1, found -3 (line 4)",
    ]


def test_overrides_are_parsed_as_yaml(tmp_path: Path) -> None:
    study = study_of(
        tmp_path,
        BASE,
        overrides={
            "training": {"learning_rate": "1e-4", "steps": "2e1", "batch": 3},
            "seeds": {"init": "[4, 5]", "order": ["7"]},
            "sizes": {"base": "null", "tiny": {"width": "8"}},
            "name": "no",
        },
    )
    assert (study.training.learning_rate, study.training.steps, study.training.batch) == (
        1e-4,
        20,
        3,
    )
    assert (study.seeds.init, study.seeds.order) == ((4, 5), (7,))
    assert list(study.sizes) == ["tiny"]
    assert study.name == "no"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"training": {"steps": "soon"}}, "--config: training.steps must be a whole number, found"),
        ({"train": {"steps": "3"}}, "--config: train is not a setting. Did you mean training?"),
        ({"training": ""}, "--config: training must be a mapping of settings, found the text ''"),
        (
            {"name": "@x"},
            "--config: name must match ^[a-z0-9][a-z0-9_-]{0,39}$, found the text '@x'",
        ),
        ({"name": "[1"}, "--config: name must match"),
        (
            {"training": "{steps: 1, steps: 2}"},
            "--config line 1: 'training.steps' is set twice (first in line 1): keep one of them",
        ),
    ],
)
def test_mistakes_on_the_command_line(
    tmp_path: Path, overrides: dict[str, Any], expected: str
) -> None:
    (found,) = problems(tmp_path, BASE, overrides=overrides)
    assert found.startswith(expected)


# --------------------------------------------------------------------------- models


def test_settings_are_frozen() -> None:
    settings = Training()
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        settings.steps = 3  # type: ignore[misc]


def test_defaults_are_checked_too() -> None:
    assert Probe(family="held-out").scored is None
    assert Contrast(baseline="a", variant="b").baseline == "a"
    study = Study(
        corpora={"a": {"kind": "pydocs"}},
        sizes={"s": {"width": 4}},
        variants={"causal": {"gradient": "causal"}, "myopic": {"gradient": "myopic"}},
    )  # type: ignore[dict-item]
    assert list(cross_field_problems(study)) == []


# --------------------------------------------------------------------------- the own files


@pytest.mark.parametrize("overlay", [None, "smoke", "shakespeare", "tinystories", "pretrained"])
def test_the_studies_of_the_repository_load(overlay: str | None) -> None:
    files = [CONFIG / "config.yaml", *([CONFIG / f"{overlay}.yaml"] if overlay else [])]
    assert load_study(files).name == (overlay or "default")


def test_the_schema_accepts_overlays_and_rejects_mistakes() -> None:
    check = jsonschema.Draft202012Validator(json.loads(schema()))
    # `corpora.yaml` is the registry of corpora, not a study.
    for path in sorted({*CONFIG.glob("*.yaml")} - {CONFIG / "corpora.yaml"}):
        assert not list(check.iter_errors(read_yaml(path).values)), path.name
    for wrong in (
        {"train": {}},
        {"training": {"steps": "soon"}},
        {"training": {"learning_rte": 1}},
        {"sizes": {"base": {"widht": 3}}},
        {"corpora": {"pydocs": {"kind": "pydoc"}}},
    ):
        assert list(check.iter_errors(wrong)), wrong


# ------------------------------------------------------------------- settings without effect


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ("training: {learning_rate: 1e30}", "training.learning_rate has no effect: "
         "overridden by sizes.base.learning_rate, sizes.small.learning_rate"),
        ("sizes: {base: {learning_rate: 1}}\nvariants: {causal: {learning_rate: 1}, myopic: "
         "{learning_rate: 1}}", "sizes.base.learning_rate has no effect: "
         "overridden by variants.causal.learning_rate, variants.myopic.learning_rate"),
        ("tokenizer: {kind: bytes, vocabulary: 300}",
         "tokenizer.vocabulary has no effect: a tokenizer of kind bytes has its own"),
        ("analyses: [rashomon]\nrollout: {prompts: 3}",
         "rollout has no effect: rollout is not in analyses"),
        ("corpora: {pydocs: {members: {steps: 5}}}\ntraining: {steps: 7}",
         "training.steps has no effect: overridden by corpora.pydocs.members.steps"),
        ("corpora: {pydocs: {members: {seeds: {init: [0], order: [0]}}}}\nseeds: {init: [5]}",
         "seeds has no effect: overridden by corpora.pydocs.members.seeds"),
        ("corpora: {pydocs: null, c: {kind: process, process: tally}}\ntraining: {context: 99}",
         "training.context has no effect: all corpora are processes, which bring their own"),
    ],
)  # fmt: skip
def test_a_setting_without_effect_is_named_with_what_wins(
    tmp_path: Path, overlay: str, expected: str
) -> None:
    rates = "sizes: {base: {learning_rate: 1e-2}, small: {width: 32, learning_rate: 2e-2}}\n"
    texts = (BASE, rates, overlay)
    study = study_of(tmp_path, *texts)
    files = [tmp_path / name for name in ("config.yaml", "overlay1.yaml", "overlay2.yaml")]
    lines = [
        line.replace(f"{tmp_path}/", "")
        for line in warnings(study, files)
        if "overlay2.yaml" in line
    ]
    assert any(line.startswith(f"overlay2.yaml: {expected} (line ") for line in lines), lines
    # The same on the command line, and nothing about what the study itself sets.
    typed = yaml.safe_load(overlay.replace("1e30", "1.0e+30"))
    study = study_of(tmp_path, *texts[:2], overrides=typed)
    assert f"--config: {expected}" in warnings(study, files[:2], typed)
    assert not warnings(study_of(tmp_path, BASE), files[:1])


def test_settings_with_an_effect_are_not_named(tmp_path: Path) -> None:
    overlay = (
        "training: {learning_rate: 1e-3, steps: 5}\nsizes: {base: {learning_rate: null}}\n"
        "analyses: [funnel]\nmyopia: {contrasts: [{variant: myopic, baseline: causal}]}\n"
    )
    study = study_of(tmp_path, BASE, overlay)
    assert not warnings(study, [tmp_path / "config.yaml", tmp_path / "overlay1.yaml"])


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.stem)
def test_overlays_of_the_repository_have_no_setting_without_effect(path: Path) -> None:
    if path.stem in ("config", "corpora"):
        return
    files = [CONFIG / "config.yaml", path]
    assert not warnings(load_study(files), files)
