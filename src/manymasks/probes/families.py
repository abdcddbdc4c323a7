"""The families of probes, and a probe at all its severities.

A family of your own is a function like those in `changes`, a line in `FAMILIES`, and its name in
`FamilyName` of config/probes.py.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from manymasks.config.probes import BY_MODELS, Probe, most
from manymasks.probes import changes, spelling, synthetic
from manymasks.probes.windows import Source, Tokens, choose
from manymasks.tokens.tokenizer import Tokenizer

Change = Callable[[Source, float, np.random.Generator], Tokens]
SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
LENGTHS = (2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Family:
    """What makes the contexts of a family."""

    change: Change | None = None
    """Contexts (windows, context + 1 - scored) at a severity; none where text stays as it is, is
    longer than elsewhere, or where models write it."""
    severities: tuple[float, ...] = ()
    """The family's own."""
    meaning: str = ""
    """What a severity does: {} is its number, {:%} its share."""
    split: Literal["measure", "train"] = "measure"
    """Where its windows come from."""
    draws_anew: bool = False
    """Whether each severity draws other numbers, so that what one changes is not in the next."""
    easiest: float | None = None
    """Where `change` makes whole windows, scored tokens too: its severity 0."""


FAMILIES: dict[str, Family] = {
    "held-out": Family(),
    "train-replay": Family(split="train"),
    "shuffle": Family(
        changes.shuffle, LENGTHS, "context tokens permuted within blocks of {}", draws_anew=True
    ),
    "reversal": Family(changes.reversal, LENGTHS, "spans of {} context tokens reversed"),
    "repetition": Family(changes.repetition, LENGTHS, "the end of the context {} times"),
    "unigram-noise": Family(
        changes.unigram_noise, SHARES, "{:%} of context tokens drawn as often as in train"
    ),
    "uniform-noise": Family(
        changes.uniform_noise, SHARES, "{:%} of context tokens drawn, all as likely"
    ),
    "rare": Family(changes.rare, SHARES, "{:%} of context tokens among the rarest in train"),
    "deletion": Family(changes.deletion, (0.05, 0.1, 0.25, 0.5, 0.75), "{:%} of tokens dropped"),
    "splice": Family(changes.splice, SHARES, "first {:%} of the context of another document"),
    "offset": Family(changes.offset, SHARES, "text begins after {:%} of the context"),
    "character-noise": Family(
        spelling.character_noise, (0.01, 0.03, 0.1, 0.2, 0.4), "{:%} of characters misspelt"
    ),
    "case": Family(spelling.case, SHARES, "{:%} of words in other case or without their space"),
    "copy": Family(
        synthetic.copy, (2, 4, 8, 16, 32), "a segment again after a gap of {}", easiest=0
    ),
    "recall": Family(synthetic.recall, LENGTHS, "the value of one of {} keys", easiest=1),
    "brackets": Family(synthetic.brackets, (2, 3, 4, 6, 8), "brackets nested {} deep", easiest=1),
    "long": Family(severities=(1.25, 1.5, 2, 3, 4), meaning="{} times the context trained on"),
    "other-corpus": Family(
        changes.other_corpus, SHARES, "first {:%} of the context of another corpus"
    ),
    "self": Family(
        severities=(0.5, 0.7, 1.0, 1.3, 2.0),
        meaning="context written by a reference member at temperature {}",
    ),
    "search": Family(severities=(1, 2, 4, 8, 16), meaning="the best of generation {}"),
}
UNCHANGED = "text as it is"
"""What severity 0 does where windows are of text."""


def description(family: str, severity: float) -> str:
    """What a severity of a family does; 0 is the text, or the easiest of windows that are made."""
    found = FAMILIES[family]
    if not severity and found.easiest is None:
        return UNCHANGED
    return found.meaning.replace("{:%}", f"{100 * severity:g}%").format(f"{severity:g}")


@dataclass(frozen=True)
class Contexts:
    """One probe at all its severities."""

    tokens: Tokens
    """(severities, windows, longest context + 1) token ids; severity 0 is the text itself, where
    the family does not make its windows."""
    documents: tuple[str, ...]
    """(windows,) the document of each window; of one that is made, that of the text it stands for.
    """
    scored: int
    """Tokens scored at the end of each window."""
    descriptions: tuple[str, ...]
    """(severities,) what each severity does."""
    lengths: tuple[int, ...] | None = None
    """(severities,) tokens that are seen: of a severity the last `length + 1` columns count, of
    which the last is seen by none. None where all are of one length."""

    def windows(self, severity: int) -> Tokens:
        """(windows, seen + 1) token ids at a severity."""
        seen = self.tokens.shape[2] - 1 if self.lengths is None else self.lengths[severity]
        found: Tokens = self.tokens[severity][:, -(seen + 1) :]
        return found

    def changed(self) -> npt.NDArray[np.float64]:
        """(severities,) share of context tokens that differ from severity 0, or that it has not."""
        shares = []
        clean = self.windows(0)
        for severity in range(len(self.tokens)):
            found = self.windows(severity)
            width = min(found.shape[1], clean.shape[1])
            same = found[:, -width : -self.scored] == clean[:, -width : -self.scored]
            shares.append(1 - same.sum() / found[:, : -self.scored].size)
        return np.array(shares, dtype=np.float64)


def contexts(
    settings: Probe,
    documents: Sequence[tuple[str, Tokens]],
    *,
    context: int,
    end_of_text: int,
    counts: Tokens | None = None,
    tokenizer: Tokenizer | None = None,
    other: npt.NDArray[np.integer] | None = None,
) -> Contexts:
    """Choose windows and change their contexts; a pure function of its arguments.

    Args:
        settings: family, severities, numbers and seed.
        documents: (id, token ids) of the family's split.
        context: tokens of a window before its last target, as trained.
        end_of_text: what stands before a document's first token.
        counts: (vocabulary,) of the train split, where the family draws tokens.
        tokenizer: where it changes characters, or asks for some.
        other: (tokens,) text of another corpus, where it takes some.

    Raises:
        UserError: if the windows chosen are of fewer than two documents, or the tokenizer or the
            other corpus lacks what the family needs.
        ValueError: if models make the contexts of the family.
    """
    family = FAMILIES[settings.family]
    if settings.family in BY_MODELS:
        raise ValueError(f"models make the contexts of a {settings.family} probe")
    scored = settings.scored or context
    own = [each for each in family.severities if each <= most(settings.family, context, scored)]
    severities = settings.severities or tuple(own)
    lengths = longest = None
    if settings.family == "long":
        lengths = (context, *(max(round(each * context), context + 1) for each in severities))
        longest = lengths[-1]
    windows = choose(
        documents,
        settings.windows,
        context=longest or context,
        end_of_text=end_of_text,
        seed=settings.seed,
        family=settings.family,
    )
    source = Source(windows, scored, end_of_text, counts, tokenizer, other)
    suffix = windows.tokens[:, -scored:]

    def level(place: int, severity: float) -> Tokens:
        if family.change is None:
            return windows.tokens
        numbers = place if family.draws_anew else 1
        found = family.change(source, severity, np.random.default_rng([settings.seed, numbers]))
        return found if family.easiest is not None else np.concatenate([found, suffix], axis=1)

    easiest = family.easiest or 0
    levels = [windows.tokens if family.easiest is None else level(0, easiest)]
    levels += [level(place, severity) for place, severity in enumerate(severities, 1)]
    said = [description(settings.family, each) for each in (easiest, *severities)]
    return Contexts(np.stack(levels), windows.documents, scored, tuple(said), lengths)
