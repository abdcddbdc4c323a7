"""report: the page and its pictures, from the database alone."""

from typing import Any

from manymasks.report.figures import save_png
from manymasks.report.known import save_known_png
from manymasks.report.page import write_page
from manymasks.report.probes import save_probes_png
from manymasks.report.sets import save_sets_png
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write report.html, headline.png and, with data, sets.png, probes.png and known.png."""
    database = job.input("database").file("manymasks.duckdb")
    write_page(database, dict(job.settings["study"]), job.folder / "report.html")
    save_png(database, job.folder / "headline.png")
    save_sets_png(database, job.folder / "sets.png")
    save_probes_png(database, job.folder / "probes.png")
    save_known_png(database, job.folder / "known.png")
    return {"bytes": (job.folder / "report.html").stat().st_size}
