"""report: the page and its pictures, from the database alone."""

from typing import Any

from manymasks.report.page import write_page
from manymasks.report.pictures import PICTURES, save_picture
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write report.html, and those of the `PICTURES` that there is data for."""
    database = job.input("database").file("manymasks.duckdb")
    page = job.folder / "report.html"
    write_page(database, dict(job.settings["study"]), page)
    for picture in PICTURES:
        save_picture(database, job.folder / picture.name, picture)
    return {"bytes": page.stat().st_size}
