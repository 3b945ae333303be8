"""docs/events.md lists each event type with its category and the payload fields that the code writes."""

import ast
from collections import defaultdict

import pytest

from ledger.event_types import CATEGORY, EventType
from tests.docs.reading import read, rows, section, source, spans

LISTED = {spans(row[0])[0]: row for row in rows(section(read("events.md"), "## Types"))}
SHARED = {
    "STARTED": (EventType.TOOL_INVOCATION_STARTED, EventType.LLM_INVOCATION_STARTED),
    "FINISHED": (EventType.TOOL_INVOCATION_FINISHED, EventType.LLM_INVOCATION_FINISHED),
}


def types(node: ast.expr) -> tuple[EventType, ...]:
    """The event types that the first argument of an `event(…)` call stands for."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "EventType":
        return (EventType[node.attr],)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        return SHARED[node.value.id]
    return ()


def written() -> dict[EventType, set[str]]:
    """Event type → the payload fields that stand literally where it is written."""
    fields: dict[EventType, set[str]] = defaultdict(set)
    for _, tree in source():
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "event":
                names = {
                    str(key.value)
                    for payload in call.args[1:2]
                    for key in getattr(payload, "keys", [])
                    if isinstance(key, ast.Constant)
                }
                for each in types(call.args[0]) if call.args else ():
                    fields[each] |= names
    return fields


def test_there_is_no_other_type() -> None:
    assert set(LISTED) == set(EventType.values)


@pytest.mark.parametrize("kind", EventType)
def test_each_type_has_its_category(kind: EventType) -> None:
    assert spans(LISTED[kind.value][1]) == [CATEGORY[kind].value]


@pytest.mark.parametrize(("kind", "fields"), sorted(written().items()))
def test_each_payload_field_is_named(kind: EventType, fields: set[str]) -> None:
    assert fields <= set(spans(LISTED[kind.value][2]))


def test_each_type_is_written_somewhere() -> None:
    assert set(written()) == set(EventType)
