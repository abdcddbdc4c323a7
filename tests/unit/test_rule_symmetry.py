"""The view `rule_symmetry`: members on a text and on its copy with the colours exchanged."""

from pathlib import Path

import duckdb
import numpy as np
import pytest
from example_results import ExampleResults
from scipy import stats

from manymasks.database.load import load

PREFERENCES = ([0.9, 0.4, 0.7], [0.3, 0.5, 0.2])
"""On the text and on its copy, by seed."""


def test_copies_are_paired_by_seeds(tmp_path: Path) -> None:
    results = ExampleResults(tmp_path / "results")
    for corpus, preferences in zip(("fork", "copy"), PREFERENCES, strict=True):
        rows = []
        for seed, preference in enumerate(preferences):
            model = results.train("w32", "causal", seed, seed, corpus=corpus)
            row = {"model": model, "corpus": corpus, "question": "twin", "rule": "red"}
            row |= {"other": "blue", "answered": 0.0, "text_seed": 4}
            rows.append({**row, "exchanged": corpus == "copy", "preference": preference})
        results.add("rule_choice", corpus, {"rule_choice": rows})
    load(results.root, results.current, tmp_path / "x.duckdb")
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as connection:
        rows_of_view = connection.execute(
            "SELECT text_seed, over_both, over_both_low, over_both_high, by_text, by_text_low, "
            "by_text_high, seeds FROM rule_symmetry"
        ).fetchall()
    text, copy = np.array(PREFERENCES)
    expected = [4]
    for values in ((text + copy) / 2, (text - copy) / 2):
        ends = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
        expected += [values.mean(), *ends]
    assert rows_of_view == [pytest.approx((*expected, 3), abs=1e-4)]
