"""report: the page and its pictures, from the database alone."""

from typing import Any

from manymasks.report import figures, known, probes, sets
from manymasks.report.drawing import save_picture
from manymasks.report.page import write_page
from manymasks.store.job import Job

PICTURES = (
    ("headline.png", figures.PARTS, (5.75, 4.1)),
    ("sets.png", sets.PARTS, (6.75, 4.2)),
    ("probes.png", probes.PARTS, (7.25, 4.6)),
    ("known.png", known.PARTS, (6.6, 4.3)),
)
"""Their parts, and the inches of each."""


def make(job: Job) -> dict[str, Any]:
    """Write report.html, headline.png and, with data, sets.png, probes.png and known.png."""
    database = job.input("database").file("manymasks.duckdb")
    write_page(database, dict(job.settings["study"]), job.folder / "report.html")
    for name, parts, inches in PICTURES:
        # A study without any loss has a headline too, an empty one.
        is_needed = name == "headline.png"
        save_picture(database, job.folder / name, parts, inches, is_needed=is_needed)
    return {"bytes": (job.folder / "report.html").stat().st_size}
