"""What a process that makes artifacts starts with.

Apart from `stages.run`, and with nothing else of the package, because a process that is started
again pays a second time for whatever it has imported by then.
"""

import os
import sys

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


def start_process_well() -> None:
    """Start this program again with the environment that numerical work needs, once.

    In the process that stays, pandas counts as absent: no job uses it, and pyarrow would import
    it, a quarter of a second, to ask whether what it is given is a Series.
    """
    if all(os.environ.get(name) == value for name, value in ENVIRONMENT.items()):
        sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
        return
    os.environ.update(ENVIRONMENT)
    os.execv(sys.executable, [sys.executable, "-m", "manymasks", *sys.argv[1:]])
