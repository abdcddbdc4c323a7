"""The private parts of Snakemake that this project uses; its version is pinned for them.

These are its command-line parser, the resources and threads that are set by rule, its jobs and
their groups, the rate limit of its scheduler, its lock folder, and the handlers of its log.
"""

import contextlib
import io
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from manymasks.engine.run_log import RunLog

LOCKS = Path(".snakemake/locks")
STREAM_HANDLER = "DefaultStreamHandler"
"""Name of the handler by which Snakemake writes to the terminal."""
USUAL_RATE = (100, 1)
"""Jobs and seconds of `--max-jobs-per-timespan` where it is not given."""
OUTPUT_OPTIONS = (
    "logger", "printshellcmds", "verbose", "debug_dag", "quiet", "show_failed_logs", "dryrun",
    "touch", "unlock",
)  # fmt: skip
"""Options that ask for Snakemake's own messages, in full or in part."""


def given_options(arguments: Sequence[str]) -> dict[str, Any]:
    """Options that this call of Snakemake was given, read by its own parser.

    Flags may be bundled (`-np`) or come from a profile, so the arguments alone do not tell.
    """
    # Imported here: Snakemake has it loaded, and other commands do not wait for it.
    from snakemake.cli import parse_args

    try:
        # The parser announces profiles, which it has done before.
        with contextlib.redirect_stderr(io.StringIO()):
            _, options = parse_args(list(arguments))
    except (SystemExit, Exception):
        # Snakemake was called from Python: the arguments belong to another program.
        return {}
    given = {name: value for name, value in vars(options).items() if value}
    if "report_after_run" in given:
        given.pop("report", None)
    return given


def config_files(workflow: Any) -> list[Path]:
    """The files of `--configfile`, in order."""
    return [Path(path) for path in workflow.overwrite_configfiles]


def runs_jobs_here(workflow: Any) -> bool:
    """Whether jobs run as processes of this machine, and are not sent elsewhere or only touched."""
    return bool(workflow.executor_plugin.name == "local")


def drop_usual_rate_limit(workflow: Any) -> None:
    """Take away Snakemake's usual limit of jobs in a second, which no study comes near; one that a
    person set stays. With a limit, every look of the scheduler at its jobs arranges for another
    one, in addition to those after finished jobs: after hundreds of jobs it looks hundreds of times
    in a second, and takes a good part of a core."""
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit is not None and (limit.max_jobs, limit.timespan) == USUAL_RATE:
        workflow.scheduler.job_rate_limiter = None


def group_of(options: Mapping[str, Any], stage: str) -> str | None:
    """The group that a profile or an option gives the stacks of a stage. A stack of trainings fills
    what it runs on and travels alone."""
    return None if stage == "training" else (options.get("groups") or {}).get(stage)


def submissions(workflow: Any) -> int | None:
    """How often a cluster is asked for the jobs of this run, of which those of a group travel
    together; None where jobs run on this machine."""
    if runs_jobs_here(workflow):
        return None
    dag = workflow.dag
    # The rule `all` has inputs and nothing to run.
    jobs = [job for job in dag.needrun_jobs() if job.output]
    return len({dag.get_job_group(job) or job for job in jobs})


def job_program(workflow: Any) -> str:
    """The program of jobs: this interpreter with its packages, whatever PATH has. Where Snakemake
    deploys an environment or a container for jobs, the program is in there."""
    if workflow.deployment_settings.deployment_method:
        return "manymasks"
    return f"{shlex.quote(sys.executable)} -m manymasks"


def run_log(workflow: Any, options: Mapping[str, Any]) -> "RunLog | None":
    """The log of this run, in place of Snakemake's lines on the terminal; None where these stay.
    `--logger manymasks` asks for it, any other of `OUTPUT_OPTIONS` for Snakemake's lines.

    `options`: options that Snakemake was given; none if it was called from Python.
    """
    if not workflow.is_main_process or not options:
        return None
    # Imported here: commands that look at Snakemake's lock do not need its logger.
    from snakemake_logger_plugin_manymasks import LogHandler

    manager = workflow.logger_manager
    for handler in manager.plugin_handlers:
        if isinstance(handler, LogHandler):
            return handler.run
    if set(options) & set(OUTPUT_OPTIONS):
        return None
    log = manager.logger
    for handler in [one for one in log.handlers if one.name == STREAM_HANDLER]:
        added = LogHandler(common_settings=manager.settings, settings=None)
        log.removeHandler(handler)
        log.addHandler(added)
        return added.run
    return None


def share_settings(workflow: Any, stages: Mapping[str, str]) -> None:
    """Give rules the resources and threads that a profile or an option sets for their stages.

    `workflow`: Snakemake's workflow object. `stages`: the stage of each rule, by the rule's name.
    """
    settings = workflow.resource_settings
    for by_rule in (settings.overwrite_resources, settings.overwrite_threads):
        by_rule.update({rule: by_rule[stage] for rule, stage in stages.items() if stage in by_rule})


def is_locked() -> bool:
    """Whether a run of Snakemake is active in this folder, or was killed."""
    return LOCKS.is_dir() and any(LOCKS.iterdir())
