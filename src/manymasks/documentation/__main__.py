"""Write the generated pages: `python -m manymasks.documentation`, in the repository's folder.

A test checks that they are current.
"""

from pathlib import Path

from manymasks.cli import EXIT_STATUSES, argument_parser
from manymasks.disk.atomic import replacing
from manymasks.documentation.coverage_table import intervals_page
from manymasks.documentation.errors_page import errors_page
from manymasks.documentation.reference import (
    commands_page,
    families_page,
    kinds_page,
    processes_page,
    queries_page,
    tables_page,
)
from manymasks.documentation.settings import overlays_page, schema, settings_page
from manymasks.documentation.stages import stages_page

PAGES = {
    "config/README.md": overlays_page,
    "config/schema.json": schema,
    "docs/concepts/intervals.md": intervals_page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/families.md": families_page,
    "docs/reference/processes.md": processes_page,
    "docs/reference/kinds.md": kinds_page,
    "docs/reference/tables.md": tables_page,
    "docs/reference/queries.md": queries_page,
    "docs/reference/commands.md": lambda: commands_page(argument_parser()),
    "docs/reference/errors.md": lambda: errors_page(EXIT_STATUSES),
    "docs/reference/stages.md": stages_page,
}
"""The function that renders each page, by its path in the repository."""


def main() -> None:
    """Write every page."""
    for name, render in PAGES.items():
        with replacing(Path(name)) as path:
            path.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
