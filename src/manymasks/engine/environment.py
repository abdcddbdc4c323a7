"""The environment of a process that runs stages, and what else it has from its parent.

The allocator and OpenMP read their settings when a process starts. Measured on a machine where
fresh memory pages are expensive: a small model (width 64) trains 5 times faster, 115 instead of 23
thousand tokens a second, if the allocator keeps the pages it was given.

The server of a run (`engine.server`) is started with these settings, and its workers have them
from it. A job without a server starts once more, before it has imported anything else.

This module and `engine.client` are all that a job imports before that, so they import little.
"""

import os
import resource
import sys
from pathlib import Path
from typing import Any

# Keep freed memory instead of returning it to the system.
ALLOCATOR = {
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}
# The last bits of a sum depend on the number of threads, so a process computes with one. Where
# the noise floor takes two, they do not spin while other jobs need the cores.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    # Arrow starts a thread when it is imported, and a process that forks may have only one.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
# cuBLAS is reproducible only with a fixed workspace.
REPRODUCIBLE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
ENVIRONMENT = {**ALLOCATOR, **ONE_THREAD, **REPRODUCIBLE}


def restart_with_environment() -> None:
    """Start this program again with `ENVIRONMENT`, unless it has it."""
    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):
        os.environ.update(ENVIRONMENT)
        os.execv(sys.executable, [sys.executable, "-m", "manymasks", *sys.argv[1:]])


def inherited() -> dict[str, Any]:
    """Installation, limits and allotment of this process, as JSON values.

    They are the same in the server of a run and in a job that Snakemake starts on the same
    machine. A job in which one differs does not use the server.
    """
    umask = os.umask(0o077)
    os.umask(umask)
    limits = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
    cgroup = Path("/proc/self/cgroup")
    return {
        "python": sys.prefix,
        "package": os.path.realpath(Path(__file__).parent),
        "umask": umask,
        "limits": [[limit, *resource.getrlimit(limit)] for limit in limits],
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "cores": sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else None,
        "cgroup": cgroup.read_text() if cgroup.exists() else None,
    }
