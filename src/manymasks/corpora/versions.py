"""Versions of Python and of the packages that the embedded corpus is read from."""

import importlib.metadata
import importlib.util
import platform
from pathlib import Path

from manymasks.config.corpora import PydocsCorpus
from manymasks.errors import UserError


def versions(settings: PydocsCorpus) -> dict[str, str]:
    """Version of Python and of each package, by name; the text differs between versions. Raises
    UserError if a package is not installed."""
    by_name = {"python": platform.python_version()}
    for package in settings.packages:
        locate(package)
        by_name[package] = _version(package)
    return by_name


def locate(package: str) -> Path:
    """The folder (or the single file) of an installed package, without importing it. Raises
    UserError if there is none."""
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
        f"packages: '{package}' is not an installed package with Python source. Give the import "
        "name (such as numpy), install it, or remove it from packages."
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        distributions = importlib.metadata.packages_distributions().get(package)
    if not distributions:
        raise UserError(
            f"packages: '{package}' is installed without a version, so its text cannot be "
            "identified. Install it as a package, or remove it from packages."
        )
    return importlib.metadata.version(sorted(distributions)[0])
