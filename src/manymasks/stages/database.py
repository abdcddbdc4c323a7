"""database: every artifact of the results folder in one DuckDB file."""

from typing import Any

from manymasks.database.load import load
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write manymasks.duckdb; the figures are the rows of each table."""
    rows = load(
        job.layout.results,
        job.settings["labels"],
        job.folder / "manymasks.duckdb",
        primary=job.settings["primary"],
        previous=job.layout.database,
        say=job.say,
    )
    return {"rows": rows}
