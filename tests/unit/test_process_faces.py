"""What every process says of later tokens, of what is hidden and of prices, by enumeration."""

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_masks import balanced, mask_known

from manymasks.arrays import Floats, Ints
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes import chains, fork, masks, tally
from manymasks.corpora.processes.machine import Machine, entropy, machine_from_steps
from manymasks.corpora.processes.process import ALL, Process
from manymasks.corpora.processes.registry import process
from manymasks.kinds.processes import PROCESSES, ProcessSpec
from manymasks.truth.prices import exact_prices, price_rows

pytestmark = pytest.mark.unit

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "a-process.md"
EVERY: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in PROCESSES),
    ("fork", {"answered": 0.1}),
    *(("lag", {"answer_format": name}) for name in ("filler", "steps", "mixed")),
]


@pytest.fixture(params=EVERY, ids=str)
def known(request: pytest.FixtureRequest) -> Process:
    name, parameters = request.param
    return process(name, **parameters)


def continued(tokens: Ints, place: int, vocabulary: int) -> Iterator[tuple[int, Ints]]:
    """Each token, and the documents with it at that place."""
    for token in range(vocabulary):
        changed = tokens.copy()
        changed[:, place] = token
        yield token, changed


def test_one_step_ahead_is_the_law_of_the_next_token(known: Process) -> None:
    tokens = known.draw(20, np.random.default_rng(0))
    ahead = known.ahead(tokens, 1)
    np.testing.assert_allclose(ahead[:, :-1], known.laws(tokens)[:, 1:], atol=1e-12)


def test_two_steps_ahead_sums_over_what_may_come_between(known: Process) -> None:
    tokens = known.draw(3, np.random.default_rng(1))
    ahead = known.ahead(tokens, 2)
    laws = known.laws(tokens)
    for place in (1, 2, 5, known.length - 2):
        expected = np.zeros_like(laws[:, 0])
        for token, changed in continued(tokens, place, len(known.vocabulary)):
            after = known.laws(changed)[:, place + 1]
            # NaN where this token cannot be said.
            expected += laws[:, place, token, None] * np.nan_to_num(after)
        np.testing.assert_allclose(ahead[:, place - 1], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("masks", {}),
        ("tally", {}),
        ("tally1", {}),
        ("fork", {"answered": 0.0}),
        ("fork", {"answered": 0.3}),
    ],
)
def test_token_and_latent_inform_each_other_equally(
    name: str, parameters: dict[str, float]
) -> None:
    """H(token) - H(token | latent) = H(latent) - H(latent | token), at each position."""
    known = process(name, **parameters)
    assert known.entropy_given_latent is not None
    tokens = known.draw(4, np.random.default_rng(2))
    laws, told = known.laws(tokens), known.entropy_given_latent(tokens)
    for place in range(2, min(known.length, 16)):
        before = first_posterior(known, tokens)[:, place - 1]
        left = np.zeros(len(tokens))
        for token, changed in continued(tokens, place, len(known.vocabulary)):
            chance = laws[:, place, token]
            can = chance > 0
            # BOS at any other place cannot be said, and is no token to be asked about.
            if can.any():
                after = first_posterior(known, changed[can])[:, place]
                left[can] += chance[can] * entropy(after)
        # An answer of tally ends the block whose W was hidden.
        same = ~np.isin(tokens[:, place - 1], [answers_follow(known)])
        gained = entropy(laws[:, place]) - told[:, place]
        np.testing.assert_allclose(gained[same], (entropy(before) - left)[same], atol=1e-9)


def first_posterior(known: Process, tokens: Ints) -> Floats:
    return next(iter(known.posteriors(tokens).values()))


def answers_follow(known: Process) -> int:
    return known.vocabulary.index("=") if "=" in known.vocabulary else -1


def test_entropy_given_the_mask_is_that_of_the_oracle() -> None:
    known = process("masks")
    assert known.entropy_given_latent is not None
    tokens = known.draw(5, np.random.default_rng(3))
    before = known.posteriors(tokens)["mask"][:, masks.OPENING - 1 : -1]
    by_mask = np.stack(
        [
            entropy(mask_known(tokens, np.full(len(tokens), mask)))
            for mask in range(len(masks.MASKS))
        ],
        -1,
    )
    expected = (before * by_mask).sum(-1)
    np.testing.assert_allclose(
        known.entropy_given_latent(tokens)[:, masks.OPENING :], expected, atol=1e-12
    )


def test_information_of_the_mask_about_a_document() -> None:
    """The issue of a premise: I(mask; letters | premise) = 1.021 nats."""
    known = process("masks")
    assert known.entropy_given_latent is not None
    tokens, _ = balanced(20, np.random.default_rng(4))
    gained = (entropy(known.laws(tokens)) - known.entropy_given_latent(tokens))[
        :, masks.OPENING :
    ].sum(1)
    assert gained.mean() == pytest.approx(1.021, abs=4 * gained.std() / len(gained) ** 0.5)


def test_entropy_given_the_state_of_a_chain_is_that_of_its_row() -> None:
    chain = chains.mess3()
    known = process("mess3")
    assert known.entropy_given_latent is not None
    tokens = known.draw(4, np.random.default_rng(5))
    states = known.posteriors(tokens)["state"]
    rows = entropy(chain.emission.toarray())
    np.testing.assert_allclose(
        known.entropy_given_latent(tokens)[:, 2:], states[:, 1:-1] @ rows, atol=1e-12
    )


@pytest.mark.parametrize("name", ["tally", "tally1"])
def test_w_of_a_block_by_enumeration(name: str) -> None:
    """By the shares of whole blocks that begin as the prefix does."""
    known = process(name)
    place = {word: i for i, word in enumerate(known.vocabulary)}
    prefix = [place[word] for word in ("BOS", "2", "2", "0", "1", "3", "0")]
    found = known.posteriors(np.array([prefix]))["pairs"][0]
    for said in range(len(prefix)):
        begun = -(-said // 2)
        # A block of w pairs has 1/6 of the chance, by 16 to the w possible ones.
        chance = np.array(
            [16.0 ** (w - said / 2) / 6 / 16**w if w >= begun else 0.0 for w in range(1, 7)]
        )
        np.testing.assert_allclose(found[said], chance / chance.sum(), atol=1e-12)
    closed = np.array([[*prefix, place["="], place["n1"]]])
    after = known.posteriors(closed)["pairs"][0]
    np.testing.assert_allclose(after[-2], np.eye(6)[2])
    np.testing.assert_allclose(after[-1], 1 / 6)


def test_the_kind_and_the_answer_of_a_document_of_fork() -> None:
    known = process("fork")
    words = ["BOS", "f0", "M2", "(", "M4", ")", "?h", "A2", "EOS", "EOS", "EOS", "EOS", "EOS"]
    tokens = np.array([[known.vocabulary.index(word) for word in words]])
    found = known.posteriors(tokens)
    kinds = list(fork.KINDS)
    np.testing.assert_allclose(found["kind"][0, 0], list(fork.KINDS.values()))
    # A bracket after a marked word is AFTER; in PLAIN none comes, in BEFORE it comes first.
    np.testing.assert_allclose(found["kind"][0, 3:], np.eye(4)[[kinds.index("AFTER")] * 10])
    assert np.isnan(found["answer"][0, 0]).all()
    np.testing.assert_allclose(found["answer"][0, 3:], np.eye(6)[[2] * 10])


def test_the_root_of_a_hierarchy_becomes_known() -> None:
    known = process("hierarchy")
    tokens = known.draw(6, np.random.default_rng(6))
    root = known.posteriors(tokens)["root"]
    np.testing.assert_allclose(root.sum(-1), 1)
    np.testing.assert_allclose(root[:, 0], 1 / 8)
    np.testing.assert_allclose(root[:, -1].max(-1), 1)


# ------------------------------------------------------------------------------------- prices


def test_prices_of_tally_are_its_ceilings() -> None:
    prices = process("tally").prices["no-binding"]
    exact = [prices["answers by W", str(w)] for w in range(1, 7)]
    assert exact == [tally.ceiling(w) for w in range(1, 7)]
    np.testing.assert_allclose(exact[:5], [0, 0.325, 0.676, 0.955, 1.158], atol=6e-4)
    assert set(process("tally1").prices["no-binding"].values()) == {0.0}


@pytest.mark.parametrize(
    ("name", "parameters", "documents"),
    [("tally", {}, 1500), ("fork", {}, 3000), ("fork", {"answered": 0.8}, 3000)],
)
def test_ablated_predictors_land_on_their_prices(
    name: str, parameters: dict[str, float], documents: int
) -> None:
    """Through the sums that members go through, each price is within its interval."""
    known = process(name, **parameters)
    tokens = known.draw(documents, np.random.default_rng(7))
    ablated = {capability: laws(tokens) for capability, laws in known.ablated.items()}
    statistics = Statistics(resamples=400, confidence=0.999)
    exact = exact_prices(known, 2, 0)
    laws, strata = known.laws(tokens), known.strata(tokens)
    rows = price_rows(laws, ablated, strata, known.levels, exact, statistics)
    assert set(known.prices) == set(known.ablated)
    checked = 0
    for row in rows:
        if row["exact"] is not None:
            checked += 1
            assert row["nats_low"] - 1e-12 <= row["exact"] <= row["nats_high"] + 1e-12, row
    assert checked == sum(len(each) for each in known.prices.values())


def test_price_per_document_is_the_sum_over_its_tokens() -> None:
    tokens = process("fork", answered=0.2).draw(4000, np.random.default_rng(8))
    mean = (process("fork", answered=0.2).strata(tokens)["counted"] >= 0).sum(1).mean()
    document = fork.prices(0.2)["no-answer"] * mean
    assert document == pytest.approx((0.8 + 0.2 * 0.2) * np.log(6), rel=0.01)
    assert process("fork", answered=0.2).prices["forget-cue"][ALL] * mean == pytest.approx(
        0.4 * np.log(6), rel=0.01
    )


# ------------------------------------------------------------------------ a process of one's own


def guide_recipe() -> tuple[Callable[[], Machine], ProcessSpec]:
    """The function and the row of the recipe of the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (code,) = (block for block in blocks if "def ratchet" in block)
    names: dict[str, Any] = dict(vars(chains))
    exec(code, names)
    (row,) = re.findall(r'`"ratchet": (ProcessSpec\(.*?\))`', text, re.DOTALL)
    return names["ratchet"], eval(row, {"ProcessSpec": ProcessSpec})


def echoes() -> Machine:
    """Layouts: BOS, one or two words, an arrow, the first word again, EOS."""

    def step(state: tuple[str, ...]) -> Iterator[tuple[float, str, tuple[str, ...]]]:
        place, *words = state
        if place == "":
            yield 1.0, "BOS", ("BOS",)
        elif place == "BOS":
            yield from ((0.5, word, ("word", word)) for word in "ab")
        elif place == "word":
            yield 0.5, ">", (">", *words)
            yield from ((0.25, word, ("last", *words)) for word in "ab")
        elif place == "last":
            yield 1.0, ">", (">", *words)
        elif place == ">":
            yield 1.0, words[0], ("end",)
        elif place == "end":
            yield 1.0, "EOS", ("over",)

    vocabulary = ("BOS", "EOS", "a", "b", ">")
    return machine_from_steps(
        vocabulary, {("",): 1.0}, step, lambda state: {"word": "ab".index((*state, "a")[1])}
    )


@pytest.mark.parametrize(
    ("maker", "spec"),
    [
        guide_recipe(),
        (echoes, ProcessSpec(("BOS", "EOS", "a", "b", ">"), 6, "corpora.processes.chains:echoes")),
    ],
    ids=["matrices", "layouts"],
)
def test_a_function_and_a_row_make_a_process(
    maker: Callable[[], Machine], spec: ProcessSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROCESSES, "mine", spec)  # type: ignore[arg-type]
    monkeypatch.setattr(chains, maker.__name__, maker, raising=False)
    known = process.__wrapped__("mine")
    assert (known.vocabulary, known.length) == (spec.vocabulary, spec.length)
    tokens = known.draw(50, np.random.default_rng(9))
    np.testing.assert_allclose(known.laws(tokens).sum(-1), 1)
    assert tokens.shape == (50, spec.length)
    assert (tokens[:, 0] == 0).all() and (tokens[:, 1:] > 0).all()
    counted = (known.strata(tokens)["counted"] >= 0).sum(1)
    ends = "EOS" in spec.vocabulary
    assert (counted.min(), counted.max()) == ((4, 5) if ends else (spec.length - 1,) * 2)
    assert set(known.posteriors(tokens)) == ({"word"} if ends else set())
    every = np.array(
        [(0, *rest) for rest in itertools.product(range(len(spec.vocabulary)), repeat=5)]
    )
    chance = np.take_along_axis(known.laws(every), every[..., None], -1)[..., 0]
    # All prefixes of six tokens together, those that cannot be said being NaN or 0.
    assert np.nan_to_num(chance).prod(1).sum() == pytest.approx(1)
