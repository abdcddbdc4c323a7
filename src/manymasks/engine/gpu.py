"""A lease on a GPU: the jobs of one machine share its devices evenly.

Snakemake counts GPUs but assigns none. Here a job takes one of a few slots on a device, an
advisory lock that ends with its process, and sees only that device. Without a GPU nothing happens.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from manymasks.catalogue import STAGES
from manymasks.config.study import Hardware
from manymasks.disk.lock import try_lock


def devices() -> list[str]:
    """Devices that this process may use: CUDA_VISIBLE_DEVICES, or all that the driver lists."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    listed = subprocess.run(
        [program, "--query-gpu=uuid", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.split() if listed.returncode == 0 else []


@contextlib.contextmanager
def gpu_lease(stage: str, hardware: Hardware, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a slot on a device during the block; CUDA must not be in use yet."""
    available = devices() if STAGES[stage].uses_models and hardware.device != "cpu" else []
    if not available:
        yield
        return
    folder = Path(tempfile.gettempdir()) / f"manymasks-gpu-{os.getuid()}"
    is_waiting = False
    while True:
        # The first slot of every device, then the second: jobs spread before they share.
        for slot in range(hardware.members_per_gpu):
            for device in available:
                lock = try_lock(folder / f"{device.replace('/', '-')}-{slot}")
                if lock is not None:
                    with lock:
                        os.environ["CUDA_VISIBLE_DEVICES"] = device
                        yield
                    return
        if not is_waiting:
            say(f"waiting for a GPU ({len(available)} GPUs, {hardware.members_per_gpu} jobs each)")
            is_waiting = True
        time.sleep(0.5)
