"""The embedded corpus: language topics and docstrings that every Python has.

Modules are parsed, never imported. The text differs between patch versions of Python, which
`corpora.versions` gives.
"""

import ast
import hashlib
import os
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

from manymasks.config.corpora import PydocsCorpus
from manymasks.corpora.documents import Raw
from manymasks.corpora.versions import locate
from manymasks.errors import UserError

_TEST = re.compile(r"test_.*|.*_test|conftest")
# Tests, which hold no prose, installed packages, binaries, games and vendored wheels.
_LEFT_OUT = {
    *("test", "tests", "_tests", "idle_test", "__pycache__"),
    *("site-packages", "dist-packages", "lib-dynload", "turtledemo", "ensurepip", "pydoc_data"),
}


def read_pydocs(settings: PydocsCorpus) -> Iterator[Raw]:
    """Topics, then modules of the standard library, then those of each package, in sorted order.

    One document per topic (`topics/assert`) and one per module (`stdlib/json.decoder`): its
    docstrings of at least `min_characters`, separated by blank lines. A docstring that occurs in an
    earlier module is skipped, so no text is in two splits. UserError if topics or a package are
    missing.
    """
    stdlib = Path(sysconfig.get_path("stdlib"))
    for name, text in sorted(_topics(stdlib / "pydoc_data" / "topics.py").items()):
        yield Raw(f"topics/{name}", "python topics", text)
    seen: set[bytes] = set()
    roots = [("stdlib", "python standard library", stdlib, "")]
    roots += [(name, name, locate(name), name) for name in settings.packages]
    for prefix, source, root, package in roots:
        for module, path in _modules(root, package):
            new = []
            for docstring in _docstrings(path):
                digest = hashlib.sha256(docstring.encode(errors="surrogatepass")).digest()
                if len(docstring) >= settings.min_characters and digest not in seen:
                    seen.add(digest)
                    new.append(docstring)
            if new:
                yield Raw(f"{prefix}/{module}", source, "\n\n".join(new) + "\n")


def _topics(path: Path) -> dict[str, str]:
    try:
        tree = ast.parse(path.read_bytes())
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}). This Python was installed without its "
            "documentation topics: install a full one, or use a corpus of another kind (files, "
            "url, hub)."
        ) from error
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            topics: dict[str, str] = ast.literal_eval(node.value)
            return topics
    raise UserError(
        f"{path}: expected one dictionary of topics, found none. This version of Python is not "
        "supported by corpora of kind pydocs."
    )


def _modules(root: Path, package: str) -> list[tuple[str, Path]]:
    """Dotted name and file of every module below a folder, sorted by name."""
    if root.is_file():
        return [(package, root)]
    modules = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name.isidentifier() and name not in _LEFT_OUT]
        parents = Path(folder).relative_to(root).parts
        for file in files:
            stem = file.removesuffix(".py")
            if stem == file or not stem.isidentifier() or _TEST.fullmatch(stem):
                continue
            parts = ((package,) if package else ()) + parents
            parts += () if stem == "__init__" else (stem,)
            modules.append((".".join(parts), Path(folder, file)))
    return sorted(modules)


def _docstrings(path: Path) -> Iterator[str]:
    """Docstrings of a module, its classes and functions, in the order of the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring is not None:
                yield docstring
        # Only statements hold docstrings: skipping expressions halves the time.
        below = [n for n in ast.iter_child_nodes(node) if isinstance(n, _HOLDS_STATEMENTS)]
        waiting.extend(reversed(below))


_HOLDS_STATEMENTS = (ast.stmt, ast.ExceptHandler, ast.match_case)
