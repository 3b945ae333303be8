"""The runtime's source as data, for the rules about where things may stand."""

import ast
from collections.abc import Callable, Iterator

from tests.docs.reading import source

Rule = Callable[[str, ast.Module], Iterator[int]]
"""Takes a file's path and tree, yields the lines that break the rule."""


def broken(rule: Rule) -> list[str]:
    """`path:line` of everything in the runtime that a rule flags."""
    return [f"{path}:{line}" for path, tree in source() for line in rule(str(path), tree)]


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Each call with the last name of what it calls: `move` for `transitions.move(…)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            yield node, function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def keywords(call: ast.Call) -> set[str | None]:
    return {keyword.arg for keyword in call.keywords}


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each import with its line and the top-level package that it names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module.split(".")[0]
