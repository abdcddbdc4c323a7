"""Processes by their name: documents, laws that add up, and what each token of them is."""

import itertools
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from example_fork import document_entropy
from example_processes import recall_entropy

from manymasks.arrays import Floats, Ints
from manymasks.config.analyses import Analysis
from manymasks.config.corpora import ProcessCorpus, ProcessName
from manymasks.corpora.processes import chains, fork, masks, recall, tally
from manymasks.corpora.processes.lag import FORMATS
from manymasks.corpora.processes.machine import ENDED, divergence, entropy, losses
from manymasks.corpora.processes.process import COUNTED, Process, with_bos
from manymasks.corpora.processes.registry import process
from manymasks.kinds.processes import PROCESSES

EVERY = pytest.mark.parametrize(
    "known",
    [
        *(process(name) for name in PROCESSES),
        process("fork", answered=0.1),
        *(process("lag", answer_format=name) for name in FORMATS[1:]),
    ],
    ids=[*PROCESSES, "fork answered=0.1", *(f"lag {name}" for name in FORMATS[1:])],
)


def words(known: Process, text: str) -> Ints:
    return np.array([[known.vocabulary.index(word) for word in text.split()]])


def named(known: Process, tokens: Ints, stratum: str) -> list[str]:
    """The levels of the tokens of one document, a dash where a token has none."""
    names = (*known.levels[stratum], "-")
    return [names[value] for value in known.strata(tokens)[stratum][0]]


def test_settings_know_every_process() -> None:
    assert get_args(ProcessName) == tuple(PROCESSES)
    with pytest.raises(KeyError):
        process("penrose")
    with pytest.raises(ValueError, match="answered is not a parameter of the process masks"):
        process("masks", answered=0.1)
    assert process("fork", answered=0.1) is process("fork", answered=0.1)


@EVERY
def test_documents_and_their_laws(known: Process) -> None:
    assert known.vocabulary[0] == "BOS"
    assert len(set(known.vocabulary)) == len(known.vocabulary)
    assert not any(" " in name for name in known.vocabulary)
    tokens = known.draw(60, np.random.default_rng(0))
    assert tokens.shape == (60, known.length)
    assert tokens.dtype == np.int64
    np.testing.assert_array_equal(tokens, known.draw(60, np.random.default_rng(0)))
    # BOS stands at the border of documents and nowhere else.
    np.testing.assert_array_equal(tokens == 0, np.tile(np.arange(known.length) == 0, (60, 1)))
    laws = known.laws(tokens)
    assert laws.shape == (60, known.length, len(known.vocabulary))
    np.testing.assert_allclose(laws.sum(-1), 1, rtol=1e-12)
    assert np.isfinite(losses(laws, tokens)).all()


@EVERY
def test_strata_name_what_counts(known: Process) -> None:
    tokens = known.draw(300, np.random.default_rng(1))
    strata = known.strata(tokens)
    assert set(strata) == set(known.levels)
    counts = strata[COUNTED] == 0
    assert not counts[:, 0].any()
    assert counts[:, 1].all()
    for name, values in strata.items():
        assert values.shape == tokens.shape
        # Each level is there, and none beyond; what does not count is of no level.
        assert set(np.unique(values[counts])) - {-1} == set(range(len(known.levels[name])))
        assert (values[~counts] == -1).all()


@EVERY
def test_ablated_laws_are_normalised_and_cover_the_truth(known: Process) -> None:
    tokens = known.draw(40, np.random.default_rng(2))
    laws = known.laws(tokens)
    for ablated in known.ablated.values():
        found = ablated(tokens)
        assert found.shape == laws.shape
        np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-12)
        # To lack a capability rules out nothing that can be said.
        assert (found[laws > 0] > 0).all()
        np.testing.assert_array_equal(found[:, 0], laws[:, 0])


def test_masks_has_a_premise_and_two_halves_of_letters() -> None:
    known = process("masks")
    tokens = known.draw(3, np.random.default_rng(3))
    assert named(known, tokens, "role") == ["-", "premise", *["letter"] * 62]
    assert named(known, tokens, "letters") == ["-", "-", *["1-31"] * 31, *["32-62"] * 31]
    for name, ablated in known.ablated.items():
        found = ablated(tokens)
        np.testing.assert_array_equal(found[:, 2:], masks.ABLATED[name](tokens))
        np.testing.assert_array_equal(found[:, :2], known.laws(tokens)[:, :2])


@pytest.mark.parametrize("name", ["tally", "tally1"])
def test_tally_roles_and_w(name: str) -> None:
    known = process(name)
    # 3 = 3 counts in tally and 3 0 in tally1; the block after it is cut off.
    tokens = words(known, f"BOS 0 0 3 {3 if name == 'tally' else 0} = n2 1 2 = n0 1")
    roles = ["-", "a", "b", "a", "b", "=", "answer", "a", "b", "=", "answer", "a"]
    assert named(known, tokens, "role") == roles
    assert named(known, tokens, "pairs") == ["-", *"222222", *"1111", "-"]
    assert named(known, tokens, "answers by W") == [*"------", "2", *"---", "1", "-"]
    assert np.isfinite(losses(known.laws(tokens), tokens)).all()


def test_binding_is_worth_nothing_in_the_control() -> None:
    known = process("tally1")
    tokens = known.draw(20, np.random.default_rng(4))
    np.testing.assert_array_equal(known.ablated["no-binding"](tokens), known.laws(tokens))


def test_fork_repeats_eos_up_to_the_length() -> None:
    known, machine = process("fork", answered=0.1), fork.fork(0.1)
    tokens = known.draw(500, np.random.default_rng(5))
    own = machine.draw(500, fork.LENGTH, np.random.default_rng(5)).tokens
    over = own == ENDED
    assert over.any()
    eos = known.vocabulary.index("EOS")
    np.testing.assert_array_equal(tokens[~over], own[~over])
    assert (tokens[over] == eos).all()
    laws = known.laws(tokens)
    np.testing.assert_array_equal(laws[~over], machine.laws(own)[~over])
    assert (laws[over, eos] == 1).all()
    over[:, 0] = True
    np.testing.assert_array_equal(known.strata(tokens)[COUNTED] == 0, ~over)


def test_fork_kinds_are_those_that_were_drawn() -> None:
    known, machine = process("fork", answered=0.5), fork.fork(0.5)
    tokens = known.draw(2000, np.random.default_rng(6))
    drawn = machine.draw(2000, fork.LENGTH, np.random.default_rng(6))
    kind = machine.latents["kind"][drawn.states[:, 0]]
    np.testing.assert_array_equal(known.strata(tokens)["kind"][:, 1], kind)


def test_fork_roles() -> None:
    known = process("fork", answered=0.1)
    before = words(known, "BOS ( f1 M2 ) M3 f0 . EOS EOS EOS EOS EOS")
    signs = ["bracket", "filler", "marked", "bracket", "marked", "filler", "end", "end"]
    assert named(known, before, "role") == ["-", *signs, *"----"]
    assert named(known, before, "kind") == ["-", *["BEFORE"] * 8, *"----"]
    twin = words(known, "BOS f0 R1 f0 f0 B1 f0 f0 f0 ?t A1 EOS EOS")
    signs = ["-", "filler", "cue", "filler", "filler", "cue", *["filler"] * 3]
    assert named(known, twin, "role") == [*signs, "question", "answer", "end", "-"]
    assert named(known, twin, "kind")[1] == "TWIN"
    after = words(known, "BOS M3 ( M2 ) ?h A3 EOS EOS EOS EOS EOS EOS")
    assert named(known, after, "kind")[1] == "AFTER"
    plain = words(known, "BOS f0 M3 f1 ?h A3 EOS EOS EOS EOS EOS EOS EOS")
    assert named(known, plain, "kind")[1] == "PLAIN"
    for tokens in (before, twin, after, plain):
        assert np.isfinite(losses(known.laws(tokens), tokens)).all()


def test_recall_roles_and_turns() -> None:
    known = process("recall")
    tokens = known.draw(2, np.random.default_rng(7))
    assert named(known, tokens, "role") == ["-", *["key", "value"] * 4, *["question", "answer"] * 4]
    assert named(known, tokens, "answers by turn") == [*["-"] * 9, *"-1-2-3-4"]
    assert losses(known.laws(tokens), tokens)[0].sum() == pytest.approx(
        recall_entropy(recall.DEFAULT)
    )


@pytest.mark.parametrize("name", ["markov", "mess3", "rrxor"])
def test_chains_are_unchanged_after_a_bos(name: str) -> None:
    known, machine = process(name), getattr(chains, name)()
    assert known.vocabulary == ("BOS", *machine.vocabulary)
    tokens = known.draw(50, np.random.default_rng(8))
    laws = known.laws(tokens)
    np.testing.assert_allclose(laws[:, 0, 0], 1, rtol=1e-12)
    np.testing.assert_array_equal(laws[:, 1:, 0], 0)
    np.testing.assert_allclose(laws[:, 1:, 1:], machine.laws(tokens[:, 1:] - 1), atol=1e-12)
    latents = with_bos(machine).latents
    for latent, values in machine.latents.items():
        np.testing.assert_array_equal(latents[latent], [*values, -1])


@pytest.mark.parametrize(
    ("name", "nats"),
    [
        ("masks", np.log(5) + 62 * 0.8786),
        ("tally", 63 * 1.2905),
        ("tally1", 63 * 1.2905),
        ("fork", document_entropy()),
        ("recall", recall_entropy(recall.DEFAULT)),
        ("lag", 11 * np.log(3) + 2 * np.log(4)),
        ("hierarchy", np.log(8) + 15 * np.log(4)),
    ],
)
def test_entropy_of_documents(name: str, nats: float) -> None:
    known = process(name)
    tokens = known.draw(400, np.random.default_rng(9))
    each = entropy(known.laws(tokens)).sum(1)
    error = each.std() / np.sqrt(len(each))
    assert each.mean() == pytest.approx(nats, abs=max(4 * error, 1e-9))


def test_w_counts_as_in_tally() -> None:
    known = process("tally")
    tokens = known.draw(50, np.random.default_rng(10))
    strata = known.strata(tokens)
    role, pairs = tally.positions(tokens)
    np.testing.assert_array_equal(strata["role"] + 1, role)
    known_w = pairs >= 0
    np.testing.assert_array_equal(strata["pairs"][known_w] + 1, pairs[known_w])
    assert (strata["pairs"][~known_w] == -1).all()


# ------------------------------------------------------------------------- ablated predictors


def prices(known: Process, tokens: Ints) -> dict[str, Floats]:
    """What each capability costs, (documents, length)."""
    laws = known.laws(tokens)
    return {name: divergence(laws, each(tokens)) for name, each in known.ablated.items()}


@EVERY
def test_prices_are_not_negative(known: Process) -> None:
    for each in prices(known, known.draw(200, np.random.default_rng(11))).values():
        assert each.min() > -1e-12
        assert np.isfinite(each).all()


def test_capabilities_of_fork() -> None:
    assert list(process("fork").ablated) == ["no-answer", "forget-cue"]
    assert list(process("fork", answered=0.02).ablated) == [
        "no-answer",
        "forget-cue",
        "either-word",
    ]
    known = process("fork", answered=0.1)
    tokens = known.draw(1000, np.random.default_rng(12))
    found = prices(known, tokens)
    role = known.strata(tokens)["role"]
    answer, cue = (list(known.levels["role"]).index(name) for name in ("answer", "cue"))
    np.testing.assert_allclose(found["no-answer"][role == answer], np.log(6))
    np.testing.assert_allclose(found["no-answer"][role != answer], 0, atol=1e-12)
    assert found["forget-cue"][role == cue].max() > 0.5
    np.testing.assert_allclose(found["forget-cue"][(role < 0) | (role == answer)], 0, atol=1e-12)


def test_capabilities_of_a_chain_of_order_1() -> None:
    known = process("markov")
    tokens = known.draw(100, np.random.default_rng(13))
    assert (prices(known, tokens)["last-token"] == 0).all()
    # Without it, the entropy of the stationary law less that of the rows.
    machine = chains.markov()
    rows = entropy(machine.emission.toarray())
    price = entropy(machine.start @ machine.emission) - machine.start @ rows
    several = prices(known, known.draw(2000, np.random.default_rng(14)))["memoryless"]
    assert several[:, 2:].mean() == pytest.approx(price, rel=0.02)
    # Nothing is lost where there is nothing to remember: at BOS and right after it.
    np.testing.assert_allclose(several[:, :2], 0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "memoryless", "last"), [("mess3", 0.3051, 0.0642), ("rrxor", 0.2310, 0.2310)]
)
def test_capabilities_of_chains(name: str, memoryless: float, last: float) -> None:
    """Prices in the limit: entropies of one letter, and of one after another, less the rate."""
    known = process(name)
    found = prices(known, known.draw(3000, np.random.default_rng(15)))
    late = slice(20, None)
    assert found["memoryless"][:, late].mean() == pytest.approx(memoryless, rel=0.02)
    assert found["last-token"][:, late].mean() == pytest.approx(last, rel=0.03)
    # What the last token says is the same wherever it stands: the chain is stationary.
    gained = (found["memoryless"] - found["last-token"])[:, 2:]
    assert gained.mean() == pytest.approx(memoryless - last, abs=0.002)
    np.testing.assert_allclose(found["last-token"][:, :3], 0, atol=1e-12)


def test_last_tokens_by_enumeration() -> None:
    """Every short text of RRXOR with its chance: the law of a token given its place and the last.

    The machine here does not begin in its stationary law, so that places differ.
    """
    whole = chains.rrxor()
    machine = replace(whole, start=np.eye(whole.states)[0])
    every = np.array(list(itertools.product(range(2), repeat=6)))
    chance = np.exp(-losses(np.nan_to_num(machine.laws(every)), every).sum(1))
    assert chance.sum() == pytest.approx(1)
    said = every[chance > 0]
    weight = chance[chance > 0]
    of_place = chains.memoryless(machine, said)
    of_last = chains.last_token(machine, said)
    for row, t in itertools.product(range(len(said)), range(6)):
        for token in range(2):
            hit = said[:, t] == token
            np.testing.assert_allclose(of_place[row, t, token], weight[hit].sum(), atol=1e-12)
            same = said[:, t - 1] == said[row, t - 1] if t else np.ones(len(said), dtype=bool)
            expected = weight[hit & same].sum() / weight[same].sum()
            np.testing.assert_allclose(of_last[row, t, token], expected, atol=1e-12)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_row_names_what_exists(name: str) -> None:
    spec = PROCESSES[name]
    assert set(spec.analyses) <= set(get_args(Analysis))
    assert set(spec.parameters) <= ProcessCorpus.model_fields.keys()
    assert spec.control_of is None or spec.control_of in PROCESSES.keys() - {name}
    known = process(name)
    assert known.predictable in known.levels
    assert (known.vocabulary, known.length) == (spec.vocabulary, spec.length)
