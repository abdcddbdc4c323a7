"""What the Snakefile asks for: the plan of the study, its missing artifacts, and messages.

Rules get the keys of the missing artifacts only, so complete artifacts are plain files to
Snakemake. Where a person inspects all jobs (`--report`, `--dag`) or forces some (`--forceall`),
rules get every key. Missing members of one shape are grouped into stacks, each a rule.
"""

import functools
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NoReturn

from manymasks.catalogue import STAGES
from manymasks.config.effects import warnings
from manymasks.config.loading import load_study
from manymasks.disk.atomic import link, write_json
from manymasks.disk.lock import holder, try_lock
from manymasks.engine.endings import FAILED, Signals, machine_fault
from manymasks.engine.job_file import write_node
from manymasks.engine.progress import FOLLOWED, span
from manymasks.engine.run_log import RunLog
from manymasks.engine.run_text import headline, plan_text
from manymasks.engine.server import start_server
from manymasks.engine.snakemake import is_locked
from manymasks.engine.stacks import stacks_of, widths_of
from manymasks.errors import UserError
from manymasks.plan.forecast import Forecast, forecast
from manymasks.plan.graph import Plan, plan_study
from manymasks.plan.lengths import check_lengths
from manymasks.plan.node import Node, in_words
from manymasks.plan.states import missing
from manymasks.store.layout import Layout
from manymasks.store.leftovers import clear_state
from manymasks.store.plans import active_folders, record_plan

RESULTS = Path("results")
RUN_LOCK = Path(".snakemake/manymasks.lock")
STACKS_FILE = Path(".snakemake/manymasks.stacks.json")
STALE_LOCK = (
    "An earlier run was killed and left Snakemake's lock behind; no run is alive. Type\n"
    "  snakemake --unlock\n"
    "and rerun your command. Completed artifacts are kept, and an interrupted training resumes "
    "from its last saved state."
)
REPORT_OPTIONS = ("report", "report_after_run")
READ_ONLY_OPTIONS = (
    "report", "dag", "rulegraph", "filegraph", "d3dag", "summary", "detailed_summary", "lint",
    "list_rules", "list_target_rules",
)  # fmt: skip
ALL_JOBS_OPTIONS = (
    *READ_ONLY_OPTIONS, "report_after_run", "forceall", "forcerun", "force", "delete_all_output",
)  # fmt: skip
NO_WRITE_OPTIONS = (*READ_ONLY_OPTIONS, "dryrun")
NO_LOCK_OPTIONS = (*NO_WRITE_OPTIONS, "unlock", "nolock")
MEMBER_MB = 250
"""Memory requested for each member of a stack, in addition to that of the stage."""
REPORT_FILES = (("report.html", "page"), ("headline.png", "picture"))


@dataclass(frozen=True)
class Stack:
    """Members that one job makes, and the directives of its rule."""

    name: str
    stage: str
    keys: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    logs: tuple[str, ...]
    activity: str
    mem_mb: int
    priority: int


@dataclass
class Session:
    """One call of Snakemake."""

    plan: Plan
    layout: Layout
    nodes: dict[str, dict[str, Node]]
    """Nodes that rules may make, by stage and key."""
    stacked: dict[str, list[tuple[Node, ...]]]
    """Those of them that share a job, by stage."""
    report_files: tuple[tuple[str, str], ...] = ()
    """Name and content of files that `snakemake --report` shows."""
    locks: list[IO[str]] = field(default_factory=list)
    signals: Signals | None = None
    log: RunLog | None = None
    """What the run shows; None where Snakemake's own lines are shown."""

    @property
    def failed(self) -> str:
        """Why the run did not succeed."""
        return f"\n{self.signals.ending() if self.signals else FAILED}"

    @classmethod
    def start(
        cls,
        files: Sequence[Path],
        overrides: Mapping[str, Any],
        options: Mapping[str, Any],
        is_main: bool,
    ) -> "Session":
        """Read the configuration and plan; on a mistake, exit with its message.

        `files`: configuration files, later ones over earlier ones. `overrides`: settings of
        `--config`. `options`: options that Snakemake was given, by their names in its parser.
        `is_main`: whether this is the main process, and not that of a job.
        """
        given = set(options)
        try:
            layout = Layout.at(RESULTS)
            if set("{}") & set(str(Path.cwd())):
                raise UserError(
                    f"{Path.cwd()}: Snakemake reads braces in a path as names. Rename the folder."
                )
            typed = [_as_typed(path) for path in files]
            plan = plan_study(load_study(typed, overrides), Path())
            for warning in warnings(plan.study, typed, overrides) if is_main else ():
                print(f"warning: {warning}", file=sys.stderr)
            check_lengths(plan, layout, Path())
            wanted = plan.nodes if given & set(ALL_JOBS_OPTIONS) else missing(plan, layout)
            nodes: dict[str, dict[str, Node]] = {}
            for node in wanted:
                nodes.setdefault(node.stage, {})[node.key] = node
            stacked = None if is_main else _stacks_of_main_process(plan)
            if stacked is None:
                stacked = stacks_of(wanted, widths_of(plan.study.hardware))
            session = cls(plan, layout, nodes, stacked)
            session.check_rules(options)
            if is_main and not given & set(NO_LOCK_OPTIONS):
                session.locks = [_lock_run()]
        except (UserError, OSError) as error:
            _exit_with(error)
        if given & set(REPORT_OPTIONS):
            session.report_files = REPORT_FILES
        if is_main and not nodes and not given & set(NO_WRITE_OPTIONS):
            session.record()
            session.tidy()
            session.publish()
        return session

    def targets(self) -> list[str]:
        """Manifests that `rule all` asks for."""
        return self._manifests(self.plan.targets)

    def inputs(self, stage: str, key: str) -> list[str]:
        """Manifests that an artifact is made from."""
        return self._manifests(self.nodes[stage][key].input_nodes())

    def pattern(self, stage: str) -> str:
        """A regular expression of the keys that have a job of their own; "none" matches no key."""
        in_stacks = {node.key for stack in self.stacked.get(stage, ()) for node in stack}
        return "|".join(key for key in self.nodes.get(stage, ()) if key not in in_stacks) or "none"

    def activity(self, stage: str, key: str) -> str:
        """What the job of an artifact does, as a log shows it."""
        return _activity([self.nodes[stage][key]])

    def priority(self, stage: str, key: str) -> int:
        """Seconds from the start of the job of an artifact to the end of the study, if cores were
        free: the last jobs of a run are then short ones."""
        return self._path_seconds[self.nodes[stage][key].digest]

    @functools.cached_property
    def _path_seconds(self) -> dict[str, int]:
        """Estimated seconds of the longest path from each node to the report, by digest."""
        seconds: dict[str, int] = {}
        for node in reversed(self.plan.nodes):
            below = seconds.get(node.digest, 0) + STAGES[node.stage].seconds
            seconds[node.digest] = below
            for source in node.input_nodes():
                seconds[source.digest] = max(seconds.get(source.digest, 0), below)
        return seconds

    def resources(self, stage: str) -> dict[str, int]:
        """Resources that a job of a stage requests."""
        mem_mb = STAGES[stage].mem_mb
        return {} if mem_mb is None else {"mem_mb": mem_mb}

    def stacks(self) -> list[Stack]:
        """Every stack, as a rule."""
        return [
            self._stack(stage, nodes) for stage, stacks in self.stacked.items() for nodes in stacks
        ]

    def _stack(self, stage: str, nodes: Sequence[Node]) -> Stack:
        keys = tuple(node.key for node in nodes)
        inputs = (source for node in nodes for source in node.input_nodes())
        return Stack(
            # Short, and the same in every process of the run.
            name=f"{stage}_{len(keys)}_from_{keys[0]}",
            stage=stage,
            keys=keys,
            inputs=tuple(self._manifests(inputs)),
            outputs=tuple(self._manifests(nodes)),
            logs=tuple(str(self.layout.folder(stage, key) / "log.txt") for key in keys),
            activity=_activity(nodes),
            mem_mb=(STAGES[stage].mem_mb or 0) + MEMBER_MB * len(keys),
            priority=max(self.priority(stage, key) for key in keys),
        )

    def _manifests(self, nodes: Iterable[Node]) -> list[str]:
        """Manifests of nodes, each once."""
        return list(
            dict.fromkeys(str(self.layout.manifest(node.stage, node.key)) for node in nodes)
        )

    def check_rules(self, options: Mapping[str, Any]) -> None:
        """Refuse `--until` and `--omit-from` with a stage but without the rules of its stacks.

        Raises UserError with the names to add.
        """
        for option in ("until", "omit_from"):
            rules = set(options.get(option, ()))
            for stage in rules & self.stacked.keys():
                stacks = {stack.name for stack in self.stacks() if stack.stage == stage}
                if not stacks <= rules:
                    flag = f"--{option.replace('_', '-')}"
                    raise UserError(
                        f"{flag} {stage}: members are made in stacks here, and each stack is a "
                        f"rule. Type\n  {flag} {' '.join(sorted(rules | stacks))}\n"
                        "or make each member alone: --config 'hardware={\"stack\": 1}'"
                    )

    def begin(
        self, is_local: bool, cores: int | None = None, submissions: int | None = None
    ) -> None:
        """Write out every job, so that later edits of the configuration do not change it, and show
        the plan.

        `is_local`: whether jobs run on this machine. Then a server is started for them, on so many
        `cores`. `submissions`: in how many a cluster gets them.
        """
        keys = {
            stage: [[node.key for node in nodes] for nodes in stacks]
            for stage, stacks in self.stacked.items()
        }
        self.signals = Signals()
        made = [node for node in self.plan.nodes if node.key in self.nodes.get(node.stage, {})]
        expected = forecast(made, self.layout)
        try:
            self.record(expected, cores or 1)
            write_json(STACKS_FILE, keys)
            for nodes in self.nodes.values():
                for node in nodes.values():
                    write_node(self.layout, node, self.plan.study.hardware)
        except OSError as error:
            _exit_with(error)
        if self.log is not None:
            by_manifest = {
                str(self.layout.manifest(node.stage, node.key)): expected.seconds[node.digest]
                for node in made
            }
            text = plan_text(self.plan, made, self._jobs(), expected, cores or 1, submissions)
            self.log.plan(text, by_manifest, cores or 1)
        if is_local:
            if self.log is not None:
                os.environ[FOLLOWED] = "1"
            start_server(self.nodes)

    def record(self, expected: Forecast | None = None, cores: int = 1) -> None:
        """Write down that this plan is run, which `manymasks gc` and `status` read."""
        names = {f"{node.stage}/{node.key}": node.digest for node in self.plan.nodes}
        seconds = expected.seconds if expected else {}
        left = {name: seconds[digest] for name, digest in names.items() if digest in seconds}
        lock = record_plan(self.layout, self.plan.study.name, names, left, cores)
        if lock is not None:
            self.locks.append(lock)

    def finish(self) -> None:
        """Link this study's database and report, and print what came out and what to do next."""
        self.tidy()
        self.publish()
        count = len(missing(self.plan, self.layout))
        if count:
            self._close(f"\nDone so far; {count} artifacts are still to be made.")
            return
        count = len({node.digest for node in self.plan.nodes})
        self._close(
            f"\nThe study '{self.plan.study.name}' is complete: {count} artifacts{self.made}.\n"
            f"{headline(self.plan, self.layout)}"
            f"  report    {self.layout.report}\n"
            f"  explorer  {self.layout.explorer}\n"
            f"  database  {self.layout.database}\n"
            "  ask it    manymasks sql --example equally-good-models\n"
            "            manymasks sql --example what-equal-loss-hides\n"
            "  export    manymasks export data exported"
        )

    def fail(self) -> None:
        """Print why the run did not succeed."""
        self._close(self.failed)

    def _close(self, text: str) -> None:
        """Print the last lines of a run."""
        if self.log is None:
            print(text, file=sys.stderr)
            return
        if self.log.total:
            steps = f"{self.log.done} of {self.log.total} steps"
            self.log.say(f"{steps} done in {span(self.log.seconds)}")
        self.log.say(text)
        self.log.close()

    def _jobs(self) -> int:
        """Jobs of this run, without `all`: a stack is one job of several artifacts."""
        stacks = [stack for stacks in self.stacked.values() for stack in stacks]
        return sum(map(len, self.nodes.values())) - sum(map(len, stacks)) + len(stacks)

    @property
    def made(self) -> str:
        """What this run made, in Snakemake's counts."""
        artifacts = sum(map(len, self.nodes.values()))
        if not artifacts:
            return ""
        return (
            f", {artifacts} of them made in {self._jobs()} jobs\n"
            "  (Snakemake's steps: these and `all`)"
        )

    def tidy(self) -> None:
        """Delete what killed jobs left beside complete artifacts of this study."""
        for node in self.plan.nodes:
            clear_state(self.layout.folder(node.stage, node.key))

    def publish(self) -> None:
        """Link the database, report and explorer of this study, which an earlier run may have
        made."""
        database, report = self.plan.targets
        for node, name, path in (
            (database, "manymasks.duckdb", self.layout.database),
            (report, "report.html", self.layout.report),
            (report, "explorer.html", self.layout.explorer),
        ):
            target = self.layout.folder(node.stage, node.key) / name
            if target.exists():
                link(path, target)


def _exit_with(error: UserError | OSError) -> NoReturn:
    """End with the message of an error that a person can mend; raises any other."""
    message = str(error) if isinstance(error, UserError) else machine_fault(error)
    if message is None:
        raise error
    print(f"\n{message}\n", file=sys.stderr)
    sys.exit(1)


def _activity(nodes: Sequence[Node]) -> str:
    more = f" and {len(nodes) - 1} more" if len(nodes) > 1 else ""
    return STAGES[nodes[0].stage].message.format(label=in_words(nodes[0]) + more)


def _stacks_of_main_process(plan: Plan) -> dict[str, list[tuple[Node, ...]]] | None:
    """Stacks of the run that started this process, though some artifacts are complete by now.

    None if no run wrote its stacks, or the run had another plan.
    """
    nodes = {(node.stage, node.key): node for node in plan.nodes}
    try:
        keys_of_stacks = json.loads(STACKS_FILE.read_text(encoding="utf-8"))
        return {
            stage: [tuple(nodes[stage, key] for key in keys) for keys in stacks]
            for stage, stacks in keys_of_stacks.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _as_typed(path: Path) -> Path:
    """A path relative to this folder, as a person types it; Snakemake makes paths absolute."""
    folder = Path.cwd()
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _lock_run() -> IO[str]:
    """Take the lock of this run, and tell Snakemake's lock of a dead run from that of a live one.

    Raises UserError if another run is alive, or one died and left Snakemake's lock.
    """
    lock = try_lock(RUN_LOCK)
    if lock is None:
        raise UserError(
            f"Another run is active in this folder: {holder(RUN_LOCK)}. Wait until it has ended. "
            "(Runs in different folders may share results: each artifact is made once.)"
        )
    if is_locked():
        lock.close()
        raise UserError(_stale_lock())
    return lock


def _stale_lock() -> str:
    """What to do about the lock of a run that was killed."""
    orphan = next(active_folders(Layout(RESULTS)), None)
    if orphan is None:
        return STALE_LOCK
    return (
        "An earlier run was killed and left Snakemake's lock behind, and a job of it is still "
        f"alive: {orphan.parent.name} {orphan.name}, {holder(orphan / 'lock')}. Wait for it or "
        "end it, then type\n  snakemake --unlock\nand rerun your command."
    )


def lock_state() -> str:
    """Whether a run is alive here, or died and left Snakemake's lock; then also what to type."""
    # `try_lock` would create a file that is absent.
    if RUN_LOCK.exists():
        lock = try_lock(RUN_LOCK)
        if lock is None:
            return f"Another run is active in this folder: {holder(RUN_LOCK)}"
        lock.close()
    return _stale_lock() if is_locked() else "free"
