"""docs/reliability-report.md says what the committed verdicts say."""

import re

from aetheris.testing.crash_matrix.verdicts import Verdict, Verdicts
from docs.make_reliability_report import FOLDER, PAGE, page

GREEN = Verdict("refund/kill@1.submit:ring.before~1", "green", "abc", "2026-11-20")
RED = Verdict("refund/cut@1.submit:submit.commit.before~1", "red", "old", "2026-11-21", "a trace\nI1: twice")


def test_the_page_is_made_of_the_verdicts() -> None:
    told = PAGE.read_text()
    found = re.search(r"last been changed by\n`([^`]+)`", told)
    assert found is not None
    assert page(Verdicts(FOLDER).all().values(), found[1]) == told, "run docs/make_reliability_report.py"


def test_it_tells_what_is_red_and_what_is_older() -> None:
    told = page([GREEN, RED], "abc")
    assert "**2 cells, 1 red.**" in told
    assert "`abc`; 1 of the verdicts are older." in told
    assert "| the answer of the COMMIT lost | 1 | 1 | 1 |" in told
    assert "| `refund` | 2 | 1 | 1 | 1 | 2026-11-21 |" in told
    assert f"- `make crash CELL='{RED.cell}'`: I1: twice" in told
