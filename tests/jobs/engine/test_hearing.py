"""Hearing: what makes a worker say that it is deaf, and what does not."""

from datetime import timedelta
from typing import Any

import pytest

from aetheris.core.ids import new_id
from jobs.due_querysets import Due
from jobs.engine import hearing
from jobs.engine.hearing import Hearing

THREADS = 4


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Hearing:
    """A doorbell counts as lost at once."""
    monkeypatch.setattr(hearing, "DOORBELL_PATIENCE", timedelta(0))
    return Hearing(THREADS)


def node() -> Due:
    return Due(new_id(), "plan", "default", 3, 0, None, "test-agent", "plan", "{}")


def said(caplog: Any) -> list[str]:
    return [record.getMessage().split(":")[0] for record in caplog.records]


def test_it_says_once_that_it_hears_nothing_and_once_that_it_hears_again(impatient: Hearing, caplog: Any) -> None:
    for _ in range(3 * THREADS):
        impatient.missed(node())
    assert said(caplog) == ["BROKER_NOT_HEARD"]
    impatient.heard()
    impatient.heard()
    assert said(caplog) == ["BROKER_NOT_HEARD", "BROKER_HEARD"]


def test_it_says_so_again_after_a_while(impatient: Hearing, caplog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "PAUSE_SECONDS", 0.0)
    for _ in range(THREADS + 3):
        impatient.missed(node())
    assert said(caplog) == 3 * ["BROKER_NOT_HEARD"]


def test_what_another_worker_may_be_about_to_begin_is_no_sign(impatient: Hearing, caplog: Any) -> None:
    for _ in range(THREADS):
        impatient.missed(node())
    assert said(caplog) == []


def test_one_node_that_is_found_again_and_again_is_no_sign(impatient: Hearing, caplog: Any) -> None:
    same = node()
    for _ in range(3 * THREADS):
        impatient.missed(same)
    assert said(caplog) == []


def test_each_message_is_a_new_beginning(impatient: Hearing, caplog: Any) -> None:
    for number in range(5 * THREADS):
        impatient.missed(node())
        if number % THREADS == 0:
            impatient.heard()
    assert said(caplog) == []


def test_a_burst_is_no_silence(caplog: Any) -> None:
    patient = Hearing(THREADS)
    for _ in range(50):
        patient.missed(node())
    assert said(caplog) == []
