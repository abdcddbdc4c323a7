"""report: the page and its pictures, and the explorer, from the database alone."""

from typing import Any

import duckdb

from manymasks.database.queries import examples
from manymasks.report.explorer_page import Question, write_explorer
from manymasks.report.page import write_page
from manymasks.report.pictures import PICTURES, save_picture
from manymasks.report.study_answers import headline
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write report.html and explorer.html, and those of the `PICTURES` that there is data for."""
    database = job.input("database").file("manymasks.duckdb")
    study = dict(job.settings["study"])
    page = job.folder / "report.html"
    explorer = job.folder / "explorer.html"
    write_page(database, study, page)
    questions = [Question(entry.name, entry.question, entry.sql) for entry in examples()]
    write_explorer(database, study, questions, explorer)
    for picture in PICTURES:
        save_picture(database, job.folder / picture.name, picture)
    with duckdb.connect(str(database), read_only=True) as connection:
        answer = headline(connection)
    return {
        "bytes": page.stat().st_size,
        "explorer_bytes": explorer.stat().st_size,
        "headline": answer,
    }
