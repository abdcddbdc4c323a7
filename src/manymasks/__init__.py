"""Train the same language model many times; measure what equal loss hides."""

TYPE_CHECKING = False
"""True to type checkers. `typing` is not imported: Ctrl-C among the imports of a job would print a
traceback until `__main__` has run its first lines."""

if TYPE_CHECKING:
    from manymasks.api import compare as compare
    from manymasks.api import divergences as divergences
    from manymasks.api import load as load
    from manymasks.api import open as open
    from manymasks.api import rashomon_set as rashomon_set

__version__ = "0.1.0"

IN_A_NOTEBOOK = ("compare", "divergences", "load", "open", "rashomon_set")
"""Functions of `manymasks.api`, which is imported when one is used: jobs start without it."""


def __getattr__(name: str) -> object:
    if name not in IN_A_NOTEBOOK:
        raise AttributeError(f"module 'manymasks' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module("manymasks.api"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *IN_A_NOTEBOOK])
