"""Views of behaviour on probes: what they say of the example is what one finds by hand."""

from pathlib import Path
from typing import Any

import duckdb
import example_behaviour
import numpy as np
import pytest
from example_results import PROBES, SEARCH, ExampleResults, write_results
from example_rows import SHARE

from manymasks.database.load import load

Example = tuple[ExampleResults, Path]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = tmp_path_factory.mktemp("behaviour")
    results = write_results(folder / "results", analyses=("rashomon", "divergence"), tuned=False)
    load(results.root, results.current, folder / "x.duckdb")
    return results, folder / "x.duckdb"


def ask(example: Example, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(example[1]), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_reference_seeds_are_in_no_comparison(example: Example) -> None:
    reference = example[0].reference
    assert ask(example, "SELECT model FROM reference_model") == [(reference,)]
    assert ask(example, f"SELECT status FROM model WHERE model = '{reference}'") == [("trained",)]
    assert ask(example, "SELECT count(*) FROM current_model") == [(16,)]
    assert ask(example, "SELECT DISTINCT models, failed FROM leaderboard") == [(4, 0)]
    assert ask(example, "SELECT DISTINCT models FROM model_class WHERE is_current") == [(4,)]


def test_a_probe_has_its_distances(example: Example) -> None:
    rows = ask(
        example,
        "SELECT severity, ngram_nats, reference_nats FROM current_probe "
        "WHERE probe = 'shuffle' ORDER BY severity",
    )
    assert rows == [
        (place, pytest.approx(4.1 * growth), pytest.approx(3.8 * growth))
        for place, growth in enumerate(1 + 0.1 * np.arange(6))
    ]
    chosen = "SELECT probe, severity FROM current_probe WHERE "
    assert ask(example, chosen + "is_text") == [("held-out", 0)]
    # Windows evolved are not the furthest, however unlikely: half of the members see them.
    assert ask(example, chosen + "is_furthest") == [("shuffle", 5)]


def test_a_curve_holds_every_metric_of_its_class(example: Example) -> None:
    rows = ask(
        example,
        "SELECT kl, low, high, entropy_share, share_low, share_high, js, tv, hidden, information, "
        "ensemble_gain, top1_disagreement, reference_nats, floor FROM severity_curve "
        f"WHERE probe <> '{SEARCH}'",
    )
    assert len(rows) == 4 * sum(map(len, PROBES.values()))
    for kl, low, high, share, share_low, share_high, js, tv, *others in rows:
        pool = example_behaviour.pool(kl, is_within=True)
        assert (low, high) == pytest.approx(((1 - SHARE) * kl, (1 + SHARE) * kl))
        assert (share, share_low, share_high) == pytest.approx((kl / 3.4, low / 3.4, high / 3.4))
        assert (js, tv) == pytest.approx((pool["js"], pool["tv"]))
        names = ("hidden", "information", "ensemble_gain", "top1_disagreement")
        assert others[:4] == pytest.approx([pool[name] for name in names])
        assert others[4] is not None and others[5] == 2e-12


def test_equal_pairs_tell_what_is_hidden(example: Example) -> None:
    rows = ask(
        example,
        "SELECT hidden, visible, hidden_ratio, kl, kl_sampled, kl_tempered, kappa, soft_agreement "
        "FROM equal_loss_pairs",
    )
    assert rows
    for hidden, visible, ratio, kl, sampled, tempered, kappa, soft in rows:
        assert ratio == pytest.approx(hidden / abs(visible))
        assert tempered < sampled
        assert (kappa, soft) == pytest.approx((np.exp(-1.2 * kl), 1 / (1 + kl)))


def test_components_sum_to_the_total_in_each_order(example: Example) -> None:
    rows = ask(
        example,
        "SELECT sum(bits) FILTER (WHERE component <> 'total'), "
        "max(bits) FILTER (WHERE component = 'total'), "
        "max(nats) FILTER (WHERE component = 'total'), "
        "sum(share) FILTER (WHERE component <> 'total'), "
        "max(corpus) FROM behaviour_anova GROUP BY probe, severity, kind, ordering",
    )
    severities = sum(map(len, PROBES.values())) + len(example_behaviour.GENERATIONS)
    assert len(rows) == severities * 2 * (len(example_behaviour.ORDERINGS) + 1)
    for parts, total, nats, shares, corpus in rows:
        assert parts == pytest.approx(total)
        assert total == pytest.approx(nats / np.log(2))
        assert shares == pytest.approx(1)
        assert corpus == "pydocs"
    by_chance = (
        "SELECT DISTINCT component, round(15 * chance_share, 9) FROM behaviour_anova "
        "WHERE probe = 'shuffle' AND starts_with(ordering, 'size') ORDER BY 2"
    )
    found = [("size", 1), ("variant", 2), ("seed_init", 4), ("seed_order", 8), ("total", 15)]
    assert ask(example, by_chance) == found


def test_the_most_contested_come_first(example: Example) -> None:
    found = ask(example, "SELECT information FROM most_contested_contexts")
    assert found == sorted(found, reverse=True)
    shares = "SELECT sum(share_of_sample) FROM most_contested_contexts GROUP BY probe, severity"
    assert [share for (share,) in ask(example, shares)] == pytest.approx([1.0] * 10)


def test_the_tokens_of_a_pair_are_in_the_order_of_its_log_ratios(example: Example) -> None:
    one, other = ask(example, "SELECT model_a, model_b FROM current_pair ORDER BY ALL LIMIT 1")[0]
    rows = ask(example, f"SELECT * FROM pair_tokens('{one}', '{other}')")
    expected = ask(
        example,
        "SELECT a.probe, a.severity, a.position, a.log_p - b.log_p FROM position_prediction AS a "
        "JOIN position_prediction AS b USING (artifact, severity, item, position) "
        f"WHERE a.model = '{one}' AND b.model = '{other}'",
    )
    assert len(rows) == len(expected) > 0
    assert sorted(row[-1] for row in rows) == sorted(row[-1] for row in expected)
    for probe, severity in {row[:2] for row in rows}:
        ratios = [abs(row[-1]) for row in rows if row[:2] == (probe, severity)]
        assert ratios == sorted(ratios, reverse=True)
    reverse = ask(example, f"SELECT visible FROM pair_tokens('{other}', '{one}')")
    assert [row[0] for row in reverse] == [-row[-1] for row in rows]


def test_calibration_by_hand(example: Example) -> None:
    tokens = np.array([1000 // (place + 1) for place in range(example_behaviour.BINS)])
    confidence = (np.arange(example_behaviour.BINS) + 0.5) / example_behaviour.BINS
    for severity in range(6):
        rows = ask(
            example,
            "SELECT DISTINCT calibration_error, overconfidence, largest_gap, accuracy, tokens "
            f"FROM calibration WHERE probe = 'shuffle' AND severity = {severity}",
        )
        gap = 0.05 * severity * confidence
        error = (tokens * gap).sum() / tokens.sum()
        accuracy = (tokens * (confidence - gap)).sum() / tokens.sum()
        for row in rows:
            assert row == pytest.approx((error, error, gap.max(), accuracy, tokens.sum()))


def test_survival_starts_at_one_and_falls(example: Example) -> None:
    rows = ask(
        example,
        "SELECT list(survival ORDER BY step), bool_and(is_within = (label = other)) "
        "FROM rollout_agreement GROUP BY label, other, mode",
    )
    assert len(rows) == 2 * 10
    for survival, is_right in rows:
        assert survival[0] == 1 and is_right
        assert survival == sorted(survival, reverse=True)
    assert ask(example, "SELECT count(*) FROM written_text") == [
        (16 * len(example_behaviour.MODES) * example_behaviour.PROMPTS,)
    ]


def test_depth_is_that_of_the_shallower_of_two_sizes(example: Example) -> None:
    rows = ask(
        example,
        "SELECT is_within, size, max(layer), min(depth), max(depth) FROM representation_by_layer "
        "GROUP BY 1, 2 ORDER BY 1, 2",
    )
    assert rows[2:] == [(True, "w32", 2, 0, 1), (True, "w64", 3, 0, 1)]


def test_lines_and_trends_know_their_corpus(example: Example) -> None:
    severities = sum(map(len, PROBES.values()))
    lines = "SELECT count(*), count(corpus), min(times_noise), count(ngram_nats) FROM on_the_line"
    assert ask(example, lines) == [(severities, severities, 1.0, severities)]
    wrong = (
        "SELECT count(*) FROM line_residuals AS r JOIN on_the_line AS l "
        "USING (corpus, probe, severity) "
        "WHERE abs(r.nats - l.intercept - l.slope * r.text_nats - r.residual) > 1e-9"
    )
    assert ask(example, wrong) == [(0,)]
    assert ask(example, "SELECT DISTINCT family, trend FROM severity_trends ORDER BY ALL") == [
        ("shuffle", trend) for trend in ("fall", "rank", "rise", "slope")
    ]


def test_a_search_is_held_against_seeds_it_has_not_seen(example: Example) -> None:
    rows = ask(
        example,
        "SELECT label, severity, generations, searched_gain, unseen, unseen_gain, carried_over, "
        "unseen_models, searched_models FROM search_gain",
    )
    assert len(rows) == 4 * len(example_behaviour.GENERATIONS)
    on_text = {label: unseen for label, severity, _, _, unseen, *_ in rows if severity == 0}
    last = max(on_text)
    for label, severity, generations, gain, unseen, unseen_gain, carried, *models in rows:
        assert generations == example_behaviour.GENERATIONS[severity]
        assert gain == pytest.approx(0.05 * 0.5 * severity)
        assert unseen_gain == pytest.approx(unseen - on_text[label])
        assert models == [2, 3 if label == last else 2]
        # Information grows with members: halves of other sizes are not compared.
        comparable = severity and label != last
        assert carried == (pytest.approx(unseen_gain / gain) if comparable else None)


def test_an_artifact_that_is_not_current_says_nothing(example: Example, tmp_path: Path) -> None:
    results, _ = example
    old = ("divergence", "rollout", "representation", "severity", "search")
    left = {key: name for key, name in results.current.items() if name.split("/")[0] not in old}
    load(results.root, left, tmp_path / "x.duckdb")
    of = ["severity_curve", "behaviour_anova", "most_contested_contexts", "calibration"]
    of += ["rollout_agreement", "rollout_summary", "written_text", "representation_by_layer"]
    of += ["on_the_line", "line_residuals", "severity_trends", "search_gain", "noise_floor_summary"]
    for view in of:
        assert ask((results, tmp_path / "x.duckdb"), f"SELECT count(*) FROM {view}") == [(0,)]
