"""What members write: against a loop over whole windows, by its law, and where texts part."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from manymasks.config.training import Size
from manymasks.models.attention import Route
from manymasks.models.kv_cache import CachedTransformer
from manymasks.models.transformer import Transformer, initialise
from manymasks.rollouts.loops import LEAST, Loop, find_loop
from manymasks.rollouts.sampling import MODES, GumbelNoise, Rule, Texts, chosen, rule_of, write
from manymasks.rollouts.sequences import first_differences

VOCABULARY, CONTEXT, END = 11, 16, 0
SIZES = (
    Size(width=16, layers=2, heads=2),
    Size(width=8, layers=1, heads=1, positions="learned", activation="gelu"),
)


@pytest.fixture(autouse=True)
def _without_gradients() -> Any:
    with torch.no_grad():
        yield


def _model(size: Size, seed: int, sharpness: float = 30.0) -> Transformer:
    model = Transformer(size, VOCABULARY, CONTEXT)
    initialise(model, [seed])
    model.W_U.mul_(sharpness)
    return model


def _tokens(n: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(1, VOCABULARY, (n, length), generator=torch.Generator().manual_seed(seed))


def _texts(tokens: list[list[list[int]]], lengths: list[list[int]]) -> Texts:
    ids = np.array(tokens)
    return Texts(ids, np.array(lengths), *[np.zeros(ids.shape)] * 3)


@pytest.mark.parametrize("size", SIZES, ids=["rotary", "learned"])
@pytest.mark.parametrize("cuts", [[16], [1] * 16, [5, 1, 1, 4, 1, 4]], ids=str)
def test_reading_in_parts_agrees_with_reading_at_once(size: Size, cuts: list[int]) -> None:
    model, tokens = _model(size, 3), _tokens(3, CONTEXT)
    whole = model(tokens[None])[0]
    reader = CachedTransformer(model, 3, CONTEXT)
    end = 0
    for part in tokens.split(cuts, dim=1):
        end += part.shape[1]
        torch.testing.assert_close(reader.read(part), whole[:, end - 1], rtol=0, atol=2e-5)


def test_a_cached_model_rejects_unsupported_routes_and_lengths() -> None:
    with pytest.raises(ValueError, match="17 tokens are more than the context of 16"):
        CachedTransformer(_model(SIZES[0], 0), 1, 17)
    for routes in ([Route("bigram")], [Route(), Route()]):
        with pytest.raises(ValueError, match="one member that reads its own past"):
            CachedTransformer(Transformer(SIZES[0], VOCABULARY, CONTEXT, routes), 1, 4)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("temperature", [0.7, 1.3])
def test_texts_agree_with_a_loop_over_growing_windows(mode: str, temperature: float) -> None:
    models = [_model(size, seed) for size in SIZES for seed in (0, 1)]
    prompts, length = _tokens(5, 4), 12
    rule = rule_of(mode, temperature, 8)  # type: ignore[arg-type]
    found = write(models, prompts, length, rule, batch=2, end_of_text=END)
    for m, model in enumerate(models):
        noise = GumbelNoise(rule.seed, range(5), VOCABULARY)
        seen = prompts
        for step in range(length):
            logits = model(seen[None])[0, :, -1].double() / rule.temperature
            drawn = noise.next(torch.device("cpu"))
            token = (logits if drawn is None else logits + drawn).argmax(-1)
            law = logits.log_softmax(-1).numpy()
            alive = found.lengths[m] > step
            np.testing.assert_array_equal(found.tokens[m, alive, step], token[alive])
            ranked = np.sort(law, axis=-1)
            for values, expected in (
                (found.log_p, np.take_along_axis(law, token[:, None].numpy(), 1)[:, 0]),
                (found.entropy, -(np.exp(law) * law).sum(1)),
                (found.margin, ranked[:, -1] - ranked[:, -2]),
            ):
                np.testing.assert_allclose(values[m, alive, step], expected[alive], atol=1e-4)
                assert not values[m, ~alive, step].any()
            seen = torch.cat((seen, token[:, None]), dim=1)


def test_texts_depend_on_neither_batches_nor_other_members() -> None:
    models, prompts = [_model(SIZES[0], seed) for seed in range(3)], _tokens(7, 4)
    rule = Rule(1.0, 5)
    whole = write(models, prompts, 12, rule, batch=7, end_of_text=END)
    parts = write(models[1:2], prompts, 12, rule, batch=3, end_of_text=END)
    np.testing.assert_array_equal(whole.tokens[1], parts.tokens[0])
    np.testing.assert_array_equal(whole.lengths[1], parts.lengths[0])
    other = write(models, prompts, 12, Rule(1.0, 6), batch=7, end_of_text=END)
    assert (other.tokens != whole.tokens).any()


def test_a_text_ends_with_its_end_of_text() -> None:
    model = _model(SIZES[0], 0, sharpness=1.0)
    found = write([model], _tokens(300, 1), 8, Rule(1.0, 0), batch=300, end_of_text=END)
    ends = found.tokens[0] == END
    assert len(set(found.lengths[0].tolist())) > 1
    for text, length, log_p in zip(found.tokens[0], found.lengths[0], found.log_p[0], strict=True):
        assert not (text[: length - 1] == END).any() and not text[length:].any()
        assert length == 8 or text[length - 1] == END
        assert (log_p[:length] < 0).all() and not log_p[length:].any()
    assert ends.any()


def test_progress_is_reported_to_the_end() -> None:
    said: list[tuple[int, int]] = []
    report = lambda done, total: said.append((done, total))  # noqa: E731
    write([_model(SIZES[0], 0)], _tokens(5, 2), 3, Rule(), batch=2, end_of_text=END, report=report)
    assert said[-1] == (15, 15) and len(said) == 9


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_noise_draws_from_the_law_at_the_temperature(temperature: float) -> None:
    logits = torch.tensor([2.0, 0.5, -1.0, 0.0])
    noise = GumbelNoise(0, range(20000), 4).next(torch.device("cpu"))
    drawn = np.bincount(chosen(logits, temperature, noise).numpy(), minlength=4) / 20000
    law = (logits / temperature).softmax(0).numpy()
    assert np.abs(drawn - law).max() < 4 * np.sqrt(0.25 / 20000)


@pytest.mark.parametrize("p, q", [(0.3, 0.5), (0.9, 0.2), (0.5, 0.5)])
def test_shared_noise_reaches_the_lower_bound_of_agreement(p: float, q: float) -> None:
    noise = GumbelNoise(1, range(20000), 2).next(torch.device("cpu"))
    one, two = (chosen(torch.tensor([1 - share, share]).log(), 1.0, noise) for share in (p, q))
    agree = float((one == two).double().mean())
    # Of two Bernoulli laws the coupling is the best there is: they differ as often as TV says.
    assert agree == pytest.approx(1 - abs(p - q), abs=0.015)
    assert agree >= (1 - abs(p - q)) / (1 + abs(p - q)) - 0.015


def test_noise_has_its_range_and_an_independent_stream() -> None:
    """In float32 the small exponential numbers are multiples of 2^-24, and 0 among them."""
    noise = GumbelNoise(3, range(4), 500_000).next(torch.device("cpu"))
    assert noise is not None and noise.dtype == torch.float32 and bool(noise.isfinite().all())
    drawn = np.exp(-noise.double().numpy())
    # Of 2 million the least is about 1 / 2 million, and all are different from all others.
    assert 1e-9 < drawn.min() < 1e-5
    least = np.sort(drawn.ravel())[:200]
    assert len(np.unique(least)) == 200
    # Windows are chosen with [seed, 0].
    chooses = np.random.default_rng([3, 0]).standard_exponential(500_000)
    assert not np.allclose(drawn[0], chooses)


def test_ties_go_to_the_lowest_token() -> None:
    assert chosen(torch.tensor([[0.0, 2.0, 2.0], [1.0, 1.0, 1.0]]), 1.0, None).tolist() == [1, 0]


# ------------------------------------------------------------------------------------ loops


@pytest.mark.parametrize(
    "text, loop",
    [
        ("abcdefgh", None),
        ("xyaaaaaa", Loop(3, 1)),
        ("xyzaaaaa", None),
        ("aaaaaa", Loop(1, 1)),
        ("xyababab", Loop(3, 2)),
        ("wxyzabab", None),
        ("xyabcabc", Loop(3, 3)),
        ("xyabcabca", Loop(3, 3)),
        ("zabcdabcd", Loop(2, 4)),
        ("zabcdabcda", Loop(2, 4)),
        ("zabcdabc", None),
        ("aabaabaab", Loop(1, 3)),
        ("", None),
    ],
)
def test_loops(text: str, loop: Loop | None) -> None:
    assert find_loop(np.array([ord(letter) for letter in text], dtype=np.int64)) == loop


@given(st.lists(st.integers(0, 1), max_size=16))
def test_a_loop_starts_at_its_earliest_token_with_the_shortest_period(text: list[int]) -> None:
    n = len(text)
    expected = next(
        (
            Loop(entry + 1, period)
            for period, entry in product(range(1, n + 1), range(n))
            if n - entry >= max(2 * period, LEAST)
            and all(text[t] == text[t - period] for t in range(entry + period, n))
        ),
        None,
    )
    assert find_loop(np.array(text, dtype=np.int64)) == expected


# ------------------------------------------------------------------------- first differences


def test_first_differences_by_hand() -> None:
    tokens = [[[5, 6, 0, 0], [1, 2, 3, 4]], [[5, 6, 7, 8], [1, 2, 3, 4]], [[5, 6, 0, 0], [9] * 4]]
    steps, is_censored = first_differences(_texts(tokens, [[3, 4], [4, 4], [3, 4]]))
    assert steps[0, 1].tolist() == [3, 4] and is_censored[0, 1].tolist() == [False, True]
    # Both end with their third token: the same text, of 3 tokens.
    assert steps[0, 2].tolist() == [3, 1] and is_censored[0, 2].tolist() == [True, False]
    np.testing.assert_array_equal(steps, steps.transpose(1, 0, 2))


@given(st.integers(0, 2**32 - 1))
def test_first_differences_agree_with_a_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    tokens = generator.integers(0, 3, (3, 4, 5))
    lengths = np.where((tokens == 0).any(2), (tokens == 0).argmax(2) + 1, 5)
    tokens = np.where(np.arange(5) < lengths[..., None], tokens, 0)
    texts = Texts(tokens, lengths, *[np.zeros(tokens.shape)] * 3)
    steps, is_censored = first_differences(texts)
    for a, b, item in product(range(3), range(3), range(4)):
        one, two = (tokens[m, item, : lengths[m, item]].tolist() for m in (a, b))
        differ = [t + 1 for t, (x, y) in enumerate(zip(one, two, strict=False)) if x != y]
        assert bool(is_censored[a, b, item]) == (not differ) == (one == two)
        assert steps[a, b, item] == (differ[0] if differ else len(one))
