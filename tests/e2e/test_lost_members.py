"""A member that fails, and classes of one member: the study is complete all the same."""

import duckdb
from clones import clone

from manymasks.database.queries import examples

STUDY = """\
name: lost
primary: [{claim: gap, corpus: pydocs, subject: myopic, baseline: causal, within: base}]
corpora:
  "*": null
  pydocs: {kind: pydocs, packages: [], max_documents: 100, select: 0.2, measure: 0.2}
tokenizer: {kind: bytes}
variants:
  myopic: {gradient: myopic, learning_rate: 1e30}   # it cannot but fail
sizes:
  small: null
  base: {width: 16, learning_rate: 3e-3}
training: {context: 32, batch: 4, steps: 20, curve_every: 10, curve_windows: 4}
seeds: {init: [0], order: [0]}
evaluation: {position_edges: [0, 4]}
probes:
  held-out: {windows: 8}
  shuffle: {windows: 8, scored: 8, severities: [4]}
  splice: null
  copy: null
  uniform-noise: null
  self: null
  search: null
rollout: {prompts: 8, prompt: 8, length: 8}
representation: {windows: 8, tokens: 64, permutations: 19}
statistics: {resamples: 100}
"""


def test_a_failed_member_enters_no_set_and_blocks_no_job(tmp_path):
    made = clone(tmp_path / "lost")
    (made.folder / "study.yaml").write_text(STUDY)
    output = made.snakemake("--configfile", "study.yaml")
    assert "not finite" in output and "Traceback" not in output
    with duckdb.connect(str(made.folder / "results/manymasks.duckdb"), read_only=True) as asked:
        found = asked.execute("SELECT variant, status FROM current_model ORDER BY ALL").fetchall()
        assert found == [("causal", "trained"), ("myopic", "failed")]
        members = asked.execute(
            "SELECT DISTINCT m.variant FROM rashomon_member JOIN model AS m USING (model)"
        ).fetchall()
        assert members == [("causal",)]
        assert asked.execute("SELECT count(*) FROM pair_divergence").fetchall() == [(0,)]
        assert asked.execute("SELECT count(*) FROM myopia_gap").fetchall() == [(0,)]
        # A claim about a member that failed stays in the list, untested.
        primary = asked.execute("SELECT contrast, stage, p FROM tested_claims WHERE rank = 1")
        sentence = "myopia gap: myopic minus causal, pydocs/base"
        assert primary.fetchall() == [(sentence, None, None)]
    for example in examples():
        made.run("manymasks", "sql", "--example", example.name)
    assert "failed" in (made.folder / "results/report.html").read_text(encoding="utf-8")


def test_a_study_in_which_all_members_fail_is_complete_and_says_why(tmp_path):
    made = clone(tmp_path / "none")
    every = STUDY.replace("learning_rate: 3e-3", "learning_rate: 1e30")
    (made.folder / "study.yaml").write_text(every)
    output = made.snakemake("--configfile", "study.yaml")
    assert "is empty: all 2 members failed in training" in output
    assert "Traceback" not in output
    with duckdb.connect(str(made.folder / "results/manymasks.duckdb"), read_only=True) as asked:
        for table in ("rashomon_set", "pair_divergence", "myopia_gap"):
            assert asked.execute(f"SELECT count(*) FROM {table}").fetchall() == [(0,)]
    page = (made.folder / "results/report.html").read_text(encoding="utf-8")
    assert "are empty: all 2 members failed in training: their losses became infinite" in page
