"""The questions of a study, answered in sentences by the rows of a query each.

A sentence is worded by its result: what an interval does not decide is not settled, and says so.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

import duckdb

from manymasks.report import answer_words as words
from manymasks.report.drawing import Row, query, records
from manymasks.report.section import units


@dataclass(frozen=True)
class Topic:
    """A question, the query that it is answered from, and where the page shows more."""

    query: str
    """Of report/queries/<query>.sql."""
    text: str
    shown: tuple[str, ...]
    """Figures and tables with more about it, the first that the page has is linked."""
    word: Callable[[list[Row]], words.Answer]


QUESTIONS = (
    Topic("answer_hidden", "What does equal loss hide?", ("heatmap", "clusters"), words.hidden),
    Topic("answer_effective", "How many different models are there?",
        ("effective_models", "set_metrics"), words.effective),
    Topic("answer_away", "Do models come apart further away from text?",
        ("probe_curves", "trends"), words.away),
    Topic("answer_line", "Do losses on text predict losses away from it?",
        ("line_residuals", "trends"), words.line),
    Topic("answer_written", "How soon do their texts part?", ("survival",), words.written),
    Topic("answer_myopia", "What does myopic training cost?", ("gap_by_size", "gap", "arms"),
        words.myopia),
    Topic("answer_where", "Where in the window does it cost?", ("gap", "positions"),
        words.where),
    Topic("answer_variants", "Does the variant matter more than the seed?",
        ("heatmap", "behaviour_ribbon"), words.variants),
    Topic("answer_bits", "How few bits describe a member?", ("code_bits", "bits_by_class"),
        words.bits),
    Topic("answer_averaging", "Does averaging members replace a larger model?", ("headroom",),
        words.averaging),
    Topic("answer_exact", "How far are members from the exact law?",
        ("price_ladder", "capabilities"), words.exact),
    Topic("answer_parts", "Who speaks, by predictions alone?",
        ("operator_spectra", "shared_errors"), words.parts),
    Topic("answer_tuned", "Does fine-tuning move masks or machinery?",
        ("tuning_paths", "reward_shares", "tuned_steps"), words.tuned),
    Topic("answer_steering", "Does a predictor make its future easier to predict?",
        ("steering_arms", "steering_walk"), words.steered),
    Topic("answer_thinking", "Does an answer need written steps?",
        ("thinking_curves", "thinking_formats"), words.thinking),
    Topic("answer_proved", "What is proved of every prefix?",
        ("verdict_shares", "provable_steps"), words.proved),
    Topic("answer_claims", "Did the claims named before the run hold?", ("claims",),
        words.claims),
)  # fmt: skip


def answered(connection: duckdb.DuckDBPyConnection, present: Sequence[str]) -> list[dict[str, Any]]:
    """Questions that the study has rows for, with what the template shows. `present`: names of
    the figures and tables of the page."""
    shown = []
    for question in QUESTIONS:
        sql = query(question.query)
        rows = records(connection, sql)
        if not rows:
            continue
        answer = question.word(rows)
        shown.append(
            {
                "name": question.query,
                "question": question.text,
                "html": answer.html,
                "is_settled": answer.is_settled,
                "units": units(rows),
                "sql": sql,
                "link": next((name for name in question.shown if name in present), ""),
            }
        )
    return shown


def headline(connection: duckdb.DuckDBPyConnection) -> str:
    """The first answer as plain text; empty for a study without any."""
    first = next(iter(answered(connection, ())), None)
    return unescape(re.sub(r"<[^>]+>", "", first["html"])) if first else ""
