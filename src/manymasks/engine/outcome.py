"""The main figure of an artifact in words, from its manifest and its stage's row."""

import string
from collections.abc import Mapping, Sequence
from typing import Any

from manymasks.catalogue import STAGES


def outcome(stage: str, figures: Sequence[Mapping[str, Any]]) -> str:
    """What artifacts of a stage came to, such as `3.301 to 3.312 nats per token`; of a stack, the
    least and the largest of each number. Empty where a figure is missing or the stage has none."""
    empty = next((str(one["empty"]) for one in figures if "empty" in one), None)
    if empty is not None:
        return f"empty: {empty}"
    if any(one.get("status", "trained") != "trained" for one in figures):
        return "failed in training" if len(figures) == 1 else "some failed in training"
    countable = [
        {name: len(value) if isinstance(value, list) else value for name, value in one.items()}
        for one in figures
    ]
    text = ""
    try:
        for before, name, form, _ in string.Formatter().parse(STAGES[stage].outcome):
            text += before
            if name is not None:
                values = [string.Formatter().get_field(name, (), one)[0] for one in countable]
                ends = [format(end, form or "") for end in (min(values), max(values))]
                text += ends[0] if ends[0] == ends[1] else " to ".join(ends)
    except (KeyError, IndexError, TypeError, ValueError):
        return ""
    return text
