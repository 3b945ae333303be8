"""The house: what may be imported, how long a file may be, and what users are offered."""

import subprocess
import sys

import pytest

import aetheris
from tests.docs.reading import ROOT, read, rows, section, source, spans

LONGEST = 300
HEAVY = ("django", "celery", "kombu", "openai", "psycopg")


@pytest.mark.parametrize("module", ["aetheris.core", "aetheris", "aetheris.cli", "aetheris.testing"])
def test_what_users_import_loads_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []


def test_the_documentation_lists_what_users_import() -> None:
    listed = [spans(row[0])[0] for row in rows(section(read("index.md"), "## What you import"))]
    assert sorted(listed) == sorted(aetheris.__all__)
    assert all(hasattr(aetheris, name) for name in aetheris.__all__)


def test_no_file_is_longer_than_people_read() -> None:
    lengths = {str(path): len((ROOT / path).read_text().splitlines()) for path, _ in source()}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    """Sixty lines, docstring and all."""
    import ast

    long = {
        f"{path}:{node.name}"
        for path, tree in source()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 60
    }
    assert long == set()


def test_every_module_says_what_it_is() -> None:
    import ast

    silent = {
        str(path)
        for path, tree in source()
        if tree.body and ast.get_docstring(tree) is None and path.name not in ("apps.py", "urls.py", "asgi.py")
    }
    assert silent == set()
