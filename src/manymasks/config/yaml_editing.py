"""Settings written into a YAML file, whose comments and other text stay as they are."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

Path = tuple[str, ...]


class NotEditable(Exception):
    """The text does not hold the mapping in a form that can be edited; the reason is its text."""


def with_settings(text: str, where: Path, settings: Mapping[str, Any]) -> str:
    """The text of a YAML file with settings of the mapping at `where` set; None removes one.
    Raises NotEditable if there is no such mapping, or it comes from elsewhere in the file."""
    node = _mapping(text, where)
    before = yaml.safe_load(text)
    for name, value in settings.items():
        node = _mapping(text, where)
        text = _with_setting(text, node, name, value)
    target = before
    for step in where:
        target = target[step]
    for name, value in settings.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = value
    if yaml.safe_load(text) != before:
        raise NotEditable(f"{'.'.join(where)} is written in a form that cannot be edited")
    return text


def block(settings: Mapping[str, Any], indent: int = 0) -> str:
    """Settings as YAML lines, to be pasted."""
    lines: list[str] = []
    for name, value in settings.items():
        lines += _lines(name, value, indent)
    return "\n".join(lines) + "\n"


def _mapping(text: str, where: Path) -> yaml.MappingNode:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for i, step in enumerate(where):
        values = node.value if isinstance(node, yaml.MappingNode) else []
        pair = next(((key, value) for key, value in values if key.value == step), None)
        if pair is None:
            raise NotEditable(f"{'.'.join(where[: i + 1])} is not set")
        key, node = pair
        if node.start_mark.index < key.end_mark.index:
            raise NotEditable(f"{'.'.join(where[: i + 1])} is an alias of another setting")
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise NotEditable(f"{'.'.join(where)} is not a mapping of settings")
    return node


def _with_setting(text: str, node: yaml.MappingNode, name: str, value: Any) -> str:
    pairs = list(node.value)
    number = next((i for i, (key, _) in enumerate(pairs) if key.value == name), None)
    if value is None and number is None:
        return text
    if node.flow_style:
        return _in_flow(text, pairs, number, name, value)
    return _in_block(text, pairs, number, name, value)


def _in_flow(text: str, pairs: list[Any], number: int | None, name: str, value: Any) -> str:
    """A mapping in braces: JSON is YAML."""
    spelled = json.dumps(value, ensure_ascii=False)
    if number is None:
        end = _end(pairs[-1][1])
        return f"{text[:end]}, {name}: {spelled}{text[end:]}"
    key, old = pairs[number]
    if value is not None:
        return text[: old.start_mark.index] + spelled + text[_end(old) :]
    if number + 1 < len(pairs):
        return text[: key.start_mark.index] + text[pairs[number + 1][0].start_mark.index :]
    return text[: _end(pairs[number - 1][1])] + text[_end(old) :]


def _in_block(text: str, pairs: list[Any], number: int | None, name: str, value: Any) -> str:
    """A mapping of lines: whole lines are replaced."""
    indent = pairs[0][0].start_mark.column
    new = "".join(f"{line}\n" for line in _lines(name, value, indent)) if value is not None else ""
    if number is None:
        begin = end = _line_end(text, _end(pairs[-1][1]))
    else:
        key, old = pairs[number]
        begin = key.start_mark.index - indent
        end = _line_end(text, _end(old))
        if text[begin : key.start_mark.index].strip():
            raise NotEditable(f"{name} does not begin its line")
    head = text[:begin]
    if head and not head.endswith("\n"):
        head += "\n"
    return head + new + text[end:]


def _end(node: yaml.Node) -> int:
    """Where a value ends: marks of block collections reach to the next token."""
    is_block = isinstance(node, yaml.CollectionNode) and not node.flow_style
    if not is_block or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(node, yaml.MappingNode) else last)


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    # A block scalar ends at the start of a line.
    if index and text[index - 1] == "\n":
        return index
    return len(text) if end < 0 else end + 1


def _lines(name: str, value: Any, indent: int) -> list[str]:
    space = " " * indent
    if isinstance(value, Mapping) and value:
        lines = [f"{space}{_word(name)}:"]
        for key, item in value.items():
            lines += _lines(key, item, indent + 2)
        return lines
    if isinstance(value, list | tuple) and value:
        return [f"{space}{_word(name)}:", *(f"{space}  - {_word(item)}" for item in value)]
    return [f"{space}{_word(name)}: {_word(value)}"]


def _word(value: Any) -> str:
    """A scalar, in quotes where it would be read as something else."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    try:
        loaded = yaml.safe_load(f"- {value}\n")
        is_plain = loaded == [value] and yaml.safe_load(f"{value}: 1\n") == {value: 1}
    except yaml.YAMLError:
        is_plain = False
    # YAML 1.2 reads `1e5` as a number and 1.1 does not.
    is_plain = is_plain and not value[:1].isdigit()
    return value if is_plain else json.dumps(value, ensure_ascii=False)
