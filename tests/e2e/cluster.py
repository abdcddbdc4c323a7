"""A SLURM cluster of two nodes on this machine, on the loopback address, without accounting.

Its daemons, configuration and munge socket are its own, so a SLURM that the machine belongs to is
not touched. It needs root and Debian's `slurm-wlm` and `munge`.
"""

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "munged", "mungekey")
NODES = ("n1", "n2")
SECONDS = 40
SIGNAL_OF_PARENT = 1
"""PR_SET_PDEATHSIG of Linux: no daemon outlives the tests, however they end."""

CONFIGURATION = """\
ClusterName=here
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SlurmdTimeout=10
MinJobAge=300
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=9000 Gres=gpu:1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=9000
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""
GPU = "NodeName=n1 Name=gpu File=/dev/null\n"
"""A GPU in name: a job that asks for one gets this node."""


def missing() -> str | None:
    """Why there can be no cluster here; None if there can."""
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        return "no snakemake-executor-plugin-slurm"
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if absent:
        return f"no {', '.join(absent)}: apt-get install slurm-wlm munge"
    try:
        socket.gethostbyname(socket.gethostname())
    except OSError:
        return "the name of this host has no address"
    return None


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(SIGNAL_OF_PARENT, signal.SIGTERM)


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])


@dataclass
class Cluster:
    """Its daemons, by name."""

    folder: Path
    daemons: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.folder / "bin"), os.environ.get("PATH", "")])
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def start(self) -> None:
        for name in ("state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir()
        ports = free_ports(1 + len(NODES))
        text = CONFIGURATION.format(folder=self.folder, ports=ports, host=socket.gethostname())
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "gres.conf").write_text(GPU)
        # The plugin takes all variables of SLURM from the environment of a job.
        wrapped = self.folder / "bin" / "srun"
        wrapped.parent.mkdir()
        conf = self.environment["SLURM_CONF"]
        wrapped.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n')
        wrapped.chmod(0o755)
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o600)
        munge = self.folder / "munge"
        # munged refuses a folder that others may write to, as those above pytest's may be.
        self._daemon(
            "munged", "--foreground", "--force", f"--socket={munge}.socket",
            f"--key-file={munge}.key", f"--log-file={munge}.log", f"--pid-file={munge}.pid",
            f"--seed-file={munge}.seed",
        )  # fmt: skip
        self._wait_for(Path(f"{munge}.socket").exists)
        self._daemon("slurmctld", "-D")
        for node in NODES:
            self.start_node(node)
        self._wait_for(lambda: self.ask("sinfo", "-h", "-N", "-o", "%T") == "idle\nidle")

    def start_node(self, name: str) -> None:
        self._daemon("slurmd", "-D", "-N", name, name=name)

    def cut(self, node: str) -> None:
        """As if the power of a node were cut: its daemon and all that it started."""
        children = _tree(self.daemons[node].pid) + [
            process
            for job in self.ask("squeue", "-h", "-w", node, "-o", "%A").split()
            for step in _processes(f"slurmstepd: [{job}.")
            for process in _tree(step)
        ]
        for process in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.daemons.pop(node).wait()

    def ask(self, *command: str) -> str:
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True
        )
        return done.stdout.strip()

    def stop(self) -> None:
        self.ask("scancel", "--state=PENDING,RUNNING")
        for daemon in reversed(self.daemons.values()):
            daemon.terminate()
        for daemon in self.daemons.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
            daemon.kill()

    def _daemon(self, program: str, *arguments: str, name: str = "") -> None:
        path = shutil.which(program, path=_path())
        assert path is not None
        with (self.folder / f"{name or program}.out").open("wb") as log:
            self.daemons[name or program] = subprocess.Popen(
                [path, *arguments],
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    def _wait_for(self, condition) -> None:
        end = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > end:
                logs = "\n".join(p.read_text() for p in sorted(self.folder.glob("*.out")))
                raise TimeoutError(f"SLURM did not start:\n{logs}")
            time.sleep(0.2)


def _processes(title: str) -> list[int]:
    """Processes whose command line begins with a text."""
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().decode(errors="replace").startswith(title):
                processes.append(int(path.parent.name))
    return processes


def _tree(process: int) -> list[int]:
    """A process and all that it started, the youngest first."""
    children = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += [int(word) for word in path.read_text().split()]
    return [one for child in children for one in _tree(child)] + [process]


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    made = Cluster(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()
