"""The package as syntax trees: which modules there are and which of them they import."""

import ast
import functools
from pathlib import Path

PACKAGE = "manymasks"
FOLDER = Path(__file__).resolve().parents[1] / "src" / PACKAGE


@functools.cache
def modules() -> dict[str, ast.Module]:
    """Syntax trees by the name of the module inside the package: `config.study`."""
    trees = {}
    for path in sorted(FOLDER.rglob("*.py")):
        parts = path.relative_to(FOLDER).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        trees[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return trees


def imports(name: str) -> set[str]:
    """Modules of the package that a module imports anywhere in its text."""
    imported = set()
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}: relative import in line {node.lineno}"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = inner.removeprefix(f"{PACKAGE}.") in modules()
                imported.add(inner if is_module else str(node.module))
    return {target.partition(".")[2] for target in imported if target.startswith(f"{PACKAGE}.")}
