"""
The plan, and what the rules ask of it.

REQUIRED INPUTS
    config/config.yaml, then each --configfile, then --config, later ones over earlier ones

OUTPUTS
    none; when jobs start, results/<stage>/<key>/node.json describes each of them
"""

import sys
from pathlib import Path

try:
    from manymasks.stages.workflow import Session
except ModuleNotFoundError as error:
    if error.name and error.name.startswith("manymasks"):
        sys.exit(
            f"manymasks is not installed in this Python ({sys.executable}).\n"
            "Type: pip install -e .   (in the folder of the Snakefile)"
        )
    raise

STUDY = Session.start(
    files=[Path("config/config.yaml"), *map(Path, workflow.overwrite_configfiles)],
    overrides=workflow.config_settings.config,
    arguments=sys.argv[1:],
    is_main=workflow.is_main_process,
)
FAILED = STUDY.failed
begin, finish, targets = STUDY.begin, STUDY.finish, STUDY.targets
stacks = STUDY.stacks


def made_from(stage):
    """The manifests that an artifact of this stage is made from, by its key."""
    return lambda wildcards: STUDY.inputs(stage, wildcards.key)


def keys(stage):
    """What a key may be: those of this stage that are to be made, but for those in stacks."""
    return STUDY.pattern(stage)


# What a profile, --set-resources or --set-threads say of a stage holds for its stacks too.
for stage in ("training", "evaluation"):
    for said in (
        workflow.resource_settings.overwrite_resources,
        workflow.resource_settings.overwrite_threads,
    ):
        if stage in said:
            said.update({stack.name: said[stage] for stack in stacks(stage)})
