"""Snakemake's executor plugin of Kubernetes, for pods that share a volume.

`snakemake-executor-plugin-kubernetes` moves declared outputs through an object store. An artifact
is a folder of which only the manifest is declared, so its jobs need one results folder, as on a
cluster with a shared file system. Here the same pods are made, and their jobs start in the folder
of the run, on a volume that every pod mounts at the same path. Snakemake imports this module at
every start.
"""

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings, ExecutorSettingsBase

MISSING = (
    "Kubernetes: snakemake-executor-plugin-kubernetes is not installed. Type\n"
    "  pip install -c envs/constraints.txt -e '.[kubernetes]'"
)

if TYPE_CHECKING:
    PodExecutor: Any
else:
    try:
        from snakemake_executor_plugin_kubernetes import Executor as PodExecutor
        from snakemake_executor_plugin_kubernetes import ExecutorSettings
    except ModuleNotFoundError:

        @dataclass
        class ExecutorSettings(ExecutorSettingsBase):
            """The settings of the profile, so that it is read before the message is printed."""

            persistent_volumes: list[str] = field(
                default_factory=list, metadata={"help": MISSING, "nargs": "+"}
            )

        class PodExecutor(RemoteExecutor):
            """Refuses to start."""

            def __post_init__(self) -> None:
                raise WorkflowError(MISSING)

            def run_job(self, job: Any) -> None:
                raise WorkflowError(MISSING)

            async def check_active_jobs(self, active_jobs: Any) -> Any:
                for job in active_jobs:
                    yield job

            def cancel_jobs(self, active_jobs: Any) -> None:
                pass


common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=False,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)


class Executor(PodExecutor):  # type: ignore[misc]
    """Jobs as pods, in the folder of the run."""

    def get_job_exec_prefix(self, job: Any) -> str:
        """Shell command before that of a job: the folder on the volume, in place of the pod's."""
        return f"cd {shlex.quote(str(Path.cwd()))}"
