"""References inside arguments, and conditions on edges."""

from decimal import Decimal
from typing import Any

import pytest

from aetheris.core.errors import ReferenceMissing
from aetheris.core.references import holds, is_reference, ref, references, resolve

OUTPUTS = {"look": {"amount": "12.50", "items": [{"id": 1}], "none": None}, "said": "yes"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ref("look.amount"), "12.50"),
        (ref("said"), "yes"),
        (ref("look.none"), None),
        (ref("look.none", default=1), None),
        (ref("look.other", default=None), None),
        (ref("skipped", default=[]), []),
        (ref("said.deeper", default=0), 0),
        ({"a": [ref("said"), {"b": ref("look.items")}]}, {"a": ["yes", {"b": [{"id": 1}]}]}),
        ({"ref": "said", "note": "more than a reference"}, {"ref": "said", "note": "more than a reference"}),
        ({"ref": 7}, {"ref": 7}),
        ("look.amount", "look.amount"),
    ],
)
def test_a_reference_is_replaced_by_what_it_names(value: Any, expected: Any) -> None:
    assert resolve(value, OUTPUTS) == expected


@pytest.mark.parametrize(
    "path", ["nothing", "look.nothing", "look.items.0", "said.deeper", "look.", "", "look..amount"]
)
def test_a_reference_to_nothing_is_told(path: str) -> None:
    with pytest.raises(ReferenceMissing) as missing:
        resolve({"value": ref(path)}, OUTPUTS)
    assert missing.value.code == "REFERENCE_MISSING"
    assert repr(path) in missing.value.message


def test_every_reference_is_found() -> None:
    value = {"a": ref("one"), "b": [ref("two.x", default=ref("three"))], "c": "ref"}
    assert [reference["ref"] for reference in references(value)] == ["one", "two.x"]
    assert not is_reference({"ref": "a", "default": 1, "more": 2})


def test_a_reference_takes_only_a_default() -> None:
    with pytest.raises(TypeError):
        ref("a", otherwise=1)


CONDITIONS = [
    ("==", "12.50", True),
    ("==", "12.5", False),
    ("!=", "12.5", True),
    (">", "9", True),
    (">", 9, True),
    ("<", "100", True),
    (">=", "12.5", True),
    ("<=", 12.5, True),
    (">", 12.5, False),
]


@pytest.mark.parametrize(("operator", "value", "expected"), CONDITIONS)
def test_numbers_and_texts_of_numbers_are_ordered_as_decimals(operator: str, value: Any, expected: bool) -> None:
    condition = {"ref": "look.amount", "op": operator, "value": value}
    assert holds(condition, "look", OUTPUTS["look"]) is expected


def test_values_are_equal_in_their_canonical_form() -> None:
    condition = {"ref": "look", "op": "==", "value": {"b": 1.0, "a": Decimal("1.0")}}
    assert holds(condition, "look", {"a": "1.0", "b": 1})
    assert not holds({**condition, "op": "!="}, "look", {"a": "1.0", "b": 1})
    assert not holds({"ref": "look", "op": "==", "value": 1}, "look", True)


def test_a_missing_field_counts_as_null() -> None:
    assert holds({"ref": "look.other", "op": "!=", "value": 1}, "look", {})
    assert holds({"ref": "look.other", "op": "==", "value": None}, "look", {})


@pytest.mark.parametrize("found", [None, "many", True, [1], {"a": 1}, "NaN", "Infinity", "sNaN"])
def test_what_cannot_be_ordered_is_told(found: Any) -> None:
    with pytest.raises(ReferenceMissing) as problem:
        holds({"ref": "look.x", "op": "<", "value": 1}, "look", {"x": found})
    assert problem.value.code == "CONDITION_NOT_ORDERED"


def test_numbers_far_apart_are_compared_at_once() -> None:
    assert holds({"ref": "look", "op": "<", "value": "1e999999"}, "look", "1e-999999")
