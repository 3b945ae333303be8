"""Data that flows between nodes: `{"ref": "query_order.amount"}` inside a node's arguments, and conditions on edges.

A reference is resolved when its node is claimed; a condition looks only at the output of its edge's source.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from aetheris.core.canonical import dumps_around
from aetheris.core.errors import GraphError, ReferenceMissing

_FIELDS = {"ref", "default"}
_NO_DEFAULT = object()
OPERATORS = ("==", "!=", "<", "<=", ">", ">=")


def ref(path: str, **default: Any) -> dict[str, Any]:
    """A reference to a node's output or to a field of it: `ref("query_order.amount")`.

    `default=` is the value when the node was skipped or has no such field; without it the node that needs the
    value fails with `REFERENCE_MISSING`.
    """
    if set(default) - {"default"}:
        raise TypeError("ref() takes a path and, by name, a default")
    return {"ref": path, **default}


def is_reference(value: Any) -> bool:
    return isinstance(value, dict) and "ref" in value and isinstance(value["ref"], str) and value.keys() <= _FIELDS


def source_of(reference: Mapping[str, Any]) -> str:
    """The key of the node that a reference or condition reads."""
    return str(reference["ref"]).split(".", 1)[0]


def references(value: Any) -> Iterator[dict[str, Any]]:
    """Every reference inside a value."""
    if is_reference(value):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def resolve(value: Any, outputs: Mapping[str, Any]) -> Any:
    """`value` with each reference replaced. `outputs` maps node keys to outputs; skipped nodes are not in it."""
    if is_reference(value):
        return _look_up(value, outputs)
    if isinstance(value, dict):
        return {key: resolve(item, outputs) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, outputs) for item in value]
    return value


def _look_up(reference: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    current: Any = outputs
    for field in str(reference["ref"]).split("."):
        if not isinstance(current, Mapping) or field not in current:
            default = reference.get("default", _NO_DEFAULT)
            if default is _NO_DEFAULT:
                raise ReferenceMissing(
                    f"Nothing is at {reference['ref']!r}. Name a field that the node returns, or give a default."
                )
            return default
        current = current[field]
    return current


def check_condition(condition: Any, source: str) -> None:
    """Raise `GraphError` unless `condition` is `{"ref", "op", "value"}` over the output of `source`."""
    if not isinstance(condition, dict) or set(condition) != {"ref", "op", "value"}:
        raise GraphError(
            'A condition is {"ref": "node.field", "op": "==", "value": …}, or a function registered with @function.',
            code="GRAPH_CONDITION_INVALID",
        )
    if source_of(condition) != source:
        raise GraphError(
            f"The condition on an edge from {source!r} may only read that node, not {condition['ref']!r}.",
            code="GRAPH_CONDITION_INVALID",
        )
    if condition["op"] not in OPERATORS:
        raise GraphError(
            f"Unknown operator {condition['op']!r}; use one of {', '.join(OPERATORS)}.",
            code="GRAPH_CONDITION_INVALID",
        )


def holds(condition: Mapping[str, Any], source: str, output: Any) -> bool:
    """Whether a condition holds for its source's output. Numbers and decimal strings are ordered as decimals.

    A missing field counts as null; values that cannot be ordered raise `ReferenceMissing`.
    """
    actual = _look_up({"ref": condition["ref"], "default": None}, {source: output})
    operator, expected = condition["op"], condition["value"]
    if operator in ("==", "!="):
        return (dumps_around(actual) == dumps_around(expected)) is (operator == "==")
    left, right = _decimal(actual, condition), _decimal(expected, condition)
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]


def _decimal(value: Any, condition: Mapping[str, Any]) -> Decimal:
    try:
        if isinstance(value, bool) or not (number := Decimal(str(value))).is_finite():
            raise InvalidOperation
    except InvalidOperation as error:
        raise ReferenceMissing(
            f"The condition on {condition['ref']!r} compares numbers, but found {value!r}.",
            code="CONDITION_NOT_ORDERED",
        ) from error
    return number
