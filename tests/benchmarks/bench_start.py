"""python tests/benchmarks/bench_start.py: what a job costs before it computes.

Processor seconds of `manymasks run training` for a member of one step, client and worker together:
alone, and forked from the server of a run. What the stage itself takes is in both; the job of a
complete artifact shows what is left without it. Linux only: times of workers come from /proc.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from timing import interleaved, machine, ratio, spread

from manymasks.engine.client import ADDRESS
from manymasks.engine.server import start_server

ROOT = Path(__file__).resolve().parents[2]
STUDY = """\
name: start
primary: []
corpora:
  "*": null
  tally: {kind: process, process: tally, documents: 200, select: 0.2, measure: 0.2}
variants: {"*": null, causal: {gradient: causal}}
sizes: {"*": null, base: {width: 32, layers: 2, heads: 2}}
training: {steps: 1, batch: 2, curve_windows: 1}
seeds: {init: [0], order: [0]}
analyses: []
hardware: {device: cpu}
"""
MEMBER = "tally/base/causal/i0-o0"
TICKS = os.sysconf("SC_CLK_TCK")


def command(stage: str, target: str, *words: str) -> list[str]:
    files = ["--configfile", "study.yaml"]
    return [sys.executable, "-m", "manymasks", "run", stage, target, *files, *words]


def seconds(words: Sequence[str], folder: Path, environment: dict[str, str]) -> float:
    """Processor seconds of a process and of what it waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, cwd=folder, env=environment, check=True, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def of_workers(server: int) -> float:
    """Processor seconds of the workers of a server that have ended, in ticks of 10 ms."""
    fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICKS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[2])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--jobs", type=int, default=5, help="in each measurement")
    options = parser.parse_args()
    print(machine())
    alone = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").symlink_to(ROOT / "config")
        (folder / ".snakemake").mkdir()
        (folder / "study.yaml").write_text(STUDY)
        for stage in ("process", "tokenizer", "tokens"):
            seconds(command(stage, "tally"), folder, alone)
        os.chdir(folder)
        os.environ["PYTHONPATH"] = alone["PYTHONPATH"]
        server = start_server(["training"])
        assert server is not None
        served = {**alone, ADDRESS: os.environ[ADDRESS]}

        def job(environment: dict[str, str], *words: str) -> Callable[[], float]:
            def measure() -> float:
                before = of_workers(server.pid)
                target = next(folder.glob("results/training/*/manifest.json"), MEMBER)
                total = sum(
                    seconds(command("training", str(target), *words), folder, environment)
                    for _ in range(options.jobs)
                )
                return (total + of_workers(server.pid) - before) / options.jobs

            return measure

        rows = interleaved(
            {
                "one step, alone": job(alone, "--force"),
                "one step, forked": job(served, "--force"),
                "complete, alone": job(alone),
                "complete, forked": job(served),
            },
            options.repeats,
        )
    for label, values in rows.items():
        print(f"{label}: {spread(values, 's')}")
    for label in ("one step", "complete"):
        print(f"{label}, alone: {ratio(rows[f'{label}, alone'], rows[f'{label}, forked'])} forked")


if __name__ == "__main__":
    main()
