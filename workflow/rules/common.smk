"""
The plan of the study, and the functions by which rules read it.

REQUIRED INPUTS
    config/config.yaml, then each --configfile, then --config, later ones over earlier ones

OUTPUTS
    none; when a run starts, results/<stage>/<key>/node.json describes each job
"""

import sys
from pathlib import Path

try:
    from manymasks.catalogue import STAGES
    from manymasks.engine.session import Session
    from manymasks.engine.snakemake import (
        config_files,
        drop_usual_rate_limit,
        given_options,
        group_of,
        job_program,
        run_log,
        runs_jobs_here,
        share_settings,
        submissions,
    )
except ModuleNotFoundError as error:
    if error.name and error.name.startswith("manymasks"):
        sys.exit(
            f"manymasks is not installed in this Python ({sys.executable}).\n"
            "Type: pip install -e .   (in the folder of the Snakefile)"
        )
    raise

OPTIONS = given_options(sys.argv[1:])
STUDY = Session.start(
    files=[Path("config/config.yaml"), *config_files(workflow)],
    overrides=workflow.config_settings.config,
    options=OPTIONS,
    is_main=workflow.is_main_process,
)
# In place of Snakemake's lines on the terminal: `snakemake -p` keeps them.
STUDY.log = run_log(workflow, OPTIONS)

PROGRAM = job_program(workflow)

# Before the first rule, which is when Snakemake reads these settings.
share_settings(workflow, {stack.name: stack.stage for stack in STUDY.stacks()})


def made_from(stage):
    """Input function: the manifests that an artifact of this stage is made from."""
    return lambda wildcards: STUDY.inputs(stage, wildcards.key)


def activity(stage):
    """Params function: what the job does, such as "training pydocs/base/causal i0-o1"."""
    return lambda wildcards: STUDY.activity(stage, wildcards.key)


def priority(stage):
    """Priority function: jobs on a long path to the end of the study go first."""
    return lambda wildcards: STUDY.priority(stage, wildcards.key)
