"""The environment of a process that runs stages, and the two unusual steps that set it up.

**Restart.** The allocator and OpenMP read their settings when a process starts, so a process that
lacks them replaces itself by a new one that has them. Measured on a machine where fresh memory
pages are expensive: a small model (width 64) trains 5 times faster, 115 instead of 23 thousand
tokens a second, if the allocator keeps the pages it was given.

**Import hook.** pyarrow imports pandas, where it is installed, to ask whether its input is a
Series: 0.25 s of every job, and no stage uses pandas. The hook hides it. statsmodels requires
pandas, so where statsmodels is loaded, pandas is visible.

This module imports nothing else of the package: whatever is imported before the restart is
imported twice.
"""

import os
import sys
from importlib.abc import MetaPathFinder

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
}
# cuBLAS is reproducible only with a fixed workspace.
REPRODUCIBLE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
ENVIRONMENT = {**ALLOCATOR, **ONE_THREAD, **REPRODUCIBLE}


class HidePandas(MetaPathFinder):
    """Import hook that hides pandas unless statsmodels is loaded."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse pandas; leave every other module to the finders after this one."""
        if name == "pandas" and "statsmodels" not in sys.modules:
            raise ModuleNotFoundError("pandas is hidden from jobs", name=name)


def prepare_process() -> None:
    """Restart this program with `ENVIRONMENT`, unless it has it; then hide pandas."""
    if all(os.environ.get(name) == value for name, value in ENVIRONMENT.items()):
        sys.meta_path.insert(0, HidePandas())
        return
    os.environ.update(ENVIRONMENT)
    os.execv(sys.executable, [sys.executable, "-m", "manymasks", *sys.argv[1:]])
