"""Text from known processes: members are trained on it and held against its exact law."""

import math

import duckdb
from clones import clone

STUDY = """\
name: known
corpora:
  pydocs: null
  masks: {kind: process, process: masks, documents: 600}
  fork: {kind: process, process: fork, documents: 600, eps: 0.02}
sizes: {small: null, base: {width: 16, heads: 1, positions: learned, learning_rate: 1e-2}}
training: {batch: 16, steps: 40, curve_every: 20, curve_windows: 8}
seeds: {init: [0], order: [0]}
probes: {held-out: {windows: 16}}
statistics: {resamples: 100}
"""


def test_members_are_held_against_the_truth(tmp_path):
    made = clone(tmp_path / "truth")
    (made.folder / "study.yaml").write_text(STUDY)
    assert "Traceback" not in made.snakemake("--configfile", "study.yaml")
    with duckdb.connect(str(made.folder / "results/manymasks.duckdb"), read_only=True) as asked:

        def ask(sql):
            return asked.execute(sql).fetchall()

        assert ask("SELECT corpus, kind FROM corpus ORDER BY ALL") == [
            ("fork", "process"),
            ("masks", "process"),
        ]
        assert ask("SELECT corpus, vocabulary FROM tokenizer ORDER BY ALL") == [
            ("fork", 35),
            ("masks", 9),
        ]
        # The first letter is uniform whoever speaks, and no member knows more than the truth.
        ((first,),) = ask("SELECT entropy FROM process_truth WHERE corpus = 'masks' AND position=2")
        assert math.isclose(first, math.log(3), rel_tol=1e-9)
        ladder = ask(
            "SELECT corpus, kind, count(*), min(nats) > 0 FROM price_ladder "
            "GROUP BY ALL ORDER BY ALL"
        )
        assert ladder == [
            ("fork", "member", 2, True),
            ("masks", "capability", 5, True),
            ("masks", "member", 2, True),
        ]
        # Excess loss and the loss of the truth make up the loss that evaluation finds, but for
        # the end of a document, which evaluation counts as a token too.
        rows = ask(
            "SELECT x.nats * x.tokens / x.documents, t.nats, l.nats * l.tokens / l.documents "
            "FROM current_excess AS x JOIN model_loss AS l ON l.model = x.model "
            "AND l.split = 'measure' CROSS JOIN (SELECT sum(nats) AS nats FROM process_truth "
            "WHERE corpus = 'masks') AS t WHERE x.stratum = 'all' AND x.corpus = 'masks'"
        )
        assert len(rows) == 2
        for excess, truth, loss in rows:
            assert 0.95 < (excess + truth) / loss < 1.05
    assert "commit" in made.run("manymasks", "sql", "--example", "15")
