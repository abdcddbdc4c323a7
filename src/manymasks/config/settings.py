"""What settings are made of: strict, frozen, and of two kinds.

*Identity* settings are part of an artifact's key: change one and what depends on it is made
anew. *Operational* settings (marked with `operational()`) say how the work is done, not what
comes out, and are in no key.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Share = Annotated[float, Field(gt=0, lt=1)]


class Settings(BaseModel):
    """Frozen, and strict about names: a key that is not a setting is an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        # A job reads a few of them, and there are many jobs.
        defer_build=True,
    )


def operational(default: Any, **constraints: Any) -> Any:
    """A field that says how the work is done and is left out of every key."""
    return Field(default, json_schema_extra={"operational": True}, **constraints)


def identity(settings: BaseModel) -> dict[str, Any]:
    """Settings that belong in a key, defaults filled in, as plain JSON values."""
    kept: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("operational"):
            continue
        kept[name] = _plain(getattr(settings, name))
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return identity(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
