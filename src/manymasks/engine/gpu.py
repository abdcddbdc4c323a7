"""A lease on a GPU, so that the jobs of one machine share its devices fairly.

Snakemake counts GPUs but hands none out. Here a job takes one of a few places on a device,
an advisory lock that dies with it, and sees that device alone. Without a GPU nothing happens.
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
from manymasks.store.lock import try_lock


def devices() -> list[str]:
    """The devices this process may use: CUDA_VISIBLE_DEVICES, or all that the driver lists."""
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
def leased(stage: str, hardware: Hardware, say: Callable[[str], None]) -> Iterator[None]:
    """Hold a place on a device while the block runs; torch must not have been imported yet."""
    found = devices() if STAGES[stage].uses_models and hardware.device != "cpu" else []
    if not found:
        yield
        return
    folder = Path(tempfile.gettempdir()) / f"manymasks-gpu-{os.getuid()}"
    told = False
    while True:
        # Place by place over all devices, so that jobs spread before they share.
        for place in range(hardware.members_per_gpu):
            for device in found:
                file = try_lock(folder / f"{device.replace('/', '-')}-{place}")
                if file is not None:
                    with file:
                        os.environ["CUDA_VISIBLE_DEVICES"] = device
                        yield
                    return
        if not told:
            say(f"waiting for one of {hardware.members_per_gpu} places on {len(found)} GPUs")
            told = True
        time.sleep(0.5)
