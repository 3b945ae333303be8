"""`crash_matrix` tells tools that are what they say from those that are not, by what the world has seen."""

from pathlib import Path

import pytest
from django.contrib.auth.models import Group

from aetheris.core.handlers import Effect
from aetheris.testing.crashes import CrashMatrix, Verdict
from aetheris.testing.sink_process import SinkProcess
from tests.aetheris.testing.liars import (
    always,
    asking,
    declared,
    deny,
    never,
    pay_at,
    pay_with_a_client_of_its_own,
    write_line,
    write_row,
)

PAID = {"amount": "7.00"}


def points(verdict: Verdict) -> str:
    return " ".join(cell.point for cell in verdict.flaws)


def test_an_idempotent_tool_whose_provider_honours_the_key(crash_matrix: CrashMatrix, sink: SinkProcess) -> None:
    verdict = crash_matrix(pay_at(sink, "keyed", Effect.IDEMPOTENT), PAID, applied=sink.applied)
    verdict.check()
    assert verdict.deserves == "idempotent"
    assert {cell.state for cell in verdict.cells} == {"completed"}
    told = " ".join(cell.point for cell in verdict.cells)
    for point in (
        "commit.before",
        "commit.after",
        "call_tool.before",
        "send.before",
        "answer.before",
        "call_tool.after",
    ):
        assert point in told
    assert len(sink.lines()) > sink.applied() == len(verdict.cells), "a process was killed behind its request"


def test_an_idempotent_tool_whose_provider_ignores_the_key(crash_matrix: CrashMatrix, sink: SinkProcess) -> None:
    verdict = crash_matrix(pay_at(sink, "keyless", Effect.IDEMPOTENT), PAID, applied=sink.applied)
    assert (verdict.holds, verdict.deserves) == (False, "once")
    assert {cell.applied for cell in verdict.flaws} == {2}
    for point in ("answer.before", "call_tool.after", "commit.commit.before"):
        assert point in points(verdict)
    assert "send.before" not in points(verdict), "killed before it sent, it sends once"
    with pytest.raises(AssertionError, match=r"(?s)pay is declared idempotent, and it deserves once:.*applied 2 times"):
        verdict.check()


def test_one_that_could_be_asked_deserves_more(crash_matrix: CrashMatrix, sink: SinkProcess) -> None:
    tool = pay_at(sink, "keyless", Effect.IDEMPOTENT, asking(sink))
    assert crash_matrix(tool, PAID, applied=sink.applied).deserves == "verifiable"


def test_a_verifiable_tool_that_asks_well(crash_matrix: CrashMatrix, sink: SinkProcess) -> None:
    verdict = crash_matrix(pay_at(sink, "lookup", Effect.VERIFIABLE, asking(sink)), PAID, applied=sink.applied)
    verdict.check()
    assert verdict.deserves == "verifiable"


@pytest.mark.parametrize(
    ("reconcile", "flaw"), [(never, "applied 2 times"), (always, "recorded as done, and applied 0")]
)
def test_a_verifiable_tool_that_asks_badly(
    crash_matrix: CrashMatrix, sink: SinkProcess, reconcile: object, flaw: str
) -> None:
    tool = pay_at(sink, "lookup", Effect.VERIFIABLE, reconcile)  # type: ignore[arg-type]
    verdict = crash_matrix(tool, PAID, applied=sink.applied)
    assert (verdict.holds, verdict.deserves) == (False, "once")
    assert flaw in str(verdict)


def test_a_once_tool_is_shown_and_never_sent_twice(crash_matrix: CrashMatrix, sink: SinkProcess) -> None:
    verdict = crash_matrix(pay_with_a_client_of_its_own(sink, Effect.ONCE), PAID, applied=sink.applied)
    verdict.check()
    assert verdict.deserves == "once"
    assert "killed at answer.before" in " ".join(cell.point for cell in verdict.cells)
    shown = [cell for cell in verdict.cells if cell.effect == "once" and cell.state == "parked"]
    assert {cell.applied for cell in shown} == {0, 1}


def test_a_once_tool_that_is_better_than_it_says(crash_matrix: CrashMatrix, sink: SinkProcess) -> None:
    verdict = crash_matrix(pay_at(sink, "keyed", Effect.ONCE), PAID, applied=sink.applied)
    assert (verdict.holds, verdict.deserves) == (True, "idempotent")


def test_a_transactional_tool_that_writes_rows(crash_matrix: CrashMatrix) -> None:
    verdict = crash_matrix(write_row(Effect.TRANSACTIONAL), {"name": "a"}, applied=Group.objects.count)
    verdict.check()
    assert verdict.deserves == "transactional"


def test_a_transactional_tool_that_writes_a_file(crash_matrix: CrashMatrix, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.touch()
    tool = write_line(file, Effect.TRANSACTIONAL)
    verdict = crash_matrix(tool, {"line": "a"}, applied=lambda: len(file.read_text().splitlines()))
    assert (verdict.holds, verdict.deserves) == (False, "once")


def test_a_read_that_writes(crash_matrix: CrashMatrix, sink: SinkProcess) -> None:
    verdict = crash_matrix(pay_at(sink, "keyed", Effect.READ), PAID, applied=sink.applied)
    assert (verdict.holds, verdict.deserves) == (False, "idempotent")
    assert "it changes the world" in str(verdict)


def test_a_read_that_only_reads(crash_matrix: CrashMatrix, tmp_path: Path) -> None:
    def look(ctx: object) -> str:
        return "as it was"

    verdict = crash_matrix(declared(look, Effect.READ), {}, applied=lambda: 0)
    assert (verdict.holds, verdict.deserves) == (True, "read")


def test_a_tool_that_denies_what_it_did_deserves_nothing(crash_matrix: CrashMatrix, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.touch()
    verdict = crash_matrix(deny(file), {"line": "a"}, applied=lambda: len(file.read_text().splitlines()))
    assert (verdict.holds, verdict.deserves) == (False, None)
    assert "recorded as not done" in str(verdict)


def test_a_witness_that_sees_nothing_is_no_witness(crash_matrix: CrashMatrix, sink: SinkProcess) -> None:
    with pytest.raises(ValueError, match="no effect that applied"):
        crash_matrix(pay_at(sink, "keyed", Effect.ONCE), PAID, applied=lambda: 0)
