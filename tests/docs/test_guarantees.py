"""docs/guarantees.md lists every constraint and trigger of the database, and names only tests that exist."""

import ast
import re
from itertools import chain

from django.apps import apps

from aetheris.testing.invariants import INVARIANTS, NOT_CHECKED
from tests.docs.reading import ROOT, read, rows, section, spans, tree
from tests.e2e.killing_worker import Moment
from tests.e2e.shifts import Seen
from tests.e2e.test_kill_table import TABLE

PAGE = read("guarantees.md")
LETTERS = re.compile(r"\[([A-Z]{1,2})\]")
OURS = ("jobs", "ledger", "signals_app")


def test_every_constraint_is_listed() -> None:
    models = chain.from_iterable(apps.get_app_config(name).get_models() for name in OURS)
    names = {constraint.name for model in models for constraint in model._meta.constraints}
    assert {spans(row[0])[0] for row in rows(section(PAGE, "### Constraints"))} == names


def test_every_trigger_is_listed() -> None:
    migrations = chain.from_iterable((ROOT / app / "migrations").glob("*.py") for app in OURS)
    names = set(re.findall(r"CREATE TRIGGER (\w+)", "".join(path.read_text() for path in migrations)))
    assert {spans(row[0])[0] for row in rows(section(PAGE, "### Triggers"))} == names


def test_every_test_that_is_named_exists() -> None:
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE):
        assert (ROOT / path).is_file(), f"{path} does not exist"
        defined = {node.name for node in ast.walk(tree(ROOT / path)) if isinstance(node, ast.FunctionDef)}
        assert not name or name in defined, f"{path} has no {name}"


def test_every_letter_leads_to_a_test() -> None:
    listed = {row[0] for row in rows(section(PAGE, "## Shown by"))}
    assert set(LETTERS.findall(PAGE)) == listed


def test_every_invariant_is_listed_and_what_is_not_checked_says_why() -> None:
    listed = {row[0]: row[1:] for row in rows(section(PAGE, "## What must hold after any run"))}
    assert listed.keys() == {each.id for each in INVARIANTS} | NOT_CHECKED.keys()
    assert all(listed[each.id][0] == each.says for each in INVARIANTS)
    assert all(why in listed[which][-1] for which, why in NOT_CHECKED.items())


def test_every_way_to_fail_is_shown_by_a_test() -> None:
    listed = rows(section(PAGE, "## What goes wrong, and what follows"))
    assert [row[0] for row in listed] == [f"F{number}" for number in range(1, 25)]
    assert all("::test_" in row[-1] for row in listed)


CLASSES = [("pure", "read"), ("transactional",), ("idempotent",), ("verifiable",), ("once",)]
MOMENTS = {
    "before the entry's commit": [Moment.BEFORE_OPENING],
    "after it, before the call": [Moment.BEFORE_CALL],
    "after the call, before the commit": [Moment.AFTER_CALL, Moment.BEFORE_COMMIT],
    "after the commit": [Moment.AFTER_COMMIT],
}


def test_the_kill_table_says_what_its_test_shows() -> None:
    text = section(PAGE, "## Kill -9 during a tool call")
    head = " | ".join(", ".join(f"`{effect}`" for effect in column) for column in CLASSES)
    assert f"| killed … | {head} |" in text
    told = {row[0]: [LETTERS.sub("", cell).strip() for cell in row[1:]] for row in rows(text)}
    assert told == {
        row: [
            in_words(column, [TABLE[effect][moment] for effect in column for moment in moments], row)
            for column in CLASSES
        ]
        for row, moments in MOMENTS.items()
    }


def in_words(column: tuple[str, ...], cases: list[Seen], row: str) -> str:
    """What a cell says about cases that are all the same."""
    seen = cases[0]
    assert all(case == seen for case in cases)
    requests, again = f"{seen.requests} request{'s' * (seen.requests != 1)}", seen.requests > 1
    if row == "after the commit":
        assert not again
        return "recorded result, no call"
    if seen.job == "parked":
        return f"UNKNOWN, {requests}"
    if column == ("pure", "read"):
        return "called again" if again else "called once"
    if column == ("transactional",):
        return f"{'rolled back, then ' * again}{seen.applied} row"
    if seen.asked:
        return {"first": f"asked, then {requests}", "then": f"asked, recorded, {requests}"}[seen.asked]
    sends = seen.entries[0].removeprefix("committed ")
    return f"{requests}{', same key' * (sends != '1')}{f', {seen.applied} applied' * again}"
