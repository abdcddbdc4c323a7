"""What Snakemake's rules are given: here, in which order jobs start."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.cli import parse_args
from snakemake.settings.types import MaxJobsPerTimespan

import kit
from manymasks.catalogue import STAGES
from manymasks.engine.session import Session
from manymasks.engine.snakemake import USUAL_RATE, drop_usual_rate_limit
from manymasks.engine.stacks import stacks_of
from manymasks.store.layout import Layout


def session_of(*overlays: str) -> Session:
    plan = kit.repository_plan(*overlays)
    nodes: dict[str, dict[str, kit.Node]] = {}
    for node in plan.nodes:
        nodes.setdefault(node.stage, {})[node.key] = node
    stacked = stacks_of(plan.nodes, {"training": 1, "evaluation": 4})
    return Session(plan, Layout(Path("results")), nodes, stacked)


def test_jobs_on_the_longest_path_start_first() -> None:
    session = session_of("smoke.yaml")
    longest = {
        node.key: session.priority(node.stage, node.key) - STAGES[node.stage].seconds
        for node in session.plan.nodes
    }
    after: dict[str, list[int]] = {node.key: [0] for node in session.plan.nodes}
    for node in session.plan.nodes:
        for source in node.input_nodes():
            after[source.key].append(session.priority(node.stage, node.key))
    assert longest == {key: max(seconds) for key, seconds in after.items()}
    members = {node.label: longest[node.key] for node in session.nodes["training"].values()}
    # Derived members, and the sets that they are in, wait for their parents.
    first = {label for label, seconds in members.items() if seconds == max(members.values())}
    assert {label.rpartition("/")[2] for label in first} == {"i0-o0"}


def test_a_stack_starts_with_its_most_urgent_member() -> None:
    session = session_of("smoke.yaml")
    (first, *_) = session.stacks()
    urgent = [session.priority(first.stage, key) for key in first.keys]
    assert first.priority == max(urgent)


def test_what_a_run_made_is_counted_in_artifacts_and_jobs() -> None:
    session = session_of("smoke.yaml")
    stacks = session.stacks()
    assert stacks
    shared = sum(len(stack.keys) for stack in stacks)
    count = len(session.plan.nodes)
    jobs = count - shared + len(stacks)
    assert jobs < count
    assert session.made.startswith(f", {count} of them made in {jobs} jobs\n")
    session.nodes, session.stacked = {}, {}
    assert session.made == ""


@pytest.mark.parametrize(("option", "is_kept"), [("100/1s", False), ("3/1m", True)])
def test_the_scheduler_looks_at_jobs_when_one_ends(option: str, is_kept: bool) -> None:
    """Snakemake's usual limit of jobs in a second goes; that of a person stays."""
    limit = MaxJobsPerTimespan.parse_choice(option)
    scheduler = SimpleNamespace(job_rate_limiter=limit)
    settings = SimpleNamespace(max_jobs_per_timespan=limit)
    drop_usual_rate_limit(SimpleNamespace(scheduler=scheduler, scheduling_settings=settings))
    assert scheduler.job_rate_limiter == (limit if is_kept else None)


def test_the_usual_limit_is_that_of_the_pinned_snakemake() -> None:
    _, options = parse_args([])
    limit = options.max_jobs_per_timespan
    assert (limit.max_jobs, limit.timespan) == USUAL_RATE
