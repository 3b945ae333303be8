"""docs/guarantees.md lists every constraint and trigger of the database, and names only tests that exist."""

import ast
import re
from itertools import chain

from django.apps import apps

from tests.docs.reading import ROOT, read, rows, section, spans, tree

PAGE = read("guarantees.md")
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
    assert set(re.findall(r"\[([A-Z]{1,2})\]", PAGE)) == listed
