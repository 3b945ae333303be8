"""Nobody is told anything by NOTIFY: its COMMIT takes one lock of the whole server, so that writers queue for it
whatever they write. Whoever waits looks once a second, or hears a doorbell of the broker."""

import ast
import re
from collections.abc import Iterator

from django.db import connection

from tests.architecture.source import broken
from tests.docs.reading import PACKAGES, ROOT, tree

TOLD = re.compile(r"\bpg_notify\b|\b(NOTIFY|LISTEN)\s+\w")
HEARD = ("notifies", "add_notify_handler")


def _tells(path: str, tree: ast.Module) -> Iterator[int]:
    """What sends one or listens for one: SQL in any text, and psycopg's own means."""
    for node in ast.walk(tree):
        if (isinstance(node, ast.Constant) and isinstance(node.value, str) and TOLD.search(node.value)) or (
            isinstance(node, ast.Attribute) and node.attr in HEARD
        ):
            yield node.lineno


def test_no_code_sends_one() -> None:
    assert broken(_tells) == []


def test_no_migration_sends_one() -> None:
    migrations = [path for package in PACKAGES for path in (ROOT / package).glob("migrations/*.py")]
    assert [path for path in migrations if list(_tells(str(path), tree(path)))] == []


def test_no_function_or_rule_of_the_database_sends_one(database: None) -> None:
    """Whichever app has put it there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc ~* 'notify'"
            " UNION ALL SELECT rulename FROM pg_rules WHERE definition ~* 'notify'"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT count(*) FROM pg_proc WHERE proname LIKE 'aetheris%' AND prosrc ~ 'INSERT'")
        assert cursor.fetchone() != (0,), "it is here that functions stand"


def test_what_is_looked_for_would_be_found() -> None:
    ways = [
        "run('NOTIFY jobs')",
        "run(\"SELECT pg_notify('jobs', 'x')\")",
        "run('LISTEN jobs')",
        "connection.notifies()",
    ]
    assert [list(_tells("", ast.parse(way))) for way in ways] == [[1]] * len(ways)
