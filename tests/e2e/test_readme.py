"""The queries in the README are those that `manymasks sql` ships, and their outputs look alike.

No claim may rest on the comparison of outputs: it runs only where the default study is complete in
this checkout, and its tolerances are so wide that cells replaced by 0 or with the sign changed can
pass. They are wide because another processor or Python version moves the digits.
"""

import io
import re

import duckdb
import pytest
from clones import ROOT

from manymasks.database import query
from manymasks.database.queries import examples

README = (ROOT / "README.md").read_text(encoding="utf-8")
DATABASE = ROOT / "results" / "manymasks.duckdb"
ANSWERED = re.findall(r"```sql\n(.*?)```\n+```text\n(.*?)```", README, re.DOTALL)


def test_the_questions_are_the_shipped_examples():
    shipped = {example.sql.strip() for example in examples()}
    assert {sql.strip() for sql, _ in ANSWERED} <= shipped


def words(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.strip() and "──" not in line]
    return [re.split(r"\s{2,}", line.strip()) for line in lines]


def is_default_study() -> bool:
    if not DATABASE.exists():
        return False
    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        found = connection.execute(
            "SELECT c.sha256 FROM corpus AS c JOIN artifact AS a USING (artifact) "
            "WHERE a.is_current AND c.corpus = 'pydocs'"
        ).fetchall()
    # The corpus is the text of this very Python and numpy: other versions, other numbers.
    return len(found) == 1 and found[0][0][:12] in README


@pytest.mark.skipif(not is_default_study(), reason="no default study on the README's corpus")
@pytest.mark.parametrize("number", range(len(ANSWERED)))
def test_the_answers_are_those_of_the_default_study(number):
    sql, answer = ANSWERED[number]
    out = io.BytesIO()
    query.run(DATABASE, sql, "table", out)
    found, wanted = words(out.getvalue().decode()), words(answer)
    assert found[0] == wanted[0]
    assert len(found) == len(wanted)
    for row, expected in zip(found[1:], wanted[1:], strict=True):
        for name, cell, stated in zip(found[0], row, expected, strict=True):
            if name in ("model_a", "model_b"):
                continue  # keys are those of one machine's corpus and code
            try:
                value, claim = float(cell), float(stated)
            except ValueError:
                if "hidden_ratio" not in found[0]:  # which pairs hide the most is a close race
                    assert cell == stated, name
                continue
            if name in ("p", "hidden_ratio", "visible"):
                continue  # ratios to nearly nothing
            if "second" in name:
                continue  # of one machine
            counts = name == "candidates" or re.match(r"[\d.]+ (nats|percent|seed_sd)", name)
            assert value == pytest.approx(claim, rel=0.05, abs=1.0 if counts else 0.03), name
