"""Every commit and every call outside stands between a failpoint before it and one after it."""

import ast
from collections.abc import Iterator

from tests.architecture.source import broken, calls

OUTSIDE = {
    "declared.call", "hook", "adapter.complete", "context.http.get", "transport.send",
}  # fmt: skip
"""How the engine calls what is not its own."""
CALLERS = {"jobs/engine/gateway.py", "jobs/engine/dispatch.py"}
VERBS = {"job_transaction": "verb", "committing": "", "if_free": "", "transact": ""}


def _last(call: ast.Call) -> str:
    return ast.unparse(call.func).rsplit(".", 1)[-1]


def _enclosed(tree: ast.Module) -> set[ast.AST]:
    """Every node inside a `with failpoints.around(…)`, or an argument of the gateway's `_outside(…)`."""
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any("failpoints.around" in ast.unparse(each) for each in node.items):
            inside.update(part for statement in node.body for part in ast.walk(statement))
        elif isinstance(node, ast.Call) and _last(node) == "_outside":
            inside.update(ast.walk(node))
    return inside


def test_a_transaction_begins_in_one_place() -> None:
    """There its COMMIT gets its verb; what else begins one there is part of another."""

    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        yield from (call.lineno for call, name in calls(tree) if name in ("atomic", "set_autocommit"))

    assert {place.split(":")[0] for place in broken(rule)} == {
        "jobs/engine/transaction.py",
        "jobs/engine/savepoint.py",
    }


def test_a_commit_is_sent_from_one_place() -> None:
    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        for call, name in calls(tree):
            said = ast.unparse(call.func)
            if name == "_commit" and said.startswith("super()"):
                assert call in _enclosed(tree), f"{path}:{call.lineno} commits between no failpoints"
                yield call.lineno
            elif name == "commit" and ("connection" in said or "transaction" in said):
                yield call.lineno

    assert [place.split(":")[0] for place in broken(rule)] == ["aetheris/database/base.py"]


def test_every_transaction_names_its_verb() -> None:
    """In code: the name of a failpoint can be looked for."""

    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        if path in ("jobs/engine/transaction.py", "jobs/engine/activation.py"):
            return
        for call, _ in calls(tree):
            said = _last(call)
            if said not in VERBS:
                continue
            named = [keyword.value for keyword in call.keywords if keyword.arg == VERBS[said]] or call.args[-2:]
            if not any(isinstance(value, ast.Constant) and isinstance(value.value, str) for value in named):
                yield call.lineno

    assert broken(rule) == []


def test_every_call_outside_stands_between_two() -> None:
    found: set[str] = set()

    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        if not path.startswith(("jobs/engine/", "aetheris/core/")):
            return
        enclosed = _enclosed(tree)
        for call, _ in calls(tree):
            said = ast.unparse(call.func)
            if path in CALLERS and said in OUTSIDE:
                found.add(said)
                if call not in enclosed:
                    yield call.lineno

    assert broken(rule) == []
    assert found == OUTSIDE, "what the rule looks for is still how the engine calls"
