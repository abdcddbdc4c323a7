"""Runs that are killed at random moments, until the study is complete: the same tables and weights.

By hand, over the smoke study: `python tests/e2e/soak.py FOLDER KILLS [SEED]`. It prints what was
sent, how often the study was completed, and whether all ends were those of an undisturbed run.
"""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from clones import Clone, clone

from manymasks.store.layout import Layout
from manymasks.store.leftovers import leftovers

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
VARYING = re.compile("seconds|created|memory|figures|environment|payload_bytes")
"""Columns about the run and not about its results."""


@dataclass
class Figures:
    """What a soak sent and how its studies ended."""

    sent: Counter[str] = field(default_factory=Counter)
    ends: list[str] = field(default_factory=list)
    """A digest of tables and weights for each time that the study was complete."""


def content(made: Clone) -> str:
    """A digest of all tables, without times, and of all weights."""
    digest = hashlib.sha256()
    for path in sorted((made.folder / "results").glob("training/*/manifest.json")):
        manifest = json.loads(path.read_text())
        files = {file["path"]: file["sha256"] for file in manifest["files"]}
        weights = {name: sha for name, sha in files.items() if name.endswith(".safetensors")}
        digest.update(json.dumps([manifest["label"], weights], sort_keys=True).encode())
    with duckdb.connect(str(made.folder / "results/manymasks.duckdb"), read_only=True) as database:
        tables = database.execute("SELECT table_name FROM duckdb_tables() ORDER BY ALL").fetchall()
        for (table,) in tables:
            columns = [row[0] for row in database.execute(f"DESCRIBE {table}").fetchall()]
            kept = ", ".join(f'"{name}"' for name in columns if not VARYING.search(name))
            rows = database.execute(
                f"SELECT count(*), sum(hash(r))::VARCHAR FROM (SELECT {kept} FROM {table}) AS r"
            ).fetchall()
            digest.update(json.dumps([table, rows]).encode())
    return digest.hexdigest()


def soak(made: Clone, *overlay: str, kills: int, longest: float, seed: int = 0) -> Figures:
    """Kill runs at random moments; whenever the study is complete, note its end and begin anew.
    `longest`: seconds after which a run is killed at the latest."""
    chosen, figures = random.Random(seed), Figures()
    while True:
        run = made.start("snakemake", "--cores", "2", *overlay)
        if figures.sent.total() < kills:
            end = time.monotonic() + chosen.uniform(0.5, longest)
            while run.poll() is None and time.monotonic() < end:
                time.sleep(0.01)
        if run.poll() is None and figures.sent.total() < kills:
            number = chosen.choice(SIGNALS)
            figures.sent[number.name] += 1
            # All processes at once, or the one that a person names.
            (os.killpg if chosen.random() < 0.5 else os.kill)(run.pid, number)
        output, _ = run.communicate(timeout=600)
        if run.returncode == 0:
            left = [str(path) for path in leftovers(Layout(made.folder / "results"))]
            assert not left, f"unfinished files are left: {left}"
            made.run("manymasks", "verify")
            figures.ends.append(content(made))
            print(
                f"complete {len(figures.ends)} times, {figures.sent.total()} of {kills} kills",
                flush=True,
            )
            if figures.sent.total() >= kills:
                return figures
            shutil.rmtree(made.folder / "results")
            continue
        # Ctrl-C in the first half second, while Snakemake is imported, is Snakemake's to say.
        assert "Traceback" not in output or "/src/manymasks/" not in output, output
        made.run("snakemake", "--unlock", *overlay)


def main() -> None:
    """A soak over the smoke study."""
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    overlay = ("--configfile", "config/smoke.yaml")
    calm = clone(folder / "undisturbed")
    began = time.monotonic()
    calm.snakemake(*overlay)
    seconds = time.monotonic() - began
    expected = content(calm)
    # Most runs are killed; what they made stays, so kills fall on every part of the study.
    figures = soak(
        clone(folder / "killed"), *overlay, kills=kills, longest=0.6 * seconds, seed=seed
    )
    same = sum(end == expected for end in figures.ends)
    print(f"undisturbed in {seconds:.0f} s; sent {dict(figures.sent)}")
    print(f"complete {len(figures.ends)} times, {same} of them as the undisturbed run")
    sys.exit(same != len(figures.ends))


if __name__ == "__main__":
    main()
