"""Every test with a database is watched (`tests.conftest.database`); here the watch is shown to see."""

import pytest

from jobs.engine.transaction import committing
from jobs.models import Agent
from tests.chaos.watch import Watch
from tests.docs.reading import ROOT

NAKED = {
    "a transaction without a verb": "with transaction.atomic(): Agent.objects.create(name='a', tenant='default')",
    "a write that commits by itself": "Agent.objects.filter(name='nobody').update(name='a')",
    "a row that is put in by itself": "Agent.objects.create(name='a', tenant='default')",
}


def as_the_product(statement: str) -> None:
    """Run a statement as if it stood in a file of the product."""
    from django.db import transaction

    exec(compile(statement, f"{ROOT}/jobs/naked.py", "exec"), {"Agent": Agent, "transaction": transaction})  # noqa: S102


@pytest.mark.parametrize("statement", NAKED.values(), ids=NAKED)
def test_it_sees_what_stands_naked(database: Watch, statement: str) -> None:
    as_the_product(statement)
    seen, database.naked = database.naked, []
    assert [place.split(": ")[0] for place in seen] == ["jobs/naked.py:1"]


def test_it_sees_what_does_not(database: Watch) -> None:
    with committing("verb"):
        as_the_product(NAKED["a transaction without a verb"])
        as_the_product(NAKED["a write that commits by itself"])
    assert database.names == {"verb.commit"}
