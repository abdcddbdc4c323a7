"""Limits on a text before it is read as settings: its size, depth, and number of values.

A few lines of anchors and aliases stand for millions of values, and brackets nest as deep as a text
is long. The events of a text are counted in C, without building anything.
"""

import yaml

BYTES = 4_000_000
VALUES = 20_000
DEPTH = 50

_EVENTS = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def excess(text: str) -> str | None:
    """What makes a text too large for settings, with the line; None if nothing does, or if it is
    not valid YAML, which is found when it is read."""
    sizes: dict[str | None, int] = {}
    nested: list[tuple[str | None, int]] = []
    size = 0
    try:
        for event in yaml.parse(text, Loader=_EVENTS):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.CollectionStartEvent):
                nested.append((event.anchor, size))
                size = 1
                if len(nested) > DEPTH:
                    return f"line {line}: is nested deeper than {DEPTH} levels"
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, before = nested.pop()
                if anchor is not None:
                    sizes[anchor] = size
                size += before
            elif isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
                is_alias = isinstance(event, yaml.AliasEvent)
                if event.anchor is not None and not is_alias:
                    sizes[event.anchor] = 1
                size += sizes.get(event.anchor, 1) if is_alias else 1
            if size > VALUES:
                return f"line {line}: holds more than {VALUES:,} values, aliases expanded"
    except yaml.YAMLError:
        return None
    return None
