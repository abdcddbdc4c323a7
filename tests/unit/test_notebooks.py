"""The marimo notebook, run without a browser."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from example_outside import Results

from manymasks.tokens.tokenizer import Tokenizer

NOTEBOOK = Path(__file__).parents[2] / "notebooks/explore.py"


def test_the_notebook_goes_from_equal_losses_to_tokens(tmp_path: Path) -> None:
    pytest.importorskip("marimo", reason="the notebook needs marimo, which is no dependency")
    results = Results(tmp_path / "results", Tokenizer("bytes", 257, ""))
    for _ in range(3):
        results.member()
    (tmp_path / "mine.txt").write_text("Once upon a time there was a fox. " * 4)
    inputs = ("--results", "results", "--members", "mine", "--text", "mine.txt")
    done = subprocess.run(
        [sys.executable, str(NOTEBOOK), "--", *inputs, "--eps", "100"],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert len(lines) == 8 and all(" or " in line for line in lines)
