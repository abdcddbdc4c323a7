"""Text from known processes: members are trained on it and held against its exact law."""

import math

import duckdb
from clones import clone

STUDY = """\
name: known
primary: []
corpora:
  "*": null
  voices: {kind: process, process: masks, documents: 600}
  twins: {kind: process, process: fork, documents: 600, answered: 0.02}
sizes: {small: null, base: {width: 16, heads: 1, positions: learned, learning_rate: 1e-2}}
variants: {worn: {gradient: myopic, starts_from: causal, learning_rate: 1e-3}}
training: {batch: 16, steps: 40, curve_every: 20, curve_windows: 8}
seeds: {init: [0], order: [0]}
probes: {held-out: {windows: 16}}
statistics: {resamples: 100}
"""


def test_members_are_compared_with_the_exact_law(tmp_path):
    made = clone(tmp_path / "truth")
    (made.folder / "study.yaml").write_text(STUDY)
    assert "Traceback" not in made.snakemake("--configfile", "study.yaml")
    with duckdb.connect(str(made.folder / "results/manymasks.duckdb"), read_only=True) as asked:

        def ask(sql):
            return asked.execute(sql).fetchall()

        assert ask("SELECT corpus, kind FROM corpus ORDER BY ALL") == [
            ("twins", "process"),
            ("voices", "process"),
        ]
        assert ask("SELECT corpus, vocabulary FROM tokenizer ORDER BY ALL") == [
            ("twins", 35),
            ("voices", 9),
        ]
        # The first letter is uniform whoever speaks, and no member knows more than the truth.
        ((first,),) = ask(
            "SELECT entropy FROM process_truth WHERE corpus = 'voices' AND position=2"
        )
        assert math.isclose(first, math.log(3), rel_tol=1e-9)
        ladder = ask(
            "SELECT corpus, kind, count(*), min(nats) >= 0, max(nats) > 0 FROM price_ladder "
            "GROUP BY ALL ORDER BY ALL"
        )
        assert ladder == [
            ("twins", "capability", 3, True, True),
            ("twins", "member", 3, True, True),
            ("voices", "capability", 5, True, True),
            ("voices", "member", 3, True, True),
        ]
        # Sets are of what a price allows: four shares, two classes, and each capability.
        sets = ask(
            "SELECT corpus, count(*), bool_and(may_lack = (price <= eps)), max(members) <= 1 "
            "FROM capability_sets GROUP BY ALL ORDER BY ALL"
        )
        assert sets == [("twins", 4 * 2 * 3, True, True), ("voices", 4 * 2 * 5, True, True)]
        # One pair of seeds shows a gap, and no interval of it.
        gaps = ask(
            "SELECT DISTINCT corpus, gap IS NULL, gap_low IS NULL FROM myopia_by_demand ORDER BY 1"
        )
        assert gaps == [("twins", False, True), ("voices", False, True)]
        # What started from another's weights stands beside it, and is in no set.
        worn = ask(
            "SELECT e.corpus, e.gradient, e.nats - e.start_nats = e.eroded, count(m.model) "
            "FROM erosion AS e JOIN model AS m ON m.method = 'fine-tuned' AND m.corpus = e.corpus "
            "AND m.parent IN (SELECT model FROM model WHERE variant = 'causal') "
            "WHERE e.stratum = 'all' GROUP BY ALL ORDER BY 1"
        )
        assert worn == [("twins", "myopic", True, 1), ("voices", "myopic", True, 1)]
        # Every measurement of a process has something to say of each member.
        for table in ("mask_fit", "mask_inertia", "belief_fit", "speculation", "mask_swap"):
            ((members,),) = ask(f"SELECT count(DISTINCT model) FROM {table} WHERE model != 'bayes'")
            assert members == 3, table
        assert ask("SELECT count(*) FROM mask_class") > [(0,)]
        assert ask("SELECT question, count(*) FROM rule_choice GROUP BY 1 ORDER BY 1") == [
            ("before", 3),
            ("twin", 3),
        ]
        # A class of one has no pairs.
        spread = ask(
            "SELECT corpus, count(*), count(kl), count(posterior_entropy) FROM spread_by_position "
            "GROUP BY ALL ORDER BY ALL"
        )
        # How long the longest document of twins is, is chance.
        ((longest,),) = ask("SELECT count(*) FROM process_truth WHERE corpus = 'twins'")
        assert spread == [("twins", 2 * longest, 0, 2 * longest), ("voices", 2 * 63, 0, 2 * 62)]
        # Excess loss and the loss of the truth make up the loss that evaluation finds, but for
        # the end of a document, which evaluation counts as a token too.
        rows = ask(
            "SELECT x.nats * x.tokens / x.documents, t.nats, l.nats * l.tokens / l.documents "
            "FROM current_excess AS x JOIN model_loss AS l ON l.model = x.model "
            "AND l.split = 'measure' CROSS JOIN (SELECT sum(nats) AS nats FROM process_truth "
            "WHERE corpus = 'voices') AS t WHERE x.stratum = 'all' AND x.corpus = 'voices'"
        )
        assert len(rows) == 3
        for excess, truth, loss in rows:
            assert 0.95 < (excess + truth) / loss < 1.05
    assert "commit" in made.run("manymasks", "sql", "--example", "capability-prices")
