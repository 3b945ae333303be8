"""Possible: what a person may say about an effect in doubt, and what each answer needs, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aetheris.core import registry
from aetheris.core.errors import Refused
from aetheris.core.principal import same
from jobs.engine.sender import Sender, check_decider
from jobs.models import Job
from ledger import entries
from ledger.models import Entry


class Resolution(StrEnum):
    """What a person can say about an unknown effect."""

    HAPPENED = "happened"
    """It took place, and this is its result: the job goes on with it."""
    DID_NOT_HAPPEN = "did_not_happen"
    """It did not take place: the node fails."""
    SEND_AGAIN = "send_again"
    """It did not take place, and is to be tried once more, under a new key. Takes two persons."""
    ASK = "ask"
    """The provider is to be asked once more."""
    GO_ON = "go_on"
    """The world has changed since the job stopped, and it goes on all the same."""
    STOP = "stop"
    """The world has changed since the job stopped, and it fails."""

    @property
    def is_about_the_world(self) -> bool:
        return self in (Resolution.GO_ON, Resolution.STOP)


@dataclass(frozen=True)
class Case:
    """An effect in doubt, and who speaks about it. `proposed_by` said first what takes two persons, or is empty."""

    job: Job
    entry: Entry
    proposed_by: str
    actor: str
    is_about_the_world: bool = False


@dataclass(frozen=True)
class Possible:
    """An answer that would be taken; one with `not_before`, from that moment on."""

    resolution: Resolution
    not_before: datetime | None


def can_ask(entry: Entry) -> bool:
    """Whether the tool, as this process has it, can ask its provider."""
    return entry.tool in registry.tools and registry.tools.get(entry.tool).hooks.reconcile is not None


def check(resolution: Resolution, case: Case, now: datetime) -> None:
    """Raise `Refused` when this answer cannot be taken now: `TOOL_NOT_FOUND`, `JOB_STARTS_NOTHING_MORE`,
    `CANNOT_ASK`, `SECOND_PERSON_NEEDED`, `EFFECT_NOT_SETTLED`."""
    if refusal := _refusal(resolution, case):
        raise refusal
    # Before `settled_by` a request that was sent may still take effect: nobody can know that it did not.
    if resolution in _AFTER_SETTLING and not entries.is_settled_by(case.entry, now):
        until = case.entry.settled_by.isoformat()
        raise Refused(
            f"What was sent may still take effect until {until}; ask the provider after that.",
            code="EFFECT_NOT_SETTLED",
            details={"settled_by": until},
        )


def possible(case: Case, sender: Sender) -> list[Possible]:
    """What `sender` may say, by the rules of `check`."""
    try:
        check_decider(case.job, sender)
    except Refused:
        return []
    return [
        Possible(resolution, entries.after_settling(case.entry) if resolution in _AFTER_SETTLING else None)
        for resolution in Resolution
        if _refusal(resolution, case) is None
    ]


def _refusal(resolution: Resolution, case: Case) -> Refused | None:
    if resolution.is_about_the_world != case.is_about_the_world:
        return Refused(f"{resolution} does not answer this question.", code="RESOLUTION_INVALID")
    return next((refusal for need in _NEEDS[resolution] if (refusal := need(case))), None)


def _has_code(case: Case) -> Refused | None:
    if case.entry.tool in registry.tools:
        return None
    return Refused(f"There is no tool {case.entry.tool} here that could say what it returns.", code="TOOL_NOT_FOUND")


def _goes_on(case: Case) -> Refused | None:
    if not case.job.starts_nothing_more:
        return None
    return Refused("The job starts nothing more: say whether it happened or did not.", code="JOB_STARTS_NOTHING_MORE")


def _askable(case: Case) -> Refused | None:
    if can_ask(case.entry):
        return None
    return Refused(f"{case.entry.tool} has no way to ask its provider.", code="CANNOT_ASK")


def _somebody_else(case: Case) -> Refused | None:
    if not (case.proposed_by and same(case.proposed_by, case.actor)):
        return None
    return Refused("You proposed it: somebody else must say so too.", code="SECOND_PERSON_NEEDED")


_NEEDS: dict[Resolution, tuple[Callable[[Case], Refused | None], ...]] = {
    Resolution.HAPPENED: (_has_code,),
    Resolution.DID_NOT_HAPPEN: (),
    Resolution.SEND_AGAIN: (_goes_on, _somebody_else),
    Resolution.ASK: (_goes_on, _askable),
    Resolution.GO_ON: (_goes_on,),
    Resolution.STOP: (),
}
_AFTER_SETTLING = {Resolution.DID_NOT_HAPPEN, Resolution.SEND_AGAIN}
