"""Ids and principals: small promises that everything stands on."""

import time
import uuid
from datetime import UTC, datetime

import pytest

from aetheris.core import ids
from aetheris.core.principal import principal, same


def test_an_id_is_a_uuid_of_version_7() -> None:
    for _ in range(1000):
        made = ids.new_id()
        assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_an_id_begins_with_the_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    made = ids.new_id()
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_no_id_is_smaller_than_the_first_of_its_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 11, 21, 12, 30, 15, 250_000, tzinfo=UTC)
    milliseconds = int(moment.timestamp()) * 1000 + 250
    made = []
    for millisecond in (milliseconds - 1, milliseconds):
        monkeypatch.setattr(time, "time_ns", lambda now=millisecond: now * 1_000_000)
        made.append(ids.new_id())
    assert made[0] < ids.first_id(moment) <= made[1]


def test_ids_that_were_made_later_sort_later(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for millisecond in (0, 1, 2, 1_700_000_000_000, 1_700_000_000_001, 2**48 - 1):
        monkeypatch.setattr(time, "time_ns", lambda now=millisecond: now * 1_000_000)
        made.append(ids.new_id())
    assert made == sorted(made)
    assert [str(each) for each in made] == sorted(map(str, made))


def test_a_hundred_thousand_ids_are_different() -> None:
    assert len({ids.new_id() for _ in range(100_000)}) == 100_000


@pytest.mark.parametrize(
    ("noise", "rest"), [(b"\x00" * 10, "7000-8000-000000000000"), (b"\xff" * 10, "7fff-bfff-" + "f" * 12)]
)
def test_every_random_bit_is_used_and_no_other(monkeypatch: pytest.MonkeyPatch, noise: bytes, rest: str) -> None:
    monkeypatch.setattr(ids, "random_bytes", lambda size: noise[:size])
    assert str(ids.new_id()).endswith(rest)


def test_a_principal_is_the_same_under_another_name() -> None:
    one = principal("user", 3, "ann")
    assert one == "user:3/ann"
    assert same(one, principal("user", 3, "ann/smith"))
    assert not same(one, principal("user", 33, "ann"))
    assert not same(one, principal("engine", 3, "ann"))
