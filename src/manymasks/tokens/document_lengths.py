"""How long the documents of each split are, and whether that is enough for what will read them.

Plans read these files too, so this module needs the standard library alone.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from manymasks.disk.atomic import replacing

Lengths = Mapping[str, Mapping[int, int]]
"""Number of documents by their tokens, the end of text included, by split."""
FILE = "lengths.json"


@dataclass(frozen=True)
class Requirement:
    """What something needs of a split."""

    purpose: str
    """What needs it, such as "rollout"."""
    split: str
    remedy: str
    """What to change in the study, besides more text."""
    tokens: int = 0
    """Tokens of the split."""
    documents: int = 0
    """Documents with a window."""
    window: int = 1
    """Tokens of a window, before its last target."""
    windows: int = 0
    """Windows that are taken at most."""
    scored: int = 0
    """Tokens of the windows that are taken."""


def write_lengths(lengths: Lengths, folder: Path) -> None:
    """Write `lengths.json`: for each split, pairs of length and number, shortest first."""
    content = {split: sorted(counts.items()) for split, counts in lengths.items()}
    with replacing(folder / FILE) as path:
        path.write_text(json.dumps(content) + "\n", encoding="utf-8")


def read_lengths(folder: Path) -> Lengths | None:
    """Lengths that `write_lengths` wrote; None if they cannot be read."""
    try:
        content = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {split: dict(pairs) for split, pairs in content.items()}
    except (OSError, ValueError):
        return None


def shortfalls(corpus: str, requirements: Sequence[Requirement], lengths: Lengths) -> Iterator[str]:
    """A sentence for each requirement that the documents of a corpus do not meet."""
    for requirement in requirements:
        counts, window = lengths[requirement.split], requirement.window
        tokens = sum(length * count for length, count in counts.items())
        enough = sum(count for length, count in counts.items() if length >= window)
        windows = sum(length // window * count for length, count in counts.items())
        scored = min(requirement.windows, windows) * window
        if tokens < requirement.tokens:
            yield too_short(corpus, requirement, f"{tokens} tokens", requirement.tokens)
        elif enough < requirement.documents:
            size = f" of {window} tokens or more" if window > 1 else ""
            there = f"{enough} document{'s' * (enough != 1)}{size}"
            yield too_short(corpus, requirement, there, requirement.documents)
        elif scored < requirement.scored:
            yield too_short(corpus, requirement, f"{scored} tokens in windows", requirement.scored)


def too_short(corpus: str, requirement: Requirement, there: str, needed: int) -> str:
    """The sentence for a requirement that is not met. `there`: what the split has, in words."""
    split, purpose = requirement.split, requirement.purpose
    return (
        f"corpora.{corpus}: its {split} split has {there}, too short for {purpose}, which needs "
        f"{needed}: {requirement.remedy}, or give {split} more text"
    )
