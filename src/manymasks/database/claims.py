"""Tested claims: p corrected for their number, and primary claims that nothing tested."""

import duckdb
import numpy as np
import pyarrow as pa

from manymasks.errors import UserError
from manymasks.statistics.corrections import benjamini_yekutieli, holm

# A claim may stay untested where a member of what it compares failed in training.
_UNTESTED = """
SELECT
    t.contrast,
    p.stage,
    p.corpus,
    EXISTS (
        FROM artifact AS a
        WHERE a.is_current AND a.stage = p.stage AND split_part(a.label, '/', 2) = p.corpus
    ) AS is_there,
    (
        SELECT string_agg(other.contrast, '; ' ORDER BY other.contrast)
        FROM tested_claims AS other
        WHERE other.artifact IS NOT NULL
            AND other.claim = p.claim
            AND other.corpus = p.corpus
            AND other.probe IS NOT DISTINCT FROM p.probe
            AND other.severity IS NOT DISTINCT FROM p.severity
    ) AS others
FROM tested_claims AS t
JOIN primary_claim AS p ON p.rank = t.rank
WHERE t.artifact IS NULL AND NOT EXISTS (
    FROM model AS m
    JOIN artifact AS a ON a.artifact = m.artifact AND a.is_current
    WHERE m.status = 'failed'
        AND m.corpus = p.corpus
        AND CASE
            WHEN p.claim = 'gap' THEN m.size = p.within AND m.variant IN (p.subject, p.baseline)
            ELSE m.variant = p.within AND m.size IN (p.subject, p.baseline)
        END
)
ORDER BY p.rank
"""


def correct(connection: duckdb.DuckDBPyConnection) -> None:
    """Set q of the current claims, without copies: Holm over primary ones, Benjamini-Yekutieli over
    the rest."""
    for is_primary, correction in ((True, holm), (False, benjamini_yekutieli)):
        rows = connection.execute(
            "SELECT c.rowid, c.p FROM contrast AS c "
            "JOIN artifact AS a ON a.artifact = c.artifact AND a.is_current "
            "WHERE c.p IS NOT NULL AND NOT isnan(c.p) AND NOT c.is_copy AND c.is_primary = ? "
            "ORDER BY c.rowid",
            [is_primary],
        ).fetchall()
        if rows:
            q = correction(np.array([p for _, p in rows]))
            connection.register("corrected", pa.table({"row": [row for row, _ in rows], "q": q}))
            connection.execute(
                "UPDATE contrast SET q = corrected.q FROM corrected "
                "WHERE contrast.rowid = corrected.row"
            )
            connection.unregister("corrected")


def refuse_untested(connection: duckdb.DuckDBPyConnection) -> None:
    """Refuse primary claims that no current analysis tested, although no member failed. Raises
    UserError naming each claim, the analysis that tests its kind, and what that tested."""
    lines = []
    for claim, stage, corpus, is_there, others in connection.execute(_UNTESTED).fetchall():
        if not is_there:
            reason = f"no current artifact of '{stage}' is of {corpus}"
        elif others:
            reason = f"'{stage}' tested of this kind: {others}"
        else:
            reason = f"'{stage}' of {corpus} tested no claim of this kind"
        lines.append(f"\n  {claim}\n    {reason}")
    if lines:
        raise UserError(
            "claims that `primary` names were not tested, and no member that they compare failed:"
            + "".join(lines)
            + "\nCorrect them in `primary`, or take them away: only the database and the report "
            "are made again."
        )
