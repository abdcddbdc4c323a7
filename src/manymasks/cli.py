"""The commands of manymasks.

Each is a function that reads its arguments, calls one package and prints. A mistake that a person
can fix is printed without a traceback, and the exit status is 1.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manymasks import __version__
from manymasks.catalogue import STAGES
from manymasks.engine.interrupts import STATUS, interrupts_raised, last_words
from manymasks.errors import UserError
from manymasks.store.layout import Layout

if TYPE_CHECKING:
    from manymasks.plan.graph import Plan

CONFIG = Path("config/config.yaml")
EXIT_STATUSES = {
    0: "done; of `plan`, also where artifacts are to be made",
    1: "a message says what to fix, or a traceback shows a bug; of `docs`, also a contradicted "
    "statement; of `run`, a job that failed",
    2: "the arguments are wrong: the usage is printed",
    130: "interrupted: completed artifacts are kept, and trainings resume from their last state",
}
"""What commands tell a script. A command killed by a signal ends as that signal says."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    try:
        # Inside: to build the parser takes long enough for a Ctrl-C to come.
        options = argument_parser().parse_args(arguments)
        return int(options.command(options))
    except UserError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # A reader such as `head` closed the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, MemoryError) as error:
        from manymasks.engine.endings import machine_fault

        fault = machine_fault(error)
        if fault is None:
            raise
        print(f"\n{fault}\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(last_words(), end="", file=sys.stderr)
        return STATUS


def argument_parser() -> argparse.ArgumentParser:
    """All commands with their arguments."""
    parser = argparse.ArgumentParser(
        prog="manymasks",
        description="Train the same language model many times; measure what equal loss hides.",
        epilog="`snakemake --cores all` runs a study; these commands inspect it.",
    )
    parser.add_argument("--version", action="version", version=f"manymasks {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")

    def command(name: str, function: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=function)
        added.add_argument(
            "--results", type=Path, default=Path("results"), help="results folder (results)"
        )
        return added

    def with_study(added: argparse.ArgumentParser) -> argparse.ArgumentParser:
        added.add_argument(
            "--configfile",
            type=Path,
            nargs="+",
            default=[],
            metavar="FILE",
            help=f"overlays over {CONFIG}, as for snakemake; last, since it takes all that follows",
        )
        return added

    added = with_study(
        command(
            "plan",
            plan,
            "Show, by stage, which artifacts of the study are done, which will be made, and why.",
        )
    )
    added.add_argument("--stage", help="list the artifacts of this stage")
    added.add_argument("--all", action="store_true", help="list every artifact, not every stage")

    added = with_study(command("run", run, "Make artifacts without Snakemake."))
    added.add_argument("stage", help="such as training")
    added.add_argument(
        "target",
        nargs="+",
        help="a key, a label of the plan (pydocs/base/causal/i0-o0), or a manifest, node.json or "
        "settings file; trainings or evaluations of models of one shape are made at once",
    )
    added.add_argument("--force", action="store_true", help="make complete artifacts again")
    added.add_argument(
        "--lines", action="store_true", help="print progress as lines instead of a bar"
    )

    added = with_study(
        command("explain", explain, "Show what the key of an artifact is computed from.")
    )
    added.add_argument("key", help="a key, its first digits, or a label of `manymasks plan --all`")

    added = with_study(
        command(
            "pin",
            pin,
            "Write the files of a dataset or tokenizer and their digests into the configuration.",
        )
    )
    added.add_argument("name", help="a corpus of kind dataset, or `tokenizer`")
    added.add_argument("--revision", help="branch, tag or commit of the Hub to pin (main)")
    added.add_argument("--dry-run", action="store_true", help="print and write nothing")

    added = with_study(
        command("export", export, "Write a study, or one of its models, for other tools.")
    )
    added.add_argument(
        "what",
        choices=("data", "model"),
        help="`data`: text, tokens and tables as Parquet, for datasets; `model`: a member that "
        "transformers loads",
    )
    added.add_argument(
        "names",
        nargs="+",
        help="`data FOLDER` or `model KEY FOLDER`: the key of a training, its first digits or its "
        "label (pydocs/base/causal/i0-o0), and the folder to write",
    )

    added = command("corpora", corpora, "List named corpora, or print an overlay for one of them.")
    added.add_argument("name", nargs="?", help="a corpus of config/corpora.yaml")

    command(
        "verify",
        verify,
        "Check every file of every artifact against its digest, and re-derive what is proved.",
    )

    added = command("sql", sql, "Query the database, read-only.")
    added.add_argument("query", nargs="?", help="an SQL query; - reads it from standard input")
    added.add_argument("--file", type=Path, help="read the query from this file")
    added.add_argument(
        "--format",
        choices=("table", "csv", "json", "parquet"),
        dest="form",
        help="default: by the ending of --output, or else a table",
    )
    added.add_argument("--output", type=Path, help="write to this file instead of the terminal")
    added.add_argument(
        "--allow-files", action="store_true", help="let the query read and write other files"
    )
    added.add_argument("--tables", action="store_true", help="list tables, views and macros")
    added.add_argument("--describe", metavar="TABLE", help="columns of a table or view")
    added.add_argument("--example", metavar="NAME", help="run an example query")
    added.add_argument("--examples", action="store_true", help="list the example queries")
    added.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the answer: .svg, .png or .pdf"
    )

    added = command("docs", docs, "Write the pages of results in docs/ from the database of a run.")
    added.add_argument(
        "--from",
        type=Path,
        default=Path("results"),
        dest="source",
        metavar="PATH",
        help="a results folder or a database (results); or docs/results/values.json, after a "
        "change of templates",
    )

    completion_help = 'Print tab completion for the shell: eval "$(manymasks completion)"'
    command("completion", completion, completion_help)

    command("status", status, "Show what runs on the results: how far, since when, and where.")

    added = with_study(
        command(
            "gc", gc, "Delete files of artifacts that no recent plan needs; lists them at first."
        )
    )
    added.add_argument(
        "--plans", type=int, default=3, metavar="N", help="keep what the last N plans need (3)"
    )
    added.add_argument(
        "--keep", nargs="+", default=[], metavar="STUDY", help="keep all plans of these studies"
    )
    added.add_argument(
        "--folders",
        action="store_true",
        help="delete manifests too: the database forgets these artifacts",
    )
    added.add_argument("--delete", action="store_true", help="delete, and do not only list")

    with_study(
        command("doctor", doctor, "Check what this machine has, and whether a run can start.")
    )
    return parser


# Commands import what they need: `plan` does not wait for duckdb, nor `sql` for torch.


def _plan(options: argparse.Namespace) -> "Plan":
    """The plan of the study that is configured."""
    from manymasks.config.loading import load_study
    from manymasks.plan.graph import plan_study

    return plan_study(load_study([CONFIG, *options.configfile]), Path())


def plan(options: argparse.Namespace) -> int:
    """Print each stage, or each node, with its state, and totals."""
    from manymasks.commands.show_plan import plan_lines
    from manymasks.config.effects import warnings
    from manymasks.plan.lengths import check_lengths

    layout = Layout.at(options.results)
    planned = _plan(options)
    for warning in warnings(planned.study, [CONFIG, *options.configfile]):
        print(f"warning: {warning}", file=sys.stderr)
    check_lengths(planned, layout, Path())
    if options.stage and options.stage not in STAGES:
        raise UserError(f"--stage {options.stage}: stages are {', '.join(STAGES)}")
    for line in plan_lines(planned, layout, options.stage, options.all):
        print(line)
    return 0


def run(options: argparse.Namespace) -> int:
    """Make artifacts of one stage in this process."""
    from manymasks.engine.jobs import run_jobs

    layout = Layout.at(options.results)
    descriptions = list(_descriptions(options, layout))
    bar = sys.stderr.isatty() and not options.lines
    run_jobs(descriptions, layout, force=options.force, bar=bar)
    return 0


def _descriptions(options: argparse.Namespace, layout: Layout) -> Iterator[dict[str, Any]]:
    from manymasks.engine.job_file import description_of, read_description

    if options.stage not in STAGES:
        raise UserError(f"'{options.stage}' is not a stage. Stages: {', '.join(STAGES)}")
    planned: Plan | None = None
    for target in options.target:
        paths = (layout.node(options.stage, target), Path(target))
        path = next((path for path in paths if path.is_file()), None)
        if path is not None:
            description = read_description(path)
            if description["stage"] != options.stage:
                raise UserError(f"{target} describes {description['stage']}, not {options.stage}")
            yield description
            continue
        planned = planned or _plan(options)
        nodes = [node for node in planned.nodes if node.stage == options.stage]
        for node in nodes:
            if target in (node.key, node.label, node.label.partition("/")[2]):
                yield description_of(node, planned.study.hardware)
                break
        else:
            raise UserError(
                f"'{target}' is not a key, label or file of stage {options.stage}. In the plan:\n  "
                + "\n  ".join(node.label for node in nodes)
            )


def explain(options: argparse.Namespace) -> int:
    """Print what a key is computed from: stage, settings, code and inputs."""
    from manymasks.commands.explain import explanation

    fields = explanation(options.key, Layout.at(options.results), lambda: _plan(options))
    print(json.dumps(fields, indent=2, ensure_ascii=False))
    return 0


def pin(options: argparse.Namespace) -> int:
    """Pin the files of a dataset or tokenizer."""
    from manymasks.commands.pin import pin_files

    files = [CONFIG, *options.configfile]
    print(pin_files(options.name, files, options.revision, dry_run=options.dry_run), end="")
    return 0


def export(options: argparse.Namespace) -> int:
    """Write a dataset or a model, with its card."""
    form = "FOLDER" if options.what == "data" else "KEY FOLDER"
    if len(options.names) != len(form.split()):
        raise UserError(
            f"export {options.what} takes {form}, and got {' '.join(options.names)}. Type: "
            f"manymasks export {options.what} {form}, and --configfile FILE after these"
        )
    layout, folder = Layout.at(options.results), Path(options.names[-1])
    with interrupts_raised():  # A half-written file is deleted.
        if options.what == "model":
            from manymasks.commands.export_model import export_model

            print(export_model(options.names[0], layout, folder))
        else:
            from manymasks.commands.export_data import export_data

            for name, rows in export_data(_plan(options), layout, folder):
                print(f"{name:<28} {rows:>12,} rows")
            print(f'\ndatasets.load_dataset("{folder}", "documents")')
    return 0


def corpora(options: argparse.Namespace) -> int:
    """List the named corpora, or print an overlay for one."""
    from manymasks.commands.corpora import list_corpora, overlay_of

    layout = Layout.at(options.results)
    print(overlay_of(options.name) if options.name else list_corpora(layout))
    return 0


def verify(options: argparse.Namespace) -> int:
    """Check every payload file and every certificate; the exit status is 1 if a file is missing or
    damaged, or a certificate does not prove its bounds."""
    from manymasks.commands.check_certificates import check_certificates
    from manymasks.commands.verify import verify_artifacts

    layout = Layout.at(options.results)
    print(verify_artifacts(layout))
    if proved := check_certificates(layout):
        print(proved)
    return 0


def sql(options: argparse.Namespace) -> int:
    """Query the database."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal of another encoding shows what it can.
        sys.stdout.reconfigure(errors="replace")
    from manymasks.database import query
    from manymasks.database.queries import example, listing

    database = Layout.at(options.results).database
    given = [
        name
        for name in ("query", "file", "tables", "describe", "example", "examples")
        if getattr(options, name) is not None and getattr(options, name) is not False
    ]
    if len(given) != 1:
        raise UserError(
            "Give one of: a query, --file FILE, --tables, --describe TABLE, --examples or "
            "--example NAME. Try: manymasks sql --example cost-of-myopia"
        )
    if options.form is None:
        suffix = options.output.suffix.removeprefix(".") if options.output else ""
        options.form = suffix if suffix in ("csv", "json", "parquet") else "table"
    if options.examples:
        print(listing(), end="")
        return 0
    if options.tables or options.describe is not None:
        text = _tables(database, options) if options.tables else _description(database, options)
        if options.output:
            with _writing(options.output):
                options.output.write_text(text, encoding="utf-8")
        else:
            print(text, end="")
        return 0
    if options.example is not None:
        statement = example(options.example).sql
        if options.form == "table" and options.plot is None:
            print(f"{statement.strip()}\n", flush=True)
    elif options.file:
        try:
            statement = options.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{options.file}: cannot be read as text ({error})") from error
    else:
        statement = _standard_input() if options.query == "-" else options.query
    if options.form == "parquet" and not options.output and sys.stdout.isatty():
        raise UserError("Parquet cannot be shown on a terminal: add --output FILE")
    if options.plot is not None:
        from manymasks.commands.plot_answer import plot_answer

        title = example(options.example).question if options.example else ""
        with _writing(options.plot):
            plot_answer(database, title, statement, options.plot)
        return 0
    allow_files = options.allow_files
    if not options.output:
        query.run(database, statement, options.form, sys.stdout.buffer, allow_files=allow_files)
        return 0
    with _writing(options.output):
        query.run(database, statement, options.form, options.output, allow_files=allow_files)
    return 0


def _tables(database: Path, options: argparse.Namespace) -> str:
    """The map of the database: by question on a terminal, or as rows in another format."""
    from manymasks.database import query

    listed = query.tables(database)
    if options.form == "table":
        return query.listing(listed, shutil.get_terminal_size((100, 24)).columns)
    return query.render(query.Table._fields, listed, options.form)


def _description(database: Path, options: argparse.Namespace) -> str:
    """The columns of a table, on a terminal after what a row of it is."""
    from manymasks.database import query

    columns = query.describe(database, options.describe)
    text = query.render(query.Column._fields, columns, options.form)
    comment = query.comment_of(database, options.describe)
    return f"{comment}\n\n{text}" if comment and options.form == "table" else text


def _standard_input() -> str:
    try:
        return sys.stdin.read()
    except UnicodeDecodeError as error:
        raise UserError(f"standard input: is not UTF-8 text ({error})") from error


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from error


def docs(options: argparse.Namespace) -> int:
    """Write pages, values and the picture; the exit status is 1 if a statement is contradicted."""
    from manymasks.documentation.results import refresh

    source = options.source
    messages = refresh(Layout(source).database if source.is_dir() else source, Path())
    for message in messages:
        print(message)
    print("docs/results and the findings of README.md are written.")
    return int(any(message.startswith("contradicted") for message in messages))


def completion(options: argparse.Namespace) -> int:
    """Print a script that completes commands, options and names of examples."""
    from manymasks.documentation.completion import script

    print(script(argument_parser()), end="")
    return 0


def doctor(options: argparse.Namespace) -> int:
    """Print what this machine has, whether a run can start, and what is wrong in the results."""
    from manymasks.commands import doctor as checks

    for line in checks.machine():
        print(line, flush=True)
    for line in checks.study(_plan(options), Layout.at(options.results)):
        print(line)
    return 0


def status(options: argparse.Namespace) -> int:
    """Print what runs on the results."""
    from manymasks.commands.status import activity

    for line in activity(Layout.at(options.results)):
        print(line)
    return 0


def gc(options: argparse.Namespace) -> int:
    """Evict what no recent plan needs, or print what would be."""
    from manymasks.commands.gc import collect_garbage

    planned = _plan(options) if CONFIG.is_file() or options.configfile else None
    for line in collect_garbage(
        Layout.at(options.results),
        planned,
        plans=options.plans,
        studies=options.keep,
        folders=options.folders,
        delete=options.delete,
    ):
        print(line)
    return 0
