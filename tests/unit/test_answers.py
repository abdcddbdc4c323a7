"""Answers of the report: sentences worded by their numbers."""

from typing import Any

import pytest

from manymasks.report import answer_words as words

SEEDS = {
    "label": "pydocs/base/causal", "value": 0.4635, "low": 0.4459, "high": 0.481, "floor": 0.0,
    "pairs": 3, "visible": 0.0371, "other_top1": 0.484,
}  # fmt: skip


def text(answer: words.Answer) -> str:
    return str(answer.html).replace("<b>", "").replace("</b>", "")


def test_what_equal_loss_hides() -> None:
    answer = words.hidden([SEEDS, {**SEEDS, "label": "small", "value": 0.3}])
    assert text(answer) == (
        "Two seeds of pydocs/base/causal differ by 0.464 [0.446, 0.481] nats per token of KL on "
        "held-out text; over all 2 classes of text 0.300 to 0.464. Its 3 pairs within the tightest "
        "threshold differ by at most 0.037 nats in loss and rank different tokens first at 48% of "
        "positions."
    )
    assert answer.is_settled
    unsettled = words.hidden([{**SEEDS, "low": None, "pairs": None}])
    assert text(unsettled).startswith("<em>Not settled:</em> Two seeds") and "pairs" not in text(
        unsettled
    )


@pytest.mark.parametrize(
    ("low", "high", "is_settled", "verb"),
    [
        (0.1, 0.2, True, "costs"), (-0.2, -0.1, True, "saves"),
        (-0.1, 0.3, False, "changes the loss by"),
    ],
)  # fmt: skip
def test_the_sign_of_a_gap_words_it(low: float, high: float, is_settled: bool, verb: str) -> None:
    row = {
        "corpus": "pydocs", "size": "base", "variant": "myopic", "baseline": "causal",
        "value": (low + high) / 2, "low": low, "high": high,
    }  # fmt: skip
    answer = words.myopia([row, {**row, "size": "small"}])
    assert answer.is_settled == is_settled
    assert f"myopic attention {verb} " in text(answer)
    assert ("(not settled)" in text(answer)) == (not is_settled)


def test_probes_are_sorted_by_their_trends() -> None:
    def trend(probe: str, label: str, low: float, high: float) -> dict[str, Any]:
        return {"probe": probe, "label": label, "value": (low + high) / 2, "low": low, "high": high}

    answer = words.away(
        [
            trend("noise", "a", 0.1, 0.2), trend("noise", "b", 0.3, 0.4),
            trend("copy", "a", -0.2, -0.1), trend("self", "a", -0.1, 0.4),
        ]
    )  # fmt: skip
    assert answer.is_settled
    assert (
        "KL between seeds rises on noise; it falls on copy; it is not settled in each class on "
        in (text(answer))
    )
    assert "most on noise, for b: by 0.350 [0.300, 0.400]" in text(answer)


@pytest.mark.parametrize(
    ("remaining", "is_settled", "verdict"),
    [
        ((0.02, 0.1), True, "No: "),
        ((-0.2, -0.1), True, "Yes: "),
        ((-0.1, 0.1), False, "It depends"),
    ],
)
def test_averaging_against_the_next_size(
    remaining: tuple[float, float], is_settled: bool, verdict: str
) -> None:
    row = {
        "label": "a", "next_size": "base", "value": 0.1677, "low": 0.15, "high": 0.18,
        "headroom": 0.24, "remaining_low": remaining[0], "remaining_high": remaining[1],
    }  # fmt: skip
    answer = words.averaging([row])
    assert answer.is_settled == is_settled
    assert text(answer).removeprefix("<em>Not settled:</em> ").startswith(verdict)


def test_claims_that_do_not_hold_are_named() -> None:
    rows = [{"contrast": f"claim <{name}>", "q": q} for name, q in (("a", 0.01), ("b", 0.2))]
    answer = words.claims([*rows, {"contrast": "c", "q": None}])
    assert text(answer) == (
        "1 of 3 claims named before the run differ from 0 after Holm's correction; not settled: "
        "claim &lt;b&gt;; 1 could not be tested."
    )
    assert answer.is_settled
    assert not words.claims(rows[1:]).is_settled


def test_the_end_of_the_window_against_its_start() -> None:
    row = {"corpus": "c", "size": "s", "variant": "myopic"}
    early = {**row, "position_low": 1, "value": 0.07, "low": 0.02, "high": 0.12}
    late = {**row, "position_low": 64, "value": 0.2, "low": 0.15, "high": 0.25}
    assert words.where([early, late]).is_settled
    assert not words.where([early, {**late, "low": 0.1}]).is_settled


def test_numbers_have_a_minus_sign_and_no_negative_zero() -> None:
    assert words.plain(-0.0001, 2) == "0.00"
    assert words.plain(-0.25, 2) == "\u22120.25"
    assert words.span([0.5, 0.25], 2) == "0.25 to 0.50"
    assert words.listed(["a", "b", "a", "c"]) == "a, b and c"
