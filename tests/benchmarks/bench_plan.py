"""python tests/benchmarks/bench_plan.py: what every command does first, the plan of a study.

Processor seconds of fresh processes, imports included. The plan of a study with its states, most of
which is the reading of the package's own code, against the imports that it needs. Then studies of
many members, and what a run of them does before Snakemake's own work: a session with its rules,
and the descriptions of all jobs on the disk.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from timing import interleaved, machine, ratio, spread

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = """
import sys, time
from pathlib import Path
from manymasks.config.loading import load_study
from manymasks.engine.session import Session
from manymasks.plan.lengths import check_lengths
from manymasks.plan.graph import plan_study
from manymasks.plan.states import statuses
from manymasks.store.layout import Layout
files = [Path(name) for name in sys.argv[1:]]
"""
PLAN = """
plan, layout = plan_study(load_study(files), Path()), Layout(Path("results"))
check_lengths(plan, layout, Path())
statuses(plan, layout)
"""
SESSION = """
session = Session.start(files, {}, {"nolock": True}, is_main=True)
session.stacks()
for stage, nodes in session.nodes.items():
    session.pattern(stage)
    for key in nodes:
        session.inputs(stage, key)
        session.activity(stage, key)
"""
RUN = SESSION + "session.begin(is_local=False)\n"
CLOCK = "print(time.process_time())"
STUDY = """\
name: many
primary: []
corpora: {{"*": null, pydocs: {{kind: pydocs}}}}
sizes: {{"*": null, base: {{width: 32, layers: 2, heads: 2}}}}
variants: {{"*": null, causal: {{gradient: causal}}, myopic: {{gradient: myopic}}}}
seeds: {{init: {inits}}}
hardware: {{device: cpu}}
"""
MEMBERS_PER_SEED = 2
"""Members with one pair of seeds."""


def seconds(program: str, studies: Sequence[str], folder: Path = ROOT) -> float:
    """Processor seconds of a fresh process, from its start."""
    done = subprocess.run(
        [sys.executable, "-c", program + CLOCK, "config/config.yaml", *studies],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)


def many(program: str, members: int) -> float:
    """Processor seconds for a new study of many members."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").symlink_to(ROOT / "config")
        inits = list(range(members // MEMBERS_PER_SEED))
        (folder / "many.yaml").write_text(STUDY.format(inits=inits), encoding="utf-8")
        return seconds(program, ["many.yaml"], folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[2])
    parser.add_argument("--study", nargs="*", default=[], help="overlays")
    parser.add_argument("--members", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    print(machine())
    rows = interleaved(
        {
            "imports": lambda: seconds(IMPORTS, options.study),
            "plan": lambda: seconds(IMPORTS + PLAN, options.study),
        },
        options.repeats,
    )
    for name, values in rows.items():
        print(f"{name}: {spread(values, 's')}")
    print(f"plan against imports: {ratio(rows['plan'], rows['imports'])}")
    for members in options.members:
        for name, program in (("plan", PLAN), ("session", SESSION), ("start of a run", RUN)):
            values = [many(IMPORTS + program, members) for _ in range(3)]
            print(f"{members} members, {name}: {spread(values, 's')}")


if __name__ == "__main__":
    main()
