"""The stage `universal` on a small study: tables, verdicts, and certificates that are checked."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from example_results import replace_table
from safetensors.numpy import load_file, save_file

from manymasks.cli import main
from manymasks.commands.check_certificates import check_certificates
from manymasks.config.loading import load_study
from manymasks.database.load import load
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.errors import UserError
from manymasks.plan.graph import Plan, plan_study
from manymasks.store.layout import Layout

STUDY = """\
corpora: {two: {kind: process, process: tally, documents: 150}}
sizes:
  tiny: {width: 8, layers: 1, heads: 1, learning_rate: 0.02}
variants:
  causal: {gradient: causal}
  failed: {gradient: causal, learning_rate: 1.0e+38}
  myopic: {gradient: myopic}
training: {batch: 4, steps: 60, curve_every: 20, curve_windows: 4, late: [0.5]}
seeds: {init: [0, 1, 2]}
rashomon: {eps: {nats: [5.0]}, references: {best: {kind: best_of_class}}}
statistics: {resamples: 100}
universal: {late: true, windows: 4, rounds: 3, candidates: 16, short_prefixes: 500}
analyses: [rashomon, universal]
hardware: {device: cpu}
"""
MEMBERS = 6


class Made:
    """A study that was run, without its database."""

    def __init__(self, folder: Path) -> None:
        (folder / "config.yaml").write_text(STUDY, encoding="utf-8")
        study = load_study([folder / "config.yaml"], {})
        self.layout = Layout(folder / "results")
        self.plan: Plan = plan_study(study, folder)
        for node in self.plan.nodes:
            if node.stage not in ("database", "report"):
                run_job(description_of(node, study.hardware), self.layout)
        (self.node,) = (node for node in self.plan.nodes if node.stage == "universal")
        self.folder = self.layout.folder("universal", self.node.key)

    def rows(self, table: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(
            self.folder / f"tables/{table}.parquet"
        ).to_pylist()
        return rows


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield Made(folder)


def test_every_token_of_every_member_and_step_has_a_bound(made: Made) -> None:
    bounds, certificates = made.rows("universal_bound"), made.rows("universal_certificate")
    assert {(row["step"], row["is_final"]) for row in certificates} == {(30, False), (60, True)}
    assert len(certificates) == 2 * MEMBERS
    tokens = certificates[0]["tokens"]
    assert len(bounds) == 2 * MEMBERS * tokens
    for row in bounds:
        assert row["log_p_floor"] < row["log_p_attained"] <= row["log_p_bound_real"]
        assert row["log_p_bound_real"] <= row["log_p_bound"] <= 0
        assert row["log_p_bound"] >= -math.log(tokens) and row["gap"] <= 1e-4
        assert row["neighbour_nats"] > 0
    for row in certificates:
        assert row["unreached"] == 0 and row["gap_largest"] <= 1e-4
        assert 0 < row["logit_error_measured"] < row["logit_error"] + 1e-4 * 8
        assert row["iterations"] >= tokens and row["bytes"] == 4 * 8 * tokens


def test_witnesses_of_three_methods_are_below_the_bounds(made: Made) -> None:
    bounds = {
        (row["model"], row["token_id"]): row["log_p_bound"]
        for row in made.rows("universal_bound")
        if row["is_final"]
    }
    best: dict[tuple[str, int], dict[str, float]] = {}
    for row in made.rows("witness"):
        assert row["log_p"] <= bounds[row["model"], row["token_id"]]
        assert row["prefix_length"] == len(row["prefix_tokens"].split())
        assert (row["exhausted"] is not None) == (row["method"] == "short")
        best.setdefault((row["model"], row["token_id"]), {})[row["method"]] = row["log_p"]
    assert best.keys() == bounds.keys()
    for values in best.values():
        assert values.keys() == {"text", "short", "search"}
        assert values["search"] >= max(values.values()) - 1e-12


def test_proofs_are_compared_within_and_across_classes(made: Made) -> None:
    rows = made.rows("proof_transfer")
    # All pairs of three within two classes, and the first members of both.
    assert len(rows) == 2 * 6 + 2
    for row in rows:
        assert row["cost_median"] >= -1e-4 and row["cost_high"] >= row["cost_median"]
        assert -1 <= row["bound_correlation"] <= 1
        assert row["witness_away"] is not None
    sets = made.rows("statement_multiplicity")
    assert {row["rashomon_set"].split(" | ")[0] for row in sets} == {
        "two/tiny/causal", "two/tiny/myopic"
    }  # fmt: skip
    for row in sets:
        parts = ("core", "refuted", "contested", "open")
        assert sum(row[name] for name in parts) == row["statements"]
        assert row["shared"] <= row["core"] and row["members"] == 3


def test_pairs_leads_and_statements_of_the_process_have_rows(made: Made) -> None:
    pairs, firsts = made.rows("never_both"), made.rows("never_first")
    assert len(pairs) == MEMBERS * 24 and len(firsts) == MEMBERS * 12
    assert all(row["log_p_best"] <= row["log_p_bound"] for row in pairs)
    assert all(row["lead_best"] <= row["lead_bound"] for row in firsts)
    rows = [row for row in made.rows("process_statement") if row["last_token"] == "="]
    assert {row["token"] for row in rows} == {"0", "1", "2", "3", "="}
    bounds = {
        (row["model"], row["token_id"]): row["log_p_bound"]
        for row in made.rows("universal_bound")
        if row["is_final"]
    }
    for row in rows:
        assert row["log_p_bound"] == bounds[row["model"], row["token_id"]]
        assert max(row["log_p_possible"], row["log_p_text"]) <= row["log_p_bound"]
        assert row["prefix_text"].endswith("=") and row["prefix_text"].startswith("BOS")
        # A window of the train split is a document.
        assert "BOS" not in row["prefix_text"][3:] and row["process"] == "tally"


def test_views_give_three_verdicts(made: Made) -> None:
    path = made.layout.results.parent / "x.duckdb"
    load(made.layout.results, {node.key: node.label for node in made.plan.nodes}, path)
    with duckdb.connect(str(path), read_only=True) as connection:
        counts = connection.execute(
            "SELECT verdict, count(*), bool_and(CASE verdict "
            "WHEN 'proved' THEN log_p_bound <= ln(threshold) "
            "WHEN 'refuted' THEN log_p_best > ln(threshold) AND log_p_bound > ln(threshold) "
            "ELSE log_p_best <= ln(threshold) AND log_p_bound > ln(threshold) END) "
            "FROM verdict GROUP BY verdict"
        ).fetchall()
        assert {row[0] for row in counts} == {"proved", "refuted", "open"}
        assert all(row[2] for row in counts)
        tokens = made.rows("universal_certificate")[0]["tokens"]
        assert sum(row[1] for row in counts) == MEMBERS * tokens * 5
        shares = connection.execute(
            "SELECT abs(proved + refuted + open - 1) < 1e-9, models "
            "FROM provable_share WHERE is_final"
        ).fetchall()
        assert shares == [(True, 3)] * 10
        pairs = connection.execute(
            "SELECT threshold, count(*), bool_and((verdict = 'proved') = (log_p_bound <= "
            "ln(threshold))) FROM pair_verdict GROUP BY threshold ORDER BY threshold"
        ).fetchall()
        assert pairs == [(value, MEMBERS * 24, True) for value in (0.05, 0.1, 0.25)]
        leads = connection.execute(
            "SELECT count(*), bool_and(lead = 0.01), bool_and((verdict = 'refuted') = "
            "(lead_best > 0 AND lead_bound > 0.01)) FROM lead_verdict"
        ).fetchall()
        assert leads == [(MEMBERS * 12, True, True)]
        known = connection.execute(
            "SELECT verdict, bool_and(CASE verdict WHEN 'proved' THEN log_p_bound <= ln(threshold) "
            "WHEN 'refuted' THEN log_p_best > ln(threshold) ELSE log_p_best <= ln(threshold) END) "
            "FROM process_verdict GROUP BY verdict"
        ).fetchall()
        assert {"refuted", "proved to a length"} <= {row[0] for row in known}
        assert all(row[1] for row in known)
        steps = "SELECT count(*) FROM provable_share WHERE NOT is_final AND refuted IS NULL"
        assert connection.execute(steps).fetchall() == [(10,)]
        shared = "SELECT count(*), bool_and(abs(core + refuted + contested + open - 1) < 1e-9) "
        ((count, is_whole),) = connection.execute(f"{shared} FROM shared_proofs").fetchall()
        assert count > 0 and count % 5 == 0 and is_whole


# ------------------------------------------------------------------------------- certificates


def test_all_certificates_are_checked(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    tokens = made.rows("universal_certificate")[0]["tokens"]
    # Over the ball at two steps; of the last weights 24 pairs and 12 leads.
    bounds = MEMBERS * (2 * tokens + 24 + 12)
    counted = f"{3 * MEMBERS} certificates, {bounds} bounds: all re-derived from the"
    assert check_certificates(made.layout) == f"{counted} weights"
    assert main(["verify"]) == 0
    assert "all re-derived from the weights" in capsys.readouterr().out
    assert check_certificates(Layout(made.folder / "nothing")) == ""


def test_changed_weights_are_refused(made: Made) -> None:
    model = made.rows("universal_certificate")[-1]["model"]
    path = made.layout.folder("training", model) / "weights.safetensors"
    whole = path.read_bytes()
    weights = load_file(path)
    try:
        weights["W_U"][3, 1] += np.float32(1e-6)
        save_file(weights, path)
        with pytest.raises(UserError, match="the weights have changed"):
            check_certificates(made.layout)
        path.unlink()
        with pytest.raises(UserError, match=f"manymasks run training {model} --force"):
            check_certificates(made.layout)
        path.write_bytes(whole)
        # A weight of a block is in no bound.
        name = next(name for name in weights if name.endswith("W_Q"))
        weights = load_file(path)
        weights[name][0, 0] += 1
        save_file(weights, path)
        check_certificates(made.layout)
    finally:
        path.write_bytes(whole)


def test_a_table_that_differs_from_its_certificates_is_refused(made: Made) -> None:
    path = made.folder / "tables" / "universal_bound.parquet"
    rows = made.rows("universal_bound")
    try:
        changed = [dict(row) for row in rows]
        changed[5]["log_p_bound"] -= 1e-3
        replace_table(path, changed)
        with pytest.raises(UserError, match="not those of the table universal_bound"):
            check_certificates(made.layout)
    finally:
        replace_table(path, rows)


def test_a_certificate_that_is_no_archive_is_named(made: Made) -> None:
    path = made.folder / made.rows("universal_certificate")[0]["certificate"]
    whole = path.read_bytes()
    try:
        path.write_bytes(b"nothing")
        with pytest.raises(UserError, match=f"{path.name}: is not a readable certificate"):
            check_certificates(made.layout)
    finally:
        path.write_bytes(whole)


def test_a_study_without_sets_has_bounds_alone(tmp_path: Path) -> None:
    text = STUDY.replace("analyses: [rashomon, universal]", "analyses: [universal]")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    plan = plan_study(load_study([tmp_path / "config.yaml"], {}), tmp_path)
    (node,) = (node for node in plan.nodes if node.stage == "universal")
    assert "rashomon" not in node.inputs and len(node.inputs["training"]) == 9


def test_blocks_without_an_mlp_are_trained_by_torch(tmp_path: Path) -> None:
    text = STUDY.replace("heads: 1,", "heads: 1, mlp: 0,").replace("steps: 60", "steps: 4")
    text = text.replace("init: [0, 1, 2]", "init: [0]")
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    study = load_study([tmp_path / "config.yaml"], {})
    layout = Layout(tmp_path / "results")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        for node in plan_study(study, tmp_path).nodes:
            if node.stage in ("database", "report"):
                continue
            manifest = run_job(description_of(node, study.hardware), layout)
            if node.stage == "training":
                assert node.settings["training"]["kernels"] == "torch"
                assert manifest.figures["kernels"] in ("torch", None)
    folder = next((layout.results / "universal").iterdir())
    rows = pq.read_table(folder / "tables" / "attention_bound.parquet").to_pylist()
    # Eight tokens of two members; the third one failed.
    assert len(rows) == 2 * 8
    by_last = pq.read_table(folder / "tables" / "last_token_bound.parquet").to_pylist()
    assert len(by_last) == 2 * 8 * 13
    assert check_certificates(layout).startswith("8 certificates, ")
    check_refusals(layout, rows)
    witnesses = pq.read_table(folder / "tables" / "witness.parquet").to_pylist()
    lengths = {row["prefix_length"] for row in witnesses if row["method"].startswith("mixture")}
    assert lengths == {8, 64, 256}


def check_refusals(layout: Layout, rows: list[dict[str, Any]]) -> None:
    """Changed values of attention, other bounds in the tables, and unreadable files."""
    (folder,) = (layout.results / "universal").iterdir()
    weights_path = layout.folder("training", rows[0]["model"]) / "weights.safetensors"
    whole = weights_path.read_bytes()
    weights = load_file(weights_path)
    weights["blocks.0.W_V"][2, 1] += np.float32(1e-6)
    save_file(weights, weights_path)
    # What the ball proves does not depend on attention; bounds by last token do.
    with pytest.raises(UserError, match=r"-last\.npz: is about weights .* have changed"):
        check_certificates(layout)
    weights_path.write_bytes(whole)
    for table, column in (("last_token_bound", "log_p_bound"), ("attention_bound", "log_p_bound"),
                          ("attention_bound", "log_p_ball"), ("never_both", "log_p_bound"),
                          ("never_first", "lead_bound")):  # fmt: skip
        path = folder / "tables" / f"{table}.parquet"
        before = pq.read_table(path).to_pylist()
        changed = [dict(row) for row in before]
        changed[3][column] -= 1e-3
        replace_table(path, changed)
        with pytest.raises(UserError, match=r"not (those|that) of"):
            check_certificates(layout)
        replace_table(path, before)
    path = folder / rows[0]["certificate"]
    whole = path.read_bytes()
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="is not a readable certificate"):
        check_certificates(layout)
    path.write_bytes(whole)
    check_certificates(layout)
