"""Which Python and which packages the embedded corpus is read from: cheap, nothing is parsed."""

import importlib.metadata
import importlib.util
import platform
from pathlib import Path

from manymasks.config.corpora import PydocsCorpus
from manymasks.errors import UserError


def versions(settings: PydocsCorpus) -> dict[str, str]:
    """Version of Python and of each package, by name; the text differs between any two.

    Raises UserError where a package is not installed.
    """
    found = {"python": platform.python_version()}
    for package in settings.packages:
        locate(package)
        found[package] = _version(package)
    return found


def locate(package: str) -> Path:
    """The folder (or the single file) of an installed package, without importing it.

    Raises UserError where there is none.
    """
    spec = None
    if package.isidentifier():
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            spec = None
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
        return Path(spec.origin)
    raise UserError(
        f"packages: '{package}' is not an installed package of Python text. Give the name that is "
        "imported (such as numpy), install it, or take it out of packages."
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        distributions = importlib.metadata.packages_distributions().get(package)
    if not distributions:
        raise UserError(
            f"packages: '{package}' is installed without a version, so the text it holds cannot be "
            "named. Install it as a package, or take it out of packages."
        )
    return importlib.metadata.version(sorted(distributions)[0])
