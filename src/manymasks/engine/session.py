"""What the Snakefile asks: the study's plan, which jobs are missing, and what to say.

A rule's keys are those of the artifacts that are missing, so Snakemake sees complete
artifacts as plain files. Where a person asks about all jobs (`--report`, `--dag`) or forces
some (`--forceall`), the rules get every key. Missing members of one shape are grouped into
stacks, each a rule of its own.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from manymasks.catalogue import STAGES
from manymasks.config.loading import load_study
from manymasks.engine.job_file import write_node
from manymasks.engine.snakemake import is_locked
from manymasks.engine.stacks import stacks_of, widths_of
from manymasks.errors import UserError
from manymasks.plan.graph import Plan, plan_study
from manymasks.plan.lengths import check_lengths
from manymasks.plan.node import Node, in_words
from manymasks.plan.states import missing
from manymasks.store.atomic import link, write_json
from manymasks.store.layout import Layout
from manymasks.store.lock import holder, try_lock

RESULTS = Path("results")
RUN_LOCK = Path(".snakemake/manymasks.lock")
STACKS = Path(".snakemake/manymasks.stacks.json")
STALE = (
    "An earlier run was killed and left Snakemake's lock behind; no run is alive. Type\n"
    "  snakemake --unlock\n"
    "and then your command again: what was complete stays, and a training that was "
    "interrupted goes on from its last saved state."
)
REPORTING = ("report", "report_after_run")
LOOKS_ONLY = (
    "report", "dag", "rulegraph", "filegraph", "d3dag", "summary", "detailed_summary", "lint",
    "list_rules", "list_target_rules",
)  # fmt: skip
ALL_JOBS = (
    *LOOKS_ONLY, "report_after_run", "forceall", "forcerun", "force", "delete_all_output",
)  # fmt: skip
WRITES_NOTHING = (*LOOKS_ONLY, "dryrun")
NO_LOCK = (*WRITES_NOTHING, "unlock", "nolock")
STACKED_MB = 250
"""Memory that a job asks for beside that of its stage, for each member of a stack."""
REPORTED = (("report.html", "page"), ("headline.png", "picture"))


@dataclass(frozen=True)
class Stack:
    """Members that one job makes."""

    name: str
    stage: str
    keys: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    logs: tuple[str, ...]
    activity: str
    mem_mb: int


@dataclass
class Session:
    """One call of Snakemake."""

    plan: Plan
    layout: Layout
    wanted: dict[str, dict[str, Node]]
    grouped: dict[str, list[tuple[Node, ...]]]
    shown_in_reports: tuple[tuple[str, str], ...] = ()
    held: list[IO[str]] = field(default_factory=list)

    failed = (
        "\nA job failed. Its message is above, and in results/<stage>/<key>/log.txt. What was "
        "complete stays; mend the cause and type the same command again to go on."
    )

    @classmethod
    def start(
        cls,
        files: Sequence[Path],
        overrides: Mapping[str, Any],
        options: Mapping[str, Any],
        is_main: bool,
    ) -> "Session":
        """Read the configuration and plan; end with a message, not a traceback, on a mistake."""
        given = set(options)
        layout = Layout(RESULTS)
        try:
            plan = plan_study(load_study([_from_here(path) for path in files], overrides), Path())
            check_lengths(plan, layout, Path())
            nodes = plan.nodes if given & set(ALL_JOBS) else missing(plan, layout)
            wanted: dict[str, dict[str, Node]] = {}
            for node in nodes:
                wanted.setdefault(node.stage, {})[node.key] = node
            grouped = None if is_main else _stacks_of_the_run(plan)
            if grouped is None:
                grouped = stacks_of(nodes, widths_of(plan.study.hardware))
            session = cls(plan, layout, wanted, grouped)
            session.check_rules(options)
            if is_main and not given & set(NO_LOCK):
                session.held = _run_lock()
        except UserError as error:
            print(f"\n{error}\n", file=sys.stderr)
            sys.exit(1)
        if given & set(REPORTING):
            session.shown_in_reports = REPORTED
        if is_main and not nodes and not given & set(WRITES_NOTHING):
            session.publish()
        return session

    def targets(self) -> list[str]:
        """What `rule all` asks for."""
        return [str(self.layout.manifest(node.stage, node.key)) for node in self.plan.targets]

    def inputs(self, stage: str, key: str) -> list[str]:
        """Manifests that an artifact is made from."""
        return self._needed([self.wanted[stage][key]])

    def pattern(self, stage: str) -> str:
        """A regular expression of the keys that have a job each; it matches nothing if none do."""
        in_stacks = {node.key for members in self.grouped.get(stage, ()) for node in members}
        return "|".join(key for key in self.wanted.get(stage, ()) if key not in in_stacks) or "none"

    def activity(self, stage: str, keys: Sequence[str]) -> str:
        """What the job of some artifacts does, in words."""
        first, *others = (self.wanted[stage][key] for key in keys)
        more = f" and {len(others)} more" if others else ""
        return STAGES[stage].message.format(label=in_words(first) + more)

    def resources(self, stage: str) -> dict[str, int]:
        """What a job of a stage asks a cluster for."""
        mem_mb = STAGES[stage].mem_mb
        return {} if mem_mb is None else {"mem_mb": mem_mb}

    def stacks(self) -> list[Stack]:
        """Members that are made together, two and more in a job."""
        return [
            self._stack(stage, [node.key for node in members])
            for stage, several in self.grouped.items()
            for members in several
        ]

    def _stack(self, stage: str, keys: Sequence[str]) -> Stack:
        members = [self.wanted[stage][key] for key in keys]
        folders = [self.layout.folder(stage, key) for key in keys]
        return Stack(
            # A name that is the same in every process of the run, and short.
            name=f"{stage}_{len(keys)}_from_{keys[0]}",
            stage=stage,
            keys=tuple(keys),
            inputs=tuple(self._needed(members)),
            outputs=tuple(str(self.layout.manifest(stage, key)) for key in keys),
            logs=tuple(str(folder / "log.txt") for folder in folders),
            activity=self.activity(stage, keys),
            mem_mb=(STAGES[stage].mem_mb or 0) + STACKED_MB * len(keys),
        )

    def check_rules(self, options: Mapping[str, Any]) -> None:
        """Who stops at a stage by its rule must name the rules of its stacks too.

        Raises:
            UserError: with the names.
        """
        for option in ("until", "omit_from"):
            named = set(options.get(option, ()))
            for stage in named & self.grouped.keys():
                stacks = {stack.name for stack in self.stacks() if stack.stage == stage}
                if not stacks <= named:
                    flag = f"--{option.replace('_', '-')}"
                    raise UserError(
                        f"{flag} {stage}: members are made in stacks here, and each stack is a "
                        f"rule. Say\n  {flag} {' '.join(sorted(named | stacks))}\n"
                        "or make each member alone: --config 'hardware={\"stack\": 1}'"
                    )

    def _needed(self, nodes: Sequence[Node]) -> list[str]:
        inputs = (each for node in nodes for each in node.ancestors())
        return list(dict.fromkeys(str(self.layout.manifest(i.stage, i.key)) for i in inputs))

    def begin(self) -> None:
        """Describe every job by value, so that later edits change nothing in this run."""
        keys = {
            stage: [[node.key for node in members] for members in each]
            for stage, each in self.grouped.items()
        }
        write_json(STACKS, keys)
        for nodes in self.wanted.values():
            for node in nodes.values():
                write_node(self.layout, node, self.plan.study.hardware)

    def finish(self) -> None:
        """Point the links at this study's database and report, and say what to do next."""
        self.publish()
        left = len(missing(self.plan, self.layout))
        if left:
            print(f"\nDone so far; {left} artifacts are still to be made.", file=sys.stderr)
            return
        count = len({node.digest for node in self.plan.nodes})
        print(
            f"\nThe study '{self.plan.study.name}' is complete: {count} artifacts.\n"
            f"  report    {self.layout.report}\n"
            f"  database  {self.layout.database}\n"
            "  ask it    manymasks sql --example 1",
            file=sys.stderr,
        )

    def publish(self) -> None:
        """Link the current study's database and report, which may be those of an earlier run."""
        for stage, name, path in (
            ("database", "manymasks.duckdb", self.layout.database),
            ("report", "report.html", self.layout.report),
        ):
            for node in self.plan.targets:
                target = self.layout.folder(node.stage, node.key) / name
                if node.stage == stage and target.exists():
                    link(path, target)


def _stacks_of_the_run(plan: Plan) -> dict[str, list[tuple[Node, ...]]] | None:
    """What the run that started this process grouped, though some is complete by now.

    None where no run has said so, or it was about another plan.
    """
    nodes = {(node.stage, node.key): node for node in plan.nodes}
    try:
        keys = json.loads(STACKS.read_text(encoding="utf-8"))
        return {
            stage: [tuple(nodes[stage, key] for key in members) for members in each]
            for stage, each in keys.items()
        }
    except (OSError, ValueError, KeyError):
        return None


def _from_here(path: Path) -> Path:
    """A path as a person in this folder would write it: Snakemake makes them absolute."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _run_lock() -> list[IO[str]]:
    """Hold the lock of this run, and tell a dead run's Snakemake lock from a live one's.

    Raises:
        UserError: if another run is alive, or Snakemake's lock is there and none is.
    """
    file = try_lock(RUN_LOCK)
    if file is None:
        raise UserError(
            f"Another run is at work here: {holder(RUN_LOCK)}. Wait until it has ended. (A run in "
            "another folder may share these results: each artifact is made once.)"
        )
    if is_locked():
        file.close()
        raise UserError(STALE)
    return [file]


def lock_state() -> str:
    """Whether a run is alive here, or died and left Snakemake's lock; what to type then."""
    # A lock that was never taken is not made by looking at it.
    if RUN_LOCK.exists():
        file = try_lock(RUN_LOCK)
        if file is None:
            return f"Another run is at work here: {holder(RUN_LOCK)}"
        file.close()
    return STALE if is_locked() else "free"
