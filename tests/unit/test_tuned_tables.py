"""Fine-tuned members: rows of their states, the stage, and what the views make of them."""

from pathlib import Path

import duckdb
import example_tuning
import numpy as np
import pytest
from example_results import ExampleResults
from numpy.testing import assert_allclose

from manymasks.config.mask_law import MaskLaw
from manymasks.config.rewards import Reward
from manymasks.database.load import load
from manymasks.truth.tuned_laws import base_laws, tuning_prompts
from manymasks.truth.tuned_predictions import PREDICTIONS, REWARD_ARMS, quantities
from manymasks.truth.tuned_tables import (
    arm_of,
    arm_of_reward,
    goal_of_law,
    reference_of,
    state_rows,
)

ALPHAS = (0.0, 0.5, 1.0, 1.5)
ONE_PREMISE = MaskLaw(only="clockwise", premise="P4")


@pytest.mark.parametrize(
    ("law", "has_start", "arm", "reference"),
    [
        (MaskLaw(only="jitter"), True, "one mask", 3),
        (MaskLaw(prior=(0.1, 0.7, 0.1, 0.1)), True, "prior", 1),
        (ONE_PREMISE, True, "one premise", 1),
        (MaskLaw(only="sink"), True, "new mask", 0),
        (None, True, "revived", 0),
        (None, False, "fresh", 0),
    ],
)
def test_arms_are_named_by_what_the_documents_change(
    law: MaskLaw | None, has_start: bool, arm: str, reference: int
) -> None:
    assert arm_of(law, has_start=has_start) == arm
    assert reference_of(law) == reference


def test_arms_of_rewards_have_predictions() -> None:
    rewards = Reward(letter="a", nats=0.2), Reward(mask="sticky")
    arms = [arm_of_reward(one, imitates=way) for one in rewards for way in (False, True)]
    assert arms == [*REWARD_ARMS] == [*example_tuning.REWARD_ARMS]


def test_rows_of_the_exact_law_of_one_premise() -> None:
    prompts = tuning_prompts(5, (0, 8), 0)
    base = base_laws(prompts, prompts.exact(None))
    rows = state_rows(
        prompts, goal_of_law(prompts, ONE_PREMISE), base, prompts.exact(ONE_PREMISE), ALPHAS
    )
    for row in rows["tuned_law"]:
        for name in ("from_changed", "residual", "base_residual", "floor", "kl_free"):
            assert_allclose(row[name], 0, atol=1e-6, err_msg=name)
        assert row["kl"] >= row["kl_one"] > 0
    weights = {row["premise"]: row for row in rows["tuned_premise"]}
    assert_allclose([weights["P4"]["weight"], weights["P4"]["base_weight"]], [1, 0.25], atol=1e-4)
    for premise, prior in (("P0", 0.1), ("P1", 0.7)):
        row = weights[premise]
        values = [row["weight"], row["base_weight"], row["bayes"]]
        assert_allclose(values, [prior] * 3, atol=1e-4)
        assert not row["is_changed"]
    wake = rows["tuned_wake"]
    assert [row["mask"] for row in wake if row["is_reference"]] == ["clockwise"] * 2
    for row in wake:
        assert_allclose(
            [row["weight"], row["base_weight"]], [row["bayes"], row["bayes_before"]], atol=1e-3
        )
    assert [row["alpha"] for row in rows["tuned_profile"]] == list(ALPHAS)
    (read,) = rows["tuned_reading"]
    assert (read["reference"], read["documents"]) == ("clockwise", 20)


def test_a_member_without_a_start_has_no_change() -> None:
    prompts = tuning_prompts(5, (0, 8), 0)
    rows = state_rows(prompts, goal_of_law(prompts, None), None, prompts.exact(None), ALPHAS)
    assert {row["kl"] for row in rows["tuned_law"]} == {None}
    assert_allclose([row["residual"] for row in rows["tuned_law"]], 0, atol=1e-6)
    assert {row["one_shift"] for row in rows["tuned_shift"]} == {None}
    (read,) = rows["tuned_reading"]
    assert_allclose([read["alpha"], read["gamma"], read["shift"]], [1, 1, 0], atol=5e-3)


def test_predicted_quantities_are_read_off_every_arm() -> None:
    """By hand, from the made-up rows."""
    for arm in (*example_tuning.ARMS, *example_tuning.REWARD_ARMS):
        models = [{"model": f"{arm} {seed}"} for seed in (0, 1)]
        tables = example_tuning.fine_tuning(models, arm)
        others = example_tuning.fine_tuning([{"model": "other"}], "fresh")
        for name, rows in tables.items():
            rows += [row for row in others[name] if row["model"] == "other"]
        fresh = ["other"] if arm == "revived" else []
        seen = quantities(tables, arm, [model["model"] for model in models], fresh)
        assert [prediction.quantity for prediction in PREDICTIONS[arm]] == list(seen)
        values = {quantity: interval.estimate for quantity, interval in seen.items()}
        for quantity, value in (
            ("share of one shift in the end", 0.96),
            ("weight lost on the longest prompts", 0.1),
            ("lead over fresh members on the longest prompts", 0.66),
            # That of the second member, which is further from the prediction.
            ("alpha in the end", 0.9 - 0.4 * 1.05),
        ):
            assert_allclose(values.get(quantity, value), value)
            assert_allclose(values.get(f"{quantity}, {arm}", value), value)


def test_a_class_is_shown_step_by_step(tmp_path: Path) -> None:
    results = ExampleResults(tmp_path / "results")
    results.add("corpus", "masks", {"corpus": [{"corpus": "masks", "kind": "process"}]})
    arms = {"only": "one mask", "fresh": "fresh"}
    for variant in arms:
        for seed in (0, 1, 2):
            results.train("w32", variant, seed, seed, corpus="masks")
    models = results.known["masks"]
    tables = example_tuning.by_variant(models, arms)
    after = [
        row for row in tables["tuned_reading"] if (row["arm"], row["step"]) == ("one mask", 12)
    ]
    after[0] |= {"alpha_low": None, "alpha_high": 1.2}
    results.add("fine_tuning", "masks", tables, {"training": [m["model"] for m in models]})
    load(results.root, results.current, tmp_path / "x.duckdb", primary=())
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as connection:
        steps = connection.sql(
            "SELECT step, kl, share_one, share_low, identified, models FROM shift_or_machinery "
            "WHERE arm = 'one mask' ORDER BY step"
        ).fetchall()
        assert [step for step, *_ in steps] == [0, 12, 40]
        assert steps[0][1:3] == (0.0, None)
        assert_allclose(steps[1][2:4], [0.96, 0.96])
        assert [row[4] for row in steps] == [3, 3, 0]
        ends = connection.sql(
            "SELECT alpha_lowest, alpha_highest FROM shift_or_machinery "
            "WHERE arm = 'one mask' ORDER BY step"
        ).fetchall()
        # Where one range has no end, the class has none.
        assert ends == [(0.2, 0.95), (None, 1.2), (0.2, None)]
        fresh = connection.sql("SELECT DISTINCT kl FROM shift_or_machinery WHERE arm = 'fresh'")
        assert fresh.fetchall() == [(None,)]


def test_weights_of_a_noisy_base_do_not_count_as_change() -> None:
    """Rows of the start of a fine-tuning: nothing has changed, whatever its errors."""
    prompts = tuning_prompts(5, (0, 8), 0)
    rng = np.random.default_rng(0)
    noisy = prompts.exact(None) * rng.uniform(0.9, 1.1, prompts.exact(None).shape)
    base = base_laws(prompts, noisy / noisy.sum(-1, keepdims=True))
    rows = state_rows(
        prompts, goal_of_law(prompts, MaskLaw(only="sticky")), base, base.laws, ALPHAS
    )
    for row in rows["tuned_law"]:
        assert_allclose([row["kl"], row["kl_one"], row["kl_free"]], 0, atol=1e-12)
        assert row["residual"] == row["base_residual"] > 0
