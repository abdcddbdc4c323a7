"""Write the generated pages: `python -m manymasks.documentation`, in the repository's folder.

A test checks that they are current.
"""

from pathlib import Path

from manymasks.documentation.settings import readme, schema
from manymasks.documentation.stages import stages_page
from manymasks.store.atomic import replacing

PAGES = {
    "config/README.md": readme,
    "config/schema.json": schema,
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
