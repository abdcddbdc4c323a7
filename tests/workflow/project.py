"""A throw-away copy of the repository that workflow tests edit, and what Snakemake plans in it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from manymasks.config.yaml_reading import read_yaml

TESTS = Path(__file__).resolve().parents[1]
REPOSITORY = TESTS.parent
COPIED = ("Snakefile", "workflow", "config", "src", "envs", "README.md", "pyproject.toml")
OVERLAY = "config/smoke.yaml"
NOTHING_TO_DO = "Nothing to be done"

JOB = re.compile(r"manymasks run (\w+) ([0-9a-f ]+) --lines$", re.MULTILINE)
PLAN_LINE = re.compile(
    r"^\S+ +(?P<label>\S+) +(?P<key>[0-9a-f]{12})  (?P<state>done|will run|not needed)(?P<rest>.*)$"
)
TIME = 1_700_000_000
"""Seconds since 1970 that every file of a complete study is as old as: long before any edit."""


def jobs_of(printed: str) -> list[tuple[str, set[tuple[str, str]]]]:
    """Rule of each job that Snakemake printed, with stage and key of what it makes."""
    jobs = []
    for stage, words in JOB.findall(printed):
        keys = words.split()
        rule = stage if len(keys) == 1 else f"{stage}_{len(keys)}_from_{keys[0]}"
        jobs.append((rule, {(stage, key) for key in keys}))
    return jobs


@dataclass(frozen=True)
class PlanLine:
    """A line of `manymasks plan`."""

    label: str
    key: str
    state: str
    because: str


@dataclass(frozen=True)
class Project:
    """A folder with a copy of the workflow and of the package."""

    root: Path

    @property
    def results(self) -> Path:
        return self.root / "results"

    def python(
        self, *words: str, package: Path | None = None, path: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Python in the project, with its own copy of the package before any other."""
        environment = {
            **os.environ,
            "PYTHONPATH": f"{package or self.root / 'src'}{os.pathsep}{TESTS}",
        }
        if path is not None:
            environment["PATH"] = path
        environment.pop("SNAKEMAKE_PROFILE", None)
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def snakemake(
        self,
        *words: str,
        overlay: str | None = OVERLAY,
        package: Path | None = None,
        path: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the project; `path` in place of PATH."""
        given = ("--configfile", overlay) if overlay else ()
        return self.python("-m", "snakemake", *words, *given, package=package, path=path)

    def manymasks(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the package in the project."""
        return self.python("-m", "manymasks", *words)

    def fabricate(self) -> None:
        """Complete the study as it is configured now, without running a stage."""
        done = self.python(str(Path(__file__).with_name("fabricate.py")), OVERLAY)
        assert done.returncode == 0, done.stderr

    def plan(self, overlay: str | None = OVERLAY) -> list[PlanLine]:
        """What `manymasks plan` prints."""
        done = self.manymasks("plan", "--all", *(("--configfile", overlay) if overlay else ()))
        assert done.returncode == 0, done.stderr
        return [
            PlanLine(
                line["label"], line["key"], line["state"], line["rest"].removeprefix(", because ")
            )
            for line in map(PLAN_LINE.match, done.stdout.splitlines())
            if line
        ]

    def rules(
        self, *words: str, overlay: str | None = OVERLAY
    ) -> dict[str, list[set[tuple[str, str]]]]:
        """Jobs of a dry run by rule: stage and key of each artifact that a job makes."""
        done = self.snakemake("--cores", "2", "-np", *words, overlay=overlay)
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, list[set[tuple[str, str]]]] = {}
        for rule, made in jobs_of(done.stdout):
            found.setdefault(rule, []).append(made)
        assert bool(found) != (NOTHING_TO_DO in done.stdout)
        return found

    def jobs(self, *words: str, overlay: str | None = OVERLAY) -> set[tuple[str, str]]:
        """Stage and key of each artifact that a dry run would make; each is made by one job."""
        rules = self.rules(*words, overlay=overlay)
        found = [one for jobs in rules.values() for made in jobs for one in made]
        assert len(set(found)) == len(found)
        return set(found)

    def planned(self, *words: str, overlay: str | None = OVERLAY) -> set[str]:
        """Labels of the jobs of a dry run, which are those that `manymasks plan` announces."""
        lines = self.plan(overlay)
        labels = {(line.label.partition("/")[0], line.key): line.label for line in lines}
        found = {labels[job] for job in self.jobs(*words, overlay=overlay)}
        if not words:
            assert found == {line.label for line in lines if line.state == "will run"}
        return found

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a file: `old`, which stands there once, becomes `new`."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def set(self, path: str, value: object) -> None:
        """Set one setting of the overlay, such as `training.steps`."""
        file = self.root / OVERLAY
        values = read_yaml(file).values
        *above, name = path.split(".")
        inside = values
        for step in above:
            inside = inside.setdefault(step, {})
        inside[name] = value
        file.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")

    def prepend(self, path: str, text: str) -> None:
        """Edit a file: put text before what is in it."""
        file = self.root / path
        file.write_text(text + file.read_text(encoding="utf-8"), encoding="utf-8")

    def manifests(self, *labels: str) -> list[Path]:
        """The manifests of artifacts of the study as it is configured now."""
        keys = {line.label: line.key for line in self.plan()}
        return [
            self.results / label.partition("/")[0] / keys[label] / "manifest.json"
            for label in labels
        ]

    def tree(self) -> dict[str, tuple[int, int]]:
        """Size and time of everything in the results folder."""
        return {
            str(path.relative_to(self.root)): (path.lstat().st_size, path.lstat().st_mtime_ns)
            for path in self.results.rglob("*")
        }


def copy_repository(root: Path) -> Project:
    """A project with a copy of the repository's files, all equally old, and no results."""
    root.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, root / name, ignore=skipped)
        else:
            shutil.copy2(source, root / name)
    return Project(root)


def age(root: Path) -> None:
    """Make every file as old as every other."""
    for path in root.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (TIME, TIME))
