"""The tables that lead from a need to a file are right: the file exists and defines the symbol."""

import ast

import pytest

from tests.docs.reading import ROOT, read, rows, section, spans, tree

HEADING = "## Where is…?"
ARCHITECTURE = read("architecture.md")
ROWS = rows(section(ARCHITECTURE, HEADING))


def defined(node: ast.AST) -> dict[str, ast.AST]:
    """Name → node of all that a module or class body defines."""
    found: dict[str, ast.AST] = {}
    for child in getattr(node, "body", []):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[child.name] = child
        elif isinstance(child, ast.Assign):
            found |= {target.id: child for target in child.targets if isinstance(target, ast.Name)}
        elif isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            found[child.target.id] = child
    return found


def test_it_answers_many_questions() -> None:
    assert len(ROWS) >= 35


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_each_answer_is_there(row: list[str]) -> None:
    _, where, symbols = row
    (path,) = spans(where)
    assert (ROOT / path).is_file(), f"{path} does not exist"
    for symbol in spans(symbols):
        if path.endswith(".py"):
            node: ast.AST = tree(ROOT / path)
            for name in symbol.split("."):
                assert name in defined(node), f"{path} does not define {symbol}"
                node = defined(node)[name]
        else:
            assert symbol in (ROOT / path).read_text(), f"{path} does not say {symbol}"


@pytest.mark.parametrize(
    "path", sorted({p for row in rows(section(ARCHITECTURE, "## The walk of a job")) for p in spans(row[2])})
)
def test_each_file_of_the_walk_is_there(path: str) -> None:
    assert (ROOT / path).is_file()
