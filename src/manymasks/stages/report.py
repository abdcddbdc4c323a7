"""report: the page and its picture, from the database alone."""

from typing import Any

from manymasks.report.figures import save_png
from manymasks.report.page import write_page
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write report.html and headline.png."""
    database = job.input("database").file("manymasks.duckdb")
    write_page(database, dict(job.settings["study"]), job.folder / "report.html")
    save_png(database, job.folder / "headline.png")
    return {"bytes": (job.folder / "report.html").stat().st_size}
