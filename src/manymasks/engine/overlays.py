"""Overlays that cannot be read, refused before Snakemake reads them.

Snakemake reads `--configfile` before any code of a workflow runs, without a limit: aliases that
stand for millions of values would keep it for ever. It imports its plugins still earlier.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

OPTIONS = ("--configfile", "--configfiles")
SNAKEFILE = ("--snakefile", "-s")
DEFAULT = ("Snakefile", "workflow/Snakefile")
RULES = ("workflow/rules/common.smk", "rules/common.smk")


def refuse_unreadable(arguments: Sequence[str]) -> None:
    """Exit with what is wrong with overlays of which nothing can be read; does nothing where the
    command line is not one of Snakemake with a workflow of this project.

    `arguments`: the command line, with the program. Overlays of a profile are not seen.
    """
    program = Path(arguments[0])
    if program.stem != "snakemake" and program.parent.name != "snakemake":
        return
    files = list(_values(arguments[1:], OPTIONS))
    if not files or not _is_ours(next(_values(arguments[1:], SNAKEFILE), None)):
        return
    # Imported here: most starts of Snakemake have no overlay.
    from manymasks.config.yaml_reading import read_yaml

    documents = [read_yaml(Path(file)) for file in files]
    problems = [line for one in documents if not one.values for line in one.problems]
    if problems:
        print("\n" + "\n".join(problems) + "\n", file=sys.stderr)
        sys.exit(1)


def _values(arguments: Sequence[str], options: Sequence[str]) -> Iterator[str]:
    """Values of an option of one or more values, in the forms `--option value` and
    `--option=value`."""
    follows = False
    for argument in arguments:
        if argument.startswith("-"):
            name, is_joined, value = argument.partition("=")
            follows = name in options and not is_joined
            if name in options and is_joined:
                yield value
        elif follows:
            yield argument


def _is_ours(snakefile: str | None) -> bool:
    """Whether a Snakefile, or that of this folder, is one of this project."""
    paths = [Path(snakefile)] if snakefile else [Path(name) for name in DEFAULT]
    for folder in (path.parent for path in paths if path.is_file()):
        for rules in (folder / name for name in RULES):
            try:
                if "from manymasks." in rules.read_text(encoding="utf-8", errors="replace"):
                    return True
            except OSError:
                continue
    return False
