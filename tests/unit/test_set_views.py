"""Views of sets: what they say of the example is what one finds by hand."""

from pathlib import Path
from typing import Any

import duckdb
import example_sets
import numpy as np
import pytest
from example_results import ExampleResults, write_results
from scipy import stats

from manymasks.database.load import load


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[ExampleResults, Path]:
    folder = tmp_path_factory.mktemp("sets")
    results = write_results(folder / "results", analyses=("rashomon", "divergence"), tuned=False)
    load(results.root, results.current, folder / "x.duckdb")
    return results, folder / "x.duckdb"


def ask(example: tuple[ExampleResults, Path], sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(example[1]), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_trained_and_derived_members_are_kept_apart(example: Any) -> None:
    assert ask(example, "SELECT count(*), count(DISTINCT parent) FROM derived_model") == [(28, 4)]
    assert ask(example, "SELECT count(*) FROM current_model") == [(16,)]
    # A class is as large as its trained members, whatever was derived from them.
    assert ask(example, "SELECT DISTINCT models FROM model_class WHERE is_current") == [(4,)]
    wrong = (
        "SELECT count(*) FROM derived_model AS c JOIN current_model AS m ON m.model = c.parent "
        "WHERE abs(c.excess_select - (c.select_nats - m.select_nats)) > 1e-12 "
        "OR abs(c.excess_measure - (c.measure_nats - m.measure_nats)) > 1e-12 "
        "OR c.label <> m.label OR c.excess_select IS NULL"
    )
    assert ask(example, wrong) == [(0,)]
    methods = "SELECT method, min(draw), min(scale) FROM derived_model GROUP BY 1 ORDER BY 1"
    assert ask(example, methods) == [
        ("checkpoint", None, 0.9),
        ("dropout", 1, 0.05),
        ("noise", 1, 0.03),
        ("quantised", None, 0.01),
    ]
    coded = "SELECT DISTINCT method, bits_per_weight FROM derived_model WHERE bits IS NOT NULL"
    assert ask(example, coded) == [("quantised", 4.5)]
    yields = "SELECT count(*) FROM method_yield WHERE method = 'quantised' AND candidates = 1"
    assert ask(example, yields)[0][0] > 0


def test_metrics_are_hard_and_resampled(example: Any) -> None:
    rows = ask(
        example,
        "SELECT members, metric, weighting, value, low, high FROM set_metric "
        "WHERE label = 'pydocs/w64/causal' AND method = 'trained' AND members > 1 AND is_whole",
    )
    metrics = {row[:3]: row[3:] for row in rows}
    assert rows
    for members in {row[0] for row in rows}:
        assert metrics[members, "kl", "hard"] == pytest.approx((0.2, 0.85 * 0.2, 1.2 * 0.2))
        assert metrics[members, "kl", "resampled"][0] == pytest.approx(0.9 * 0.2)
        capacity = metrics[members, "capacity", "hard"][0]
        assert capacity == pytest.approx(0.9 * 0.2 * (1 - 1 / members))
        effective = metrics[members, "effective_models", "hard"][0]
        assert effective == pytest.approx(np.exp(capacity))


def test_the_widest_set_is_the_narrowest_with_most_members(example: Any) -> None:
    for label, method, reference, members, eps in ask(
        example, "SELECT label, method, reference, members, eps_nats FROM widest_set"
    ):
        # The best of its class lets in at least as many as the best of all, and here more.
        assert reference == "best-of-class"
        found = ask(
            example,
            f"SELECT members, eps_nats FROM rashomon_set WHERE model_class = '{label}' "
            f"AND method = '{method}' AND reference = '{reference}'",
        )
        most = max(count for count, _ in found)
        assert members == most
        assert eps == min(each for count, each in found if count == most)


def test_the_curve_joins_count_volume_and_spread(example: Any) -> None:
    rows = ask(
        example,
        "SELECT label, threshold_nats, members, log_radius, log_radius_low, log_radius_high, kl, "
        "kl_low FROM rashomon_curve WHERE is_median",
    )
    finals = sorted(model["final"] for model in example[0].models)
    assert len(rows) == 4
    for label, threshold, members, *volume, kl, kl_low in rows:
        # The lower of the two middle losses: as many are at or below it as below the median.
        assert threshold == finals[7]
        models = example[0].classes()[label]
        assert members == sum(model["final"] <= np.median(finals) for model in models)
        keys = ", ".join(f"'{model['model']}'" for model in models)
        found = ask(example, f"SELECT log_radius FROM local_volume WHERE model IN ({keys})")
        radii = np.array(found)[:, 0]
        interval = stats.ttest_1samp(radii, 0).confidence_interval(0.95)
        assert volume == pytest.approx([radii.mean(), *interval], rel=2e-4)
        pool = f"SELECT value, low FROM pool_divergence WHERE pool = '{label}' AND other = pool"
        pool += " AND metric = 'kl' AND probe = 'held-out'"
        assert ask(example, pool) == [(kl, kl_low)]


def test_yields_by_hand(example: Any) -> None:
    rows = ask(
        example,
        "SELECT method, candidates, members, kl, seconds_per_candidate, seconds_per_member, "
        "kl_per_second, parents, parent_seconds FROM method_yield WHERE members > 1",
    )
    assert {row[0] for row in rows} >= {"trained", "noise"}
    for method, candidates, members, kl, each, inside, per_second, parents, seconds in rows:
        cost = {"trained": 12.0, "checkpoint": 0.0}.get(method, 0.4)
        assert each == pytest.approx(cost)
        assert inside == pytest.approx(cost * candidates / members)
        assert per_second == pytest.approx(kl / inside)
        assert (parents, seconds) == ((0, None) if method == "trained" else (1, 12.0))
    # Codes and checkpoints are chosen, so their share has no sampling error; draws have one.
    sampled = "SELECT method, count(share_low), count(share_high) FROM {} GROUP BY 1 ORDER BY 1"
    for view in ("current_set", "method_yield"):
        ends = {method: both for method, *both in ask(example, sampled.format(view))}
        assert ends["checkpoint"] == ends["quantised"] == [0, 0]
        assert min(*ends["noise"], *ends["dropout"]) > 0
    free = "SELECT DISTINCT seconds_per_candidate, kl_per_second FROM method_yield "
    assert ask(example, free + "WHERE method = 'checkpoint'") == [(0.0, None)]
    # A set without members has no price for one.
    none = "SELECT count(*), count(seconds_per_member) FROM method_yield WHERE members = 0"
    ((empty, priced),) = ask(example, none)
    assert empty > 0 and priced == 0


def test_who_is_disclosed_carries_the_whole_weight(example: Any) -> None:
    rows = ask(
        example,
        "SELECT rashomon_set, list(rank), list(weight), max(covered), count(*), min(members) "
        "FROM disclosure_subset GROUP BY rashomon_set",
    )
    assert rows
    for _, places, weights, covered, count, members in rows:
        assert places == list(range(1, count + 1))
        assert weights == sorted(weights, reverse=True)
        assert min(weights) > 0.001
        assert covered == pytest.approx(1)
        assert count <= members


def test_positions_components_and_rarefaction_have_labels(example: Any) -> None:
    most = "SELECT effective_models FROM contested_positions"
    found = [value for (value,) in ask(example, most)]
    assert found == sorted(found, reverse=True)
    per_set = "SELECT DISTINCT count(*) OVER (PARTITION BY rashomon_set) FROM contested_positions"
    assert ask(example, per_set) == [(example_sets.POSITIONS,)]
    assert ask(example, "SELECT count(*) FROM variance_components WHERE parameters IS NULL") == [
        (0,)
    ]
    metrics = "SELECT DISTINCT metric FROM rarefaction_curve ORDER BY metric"
    assert ask(example, metrics) == [("ambiguity",), ("distinct_top1",), ("pair_ambiguity",)]
    # From two members to all of them, of whom the last row is the set as it is.
    wrong = (
        "SELECT count(*) FROM (SELECT rashomon_set, metric, min(members_used) AS least, "
        "max(members_used) AS most, any_value(members) AS members, count(*) AS points, "
        "count(*) FILTER (WHERE is_whole) AS whole FROM rarefaction_curve GROUP BY ALL) "
        "WHERE least <> 2 OR most <> members OR points <> members - 1 OR whole <> 1"
    )
    assert ask(example, wrong) == [(0,)]
    assert ask(example, "SELECT DISTINCT variant IS NULL FROM funnel ORDER BY 1") == [
        (False,),
        (True,),
    ]


def test_half_widths_are_those_of_t(example: Any) -> None:
    rows = np.array(ask(example, "SELECT n, confidence, half_width FROM mean_interval ORDER BY n"))
    n, confidence, half_width = rows.T
    assert n.tolist() == list(range(2, 1002)) and set(confidence) == {0.95}
    assert half_width * np.sqrt(n) == pytest.approx(stats.t.ppf(0.975, n - 1), abs=6e-4)


def test_intervals_have_the_confidence_of_the_study(tmp_path: Path) -> None:
    results = ExampleResults(tmp_path / "results")
    results.confidence = 0.8
    values = (0.2, 0.5, 0.6)
    for place, value in enumerate(values):
        model = results.train("w32", "causal", place, 0)
        row = {"model": model, "level": "mean", "weights": "all", "gamma": 0.0, "projection": value}
        results.add("gradient", f"{place}", {"myopia_gradient": [row]})
    # The confidence of an old artifact is ignored.
    old = {"statistics": {"confidence": 0.99}}
    results.add("gradient", "old", {}, settings=old, is_current=False)
    load(results.root, results.current, tmp_path / "x.duckdb")
    found = ask((results, tmp_path / "x.duckdb"), "SELECT low, high FROM gradient_share")
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.8)
    assert found == [pytest.approx((interval.low, interval.high), abs=1e-3)]


def test_a_summary_of_sets_is_not_a_list_of_metrics(example: Any) -> None:
    """A new metric appears in the views of sets by itself."""
    columns = {row[0] for row in ask(example, "DESCRIBE rashomon_summary")}
    metrics = {row[0] for row in ask(example, "SELECT DISTINCT metric FROM set_metric")}
    assert columns & metrics <= {"top1_disagreement"}


def test_views_of_pairs_hold_every_metric_of_pairs(example: Any) -> None:
    metrics = {row[0] for row in ask(example, "DESCRIBE pair_divergence")} - {"artifact"}
    for view in ("current_pair", "rashomon_divergence"):
        assert metrics <= {row[0] for row in ask(example, f"DESCRIBE {view}")}
