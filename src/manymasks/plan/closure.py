"""The code of a stage: its import closure inside the package, without comments and docstrings.

Snakemake does not track the code of a package, and a commit id tracks too much. So every module
that a stage can reach by import statements is hashed by its syntax tree without docstrings, which
no comment, blank line or formatter changes. The tree is written out field by field, without empty
fields, because `ast.dump` differs between versions of Python. A string "module:function", the
target of a lazy import, counts as an import of that module below the package, and "folder:*" as
imports of all its modules.

Modules that plan, store and read settings are left out, and those that write or download files:
settings and inputs are in the key by value. So no logic that shapes a result may live in them.
"""

import ast
import functools
import hashlib
import re
from pathlib import Path
from typing import Any

PACKAGE = "manymasks"
SOURCE = Path(__file__).resolve().parent.parent
MACHINERY = tuple(
    f"{PACKAGE}.{name}."
    for name in ("config", "plan", "store", "disk", "downloads", "errors", "cli")
)
DATA_SUFFIXES = {".sql", ".j2", ".css", ".js", ".h", ".cpp"}
COMMENTS = {".sql": "--", ".js": "//", ".h": "//", ".cpp": "//"}
LAZY_TARGET = re.compile(r"[\w.]+:(\w+|\*)")
WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_of(stage: str, source: Path = SOURCE) -> dict[str, str]:
    """Digests of all modules and data files that make up the code of a stage. `stage`: name of the
    stage, whose closure starts at `stages/<stage>.py`. `source`: folder of the package. Returns
    `{"manymasks.stages.training": sha256, ..., "manymasks/database/views.sql": sha256}`"""
    digests: dict[str, str] = {}
    folders: set[Path] = set()
    waiting = [f"{PACKAGE}.stages.{stage}"]
    while waiting:
        name = waiting.pop()
        if name in digests or name == PACKAGE or f"{name}.".startswith(MACHINERY):
            continue
        if name.endswith(".*"):
            waiting += _modules_in(name.removesuffix(".*"), source)
        file = _file_of(name, source)
        if file is None:
            continue
        state = file.stat()
        digests[name], imports = _read_module(file, name, state.st_size, state.st_mtime_ns)
        waiting += imports
        waiting.append(name.rpartition(".")[0])
        if file.parent in folders:
            continue
        folders.add(file.parent)
        for data in _data_files(file.parent):
            state = data.stat()
            relative = data.relative_to(source.parent).as_posix()
            digests[relative] = _read_data(data, state.st_size, state.st_mtime_ns)
    return dict(sorted(digests.items()))


def _modules_in(package: str, source: Path) -> list[str]:
    files = source.joinpath(*package.split(".")[1:]).glob("*.py")
    return [f"{package}.{file.stem}" for file in files if file.name != "__init__.py"]


def _file_of(name: str, source: Path) -> Path | None:
    path = source.joinpath(*name.split(".")[1:])
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


@functools.cache
def _read_module(file: Path, name: str, size: int, modified: int) -> tuple[str, list[str]]:
    """Digest and imports; size and time are in the cache's key, so an edited file is read again."""
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    written: list[str] = []
    statements: list[ast.Import | ast.ImportFrom | str] = []
    _write(tree, written, statements)
    imports: list[str] = []
    for node in statements:
        if isinstance(node, str):
            module, _, name_inside = node.partition(":")
            imports.append(f"{PACKAGE}.{module}" + (".*" if name_inside == "*" else ""))
        elif isinstance(node, ast.Import):
            imports += [alias.name for alias in node.names]
        else:
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            # `from package import name` may import a module or a value: try both.
            imports += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return (
        hashlib.sha256("\n".join(written).encode()).hexdigest(),
        [item for item in imports if item.split(".")[0] == PACKAGE],
    )


def _write(node: ast.AST, out: list[str], imports: list[ast.Import | ast.ImportFrom | str]) -> None:
    out.append(f"({type(node).__name__}")
    if isinstance(node, ast.Import | ast.ImportFrom):
        imports.append(node)
    if isinstance(node, ast.Constant) and LAZY_TARGET.fullmatch(str(node.value)):
        imports.append(str(node.value))
    for name in node._fields:
        value: Any = getattr(node, name, None)
        if name == "body" and isinstance(node, WITH_DOCSTRING):
            value = [item for item in value if not _is_text(item)]
        if value is None or value == []:
            continue
        out.append(f".{name}")
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, ast.AST):
                _write(item, out, imports)
            else:
                out.append(repr(item))
    out.append(")")


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a docstring, of a definition or of an attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _data_files(folder: Path) -> list[Path]:
    """Data files of a package, in its folder and in subfolders that are not packages."""
    files = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not (path / "__init__.py").exists():
            files += _data_files(path)
        elif path.suffix in DATA_SUFFIXES:
            files.append(path)
    return files


@functools.cache
def _read_data(path: Path, size: int, modified: int) -> str:
    """Digest of a file without its comments; size and time as in `_read_module`."""
    text = path.read_text(encoding="utf-8")
    comment = COMMENTS.get(path.suffix)
    if comment:
        lines = (line.rstrip() for line in text.splitlines())
        text = "\n".join(line for line in lines if line and not line.lstrip().startswith(comment))
    return hashlib.sha256(text.encode()).hexdigest()
