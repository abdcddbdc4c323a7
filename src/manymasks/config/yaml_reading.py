"""Strict YAML, with the line of every key.

YAML 1.1 reads `1e-3` as text, `no` as false and `12:30` as 750, and takes the last of two equal
keys. Here scalars follow the core schema of YAML 1.2, `1e-3` is a number, and a repeated key is a
mistake, reported with both lines.
"""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from manymasks.config.yaml_limits import BYTES, excess

Where = tuple[str | int, ...]
MERGE = "<<"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass
class Document:
    """A file: its values, the line of each key, and its mistakes."""

    path: Path
    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[Where, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @functools.cached_property
    def lines_by_text(self) -> dict[tuple[str, ...], int]:
        """Lines of a document that is read, by keys and places in lists as text."""
        return {tuple(map(str, where)): line for where, line in self.lines.items()}


class _Core(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
        list("-+.0123456789"),
    ),
):
    _Core.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def read_text(text: str, where: Where, document: Document) -> Any:
    """Parse a text as a value in a file; mistakes are added to the document."""
    problem = excess(text)
    if problem is not None:
        document.problems.append(f"{document.path}: {'.'.join(map(str, where))} {problem}")
        return None
    try:
        return _value(yaml.compose(text, Loader=_Core), where, document)
    except yaml.YAMLError:
        return text


def read_yaml(path: Path) -> Document:
    """Read a file. It raises nothing: mistakes are in `problems`."""
    document = Document(path)
    try:
        with path.open("rb") as file:
            # One byte more than a file may have: a device has no size and no end.
            content = file.read(BYTES + 1)
        if len(content) > BYTES:
            document.problems.append(f"{path}: is larger than {BYTES / 1e6:g} MB, no settings are")
            return document
        text = content.decode("utf-8")
    except FileNotFoundError:
        document.problems.append(f"{path}: there is no such file")
        return document
    except (OSError, UnicodeDecodeError) as error:
        hint = ""
        if isinstance(error, UnicodeDecodeError) and error.object[:2] in UTF16_MARKS:
            hint = ". It is UTF-16: save it as UTF-8"
        document.problems.append(f"{path}: cannot be read as UTF-8 text ({error}){hint}")
        return document
    problem = excess(text)
    if problem is not None:
        document.problems.append(f"{path} {problem}")
        return document
    try:
        root = yaml.compose(text, Loader=_Core)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = " ".join(part for part in (error.context, error.problem) if part)
        document.problems.append(f"{path}{position}: this is not valid YAML: {reason}")
        return document
    except yaml.YAMLError as error:
        document.problems.append(f"{path}: this is not valid YAML: {error}")
        return document
    if root is None:
        document.problems.append(f"{path}: is empty; expected settings, one `key: value` a line")
    elif not isinstance(root, yaml.MappingNode):
        document.problems.append(
            f"{path} line {root.start_mark.line + 1}: expected settings at the top level, "
            "one `key: value` a line"
        )
    else:
        document.values = _value(root, (), document)
    return document


def _value(
    node: yaml.Node | None, where: Where, document: Document, parents: tuple[yaml.Node, ...] = ()
) -> Any:
    if node is None:
        return None
    if any(node is parent for parent in parents):
        document.problems.append(
            f"{document.path} line {node.start_mark.line + 1}: contains itself, through an anchor"
        )
        return None
    parents = (*parents, node)
    if isinstance(node, yaml.MappingNode):
        values: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node, is_merged in _pairs(node, document, parents):
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                document.problems.append(f"{document.path} line {line}: a key must be a plain word")
                continue
            key = _characters(key_node, document)
            if key in values and is_merged:
                continue
            if key in values:
                document.problems.append(
                    f"{document.path} line {line}: '{'.'.join(map(str, (*where, key)))}' is set "
                    f"twice (first in line {first[key]}): keep one of them"
                )
                continue
            first[key] = line
            document.lines[(*where, key)] = line
            values[key] = _value(value_node, (*where, key), document, parents)
        return values
    if isinstance(node, yaml.SequenceNode):
        items = []
        for i, item in enumerate(node.value):
            document.lines[(*where, i)] = item.start_mark.line + 1
            items.append(_value(item, (*where, i), document, parents))
        return items
    try:
        text = _characters(node, document)
        return _scalar(node.tag.removeprefix("tag:yaml.org,2002:"), text)
    except ValueError:
        document.problems.append(
            f"{document.path} line {node.start_mark.line + 1}: '{node.value[:40]}' cannot be read "
            f"as {node.tag}: write it without the tag"
        )
        return node.value


def _characters(node: yaml.Node, document: Document) -> str:
    """The text of a scalar, in which escapes of two halves are one character."""
    try:
        text: str = node.value.encode("utf-16", "surrogatepass").decode("utf-16")
        return text
    except UnicodeDecodeError:
        document.problems.append(
            f"{document.path} line {node.start_mark.line + 1}: {node.value[:40]!r} has half of a "
            "character, a lone surrogate: write the character itself"
        )
        return ""


def _pairs(
    node: yaml.MappingNode, document: Document, parents: tuple[yaml.Node, ...]
) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
    """Keys and values of a mapping; those that it merges (`<<: *name`) come last, and are marked:
    they hold where the mapping has no such key, and the first of several where others have it
    too."""
    merged: list[yaml.Node] = []
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value != MERGE or key.style is not None:
            yield key, value, False
        elif isinstance(value, yaml.SequenceNode):
            merged += value.value
        else:
            merged.append(value)
    for source in merged:
        position = f"{document.path} line {source.start_mark.line + 1}"
        if any(source is parent for parent in parents):
            document.problems.append(f"{position}: contains itself, through an anchor")
        elif isinstance(source, yaml.MappingNode):
            for key, value, _ in _pairs(source, document, (*parents, source)):
                yield key, value, True
        else:
            document.problems.append(
                f"{position}: '{MERGE}' takes mappings, such as *name of an anchor &name"
            )


def _scalar(tag: str, text: str) -> Any:
    """The value of a scalar; ValueError if its tag is not in the core schema or does not fit."""
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    if tag == "int":
        return int(text)
    if tag == "float":
        number = float(text)
        # `steps: 2e6` is meant as a whole number.
        whole = number.is_integer() and "." not in text
        return int(number) if whole else number
    if tag != "str":
        raise ValueError(tag)
    return text
