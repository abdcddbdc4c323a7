"""Messages that a user can meet, read from the syntax trees of the source.

A message is the argument of `UserError`; in `config`, also that of `ValueError`, what is appended
to the problems of a file, and the text that a check returns or yields. So no list of messages is
kept by hand, and a message whose text is not in the source cannot be added unnoticed.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1]
CHECKS = (
    "config/checks", "config/loading", "config/probes", "config/starts", "config/yaml_limits",
    "config/yaml_reading",
)  # fmt: skip
"""Modules whose functions return or yield messages."""
RETURNED = {"tokens/document_lengths": ("too_short",)}
"""Functions of other modules that return messages."""
BY_CORPUS = ("corpora/", "downloads/", "plan/sources")
"""Modules whose messages stand after the name of their corpus in a plan."""
LEAST_LETTERS = 8
"""A text with fewer letters is a part of a message."""


class Varying(NamedTuple):
    """What differs from one message to the next, by its name in the source."""

    name: str


class OneOf(NamedTuple):
    """Texts of which a message has one; the second may be empty."""

    texts: "tuple[Template, ...]"


Template = tuple["str | Varying | OneOf", ...]


class Message(NamedTuple):
    """The template of a message, and the module that writes it."""

    module: str
    template: Template

    def shown(self) -> str:
        """In one line: `<name>` varies, `[text]` may be absent, and `(a | b)` is a or b."""
        return " ".join(_shown(self.template).split())


class NoText(Exception):
    """A `UserError` whose message is not text in the source, and cannot be documented."""


@cache
def messages() -> tuple[Message, ...]:
    """Every message once, by module. Raises NoText for one that has no text in the source."""
    trees = {
        path.relative_to(PACKAGE).with_suffix("").as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }
    texts = {name: text for tree in trees.values() for name, text in _texts(tree)}
    listed: dict[Message, None] = {}
    for module, tree in trees.items():
        constants = {**texts, **dict(_texts(tree))}
        for node in message_arguments(module, tree, constants):
            template = template_of(node, constants)
            is_part = _letters(template) < LEAST_LETTERS or str(template[0]).startswith(" ")
            if not is_part:
                listed[Message(module, template)] = None
    return tuple(listed)


def is_documented(message: str) -> bool:
    """Whether a message has a template; of mistakes line by line, whether each line has."""
    # Lines first: a pattern takes the square of the length of what it fails on.
    return all(_is_documented(line) for line in message.split("\n")) or _is_documented(message)


def _is_documented(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in _patterns())


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Templates as patterns; those about a setting stand after its file and path."""
    return tuple(
        re.compile(rf"(?:.*: )?(?:.* )?{text}(?: \(line \d+\))?", re.DOTALL)
        if _is_of_settings(module)
        else re.compile(rf"(?:corpora\.[^ ]+: )?{text}", re.DOTALL)
        if module.startswith(BY_CORPUS)
        else re.compile(text, re.DOTALL)
        for module, template in messages()
        for text in [_pattern(template)]
    )


Constants = Mapping[str, ast.expr]


def _is_of_settings(module: str) -> bool:
    return module.startswith("config/")


def _texts(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """The constants of a module that are texts."""
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(name)], value=ast.Constant(str()) as text):
                yield name, text


def message_arguments(module: str, tree: ast.Module, constants: Constants) -> Iterator[ast.expr]:
    """The expressions of a module that are messages."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(bases=[ast.Name("UserError")]):
                # A kind of error with a message of its own.
                for call in ast.walk(node):
                    match call:
                        case ast.Call(func=ast.Attribute(attr="__init__"), args=[text]):
                            yield text
            case ast.Call(func=ast.Name("UserError" | "NothingToCompare"), args=[text]):
                yield from _resolved(module, text, tree, functions, constants)
            case ast.Call(func=ast.Name("ValueError"), args=[text]) if module.startswith("config/"):
                yield text
            case ast.Call(
                func=ast.Attribute(ast.Attribute(attr="problems"), "append"), args=[text]
            ):
                yield text
    if module in CHECKS:
        for function in functions.values():
            yield from _results(function)
    for name in RETURNED.get(module, ()):
        yield from _results(functions[name])


def _resolved(
    module: str,
    text: ast.expr,
    tree: ast.Module,
    functions: dict[str, ast.FunctionDef],
    constants: Constants,
) -> Sequence[ast.expr]:
    """The texts of an argument: its own, those of a constant or a function, or those of a list."""
    match text:
        case ast.Call(func=ast.Name(name)) if name in functions:
            return _results(functions[name])
        case ast.Call(func=ast.Attribute(ast.Constant("\n"), "join")) if module in CHECKS or (
            "document.problems" in ast.unparse(text)
        ):
            return []  # Each line is a message of a check.
        case ast.Call(func=ast.Attribute(ast.Constant("\n"), "join"), args=[ast.Name(name)]):
            return [
                node.value.elt
                for node in ast.walk(tree)
                if isinstance(node, ast.AugAssign)
                and isinstance(node.target, ast.Name)
                and node.target.id == name
                and isinstance(node.value, ast.ListComp)
            ]
    if not _letters(template_of(text, constants)):
        raise NoText(f"{module}.py line {text.lineno}: UserError({ast.unparse(text)})")
    return [text]


def _results(function: ast.FunctionDef) -> list[ast.expr]:
    """What a function returns or yields; of a pair, the second."""
    values = [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Return | ast.Yield) and node.value is not None
    ]
    return [value.elts[-1] if isinstance(value, ast.Tuple) else value for value in values]


def template_of(node: ast.expr, constants: Constants) -> Template:
    match node:
        case ast.Constant(value):
            return (str(value),)
        case ast.Name(name) if name in constants:
            return template_of(constants[name], constants)
        case ast.FormattedValue(ast.Constant() | ast.IfExp() | ast.Name() as value):
            return template_of(value, constants)
        case ast.FormattedValue(value):
            return (Varying(_name(value)),)
        case ast.JoinedStr(parts):
            return tuple(part for value in parts for part in template_of(value, constants))
        case ast.BinOp(left, ast.Add(), right):
            return template_of(left, constants) + template_of(right, constants)
        case ast.IfExp(body=body, orelse=ast.Constant(None)):
            return template_of(body, constants)
        case ast.IfExp(body=ast.Constant(None), orelse=orelse):
            return template_of(orelse, constants)
        case ast.IfExp(body=body, orelse=orelse):
            return (OneOf((template_of(body, constants), template_of(orelse, constants))),)
    return (Varying(_name(node)),)


def _name(node: ast.AST) -> str:
    """The noun of an expression."""
    match node:
        case ast.Name(name):
            return name.replace("_", " ").strip()
        case ast.Call(func=ast.Name("len" | "sum")):
            return "number"
        case ast.Call(func=ast.Attribute(ast.Constant(), "join"), args=[values]):
            return _name(values)
        case ast.Call(func=ast.Name(function), args=[ast.Name("where")]):
            return function.strip("_")
        case ast.Call(func=ast.Name(), args=[value, *_]):
            return _name(value)
        case ast.Call(func=ast.Attribute(value, _)):
            return _name(value)
        case ast.Attribute(ast.Attribute() as owner, "__name__" | "name" | "stem"):
            return _name(owner)
        case ast.Attribute(_, name):
            return name.replace("_", " ").strip()
        case ast.Subscript(value=value) | ast.Starred(value=value):
            return _name(value)
        case ast.GeneratorExp(generators=[loop, *_]) | ast.ListComp(generators=[loop, *_]):
            return _name(loop.iter)
        case ast.BinOp():
            return "number"
        case ast.BoolOp(values=[value, *_]):
            return _name(value)
    return "..."


def _shown(template: Template) -> str:
    shown = ""
    for part in template:
        match part:
            case Varying(name):
                shown += f"<{name}>"
            case OneOf(texts):
                present = [text for text in map(_shown, texts) if text]
                shown += f"({' | '.join(present)})" if len(present) > 1 else f"[{present[0]}]"
            case text:
                shown += text
    return shown


def _pattern(template: Template) -> str:
    pattern = ""
    for part in template:
        match part:
            case Varying():
                pattern += ".*"
            case OneOf(texts):
                pattern += f"(?:{'|'.join(map(_pattern, texts))})"
            case text:
                pattern += re.escape(text)
    return pattern


def _letters(template: Template) -> int:
    """Letters of a template outside what varies."""
    return sum(
        len(re.findall("[A-Za-z]", part))
        if isinstance(part, str)
        else max(map(_letters, part.texts))
        if isinstance(part, OneOf)
        else 0
        for part in template
    )
