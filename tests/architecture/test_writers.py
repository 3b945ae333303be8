"""Who may write what: states, SQL, changes of rows."""

import ast
from collections.abc import Iterator

from tests.architecture.source import broken, calls, imports, keywords

NODE_MAKERS = ("jobs/engine/submit.py", "jobs/engine/expand.py")
READS = {"filter", "exclude", "get", "Q", "newest_first", "first", "When"}


def _in_records(path: str) -> bool:
    return path.split("/", 1)[0] in ("jobs", "ledger", "signals_app")


def test_only_transitions_writes_the_state_of_a_node() -> None:
    """Outside the querysets nobody passes `state=` but whoever makes a node, and reads."""

    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        if path.startswith("jobs/") and path != "jobs/querysets.py":
            for call, name in calls(tree):
                makes_a_node = name == "Node" and path in NODE_MAKERS
                if "state" in keywords(call) and name not in READS and not makes_a_node:
                    yield call.lineno

    assert broken(rule) == []


def test_nodes_are_created_only_by_submit_and_expand() -> None:
    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        yield from (call.lineno for call, name in calls(tree) if name == "Node" and path not in NODE_MAKERS)

    assert broken(rule) == []


def test_a_node_is_changed_by_nobody_but_move() -> None:
    """`compare_and_set` of nodes is called in one place, and that in another one."""

    def called(*wanted: str) -> list[str]:
        def rule(path: str, tree: ast.Module) -> Iterator[int]:
            yield from (call.lineno for call, _ in calls(tree) if ast.unparse(call.func).endswith(wanted))

        return sorted({place.split(":")[0] for place in broken(rule)})

    assert called("Node.objects.compare_and_set", "Node.objects.compare_and_set_blocked") == ["jobs/engine/rows.py"]
    assert called("rows.change", "rows.change_blocked") == ["jobs/engine/transitions.py"]


def test_no_row_gets_a_state_by_assignment() -> None:
    """`fold` alone sets states, on views that are no rows."""

    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                if isinstance(target, ast.Attribute) and target.attr == "state" and _in_records(path):
                    yield target.lineno

    assert {place.split(":")[0] for place in broken(rule)} == {"jobs/engine/fold.py"}


def test_sql_stands_in_querysets_and_migrations() -> None:
    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        if not path.endswith("querysets.py"):
            yield from (call.lineno for call, name in calls(tree) if name in ("cursor", "raw", "RawSQL", "RunSQL"))

    assert broken(rule) == []


def test_rows_are_changed_in_bulk_only_by_querysets() -> None:
    """A queryset's `update` takes names; `set.update` and `dict.update` do not, and Celery's settings are no rows."""

    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        if path.endswith("querysets.py"):
            return
        for call, name in calls(tree):
            of_rows = name == "update" and bool(call.keywords) and ast.unparse(call.func) != "app.conf.update"
            if of_rows or name in ("delete", "bulk_update", "update_or_create", "_raw_delete"):
                yield call.lineno

    assert broken(rule) == []


def test_no_network_call_of_the_engine_can_stand_in_a_transaction() -> None:
    """The engine imports no client of the outside; handlers are called from one place, outside any transaction."""

    def rule(path: str, tree: ast.Module) -> Iterator[int]:
        clients = ("httpx", "requests", "urllib", "openai")
        yield from (line for line, name in imports(tree) if _in_records(path) and name in clients)

    assert broken(rule) == []
