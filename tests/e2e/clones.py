"""A clone of the project, and commands run in it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("Snakefile", "workflow", "config", "src", "envs", "README.md", "pyproject.toml")


@dataclass(frozen=True)
class Clone:
    """The project's files in a folder of their own, whose source is the one that runs."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    """Of the environment, over those of this process."""

    @property
    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
        # The programs of this Python first, whether its environment is activated or not.
        path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
        set_here = {"PATH": path, "PYTHONPATH": str(self.folder / "src"), "NO_COLOR": "1"}
        return {**kept, **set_here, **self.variables}

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A process in a group of its own, so that all of it can be killed."""

        def heed_interrupts() -> None:
            # Whoever started these tests in the background had them ignored.
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        return subprocess.Popen(
            command,
            preexec_fn=heed_interrupts,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str, expect: int = 0) -> str:
        process = self.start(*command)
        output, _ = process.communicate(timeout=900)
        assert process.returncode == expect, output
        return output

    def snakemake(self, *arguments: str, cores: int = 2, expect: int = 0) -> str:
        return self.run("snakemake", "--cores", str(cores), *arguments, expect=expect)


def clone(folder: Path) -> Clone:
    folder.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return Clone(folder)
