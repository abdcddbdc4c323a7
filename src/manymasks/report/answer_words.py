"""Sentences that rows of answers are worded in: by what their intervals decide."""

from collections.abc import Iterable
from typing import NamedTuple

from markupsafe import Markup

from manymasks.report.drawing import Row


class Answer(NamedTuple):
    """A sentence or two as HTML, and whether the study settles the question."""

    html: Markup
    is_settled: bool


def say(is_settled: bool, text: str, **values: object) -> Answer:
    """An answer; values are escaped."""
    start = Markup("") if is_settled else Markup("<em>Not settled:</em> ")
    return Answer(start + Markup(text).format(**values), is_settled)


def estimate(row: Row, digits: int = 3, scale: float = 1) -> Markup:
    """The value of a row with its interval."""
    if row.get("low") is None or row.get("high") is None:
        return Markup("<b>{}</b>").format(plain(row["value"], digits, scale))
    ends = ", ".join(plain(row[name], digits, scale) for name in ("low", "high"))
    return Markup("<b>{}</b> [{}]").format(plain(row["value"], digits, scale), ends)


def plain(value: float, digits: int = 3, scale: float = 1) -> str:
    """A number with a minus sign, and without a negative zero."""
    shown = f"{value * scale:.{digits}f}"
    shown = shown.removeprefix("-") if not float(shown) else shown
    return shown.replace("-", "\u2212")


def span(values: Iterable[float], digits: int = 3, scale: float = 1) -> str:
    """The least and the largest of some numbers."""
    present = list(values)
    ends = [plain(end, digits, scale) for end in (min(present), max(present))]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def sign(row: Row) -> int:
    """1 or -1 if the interval lies on one side of 0, else 0."""
    low, high = row.get("low"), row.get("high")
    if low is None or high is None:
        return 0
    return 1 if low > 0 else -1 if high < 0 else 0


def listed(names: Iterable[str]) -> str:
    """Distinct names in order, joined by commas and `and`."""
    distinct = list(dict.fromkeys(names))
    return " and ".join([", ".join(distinct[:-1]), distinct[-1]] if distinct[1:] else distinct)


def hidden(rows: list[Row]) -> Answer:
    """Divergence of seeds beside the difference of their losses."""
    first = rows[0]
    is_settled = first["low"] is not None and first["low"] > (first["floor"] or 0.0)
    others = (
        f"; over all {len(rows)} classes of text {span(row['value'] for row in rows)}"
        if len(rows) > 1
        else ""
    )
    answer = say(
        is_settled,
        "Two seeds of <b>{label}</b> differ by {estimate} nats per token of KL on held-out text"
        "{others}. ",
        label=first["label"], estimate=estimate(first), others=others,
    )  # fmt: skip
    if first["pairs"] is None:
        return answer
    pairs = Markup(
        "Its {pairs} within the tightest threshold differ by at most {visible} nats in loss and "
        "rank different tokens first at <b>{other}%</b> of positions."
    ).format(
        pairs="pair" if first["pairs"] == 1 else f"{first['pairs']} pairs",
        visible=plain(first["visible"]), other=plain(first["other_top1"], 0, 100),
    )  # fmt: skip
    return Answer(answer.html + pairs, is_settled)


def effective(rows: list[Row]) -> Answer:
    """Effective number of models of the widest sets."""
    first = rows[0]
    return say(
        sign({"low": _less(first["low"], 1), "high": _less(first["high"], 1)}) > 0,
        "{members} equally good members of <b>{label}</b> amount to {estimate} models that are "
        "certain of different tokens, though at {ambiguity}% of positions one of them ranks "
        "another token first than the best.{others}",
        members=first["members"], label=first["label"], estimate=estimate(first),
        ambiguity=plain(first["ambiguity"] or 0.0, 0, 100),
        others=f" Over {len(rows)} classes: {span(row['value'] for row in rows)}."
        if len(rows) > 1 else "",
    )  # fmt: skip


def _less(value: float | None, by: float) -> float | None:
    return None if value is None else value - by


def away(rows: list[Row]) -> Answer:
    """Which probes raise the divergence between seeds, and which lower it."""
    by_probe: dict[str, list[Row]] = {}
    for row in rows:
        by_probe.setdefault(row["probe"], []).append(row)
    up = [name for name, lines in by_probe.items() if all(sign(row) > 0 for row in lines)]
    down = [name for name, lines in by_probe.items() if all(sign(row) < 0 for row in lines)]
    rest = [name for name in by_probe if name not in (*up, *down)]
    parts = [
        f"{verb} on {listed(names)}"
        for verb, names in (
            ("rises", up),
            ("falls", down),
            ("is not settled in each class", rest),
        )
        if names
    ]
    most = max(rows, key=lambda row: row["value"])
    return say(
        bool(up or down),
        "From held-out text to the end of a probe, KL between seeds {parts}. It rises most on "
        "{probe}, for {label}: by {estimate} nats per token." if most["value"] > 0 else
        "From held-out text to the end of a probe, KL between seeds {parts}.",
        parts="; it ".join(parts), probe=most["probe"], label=most["label"],
        estimate=estimate(most),
    )  # fmt: skip


def line(rows: list[Row]) -> Answer:
    """Share of the variance of losses on probes that losses on text explain."""
    best, worst = rows[0], rows[-1]
    if len(rows) == 1:
        return say(
            best["low"] is not None and best["low"] > 0.5,
            "Losses on text explain {estimate} of the variance of losses on {probe}.",
            estimate=estimate(best, 2), probe=best["probe"],
        )  # fmt: skip
    return say(
        any(row["low"] is not None and row["low"] > 0.5 for row in rows),
        "Losses on text explain most of the variance of losses on {good}; between {worst} on "
        "{worst_probe} and {best} on {best_probe}.",
        good=listed(row["probe"] for row in rows if (row["low"] or 0.0) > 0.5) or "no probe",
        worst=estimate(worst, 2), worst_probe=worst["probe"], best=estimate(best, 2),
        best_probe=best["probe"],
    )  # fmt: skip


def written(rows: list[Row]) -> Answer:
    """Tokens after which greedy texts part."""
    most = max(rows, key=lambda row: row["value"])
    return say(
        all(row["low"] is not None for row in rows),
        "Greedy texts of two seeds after the same prompt agree on {span} tokens on average before "
        "they part, at most {estimate} for <b>{label}</b>.",
        span=span((row["value"] for row in rows), 1), estimate=estimate(most, 1),
        label=most["label"],
    )  # fmt: skip


def myopia(rows: list[Row]) -> Answer:
    """Cost of gradients that do not reach earlier positions."""
    first, rest = rows[0], rows[1:]
    verdict = {1: "costs", -1: "saves", 0: "changes the loss by"}[sign(first)]
    sizes = "; ".join(
        f"{row['corpus']}/{row['size']} {plain(row['value'])}"
        f"{'' if sign(row) else ' (not settled)'}"
        for row in rest
    )
    return say(
        bool(sign(first)),
        "On <b>{where}</b>, {variant} attention {verdict} {estimate} nats per token against "
        "{baseline}.{rest}",
        where=f"{first['corpus']}/{first['size']}", variant=first["variant"], verdict=verdict,
        estimate=estimate(first), baseline=first["baseline"],
        rest=f" Elsewhere: {sizes}." if sizes else "",
    )  # fmt: skip


def where(rows: list[Row]) -> Answer:
    """The gap after the first position beside that at the end of the window."""
    pairs = list(zip(rows[::2], rows[1::2], strict=False))
    grows = [(early, late) for early, late in pairs if _above(late, early)]
    early, late = max(pairs or [(rows[0], rows[0])], key=lambda pair: pair[1]["value"])
    return say(
        len(grows) == len(pairs) > 0,
        "At the end of the window, from position {late_at} on, it costs {late} nats per token, "
        "against {early} at position {early_at} ({size} {variant}); the intervals are apart in "
        "{grows} of {pairs} comparisons.",
        late_at=late["position_low"], late=estimate(late), early=estimate(early),
        early_at=early["position_low"], size=f"{late['corpus']}/{late['size']}",
        variant=late["variant"], grows=len(grows), pairs=len(pairs),
    )  # fmt: skip


def _above(one: Row, other: Row) -> bool:
    return one["low"] is not None and other["high"] is not None and one["low"] > other["high"]


def variants(rows: list[Row]) -> Answer:
    """KL between variants beside that between seeds of each."""
    beyond = [row for row in rows if row["low"] > row["within"]]
    most = max(rows, key=lambda row: row["ratio"] or 0.0)
    text = (
        "Yes, in {count} of {rows} comparisons" if beyond else "No comparison of {rows} shows that"
    )
    return say(
        len(beyond) in (0, len(rows)),
        text + ": KL between {a} and {b} of {size} is {estimate} nats per token, between seeds of "
        "one of them at most {within}, so {ratio} times the mean within.",
        count=len(beyond), rows=len(rows), a=most["variant_a"], b=most["variant_b"],
        size=f"{most['corpus']}/{most['size']}", estimate=estimate(most),
        within=plain(most["within"]), ratio=plain(most["ratio"] or 0.0, 2),
    )  # fmt: skip


def averaging(rows: list[Row]) -> Answer:
    """Gain of averaging against what the next size gains."""
    more = [row for row in rows if (row["remaining_high"] or 0.0) < 0]
    less = [row for row in rows if (row["remaining_low"] or 0.0) > 0]
    first = rows[0]
    verdict = "Yes" if more and not less else "No" if less and not more else "It depends"
    return say(
        len(more) + len(less) == len(rows),
        "{verdict}: the mean distribution of members of <b>{label}</b> gains {estimate} nats per "
        "token, the best member of size {size} {headroom} ({less} of {rows} classes gain less than "
        "the next size, {more} more).",
        verdict=verdict, label=first["label"], estimate=estimate(first), size=first["next_size"],
        headroom=plain(first["headroom"]), less=len(less), rows=len(rows), more=len(more),
    )  # fmt: skip


def exact(rows: list[Row]) -> Answer:
    """Loss above the exact law, and the cheapest capability that would cost more."""
    parts = []
    for row in rows:
        lack = f" ({row['capability']} {plain(row['price'])})" if row["capability"] else ""
        parts.append(f"{row['corpus']} {span((row['value'], row['most']))}{lack}")
    return say(
        all(row["low"] is not None for row in rows),
        "Members lose so many nats per token against the exact law of their text: {parts}. In "
        "brackets what the cheapest lack of a capability costs.",
        parts="; ".join(parts),
    )


def bits(rows: list[Row]) -> Answer:
    """Fewest bits of members within a rise of their loss."""
    first = rows[0]
    return say(
        first["value"] is not None and first["low"] is not None,
        "Members of <b>{label}</b> take {estimate} kbit within {eps} nats per token of their loss, "
        "{per_weight} bits a weight, in a family of codes.{others}",
        label=first["label"], estimate=estimate(first, 0, 1e-3), eps=plain(first["eps_nats"], 2),
        per_weight=plain(first["bits_per_weight"], 2),
        others=f" Over {len(rows)} classes "
        f"{span((row['value'] for row in rows), 0, 1e-3)} kbit." if len(rows) > 1 else "",
    )  # fmt: skip


def parts(rows: list[Row]) -> Answer:
    """Ergodic parts of members, and whether seeds share errors beyond those of noise."""
    first = rows[0]
    count = span((first["parts_lowest"], first["parts_highest"]), 0)
    low, noise = first["shared_low"], first["noise_high"]
    shares = low is not None and noise is not None and low > noise
    return say(
        shares,
        "From their predictions alone, members of <b>{label}</b> have {count} ergodic parts, whose "
        "weights explain {estimate} of the variance of the exact posterior. Read by the true "
        "masks, the errors of two seeds correlate by {shared}, those of noise as large by at most "
        "{noise}{verdict}.",
        label=first["label"], count=count, estimate=estimate(first, 2),
        shared=plain(first["shared"], 2), noise=plain(first["noise"], 2),
        verdict=": seeds share a misreading" if shares else "",
    )  # fmt: skip


def tuned(rows: list[Row]) -> Answer:
    """Share of the change that one shift of the masks explains, and whether alpha is told."""
    first = rows[0]
    least = min(row["value"] for row in rows)
    members = sum(row["models"] for row in rows)
    identified = sum(row["identified"] for row in rows)
    return say(
        all(row["low"] is not None for row in rows),
        "After {step} steps on documents of one mask, one shift of the masks' log-weights explains "
        "{estimate} of the change of <b>{label}</b>{others}. What no mask explains went from "
        "{before} to {after} nats. Whether evidence for the other masks is still read is told by "
        "{identified} of {members} members.",
        step=first["step"], estimate=estimate(first), label=first["label"],
        others=f" (at least {plain(least)} in {len(rows)} classes)" if len(rows) > 1 else "",
        before=plain(first["base_residual"]), after=plain(first["residual"]),
        identified=identified, members=members,
    )  # fmt: skip


def steered(rows: list[Row]) -> Answer:
    """Slope on ease by a return, and whether predicting alone has one."""
    first = rows[0]
    ends = [row[name] for row in rows for name in ("low", "path_low", "walk_low")]
    return say(
        all(end is not None for end in ends),
        "With a return at beta {dose}, choices of members of <b>{label}</b> have the slope "
        "{estimate} on ease{others}, exact {exact}. The path through the choice moved it by "
        "{path}, predicting choices of their own by {walk}.",
        dose=f"{first['dose']:g}", label=first["label"], estimate=estimate(first),
        others=f" (in {len(rows)} classes {span(row['value'] for row in rows)})"
        if len(rows) > 1 else "",
        exact=plain(first["exact"]),
        path=span(row["path"] for row in rows), walk=span(row["walk"] for row in rows),
    )  # fmt: skip


def thinking(rows: list[Row]) -> Answer:
    """What a myopic gradient costs answers, by format."""
    costs = Markup("; ").join(
        Markup("in {} {} ({} against {})").format(
            row["answer_format"], estimate(row), plain(row["nats"]), plain(row["baseline_nats"])
        )
        for row in rows
    )  # fmt: skip
    return say(
        all(row["low"] is not None for row in rows),
        "A myopic gradient costs an answer, which has {prior} nats of entropy: {costs} nats.",
        prior=plain(rows[0]["prior"]), costs=costs,
    )  # fmt: skip


def proved(rows: list[Row]) -> Answer:
    """Shares of tokens with a proof, a witness or neither."""
    first = rows[0]
    return say(
        True,
        "For <b>{label}</b>, {estimate}% of tokens are proved to have a probability of at most one "
        "half after any prefix of any length{refuted}.{others}",
        label=first["label"], estimate=estimate(first, 1, 100),
        refuted="" if first["refuted"] is None else
        f", {plain(first['refuted'], 1, 100)}% are refuted by a prefix and "
        f"{plain(first['open'], 1, 100)}% are open",
        others=f" Over {len(rows)} classes {span((row['value'] for row in rows), 1, 100)}%."
        if len(rows) > 1 else "",
    )  # fmt: skip


def claims(rows: list[Row]) -> Answer:
    """Primary claims that hold, do not, and could not be tested."""
    tested = [row for row in rows if row["q"] is not None]
    holds = [row for row in tested if row["q"] < 0.05]
    untested = len(rows) - len(tested)
    others = [row["contrast"] for row in tested if row not in holds]
    return say(
        bool(holds),
        "{holds} of {rows} claims named before the run differ from 0 after Holm's correction"
        "{others}{untested}.",
        holds=len(holds), rows=len(rows),
        others=f"; not settled: {'; '.join(others)}" if others else "",
        untested=f"; {untested} could not be tested" if untested else "",
    )  # fmt: skip
