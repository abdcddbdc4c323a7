"""Load a study from files and overrides, or list all their mistakes in one message."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from manymasks.config import renamed
from manymasks.config.checks import cross_field_problems
from manymasks.config.study import Study
from manymasks.config.yaml_reading import Document, Where, read_text, read_yaml
from manymasks.errors import UserError

COMMAND_LINE = "--config"
SHOWN = 100
"""Mistakes that a message lists at most."""


def load_study(files: Sequence[Path], overrides: Mapping[str, Any] | None = None) -> Study:
    """Read a study from files, later ones over earlier ones, and overrides over all.

    Mappings merge; lists and values replace. `name: null` removes a named corpus, size, variant,
    probe or reference; `"*": null` removes all that earlier files name. Texts in `overrides` are
    parsed like scalars in a file. Raises UserError with every mistake in every file.
    """
    documents = documents_of(files, overrides)
    problems = [problem for document in documents for problem in document.problems]
    merged: dict[str, Any] = {}
    for document in documents:
        merged = _merge(merged, document.values)
    study, mistakes = _validate(merged)
    if any(document.problems and not document.values for document in documents):
        # Settings may be missing only because a file cannot be read.
        mistakes = [(where, text) for where, text in mistakes if not text.startswith(MISSING)]
    else:
        mistakes += _cross_field_mistakes(merged, {str(where[0]) for where, _ in mistakes})
    mistakes = _lists_once(mistakes[: SHOWN + 1])
    problems += [located(where, text, documents) for where, text in mistakes]
    if study is None or problems:
        raise UserError("\n".join(_first(list(dict.fromkeys(problems)))))
    return study


def _first(problems: Sequence[str]) -> Iterator[str]:
    """As many mistakes as a message lists."""
    yield from problems[:SHOWN]
    if len(problems) > SHOWN:
        yield "There are more mistakes: correct these first."


def _lists_once(mistakes: Sequence[tuple[Where, str]]) -> list[tuple[Where, str]]:
    """The mistakes, with the settings of a section listed at the first of them alone."""
    shown: set[str] = set()
    shorter = []
    for where, text in mistakes:
        mistake, _, listed = text.partition(SETTINGS)
        shorter.append((where, mistake if listed in shown else text))
        shown.add(listed)
    return shorter


def documents_of(
    files: Sequence[Path], overrides: Mapping[str, Any] | None = None
) -> list[Document]:
    """The files, and overrides as the last document."""
    documents = [read_yaml(path) for path in files]
    if overrides:
        typed = Document(Path(COMMAND_LINE))
        typed.values = _read_texts(dict(overrides), (), typed)
        # Overrides have no line numbers; messages name the command line instead.
        typed.lines.clear()
        documents.append(typed)
    return documents


def _merge(below: Any, above: Any, where: tuple[str, ...] = ()) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    if where in NAMED and above.get(EVERY, "") is None:
        below = {}
    merged = dict(below)
    for key, value in above.items():
        merged[key] = _merge(below[key], value, (*where, key)) if key in below else value
    return merged


def _read_texts(value: Any, where: Where, document: Document) -> Any:
    if isinstance(value, Mapping):
        return {key: _read_texts(item, (*where, key), document) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_read_texts(item, (*where, i), document) for i, item in enumerate(value)]
    return read_text(value, where, document) if isinstance(value, str) and value else value


NAMED = (("corpora",), ("sizes",), ("variants",), ("probes",), ("rashomon", "references"))
"""Mappings whose keys are names; a name that is set to null is removed."""
EVERY = "*"
"""Set to null, it removes all names of earlier files."""
MISSING = "is missing"
SETTINGS = " Settings of this section: "


def _without_removed(value: Any, where: tuple[str, ...] = ()) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        name: _without_removed(item, (*where, name))
        for name, item in value.items()
        if item is not None or where not in NAMED
    }


def _validate(values: dict[str, Any]) -> tuple[Study | None, list[tuple[Where, str]]]:
    values = _without_removed(values)
    try:
        # JSON mode is strict, but accepts a list for a tuple and a whole number for a float.
        study = Study.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        # pydantic also calls a list too short if some of its items are invalid.
        real = [
            e
            for e in error.errors()
            if e["type"] != "too_short" or len(e["input"]) < int(e["ctx"]["min_length"])
        ][: SHOWN + 1]
        return None, _without_new_names([_in_words(e, values) for e in _joined(real)])
    return study, []


def _without_new_names(mistakes: list[tuple[Where, str]]) -> list[tuple[Where, str]]:
    """Drop the message that a new name is missing, where its old name is refused."""
    new_names = {new for where, _ in mistakes if (new := _new_name(where))}
    return [
        (where, text)
        for where, text in mistakes
        if where not in new_names or not text.startswith(MISSING)
    ]


def _new_name(where: Where) -> Where | None:
    """The path of a renamed setting; None if it was not renamed."""
    new = renamed.SETTINGS.get(".".join(_shape(where)))
    if new is None:
        return None
    return tuple(
        given if step in ("<name>", "<item>") else step
        for step, given in zip(new.split("."), where, strict=True)
    )


_NUMBER = {"int_type": "a whole number", "int_from_float": "a whole number"}
_NUMBER |= {"float_type": "a number"}


def _joined(errors: Sequence[ErrorDetails]) -> Iterator[ErrorDetails]:
    """Merge the two errors of a setting that is a number or a word."""
    words = {e["loc"][:-1]: e for e in errors if str(e["loc"][-1]).startswith("literal[")}
    for error in errors:
        word = words.get(error["loc"][:-1])
        if word is None or (error is not word and error["type"] not in _NUMBER):
            # A number out of range is a mistake of the number alone.
            yield error
        elif error is not word:
            expected = f"{_NUMBER[error['type']]} or {word['ctx']['expected']}"
            yield {**word, "ctx": {"expected": expected}}


# Sections that the checks of a section read in addition.
_READ_WITH = {
    "myopia": {"variants"},
    "probes": {"training"},
    "evaluation": {"training"},
    "tune": {"seeds", "training", "sizes", "variants"},
    "primary": {"corpora", "sizes", "variants", "probes", "myopia", "analyses"},
}
_STAND_IN: dict[str, Any] = {
    "corpora": {"any": {"kind": "pydocs"}},
    "sizes": {"any": {"width": 4}},
    "variants": {"any": {"gradient": "causal"}},
}


def _cross_field_mistakes(values: dict[str, Any], wrong: set[str]) -> list[tuple[Where, str]]:
    """Mistakes between sections, leaving out sections with mistakes inside."""
    kept = {section: value for section, value in values.items() if section not in wrong}
    kept |= {section: _STAND_IN[section] for section in wrong & _STAND_IN.keys()}
    study, mistakes = _validate(kept)
    if study is None:
        return mistakes
    between = [(tuple(where.split(".")), text) for where, text in cross_field_problems(study)]
    return [
        (where, text)
        for where, text in between
        if not wrong & {where[0], *_READ_WITH.get(where[0], ())}
    ]


def located(where: Where, text: str, documents: Sequence[Document]) -> str:
    """A mistake with the file and line that set the value; the last file to set it counts."""
    for depth in range(len(where), 0, -1):
        for document in reversed(documents):
            path = tuple(map(str, where[:depth]))
            if path in document.lines_by_text:
                suffix = f" (line {document.lines_by_text[path]})"
                return f"{document.path}: {_dotted(where)} {text}{suffix}"
            if str(document.path) == COMMAND_LINE and holds(document.values, where[:depth]):
                return f"{COMMAND_LINE}: {_dotted(where)} {text}"
    return f"{documents[0].path if documents else 'study'}: {_dotted(where)} {text}"


def holds(values: Any, where: Where) -> bool:
    for step in where:
        if not isinstance(values, dict) or step not in values:
            return False
        values = values[step]
    return True


def _dotted(where: Where) -> str:
    return ".".join(map(str, where))


def _in_words(error: ErrorDetails, values: Any) -> tuple[Where, str]:
    where = _path(error["loc"], values, absent=error["type"] == "missing")
    kind, value = error["type"], _shown(error["input"])
    context = error.get("ctx", {})
    if kind == "extra_forbidden":
        new = _new_name(where)
        if new is not None:
            return where, f"was renamed: write {_dotted(new)}"
        return where, "is not a setting." + _suggestion(where)
    if kind in ("missing", "union_tag_not_found"):
        if kind == "union_tag_not_found":
            where = (*where, "kind")
        return where, f"{MISSING}: this setting has no default" + _expected(where)
    if kind in ("literal_error", "enum", "union_tag_invalid"):
        if kind == "union_tag_invalid":
            where, value = (*where, "kind"), repr(context.get("tag"))
        allowed = str(context.get("expected") or context.get("expected_tags"))
        given = context.get("tag", error["input"])
        new_values = renamed.VALUES.get(".".join(_shape(where)), {})
        if isinstance(given, str) and given in new_values:
            return where, f"'{given}' was renamed: write {new_values[given]}"
        words = allowed.replace("'", " ").replace(",", " ").split()
        near = difflib.get_close_matches(given, words, 1) if isinstance(given, str) else []
        hint = f". Did you mean {near[0]}?" if near else ""
        return where, f"must be {allowed}, found {value}{hint}"
    if kind == "value_error":
        return where, error["msg"].removeprefix("Value error, ")
    if kind == "too_short":
        return where, f"must have at least {context['min_length']}, found {value}"
    if kind == "string_pattern_mismatch":
        return where, f"must match {context.get('pattern')}, found {value}"
    expected = {
        **_NUMBER,
        "bool_type": "true or false",
        "string_type": "text",
        "tuple_type": "a list",
        "dict_type": "a mapping",
        "model_type": "a mapping of settings",
        "model_attributes_type": "a mapping of settings",
        "finite_number": "a finite number",
    }.get(kind)
    message = expected or error["msg"].removeprefix("Input should be ").removeprefix(
        "Input should "
    )
    message = message[0].lower() + message[1:]
    is_unquoted = kind == "string_type" and isinstance(error["input"], bool | int | float)
    quotes = ": put it in quotes" if is_unquoted else ""
    return where, f"must be {message}, found {value}{quotes}"


def _path(loc: Sequence[str | int], values: Any, absent: bool) -> Where:
    """The path in the file: pydantic's has also the kind of a corpus, and `[key]`."""
    where: list[str | int] = []
    for i, step in enumerate(loc):
        if i == 2 and loc[0] == "corpora":
            continue
        inside = (isinstance(values, dict) and step in values) or (
            isinstance(values, list) and isinstance(step, int) and step < len(values)
        )
        if inside:
            where.append(step)
            values = values[step]
        elif i == len(loc) - 1 and absent:
            where.append(step)
    return tuple(where)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return f"the text '{value}'" if len(value) <= 200 else f"the text '{value[:197]}...'"
    if isinstance(value, bool):
        return str(value).lower()
    text = "nothing" if value is None else json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


def _suggestion(where: Where) -> str:
    """The most similar setting in the same section, or else anywhere in a study."""
    parent, name = where[:-1], str(where[-1])
    known = [".".join(steps) for steps, _ in settings_of(Study)]
    shape = _shape(parent)
    beside = [path for path in known if path.rpartition(".")[0] == ".".join(shape)]
    near = difflib.get_close_matches(name, [path.rpartition(".")[2] for path in beside], 1, 0.6)
    if near:
        return f" Did you mean {_dotted((*parent, near[0]))}?"
    elsewhere = [path for path in known if path.rpartition(".")[2] == name]
    if elsewhere:
        return f" Did you mean {min(elsewhere, key=lambda path: '<' in path)}?"
    whole = ".".join((*shape, name))
    others = [path for path in known if not whole.startswith(f"{path}.")]
    near = difflib.get_close_matches(whole, others, 1, 0.7)
    if near and "<" not in near[0]:
        return f" Did you mean {near[0]}?"
    # Kinds of corpora share names of settings: list each once.
    names = dict.fromkeys(path.rpartition(".")[2] for path in beside)
    return f"{SETTINGS}{', '.join(names)}."


def _expected(where: Where) -> str:
    shape = ".".join((*_shape(where[:-1]), str(where[-1])))
    for steps, field in settings_of(Study):
        if ".".join(steps) == shape and field.description:
            return f" ({' '.join(field.description.split()).rstrip('.')})"
    return ""


def _shape(where: Where) -> tuple[str, ...]:
    """A path as `settings_of` lists it: `sizes.base` is `sizes.<name>`."""
    shape: list[str] = []
    for step in where:
        if isinstance(step, int):
            step = "<item>"
        shape.append("<name>" if tuple(shape) in NAMED else step)
    return tuple(shape)


def settings_of(
    model: type[BaseModel], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and field of every setting; a name is `<name>` and a list item `<item>`."""
    for name, field in model.model_fields.items():
        path = (*above, name)
        yield path, field
        for step, nested in _nested(field.annotation):
            yield from settings_of(nested, (*path, *step))


def _nested(
    annotation: Any, step: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield step, annotation
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is dict:
        yield from _nested(arguments[1], (*step, "<name>"))
    elif origin is tuple:
        yield from _nested(arguments[0], (*step, "<item>"))
    else:
        for argument in arguments:
            yield from _nested(argument, step)
