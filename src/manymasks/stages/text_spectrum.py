"""text_spectrum: what members on text carry from token to token, from their own laws."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from manymasks.arrays import Floats, Ints, Rows
from manymasks.config.decomposition import TextSpectrum
from manymasks.errors import UserError
from manymasks.models.transformer import initialise
from manymasks.stages.inputs.member_models import member_models
from manymasks.stages.inputs.members import members_of
from manymasks.statistics.intervals import finite
from manymasks.store.job import Job
from manymasks.tokens import tokenizer
from manymasks.tokens.shards import TokenStream
from manymasks.truth.ergodic_parts import eigenvalue_errors
from manymasks.truth.noisy_laws import independent_errors, mean_divergence, with_errors
from manymasks.truth.part_tables import eigenvalue_rows
from manymasks.truth.token_laws import class_laws, token_classes
from manymasks.truth.token_operator import (
    exchanged_prompts,
    held_out_slopes,
    named_tokens,
    text_operator,
    token_ends,
)

Laws = tuple[Floats, Floats]
"""Before and after a token, (windows, prompts, classes)."""


def make(job: Job) -> dict[str, Any]:
    """Write `text_spectrum`. Raises UserError if all members failed, or if no prompt is shorter
    than the context."""
    settings: TextSpectrum = job.setting("text_spectrum", TextSpectrum)
    trainings, members = members_of(job)
    context = trainings[0].manifest.settings["training"]["context"]
    ends = [length for length in settings.tokens if length < context]
    if not ends:
        raise UserError(
            f"text_spectrum: tokens has no length below the context of {context}. Write a shorter "
            "one."
        )
    windows, documents = _windows(job, settings.windows, context)
    counts = _counts(job)
    of_token = token_classes(counts, settings.classes)
    rng = np.random.default_rng(settings.seed)
    uniform = rng.random((len(windows), len(ends)))
    last = windows[:, np.array(ends) - 1]
    text = tokenizer.load(job.input("tokenizer").file("tokenizer.json"))
    alone = np.argsort(-counts, kind="stable")[: int(of_token.max())]
    names = [text.decode([token]) for token in alone]
    rows: Rows = []
    laws: dict[str, dict[str, Laws]] = {}

    def add(predictor: str, model: str, before: Floats, after: Floats) -> None:
        operator = text_operator(before, after, settings.directions)
        errors = eigenvalue_errors(operator, documents)
        slopes = held_out_slopes(operator, documents)
        ends_of = token_ends(operator, before) if predictor == "member" else {}
        for row in eigenvalue_rows(operator, errors, {"predictor": predictor, "model": model}):
            number = row["number"] - 1
            high, low = ends_of.get(number, (None, None))
            shown = [None if one is None else named_tokens(one, names) for one in (high, low)]
            row |= {"tokens_high": shown[0], "tokens_low": shown[1]}
            rows.append({**row, "held_out": finite(slopes[number])})

    left = Counter(member.model_class for member in members)
    for member, model in member_models(job):
        read = (windows, ends, of_token, uniform, settings.draws, settings.batch)
        before, after = class_laws(model, *read)
        laws.setdefault(member.model_class, {})[member.model] = before, after
        add("member", member.model, before, after)
        add("exchanged", member.model, exchanged_prompts(before, last, rng), after)
        left[member.model_class] -= 1
        if left[member.model_class] == 0:
            initialise(model, [member.seed_init])
            add("untrained", member.model, *class_laws(model, *read))
            # The laws of one class are held at a time.
            of_class = laws.pop(member.model_class)
            for key, apart in _divergences(of_class).items():
                noise = independent_errors(before.shape, rng)
                noisy = with_errors(of_class[key][0], noise, apart)
                add("independent", key, noisy, of_class[key][1])
    job.write_table("text_spectrum", rows)
    slowest = [row["re"] for row in rows if row["predictor"] == "member" and row["number"] == 1]
    return {"members": len(members), "prompts": last.size, "slowest": float(np.mean(slowest))}


def _windows(job: Job, most: int, context: int) -> tuple[Ints, Ints]:
    """Windows of the measure split (windows, context), and the number of the document in the middle
    of each, from 0."""
    stream = TokenStream.open(job.input("tokens").files("measure/"))
    possible = (stream.positions - 1) // context
    count = min(most, possible)
    starts = (np.arange(count) * possible // count) * context
    middle = np.searchsorted(stream.offsets, starts + context // 2, side="right")
    return stream.gather(starts, context), np.unique(middle, return_inverse=True)[1]


def _counts(job: Job) -> Ints:
    """How often each token occurs in the train split, (vocabulary,)."""
    stream = TokenStream.open(job.input("tokens").files("train/"))
    counts = np.zeros(stream.vocabulary, dtype=np.int64)
    for piece in stream.pieces():
        counts += np.bincount(piece, minlength=stream.vocabulary)
    return counts


def _divergences(laws: Mapping[str, Laws]) -> dict[str, Floats]:
    """By member of a class the mean KL of its laws from those of each other one, (prompts,) nats;
    none for a class of one."""
    apart = {}
    for key, (before, _) in laws.items():
        others = [mean_divergence(before, laws[one][0]) for one in laws if one != key]
        if others:
            apart[key] = np.asarray(np.mean(others, 0))
    return apart
