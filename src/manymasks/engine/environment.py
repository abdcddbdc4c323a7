"""What a process that makes artifacts starts with.

Apart from `stages.run`, and with nothing else of the package, because a process that is started
again pays a second time for whatever it has imported by then.
"""

import os
import sys
from importlib.abc import MetaPathFinder

# Where fresh pages are dear, small models train several times faster if the allocator keeps
# them. The settings act only if they are there when the process starts.
ALLOCATOR = {
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
}
# Sums depend on how many threads share them, so a process computes with one. Where a noise floor
# takes two, they must not spin for each other while other jobs need the cores.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
# What cuBLAS needs to repeat its bits.
REPEATABLE = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
ENVIRONMENT = {**ALLOCATOR, **ONE_THREAD, **REPEATABLE}


class NoPandas(MetaPathFinder):
    """To whom pandas is absent, but for statsmodels, which needs it. No job uses it by itself, and
    pyarrow, if it is there, imports it to ask whether what it is given is a Series: a quarter of a
    second of every job."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse pandas, and leave all else to the finders after this one."""
        if name == "pandas" and "statsmodels" not in sys.modules:
            raise ModuleNotFoundError("pandas is not used here", name=name)


def start_process_well() -> None:
    """Start this program again with the environment that numerical work needs, once.

    The process that stays is without pandas where it can be.
    """
    if all(os.environ.get(name) == value for name, value in ENVIRONMENT.items()):
        sys.meta_path.insert(0, NoPandas())
        return
    os.environ.update(ENVIRONMENT)
    os.execv(sys.executable, [sys.executable, "-m", "manymasks", *sys.argv[1:]])
