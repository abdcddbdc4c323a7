"""JSON files that carry a digest of themselves, so that a flipped bit or an edit is noticed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manymasks.disk.atomic import write_json

SEAL = "content_sha256"


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """Write an object as JSON with its seal, atomically."""
    write_json(path, sealed(values))


def sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """An object of JSON values with its seal."""
    # As a reader will have them: keys are text, tuples are lists.
    plain = json.loads(json.dumps(values))
    return {**plain, SEAL: seal_of(plain)}


def read_sealed(path: Path) -> dict[str, Any]:
    """An object written by `write_sealed`. Raises OSError if the file cannot be read, and
    ValueError with the reason if it is not as it was written."""
    values = read_object(path)
    check_seal(values)
    return values


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object, sealed or not. Raises OSError, or ValueError with the reason."""
    text = path.read_text(encoding="utf-8")
    try:
        values = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError(f"it holds {_kind(values)} in place of an object")
    return values


def check_seal(values: dict[str, Any]) -> None:
    """Take the seal out of an object. Raises ValueError if the object does not fit it."""
    seal = values.pop(SEAL, None)
    if seal is None:
        raise ValueError(f"it lacks {SEAL}, the digest of its content")
    if seal != seal_of(values):
        raise ValueError(f"its content differs from {SEAL}: it was damaged or edited")


def seal_of(values: Mapping[str, Any]) -> str:
    """SHA-256 of an object of JSON values, whatever the order of its keys."""
    try:
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _kind(value: Any) -> str:
    names = {list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
