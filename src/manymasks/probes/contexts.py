"""A probe at all its severities: windows of text and changes of their contexts."""

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from manymasks.config.probes import Probe
from manymasks.kinds.families import FAMILIES, description
from manymasks.probes.windows import ProbeSource, Tokens, Windows, choose_windows
from manymasks.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class Contexts:
    """One probe at all its severities."""

    tokens: Tokens
    """(severities, windows, longest context + 1) token ids; severity 0 is the text itself, except
    in synthetic windows."""
    documents: tuple[str, ...]
    """(windows,) the document of each window; of a synthetic one, the document of the text that it
    replaces."""
    scored: int
    """Tokens scored at the end of each window."""
    descriptions: tuple[str, ...]
    """(severities,) what each severity does."""
    lengths: tuple[int, ...] | None = None
    """(severities,) tokens that a model reads: the last `length + 1` columns of a severity count,
    and the very last one is a target only. None where all severities have the same length."""

    def windows(self, severity: int) -> Tokens:
        """(windows, read + 1) token ids at a severity."""
        length = self.tokens.shape[2] - 1 if self.lengths is None else self.lengths[severity]
        tokens: Tokens = self.tokens[severity][:, -(length + 1) :]
        return tokens

    def changed(self) -> npt.NDArray[np.float64]:
        """(severities,) share of the context tokens that differ from severity 0 or are added."""
        shares = []
        clean = self.windows(0)
        for severity in range(len(self.tokens)):
            level = self.windows(severity)
            width = min(level.shape[1], clean.shape[1])
            same = level[:, -width : -self.scored] == clean[:, -width : -self.scored]
            shares.append(1 - same.sum() / level[:, : -self.scored].size)
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

    `documents`: (id, token ids) of the family's split. `context`: tokens of a window before its
    last target, as trained. `counts` (vocabulary,) of the train split, `tokenizer` and `other`, the
    text of another corpus: for families that need them. Raises UserError if the windows come from
    fewer than two documents, or the tokenizer or the other corpus lacks what the family needs, and
    ValueError if models make the contexts of the family.
    """
    family = FAMILIES[settings.family]
    if family.stage != "probe":
        raise ValueError(f"models make the contexts of a {settings.family} probe")
    scored = settings.scored or context
    largest = family.room(context, scored)
    severities = settings.severities or tuple(
        severity for severity in family.severities if severity <= largest
    )
    lengths = None
    if family.lengthens:
        longer = (max(round(factor * context), context + 1) for factor in severities)
        lengths = (context, *longer)
    windows = probe_windows(
        settings, documents, context=lengths[-1] if lengths else context, end_of_text=end_of_text
    )
    source = ProbeSource(windows, scored, end_of_text, counts, tokenizer, other)
    suffix = windows.tokens[:, -scored:]
    change = pkgutil.resolve_name(f"manymasks.{family.change}") if family.change else None

    def level(index: int, severity: float) -> Tokens:
        if change is None:
            return windows.tokens
        generator = np.random.default_rng([settings.seed, index if family.draws_anew else 1])
        tokens: Tokens = change(source, severity, generator)
        return tokens if family.is_synthetic else np.concatenate([tokens, suffix], axis=1)

    easiest = family.easiest or 0
    levels = [level(0, easiest) if family.is_synthetic else windows.tokens]
    levels += [level(index, severity) for index, severity in enumerate(severities, 1)]
    descriptions = tuple(
        description(settings.family, severity) for severity in (easiest, *severities)
    )
    return Contexts(np.stack(levels), windows.documents, scored, descriptions, lengths)


def probe_windows(
    settings: Probe, documents: Sequence[tuple[str, Tokens]], *, context: int, end_of_text: int
) -> Windows:
    """The windows that a probe changes. Raises UserError if they come from fewer than two
    documents."""
    lengthens = FAMILIES[settings.family].lengthens
    return choose_windows(
        documents,
        settings.windows,
        context=context,
        end_of_text=end_of_text,
        seed=settings.seed,
        purpose=f"the {settings.family} probe",
        windows_setting="the probe's windows",
        length_setting="the probe's severities" if lengthens else "training.context",
    )
