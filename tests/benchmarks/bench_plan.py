"""python tests/benchmarks/bench_plan.py: what stands before every command, the plan of a study.

Processor seconds in fresh processes, in one run: the plan with its states, whose price is nearly
all the reading of the package's own code, against the imports that it cannot do without.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from timing import interleaved, machine, ratio, spread

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = """
import sys, time
from pathlib import Path
from manymasks.config.loading import load_study
from manymasks.plan.lengths import check_lengths
from manymasks.plan.graph import plan_study
from manymasks.plan.states import statuses
from manymasks.store.layout import Layout
"""
PLAN = """
plan, layout = plan_study(load_study([Path(sys.argv[1])]), Path()), Layout(Path("results"))
check_lengths(plan, layout, Path())
statuses(plan, layout)
"""
CLOCK = "print(time.process_time())"


def seconds(program: str, study: str) -> float:
    """Processor seconds of a fresh process, from its start."""
    command = [sys.executable, "-c", program + CLOCK, study]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[2])
    parser.add_argument("--study", default="config/config.yaml")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    print(machine())
    found = interleaved(
        {
            "imports": lambda: seconds(IMPORTS, options.study),
            "plan": lambda: seconds(IMPORTS + PLAN, options.study),
        },
        options.repeats,
    )
    for name, values in found.items():
        print(f"{name}: {spread(values, 's')}")
    print(f"plan against imports: {ratio(found['plan'], found['imports'])}")


if __name__ == "__main__":
    main()
