"""Snakemake's logger plugin of manymasks: events of a run as lines in plain words.

The Snakefile attaches it, so a run needs no option; `--logger manymasks` attaches it too. Snakemake
imports this module at every start, before it reads overlays: here they are checked first, and
nothing else of manymasks is imported before it is used.
"""

import sys
from logging import WARNING, LogRecord
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

UNSAID = (
    "Assuming unrestricted shared filesystem", "Building DAG of jobs", "Using shell",
    "Provided cores", "Provided remote", "Rules claiming more threads", "Provided resources",
    "Conda environments: ignored", "Singularity containers: ignored", "Group jobs: inactive",
    "Select jobs to execute", "Complete log(s)", "Elapsed time", "Job rate limit reached",
    "Finished jobid", "Removing output files of failed job", "host: ",
    "Cannot restore results/",
    "WorkflowError:\nAt least one job did not complete successfully",
)  # fmt: skip
"""Beginnings of Snakemake's own messages that the lines of a run make superfluous."""
COMMAND_FAILED = ("RuleException:\nCalledProcessError", "returned non-zero exit status")
"""Begin and part of the message for a job whose command has said itself what was wrong."""


class LogHandler(LogHandlerBase):
    """Passes Snakemake's events on to the log of the run."""

    def __post_init__(self) -> None:
        from manymasks.engine.run_log import RunLog

        self.run = RunLog(sys.stderr, nocolor=bool(self.common_settings.nocolor))

    def emit(self, record: LogRecord) -> None:
        """Show what an event of Snakemake means; a failure to do so never ends a run."""
        try:
            self._show(record)
        except Exception:
            self.handleError(record)

    def _show(self, record: LogRecord) -> None:
        event: Any = getattr(record, "event", None)
        fields: Any = record
        if event == LogEvent.JOB_INFO:
            title = fields.rule_msg or f"rule {fields.rule_name}"
            self.run.begin(fields.jobid, title, _paths(fields.output), fields.log)
        elif event == LogEvent.JOB_FINISHED:
            self.run.end(fields.job_id)
        elif event == LogEvent.JOB_ERROR:
            self.run.fail(fields.jobid, fields.rule_name, _paths(fields.output), fields.log)
        elif event == LogEvent.GROUP_ERROR:
            for job in fields.job_error_info:
                outputs = _paths(job["output"])
                # Others of the group may have finished.
                if not all(Path(output).exists() for output in outputs):
                    self.run.fail(job["jobid"], job["rule_name"], outputs, job["log"])
        elif event == LogEvent.PROGRESS:
            self.run.done, self.run.total = fields.done, fields.total
        elif event == LogEvent.RUN_INFO:
            self.run.total = int((getattr(record, "stats", None) or {}).get("total", 0))
        elif record.levelno >= WARNING or event in (None, LogEvent.ERROR):
            text = str(record.msg or "").strip()
            begin, part = COMMAND_FAILED
            has_said = text.startswith(begin) and part in text
            if text and not text.startswith(UNSAID) and not has_said:
                self.run.say(text)

    def close(self) -> None:
        """Take the live line away."""
        self.run.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        return True

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return True

    @property
    def has_formatter(self) -> bool:
        return True

    @property
    def needs_rulegraph(self) -> bool:
        return False


def _paths(outputs: list[str]) -> list[str]:
    """Paths without the notes that Snakemake adds, such as ` (update)`."""
    return [output.partition(" (")[0] for output in outputs]


def _say_interrupt(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """In place of a traceback: Ctrl-C before Snakemake heeds it, while it plans."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    from manymasks.engine.interrupts import INTERRUPTED

    print(INTERRUPTED, end="", file=sys.stderr)


def _refuse_unreadable_overlays() -> None:
    try:
        from manymasks.engine.overlays import refuse_unreadable
    except ModuleNotFoundError:
        # The Snakefile names the command that installs what is missing.
        return
    refuse_unreadable(sys.argv)


sys.excepthook = _say_interrupt
if any(argument.startswith("--configfile") for argument in sys.argv):
    _refuse_unreadable_overlays()
