"""Waits: declared with their node, opened when it is reached, ended once. The only code that changes a wait."""

from datetime import datetime, timedelta
from typing import Any, Protocol

from aetheris.core.canonical import dumps
from aetheris.core.errors import storable
from aetheris.core.ids import new_id
from jobs.models import Job
from signals_app.models import Wait
from signals_app.states import WAIT_MOVES, OnTimeout, WaitKind, WaitState


class Desk(Protocol):
    """Where the waits of one job stand."""

    def change_wait(self, wait: Wait, columns: dict[str, Any]) -> bool:
        """Change a wait that still has the state it was read with; whether it landed."""
        ...


def key_of(prefix: str, key: str, config: dict[str, Any]) -> str:
    """The correlation key of the wait of a wait node; nobody but the runtime answers those that it names itself."""
    kind = str(config["wait_kind"])
    return f"{kind}:{prefix}{key}" if kind in (WaitKind.TIMER, WaitKind.CONDITION) else str(config["correlation_key"])


def declare(job: Job, prefix: str, key: str, config: dict[str, Any]) -> Wait:
    """The wait of a wait node, not stored yet: its key is known from now on, so that a signal may come early."""
    answer = config.get("answer")
    kind = WaitKind(str(config["wait_kind"]))
    return Wait(
        job=job,
        tenant=job.tenant,
        node=prefix + key,
        correlation_key=key_of(prefix, key, config),
        kind=kind,
        state=WaitState.DECLARED,
        channel=str(config["channel"]),
        park=bool(config["park"]),
        reason=str(config["reason"]),
        approves=prefix + str(config["approves"]) if config["approves"] else "",
        timeout_seconds=config["timeout"],
        on_timeout=OnTimeout(str(config["on_timeout"])),
        answer_schema=None if answer is None else dumps(answer),
    )


def ask_resolution(job: Job, node: str, key: str, reason: str, now: datetime) -> Wait:
    """An open question what became of an effect. It has no timeout: doubt does not go away by itself."""
    return Wait.objects.create(
        job=job,
        tenant=job.tenant,
        node=node,
        correlation_key=key,
        kind=WaitKind.RESOLUTION,
        state=WaitState.OPEN,
        reason=storable(reason),
        opened_at=now,
        question_id=new_id(),
    )


def open_wait(desk: Desk, wait: Wait, now: datetime) -> bool:
    """Begin to wait; the time until `expires_at` counts from now."""
    expires = None if wait.timeout_seconds is None else now + timedelta(seconds=wait.timeout_seconds)
    return _move(desk, wait, WaitState.OPEN, opened_at=now, expires_at=expires)


def resolve(desk: Desk, wait: Wait, answer: str, answered_by: str, now: datetime) -> bool:
    """End an open wait with its answer, canonical text."""
    return _move(desk, wait, WaitState.RESOLVED, answer=answer, answered_by=answered_by, ended_at=now)


def count_look(desk: Desk, wait: Wait) -> bool:
    """Note that what an open wait of kind condition waits for has been looked for once more, in vain."""
    landed = desk.change_wait(wait, {"looks": wait.looks + 1})
    wait.looks += 1
    return landed


def propose(desk: Desk, wait: Wait, proposed_by: str) -> bool:
    """Note who said first what takes two persons. The wait stays open."""
    landed = desk.change_wait(wait, {"proposed_by": proposed_by})
    wait.proposed_by = proposed_by
    return landed


def time_out(desk: Desk, wait: Wait, now: datetime) -> bool:
    """End an open wait because nobody answered in time."""
    return _move(desk, wait, WaitState.TIMED_OUT, ended_at=now)


def declare_again(desk: Desk, wait: Wait) -> bool:
    """The node of a cancelled wait is to be reached after all: its job is tried again."""
    return _move(desk, wait, WaitState.DECLARED, opened_at=None, expires_at=None, ended_at=None)


def is_over(wait: Wait, now: datetime) -> bool:
    """Whether an open wait takes no answer any more, sweep or no sweep."""
    return wait.expires_at is not None and wait.expires_at <= now


def _move(desk: Desk, wait: Wait, to: WaitState, **columns: object) -> bool:
    columns |= {"state": to.value}
    if to not in WAIT_MOVES[WaitState(wait.state)] or not desk.change_wait(wait, columns):
        return False
    for name, value in columns.items():
        setattr(wait, name, value)
    return True
