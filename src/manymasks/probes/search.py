"""Contexts evolved to make models disagree.

A plain genetic algorithm over tokens, with truncation selection and elitism (Holland 1975): each
window has its own population, which starts from its text; children are crossed and mutated, and the
best survive. Disagreement of the searched models is biased upwards by selection, so the probe is
tried on held-out models.

Windows share only the tokens of the texts they come from, so they vary as documents do.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import Floats, Row
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.config.analyses import Statistics
from manymasks.config.probes import Probe
from manymasks.kinds.families import FAMILIES, description
from manymasks.models.member_model import MemberModel
from manymasks.probes.contexts import Contexts, probe_windows
from manymasks.probes.distance import ngram_surprise, ngrams
from manymasks.probes.windows import ProbeSource, Tokens
from manymasks.statistics.bootstrap import document_columns, document_weights, ratio_interval
from manymasks.statistics.intervals import finite

Disagreement = Callable[[Tokens], Floats]
"""Windows (n, context + 1) to nats per token (n, classes): information in each class."""
Surprise = Callable[[Tokens], Floats]
"""Contexts (n, tokens) to nats per token (n,)."""

TRIES = 8
"""Children drawn for each slot if they must be plausible; the first plausible one is taken."""
AT_ONCE = {"cpu": 1 << 22, "cuda": 1 << 26}
"""Log-probabilities of a class in memory at once: 16 MiB on a CPU."""


@dataclass(frozen=True)
class Step:
    """State of the search after some generations."""

    generations: int
    evaluations: int
    """Contexts evaluated so far over all windows, texts included."""
    searched: Floats
    """(windows, classes) disagreement of the best context of each window, nats per token."""


@dataclass(frozen=True)
class _Population:
    """Contexts that are alive, the best first."""

    contexts: Tokens
    """(windows, population, width)."""
    disagreement: Floats
    """(windows, population, classes), -inf where fewer are alive."""

    @property
    def scores(self) -> Floats:
        """(windows, population) the objective: the mean over classes, falling."""
        return np.asarray(self.disagreement.mean(2))


def search(
    settings: Probe,
    documents: Sequence[tuple[str, Tokens]],
    disagreement: Disagreement,
    *,
    context: int,
    end_of_text: int,
    counts: Tokens,
    surprise: Surprise | None = None,
    report: OnProgress = ignore_progress,
) -> tuple[Contexts, list[Step]]:
    """The best context of each window; a severity is a number of generations.

    A pure function of its arguments. Scored tokens and column 0 stay. The best is by the mean over
    classes, and never falls. `disagreement`: of windows (n, context + 1). `counts` (vocabulary,):
    of the train split, which new tokens are drawn from. `surprise`: of contexts, if the settings
    limit plausibility. `report` takes the generations done. Raises UserError if the windows come
    from fewer than two documents, and ValueError if the settings lack `scored`, or a surprise is
    missing.
    """
    if settings.scored is None:
        raise ValueError("a search needs scored tokens after the contexts")
    windows = probe_windows(settings, documents, context=context, end_of_text=end_of_text)
    source = ProbeSource(windows, settings.scored, end_of_text, counts)
    suffix = windows.tokens[:, -settings.scored :]
    generations = settings.severities or FAMILIES[settings.family].severities
    severities = tuple(int(severity) for severity in generations)
    levels: list[Tokens] = []
    steps: list[Step] = []
    for step, best in evolution(settings, source, disagreement, surprise, severities[-1]):
        if step.generations in (0, *severities):
            levels.append(np.concatenate([best, suffix], axis=1))
            steps.append(step)
        report(step.generations, severities[-1])
    descriptions = tuple(description(settings.family, severity) for severity in (0, *severities))
    return Contexts(np.stack(levels), windows.documents, settings.scored, descriptions), steps


def evolution(
    settings: Probe,
    source: ProbeSource,
    disagreement: Disagreement,
    surprise: Surprise | None,
    generations: int,
) -> Iterator[tuple[Step, Tokens]]:
    """Steps of the search, texts first, with the best context of each window (windows, width)."""
    texts, population = source.context, settings.population
    suffix = source.windows.tokens[:, -source.scored :]
    cumulative_counts = np.cumsum(source.train_counts)
    limit = None
    if settings.plausible is not None:
        if surprise is None:
            raise ValueError("a search for plausible contexts needs their surprise")
        limit = surprise(texts) + settings.plausible

    first = disagreement(np.concatenate([texts, suffix], axis=1))
    classes = first.shape[1]

    def scored(contexts: Tokens, alive: npt.NDArray[np.bool_]) -> _Population:
        """Evaluate the contexts (windows, k, width) that are alive."""
        scores = np.full((*alive.shape, classes), -np.inf)
        rows = np.nonzero(alive)[0]
        if rows.size:
            scores[alive] = disagreement(np.concatenate([contexts[alive], suffix[rows]], axis=1))
        return _Population(contexts, scores)

    living = _Population(texts[:, None], first[:, None])
    evaluations = len(texts)
    yield Step(0, evaluations, first), texts
    for generation in range(1, generations + 1):
        generator = np.random.default_rng([settings.seed, generation])
        tries = 1 if limit is None else TRIES
        born = _children(living, texts, population * tries, cumulative_counts, generator)
        alive = _fresh(born, living)
        if limit is not None and surprise is not None:
            nats = surprise(born.reshape(-1, born.shape[2])).reshape(born.shape[:2])
            fits = (alive & (nats <= limit[:, None])).reshape(len(texts), population, tries)
            chosen = fits.argmax(2) + tries * np.arange(population)
            born = np.take_along_axis(born, chosen[..., None], axis=1)
            alive = np.asarray(fits.any(2))
        evaluations += int(alive.sum())
        living = _survivors(living, scored(born, alive), population)
        yield Step(generation, evaluations, living.disagreement[:, 0].copy()), living.contexts[:, 0]


def plausibility(pieces: Callable[[], Iterable[Tokens]], unigrams: Tokens) -> Surprise:
    """The mean surprise of contexts, nats per token, as in the table `probe_distance`. Each call
    reads the train split once, so memory does not grow with it. `pieces`: returns the train split
    in consecutive pieces. `unigrams` (vocabulary,) counts of its tokens."""

    def mean(contexts: Tokens) -> Floats:
        counts = ngrams(pieces(), contexts, len(unigrams))
        return np.asarray(ngram_surprise(contexts, unigrams, counts).mean(-1), dtype=np.float64)

    return mean


def member_information(
    stacks: Sequence[MemberModel], scored: int, device: torch.device
) -> Disagreement:
    """Information of the next token about the member of a class, mean over the scored tokens.
    `stacks`: the members of each class. `scored`: tokens at the end of a window that count.
    `device`: of the stacks."""

    def class_information(stack: MemberModel, windows: Tensor) -> Tensor:
        size = stack.members * scored * stack.W_U.shape[1]
        batch = max(AT_ONCE[device.type] // size, 1)
        parts = [
            information(torch.log_softmax(stack(part[None, :, :-1], scored).float(), -1))
            for part in torch.split(windows, batch)
        ]
        return torch.cat(parts).double().mean(1)

    def information_by_class(windows: Tokens) -> Floats:
        on_device = torch.from_numpy(windows).to(device)
        nats = torch.stack([class_information(stack, on_device) for stack in stacks], dim=1)
        return np.asarray(nats.cpu().numpy(), dtype=np.float64)

    return information_by_class


def information(logp: Tensor) -> Tensor:
    """I(Y; model) = H(mean law) - mean H(law), in nats, at each position, (...). `logp` (m, ...,
    V): log-probabilities of m models. Their mean is subtracted first, which changes rounding errors
    only."""
    centre = logp.mean(0)
    laws = logp.exp()
    mean = laws.mean(0)
    negative_entropy = (laws * (logp - centre)).sum(-1).mean(0)
    # p log p = 0 where p underflows.
    tiny = torch.finfo(mean.dtype).tiny
    return negative_entropy - (mean * (mean.clamp_min(tiny).log() - centre)).sum(-1)


def step_rows(
    probe: str,
    steps: Sequence[Step],
    documents: Sequence[str],
    models: Mapping[str, int],
    statistics: Statistics,
) -> Iterator[Row]:
    """Rows of the table `search_step`: the searched members, with intervals over documents.
    `models`: number of searched members by label of the class, in the order of classes."""
    names, owners = np.unique(np.array(documents), return_inverse=True)
    weights = document_weights(len(names), statistics.resamples, statistics.seed)
    sizes = np.bincount(owners, minlength=len(names)).astype(np.float64)
    for severity, step in enumerate(steps):
        for (pool, members), searched in zip(models.items(), step.searched.T, strict=True):
            sums = np.asarray(np.bincount(owners, searched, len(names)), dtype=np.float64)
            value, low, high = ratio_interval(sums, sizes, weights, statistics.confidence)
            yield {
                "probe": probe,
                "severity": severity,
                "pool": pool,
                "generations": step.generations,
                "evaluations": step.evaluations,
                "searched": value,
                "low": finite(low),
                "high": finite(high),
                "models": members,
                **document_columns(sizes),
            }


def _children(
    living: _Population,
    texts: Tokens,
    count: int,
    cumulative_counts: Tokens,
    generator: np.random.Generator,
) -> Tokens:
    """`count` children in each window, (windows, count, width). A child is its first parent up to a
    cut and its second parent after it, with one mutation."""
    windows, _, width = living.contexts.shape
    alive = np.isfinite(living.scores).sum(1)[:, None, None]
    parents = (generator.random((windows, count, 2)) * alive).astype(np.int64)
    left, right = (
        np.take_along_axis(living.contexts, parents[..., i, None], axis=1) for i in range(2)
    )
    cuts = generator.integers(1, width + 1, size=(windows, count, 1))
    born = np.where(np.arange(width) < cuts, left, right)
    for child in born.reshape(-1, width):
        _mutate(child, texts, cumulative_counts, generator)
    return born


def _mutate(
    child: Tokens, texts: Tokens, cumulative_counts: Tokens, generator: np.random.Generator
) -> None:
    """Change a context (width,) in place, except column 0, in one of four ways: tokens drawn with
    their frequency in train, two tokens swapped, a span copied from elsewhere in the context, or
    from any text. Their number is log-uniform: large changes succeed early in a search and small
    ones late."""
    room = len(child) - 1
    kind = generator.integers(4)
    size = int(2 ** (generator.random() * np.log2(room))) if room > 1 else 1
    if kind == 0:
        columns = 1 + generator.choice(room, size=size, replace=False)
        drawn = generator.integers(cumulative_counts[-1], size=size)
        child[columns] = np.searchsorted(cumulative_counts, drawn, side="right")
        return
    source, target = 1 + generator.integers(room - size + 1, size=2)
    if kind == 1:
        source, target = 1 + generator.integers(room, size=2)
        child[[source, target]] = child[[target, source]]
        return
    donor = child if kind == 2 else texts[generator.integers(len(texts))]
    child[target : target + size] = donor[source : source + size].copy()


def _fresh(born: Tokens, living: _Population) -> npt.NDArray[np.bool_]:
    """Which children (windows, k, width) are not alive in their window already, (windows, k). Some
    mutations change nothing, and only new contexts should cost evaluations."""
    fresh = np.ones(born.shape[:2], dtype=bool)
    for i in range(living.contexts.shape[1]):
        fresh &= (born != living.contexts[:, i : i + 1]).any(2)
    return fresh


def _survivors(living: _Population, born: _Population, population: int) -> _Population:
    """The best of both, without duplicates; ties go to the older context."""
    contexts = np.concatenate([living.contexts, born.contexts], axis=1)
    disagreement = np.concatenate([living.disagreement, born.disagreement], axis=1)
    kept = np.empty((len(contexts), population), dtype=np.int64)
    best = np.full((*kept.shape, disagreement.shape[2]), -np.inf)
    for row, (tokens, nats) in enumerate(zip(contexts, disagreement, strict=True)):
        order = np.argsort(-nats.mean(1), kind="stable")
        _, first = np.unique(tokens[order], axis=0, return_index=True)
        # Scores of duplicates differ by rounding: keep the better one.
        chosen = order[np.sort(first)][:population]
        kept[row] = chosen[0]
        kept[row, : len(chosen)] = chosen
        best[row, : len(chosen)] = nats[chosen]
    return _Population(np.take_along_axis(contexts, kept[..., None], axis=1), best)
