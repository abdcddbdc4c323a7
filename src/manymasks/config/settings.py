"""The base class of settings, which are strict, frozen, and of two kinds.

*Identity* settings are in the key of an artifact: a change makes a new artifact of all that depends
on them. *Operational* settings, marked with `operational()`, change how the work is done and not
its result, and are in no key.
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Repository = Annotated[str, Field(pattern=r"^[^/\s]+/[^/\s]+$")]
Share = Annotated[float, Field(gt=0, lt=1)]


def _check_rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if list(values) != sorted(set(values)):
        raise ValueError(f"must rise, found [{', '.join(f'{value:g}' for value in values)}]")
    return values


def _check_distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        twice = next(value for value in values if values.count(value) > 1)
        raise ValueError(f"has {twice} more than once")
    return values


RISING, DISTINCT = AfterValidator(_check_rising), AfterValidator(_check_distinct)


class Settings(BaseModel):
    """Frozen settings; a name that is not a setting is an error."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        # Building all of them would slow down every job, which reads only a few.
        defer_build=True,
    )


def operational(default: Any, **constraints: Any) -> Any:
    """A field for how the work is done, which is in no key."""
    return Field(default, json_schema_extra={"operational": True}, **constraints)


def identity(settings: BaseModel) -> dict[str, Any]:
    """Identity settings with their defaults, as JSON values."""
    values: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("operational"):
            continue
        values[name] = _plain(getattr(settings, name))
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return identity(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
