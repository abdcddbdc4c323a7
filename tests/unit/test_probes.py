"""Every family of probes by hand, and what makes all of them probes: pairs, seeds, suffixes."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from manymasks.config import training
from manymasks.config.probes import FamilyName, Probe
from manymasks.errors import UserError
from manymasks.kinds.families import FAMILIES, SHARE, Family, description
from manymasks.probes import changes
from manymasks.probes.contexts import Contexts, contexts
from manymasks.probes.windows import Tokens, choose_windows
from manymasks.tokens.tokenizer import Tokenizer, train, word_tokenizer

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "a-probe-family.md"
CONTEXT, END = 24, 0
BYTES = Tokenizer("bytes", 257, "")
BY_MODELS = sorted(name for name, family in FAMILIES.items() if family.stage != "probe")
UNCHANGED = {name for name, family in FAMILIES.items() if family.unit is None}
FROM_TEXT = sorted(FAMILIES.keys() - BY_MODELS)
CHANGING = sorted(
    name
    for name, family in FAMILIES.items()
    if family.change is not None and not family.is_synthetic
)
SCORED = {"brackets": 1, "recall": 2}


def texts(count: int = 12, words: int = 60, seed: int = 0) -> list[tuple[str, Tokens]]:
    """Documents of made-up words as bytes, no two windows alike."""
    generator = np.random.default_rng(seed)
    documents = []
    for i in range(count):
        spelt = ["".join(chr(97 + c) for c in generator.integers(26, size=4)) for _ in range(words)]
        tokens = BYTES.encode([" ".join(spelt)])[0].astype(np.int64)
        documents.append((f"d{i}", np.append(tokens, END)))
    return documents


def counts_of(documents: list[tuple[str, Tokens]], vocabulary: int = 257) -> Tokens:
    return np.bincount(np.concatenate([t for _, t in documents]), minlength=vocabulary)


OTHER = np.concatenate([tokens for _, tokens in texts(seed=5)])


def probe(family: FamilyName, **changes: Any) -> Probe:
    scored = None if family in UNCHANGED else SCORED.get(family, 4)
    other = {"corpus": "other"} if family == "other-corpus" else {}
    return Probe(**{"family": family, "windows": 40, "scored": scored, **other, **changes})


def fitting(name: FamilyName, scored: int) -> list[float]:
    """Default severities of a family that fit the context."""
    family = FAMILIES[name]
    return [severity for severity in family.severities if severity <= family.room(CONTEXT, scored)]


def tried(settings: Probe, documents: Any = None, **changes: Any) -> Contexts:
    documents = documents or texts()
    given = {"counts": counts_of(texts(seed=9)), "tokenizer": BYTES, "other": OTHER}
    given |= changes
    return contexts(settings, documents, **{"context": CONTEXT, "end_of_text": END, **given})


def windows_by_hand(rows: list[list[int]]) -> list[tuple[str, Tokens]]:
    """Documents of one window each."""
    return [(f"d{i}", np.array(row)) for i, row in enumerate(rows)]


# --------------------------------------------------------------------- what all have in common


def test_settings_know_every_family() -> None:
    assert tuple(FAMILIES) == get_args(FamilyName)
    for name, family in FAMILIES.items():
        assert len(family.severities) == (0 if family.unit is None else 5)
        scored = SCORED.get(name, 4)
        explicit = None if family.unit is None else family.severities
        probe(name, scored=scored, severities=explicit)
        if not family.is_synthetic:
            assert description(name, 0) == "text as it is"


@pytest.mark.parametrize("name", CHANGING)
def test_a_family_changes_contexts_and_nothing_else(name: FamilyName) -> None:
    clean, found = tried(Probe(family="held-out", windows=40)), tried(probe(name))
    own = fitting(name, 4)
    assert found.tokens.shape == (1 + len(own), 40, CONTEXT + 1)
    assert len(found.descriptions) == 1 + len(own) == len(set(found.descriptions))
    np.testing.assert_array_equal(found.tokens[0], clean.tokens[0])
    assert found.documents == clean.documents
    assert (found.tokens[:, :, -4:] == clean.tokens[:, :, -4:]).all()
    changed = found.changed()
    assert changed[0] == 0 < changed[1]
    # Reversal of two and of many changes alike; the more often a text is repeated, the shorter.
    if name not in ("reversal", "repetition"):
        assert (np.diff(changed) > 0).all()


@pytest.mark.parametrize("name", FROM_TEXT)
def test_contexts_depend_on_the_seed_alone(name: FamilyName) -> None:
    first, again = tried(probe(name, windows=30)), tried(probe(name, windows=30))
    np.random.seed(3)
    np.testing.assert_array_equal(first.tokens, again.tokens)
    other = tried(probe(name, windows=30, seed=1))
    assert not np.array_equal(first.tokens[-1], other.tokens[-1])
    if name in UNCHANGED:
        return
    # One more severity does not change those before it, and naming the family's own is the same.
    own = fitting(name, SCORED.get(name, 4))
    named = tried(probe(name, windows=30, severities=own))
    np.testing.assert_array_equal(named.tokens, first.tokens)
    if name == "long":
        # Windows have room for the longest, so others do not fit where they did.
        return
    fewer = tried(probe(name, windows=30, severities=own[:2]))
    np.testing.assert_array_equal(fewer.tokens, first.tokens[:3])


@pytest.mark.parametrize(
    "name", ["unigram-noise", "uniform-noise", "rare", "splice", "other-corpus"]
)
def test_changes_are_nested_over_severities(name: FamilyName) -> None:
    levels = tried(probe(name, windows=500)).tokens
    for low, high in pairwise(levels[1:]):
        changed = low != levels[0]
        assert (high[changed] == low[changed]).all()


# ------------------------------------------------------------------------------ each by hand

ROW = [*range(1, CONTEXT + 1)]
HAND = windows_by_hand([ROW, [100 + t for t in ROW]])


def rows_of(name: FamilyName, severity: float, scored: int = 14, **changes: Any) -> Any:
    """Contexts of [END, 1, 2, ...] and [END, 101, 102, ...], column 0 to 10."""
    settings = probe(name, severities=(severity,), scored=scored)
    return tried(settings, HAND, **changes).tokens[1][:, : CONTEXT + 1 - scored].tolist()


def test_reversal_by_hand() -> None:
    assert rows_of("reversal", 4)[0] == [END, 2, 1, 6, 5, 4, 3, 10, 9, 8, 7]


def test_repetition_by_hand() -> None:
    assert rows_of("repetition", 2)[0] == [END, 6, 7, 8, 9, 10, 6, 7, 8, 9, 10]
    assert rows_of("repetition", 3)[1] == [END, *[109, 110], *[107, 108, 109, 110] * 2]


def test_splice_and_offset_by_hand() -> None:
    assert rows_of("splice", 0.4) == [
        [END, 101, 102, 103, 104, 5, 6, 7, 8, 9, 10],
        [END, 1, 2, 3, 4, 105, 106, 107, 108, 109, 110],
    ]
    # The last tokens of the other document, which is cut and so has no end of text.
    assert rows_of("offset", 0.4)[0] == [END, 122, 123, 124, END, 5, 6, 7, 8, 9, 10]
    assert rows_of("offset", 1.0)[0][-1] == END


def test_other_corpus_by_hand() -> None:
    # As long as a context: there is one place to take from, and its first token has no room.
    other = np.arange(200, 211, dtype=np.uint32)
    expected = [[END, 201, 202, 203, 204, *range(first, first + 6)] for first in (5, 105)]
    assert rows_of("other-corpus", 0.4, other=other) == expected
    assert rows_of("other-corpus", 1.0, other=other)[0] == [END, *range(201, 211)]
    drawn = tried(probe("other-corpus", windows=80, severities=(1.0,)), texts(40)).tokens[1]
    text = OTHER.tolist()
    places = [text.index(row[1]) for row in drawn.tolist()]
    assert len(set(places)) > 10
    joined = " ".join(map(str, text))
    assert all(" ".join(map(str, row)) in joined for row in drawn[:, 1:-4].tolist())
    with pytest.raises(UserError, match=r"other corpus has 10 tokens, and the contexts .* have 11"):
        rows_of("other-corpus", 0.4, other=other[1:])


def test_long_sees_more_of_the_same_text() -> None:
    given = {"windows": 20, "severities": (1.01, 1.5, 2)}
    found = tried(probe("long", **given))
    assert found.lengths == (24, 25, 36, 48)
    held_out = tried(Probe(family="held-out", windows=20), context=48)
    for severity, length in enumerate(found.lengths):
        level = found.windows(severity)
        assert level.shape == (20, length + 1)
        np.testing.assert_array_equal(level, held_out.tokens[0][:, -length - 1 :])
    assert found.documents == held_out.documents
    # 21 tokens stand before the scored ones at severity 0.
    np.testing.assert_allclose(found.changed(), [0, 1 / 22, 12 / 33, 24 / 45])
    assert found.descriptions[1] == "1.01 times the context trained on"
    with pytest.raises(UserError, match=r"of the long probe .* lower the probe's severities"):
        tried(probe("long", severities=(100,)))


def test_windows_of_one_document_are_too_few() -> None:
    documents = [("one", np.arange(1, 2 * CONTEXT + 1)), ("short", np.arange(1, CONTEXT))]
    message = "lower the length, raise multiplicity.windows, or give the split more documents"
    with pytest.raises(UserError, match=f"the 2 windows of multiplicity .* {message}") as raised:
        choose_windows(
            documents,
            2,
            context=CONTEXT,
            end_of_text=END,
            seed=0,
            purpose="multiplicity",
            windows_setting="multiplicity.windows",
            length_setting="the length",
        )
    assert "come from 1 documents of their split, and at least 2 are needed" in str(raised.value)
    with pytest.raises(UserError, match=r"of the held-out probe .* lower training.context, raise"):
        tried(Probe(family="held-out"), documents)


@pytest.mark.parametrize("name", BY_MODELS)
def test_rejects_families_whose_contexts_models_make(name: FamilyName) -> None:
    with pytest.raises(ValueError, match=f"models make the contexts of a {name} probe"):
        tried(probe(name))


def test_deletion_moves_text_to_the_right_and_takes_earlier_text() -> None:
    assert rows_of("deletion", 1.0)[0] == [END] * 11
    for row in rows_of("deletion", 0.5):
        own = [token for token in row if token != END]
        assert row == [END] * (11 - len(own)) + sorted(own)
    text = np.arange(1, 2 * CONTEXT + 1)
    settings = probe("deletion", severities=(0.5,), scored=14)
    found = tried(settings, [("a", text), ("b", text)])
    second = found.tokens[0][:, 0] == CONTEXT
    assert second.sum() == 2
    for row in found.tokens[1][second][:, :11]:
        assert END not in row
        assert row[0] < CONTEXT
        assert (np.diff(row) > 0).all()


def test_distributions_of_noise() -> None:
    counts = np.zeros(257, dtype=np.int64)
    counts[[END, 5, 7]] = [1000, 30, 10]
    many = texts(40, 200)
    settings = {"severities": (1.0,), "windows": 500}
    drawn = tried(probe("unigram-noise", **settings), many, counts=counts).tokens[1][:, 1:-4]
    assert set(np.unique(drawn)) == {5, 7}
    assert (drawn == 5).mean() == pytest.approx(0.75, abs=0.02)
    drawn = tried(probe("uniform-noise", **settings), many, counts=counts).tokens[1][:, 1:-4]
    assert set(np.unique(drawn)) == set(range(1, 257))
    counts = np.arange(257) + 10
    drawn = tried(probe("rare", **settings), many, counts=counts).tokens[1][:, 1:-4]
    assert set(np.unique(drawn)) == {1, 2, 3, 4, 5}
    share = tried(probe("uniform-noise", windows=500), many).changed()[3]
    # Of 21 columns the first stays, and one draw in 256 is what was there.
    assert share == pytest.approx(0.25 * 20 / 21, abs=0.02)


def test_case_changes_the_case_of_words_and_takes_spaces_away() -> None:
    found = tried(probe("case", severities=(1.0,)))
    for clean, level in zip(found.tokens[0][:, 1:-4], found.tokens[1][:, 1:-4], strict=True):
        before, after = BYTES.decode(clean), BYTES.decode(level[level != END])
        squeezed = before.replace(" ", "").lower()
        assert after.replace(" ", "").lower().endswith(squeezed)
        assert after != before


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 1), st.integers(0, 9))
def test_misspelling_makes_no_new_characters(rate: float, seed: int) -> None:
    found = tried(probe("character-noise", severities=(rate,), seed=seed))
    known = set(np.unique(found.tokens[0])) | {END}
    assert set(np.unique(found.tokens[1])) <= known


def test_text_is_changed_through_a_tokenizer_of_many_bytes() -> None:
    words = "the cat sat on the mat and the dog sat on the cat (then) [it] ran " * 40
    bpe = train(training.TokenizerSettings(kind="bpe", vocabulary=280), [words])
    ids = bpe.encode([words])[0].astype(np.int64)
    documents = [("a", ids), ("b", ids[7:])]
    counts = np.bincount(ids, minlength=280)
    for name in ("character-noise", "case", "brackets"):
        found = tried(probe(name), documents, counts=counts, tokenizer=bpe)  # type: ignore[arg-type]
        assert found.tokens.max() < 280
        assert found.changed()[-1] > 0.1


# ---------------------------------------------------------------------------- windows that are made


def test_copy_repeats_a_segment() -> None:
    found = tried(probe("copy", severities=(3, 16), scored=4))
    for level, gap in zip(found.tokens, (0, 3, 16), strict=True):
        assert (level[:, 0] == END).all()
        assert (level[:, 1:] != END).all()
        np.testing.assert_array_equal(level[:, -4:], level[:, -8 - gap : -4 - gap])
        np.testing.assert_array_equal(level[:, -4:], found.tokens[0][:, -4:])
    assert found.descriptions[0] == "a segment again after a gap of 0"


def test_recall_asks_for_one_of_its_keys() -> None:
    found = tried(probe("recall", severities=(2, 6), scored=2))
    places: Counter[int] = Counter()
    for level, pairs in zip(found.tokens, (1, 2, 6), strict=True):
        np.testing.assert_array_equal(level[:, -3:], found.tokens[0][:, -3:])
        for row in level.tolist():
            listed = [row[-3 - 3 * k : len(row) - 3 * k] for k in range(1, pairs + 1)]
            keys = [pair[0] for pair in listed]
            assert len(set(keys)) == pairs
            assert row.count(row[-3]) == 2
            place = keys.index(row[-3])
            assert listed[place][1:] == row[-2:]
            places[place] += pairs == 6
    assert min(places[i] for i in range(6)) > 0
    with pytest.raises(UserError, match="needs 12 tokens to choose from, and the tokenizer has 9"):
        tried(probe("recall", severities=(6,), scored=1), counts=np.ones(10, dtype=np.int64))


def test_brackets_close_what_they_open() -> None:
    found = tried(probe("brackets", severities=(3, 12)))
    partner = {")": "(", "]": "[", "}": "{", ">": "<"}
    clean = tried(Probe(family="held-out", windows=40)).tokens[0]
    for level, depth in zip(found.tokens, (1, 3, 12), strict=True):
        np.testing.assert_array_equal(level[:, -1], found.tokens[0][:, -1])
        np.testing.assert_array_equal(level[:, : -2 * depth], clean[:, : -2 * depth])
        for row in level[:, -2 * depth :]:
            text, open_ones = BYTES.decode(row), []
            for character in text[:depth]:
                open_ones.append(character)
            for character in text[depth:]:
                assert open_ones.pop() == partner[character]
    for kind in (Tokenizer("characters", 5, "()a"), word_tokenizer(["END", "a", "(", ")"])):
        with pytest.raises((UserError, ValueError), match=r"brackets|is not a word"):
            tried(probe("brackets"), tokenizer=kind)


# --------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "rare", "severities": (0.5, 1.5)}, "are shares of the context"),
        ({"family": "reversal", "severities": (1, 2)}, "are whole numbers from 2 on, found 1"),
        ({"family": "copy", "severities": (2.5,)}, "are whole numbers from 1 on, found 2.5"),
        ({"family": "brackets", "scored": 2}, "a brackets probe needs scored: 1, found scored: 2"),
        ({"family": "deletion", "scored": None}, "a deletion probe needs scored"),
        ({"family": "splice", "severities": ()}, "leave the setting out to take the defaults"),
        ({"family": "train-replay", "severities": (2,)}, "a train-replay probe has severity 0"),
        ({"family": "case", "severities": (0,)}, "greater than 0"),
    ],
)
def test_rejects_severities_outside_the_unit_of_the_family(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Probe(**{"scored": 4, **changes})


# ------------------------------------------------------------------------- a family of your own


def test_the_function_and_the_row_of_the_guide_make_a_family(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (code,) = (block for block in blocks if "def rotation" in block)
    names: dict[str, Any] = dict(vars(changes))
    exec(code, names)
    monkeypatch.setattr(changes, "rotation", names["rotation"], raising=False)
    (row,) = (block for block in blocks if '"rotation": Family(' in block)
    (family,) = eval(f"{{{row}}}", {"Family": Family, "SHARE": SHARE}).values()
    (overlay,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (named,) = yaml.safe_load(overlay)["probes"].values()
    assert named.pop("family") == "rotation"
    # Its name is not one that the settings know, which read the table when they are imported.
    monkeypatch.setitem(FAMILIES, "splice", family)  # type: ignore[arg-type]
    assert Probe(family="splice", **named).scored
    found = tried(probe("splice"))
    text, quarter, half = found.tokens
    assert (found.tokens[:, :, -4:] == text[:, -4:]).all()
    # 21 tokens of context, the first of which stays.
    assert (quarter[:, 1:21] == np.roll(text[:, 1:21], -5, axis=1)).all()
    assert (half[:, 1:21] == np.roll(text[:, 1:21], -10, axis=1)).all()
    assert found.descriptions[1:] == (
        "the first 25% of the context at its end",
        "the first 50% of the context at its end",
    )
