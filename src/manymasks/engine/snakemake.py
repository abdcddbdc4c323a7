"""What this project takes from Snakemake beside its documented interface.

Snakemake is pinned because of these: the options of its command line as it parses them itself, the
settings of resources and threads by rule, and its lock folder.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LOCKS = Path(".snakemake/locks")


def given_options(arguments: Sequence[str]) -> dict[str, Any]:
    """Options that this call of Snakemake was given, as it reads them itself.

    Flags may be bundled (`-np`) or come from a profile, so the words alone do not say.
    """
    # Here and not above: other commands do not wait for Snakemake, which has it loaded.
    from snakemake.cli import parse_args

    try:
        # It announces profiles, and has done so once.
        with contextlib.redirect_stderr(io.StringIO()):
            _, options = parse_args(list(arguments))
    except (SystemExit, Exception):
        # Snakemake was called from Python: the words are those of another program.
        return {}
    given = {name: value for name, value in vars(options).items() if value}
    if "report_after_run" in given:
        given.pop("report", None)
    return given


def config_files(workflow: Any) -> list[Path]:
    """The files of `--configfile`, in order."""
    return [Path(path) for path in workflow.overwrite_configfiles]


def share_settings(workflow: Any, stages: Mapping[str, str]) -> None:
    """Give rules what a profile, --set-resources or --set-threads say of their stages.

    Args:
        workflow: Snakemake's.
        stages: the stage of each rule, by the rule's name.
    """
    settings = workflow.resource_settings
    for by_rule in (settings.overwrite_resources, settings.overwrite_threads):
        by_rule.update({rule: by_rule[stage] for rule, stage in stages.items() if stage in by_rule})


def is_locked() -> bool:
    """Whether a run of Snakemake is at work in this folder, or was killed at work."""
    return LOCKS.is_dir() and any(LOCKS.iterdir())
