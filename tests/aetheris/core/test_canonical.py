"""Canonical text: RFC 8785's own examples, what it refuses, and what `dumps_escaped` makes of that."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aetheris.core.canonical import MAX_DEPTH, digest, dumps, dumps_escaped, loads
from aetheris.core.errors import NotCanonical

NUMBERS: list[tuple[Any, str]] = [
    (0.0, "0"),
    (-0.0, "0"),
    (1.0, "1"),
    (5e-324, "5e-324"),
    (-5e-324, "-5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (9007199254740991, "9007199254740991"),
    (-9007199254740991, "-9007199254740991"),
    (333333333.33333329, "333333333.3333333"),
    (1e30, "1e+30"),
    (4.50, "4.5"),
    (2e-3, "0.002"),
    (0.000000000000000000000000001, "1e-27"),
    (1e-6, "0.000001"),
    (1e-7, "1e-7"),
    (1e21, "1e+21"),
    (9.999999999999997e22, "9.999999999999997e+22"),
]
AS_TEXT: list[tuple[Any, str]] = [
    (2**53, '"9007199254740992"'),
    (-(2**53), '"-9007199254740992"'),
    (float(2**53), '"9007199254740992"'),
    (1e20, '"100000000000000000000"'),
    (-1e20, '"-100000000000000000000"'),
    (10**30, f'"{10**30}"'),
    (Decimal("12.50"), '"12.50"'),
    (Decimal("-0.00"), '"-0.00"'),
    (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
    (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), '"2026-01-02T03:04:05Z"'),
]
WORDS = st.text(st.characters(codec="utf-8"))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(("value", "text"), NUMBERS + AS_TEXT, ids=repr)
def test_numbers_are_written_as_the_rfc_says_and_what_a_double_cannot_hold_as_text(value: Any, text: str) -> None:
    assert dumps(value) == text


def test_keys_are_in_the_order_of_their_utf16_units() -> None:
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7}
    assert list(loads(dumps(keys))) == ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]


def test_text_is_escaped_only_where_it_must_be() -> None:
    assert dumps('\u20ac$\x0f\nA\'B"\\\\"/') == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'
    assert dumps("\x00\x7f\u2028") == '"\\u0000\x7f\u2028"'


def test_there_is_no_space_between_things() -> None:
    assert dumps({"b": [1, {"c": None}], "a": True}) == '{"a":true,"b":[1,{"c":null}]}'


@given(PLAIN)
def test_the_text_of_what_was_read_is_the_same_text(value: Any) -> None:
    text = dumps(value)
    assert dumps(loads(text)) == text
    assert dumps_escaped(value) == text


@given(st.dictionaries(WORDS, PLAIN, max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert dumps(dict(items)) == dumps(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_as_the_same_number(number: float) -> None:
    assert float(loads(dumps(number))) == number


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        {"a": [float("nan")]},
        "\ud800",
        {"\udfff": 1},
        b"\xff",
        object(),
        {"a": object()},
        nested(MAX_DEPTH),
        nested(300),
        nested(100_000),
        10**5000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_canonical_form_is_refused_and_can_still_be_recorded(value: Any) -> None:
    with pytest.raises(NotCanonical) as refusal:
        dumps(value)
    assert refusal.value.code == "VALUE_NOT_CANONICAL"
    text = dumps_escaped(value)
    assert dumps_escaped(loads(text)) == text


def test_a_value_that_contains_itself_is_refused_and_can_still_be_recorded() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotCanonical):
        dumps(endless)
    assert isinstance(loads(dumps_escaped(endless)), str)


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_even_what_cannot_be_shown_is_recorded() -> None:
    assert loads(dumps_escaped({"a": Unspeakable()})) == {"a": "<Unspeakable, which cannot be shown>"}


def test_escaping_changes_only_what_it_must() -> None:
    value = {"good": [1, "a"], "bad": float("nan"), "worse": "a\ud800", "worst": object}
    assert loads(dumps_escaped(value)) == {
        "good": [1, "a"],
        "bad": "nan",
        "worse": "a\\ud800",
        "worst": "<class 'object'>",
    }


def test_what_may_be_stored_may_be_wrapped_by_an_event() -> None:
    deepest = nested(MAX_DEPTH - 1)
    assert dumps(deepest)
    assert loads(dumps_escaped({"payload": {"result": deepest}})) == {"payload": {"result": deepest}}


def test_a_digest_is_of_the_bytes() -> None:
    assert digest("{}").hex() == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest(dumps("é")) == digest(json.dumps("é", ensure_ascii=False))
