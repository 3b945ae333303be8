"""The table of invariants, and the one function that checks them all."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from aetheris.testing.afresh import line_of, replayed_afresh, state_hash
from aetheris.testing.invariants import accepted, answers, claims, effects
from aetheris.testing.invariants import table_querysets as sql
from aetheris.testing.invariants.story import Evidence, Story, stories
from aetheris.testing.invariants.witnesses import Call, Sent
from ledger.models import Entry


@dataclass(frozen=True)
class Violation:
    """Which invariant does not hold, of which job, and what was found."""

    invariant: str
    job: str
    what: str


@dataclass(frozen=True)
class Invariant:
    """What must hold, and the functions that look at one job, or over all of them."""

    id: str
    says: str
    of_a_job: tuple[Callable[[Story], Iterator[str]], ...] = ()
    of_all: tuple[Callable[[Evidence], Iterator[tuple[str, str]]], ...] = ()


def shared_keys(evidence: Evidence) -> Iterator[tuple[str, str]]:
    yield from sql.found(sql.SHARED_KEYS)


def other_tenants(evidence: Evidence) -> Iterator[tuple[str, str]]:
    yield from sql.found(sql.OTHER_TENANTS)


def orphans(evidence: Evidence) -> Iterator[tuple[str, str]]:
    yield from sql.found(sql.ORPHANS)


def leaks(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """After healing no transaction is left open, and no more connections than were agreed on."""
    if evidence.healed:
        yield from sql.found(sql.IDLE_TRANSACTIONS, evidence.patience)
    if evidence.connections is not None:
        yield from sql.found(sql.CONNECTIONS, evidence.connections, evidence.connections)


INVARIANTS = (
    Invariant(
        "I1",
        "an effect is applied at most once over all attempts; one of class once is sent at most once",
        (effects.applied_at_most_once, effects.sent_at_most_once),
    ),
    Invariant(
        "I2",
        "what the ledger holds as committed was applied, what it holds as failed was not, and a final job has no "
        "effect in doubt",
        (effects.recorded_as_it_happened,),
    ),
    Invariant(
        "I3",
        "an effect has one key over all its sends, and no other effect has it",
        (effects.one_key_for_an_effect,),
        (shared_keys,),
    ),
    Invariant(
        "I4",
        "every accepted job exists, and is final or has something that will move it; after healing nothing runs or "
        "is due",
        (
            accepted.goes_on_or_waits,
            accepted.waits_are_alive,
            accepted.doubt_is_asked_about,
            accepted.has_come_to_rest,
        ),
        (accepted.what_was_accepted_exists,),
    ),
    Invariant(
        "I5",
        "the same key with the same message is the same job, with another message none; no job is invented",
        (),
        (accepted.one_job_for_a_key, accepted.nothing_was_invented),
    ),
    Invariant("I6", "a job's events have no gap, and their chain is whole", (claims.chain_is_whole,), (orphans,)),
    Invariant(
        "I7", "the claims of a node rise by one, and no event of an earlier one comes late", (claims.claims_rise,)
    ),
    Invariant("I8", "a node has one holder at a time", (claims.one_holder,)),
    Invariant(
        "I9",
        "nodes move only as they may, a job has one end, and every row is what the events tell",
        (claims.moves_are_legal, claims.rows_are_as_told),
    ),
    Invariant(
        "I10",
        "ledger, events, nodes and sink agree on every effect",
        (effects.ledger_is_events, effects.ledger_is_nodes, effects.results_are_as_told, effects.sent_as_recorded),
    ),
    Invariant(
        "I11",
        "an answer that was taken counts once; a wait never both ends by an answer and by time",
        (answers.answers_count_once, answers.what_was_acknowledged_counts),
    ),
    Invariant("I12", "a fresh process without network, clock and randomness replays every job to the same state"),
    Invariant(
        "I13",
        "what somebody was to approve is sent only as everybody who was asked approved it before",
        (answers.approved_when_sent,),
    ),
    Invariant("I15", "every row of a job is of the job's tenant", (), (other_tenants,)),
    Invariant("I16", "after healing nothing is overdue", (accepted.nothing_is_overdue,)),
    Invariant("I17", "after healing no transaction, lock or connection is left over", (), (leaks,)),
)
AFRESH = "I12"

NOT_CHECKED = {
    "I14": "There are no budgets yet.",
    "I15": "Only that rows are of their job's tenant: exports and metric labels do not exist yet, and that no door "
    "shows a row to another tenant is tested at the doors.",
    "I16": "How soon recovery, signals and timeouts come is measured by the soak, not read from the tables.",
    "I17": "Keys of the broker, temporary files and processes are looked at by whoever runs the rig.",
    "I18": "There are no exports yet.",
}
"""What is not checked, or not in full, and why."""


def violations(
    sent: Sequence[Sent] = (),
    history: Sequence[Call] = (),
    *,
    tools: Collection[str] | None = None,
    healed: bool = False,
    afresh: bool = True,
    jobs: Collection[UUID] | None = None,
    patience: float = 5.0,
    connections: int | None = None,
) -> list[Violation]:
    """Everything that does not hold of the database that Django is connected to.

    `tools` are those whose every effect the sink sees: by default those that it has got a request of. `healed`: no
    fault is left, so that nothing may run, be due or be overdue by more than `patience` seconds. `afresh`: replay in a
    new process too, which takes a second or two. `jobs`: look at no others.
    """
    seen = _tools_in(sent) if tools is None else tools
    evidence = Evidence(tuple(sent), tuple(history), seen, healed, patience, connections)
    found = [
        Violation(each.id, job, what) for each in INVARIANTS for check in each.of_all for job, what in check(evidence)
    ]
    lines, hashes = [], {}
    for story in stories(evidence, jobs):
        found += _of_a_job(story)
        if afresh:
            lines.append(line_of(story))
            hashes[str(story.job.pk)] = state_hash(story.view)
    again = replayed_afresh(lines) if lines else {}
    differ = [job for job, value in hashes.items() if again.get(job) != value]
    return found + [Violation(AFRESH, job, again.get("", "is another job when replayed afresh")) for job in differ]


def told(found: Sequence[Violation]) -> str:
    """Violations, a line for each."""
    return "\n".join(f"{each.invariant} {each.job}: {each.what}" for each in found)


def _of_a_job(story: Story) -> Iterator[Violation]:
    for each in INVARIANTS:
        for check in each.of_a_job:
            try:
                yield from (Violation(each.id, str(story.job.pk), what) for what in check(story))
            except (LookupError, TypeError, ValueError) as error:
                # Rows that contradict each other so much that they cannot be followed are a violation as well.
                yield Violation(each.id, str(story.job.pk), f"{check.__name__} cannot be told: {error!r}")


def _tools_in(sent: Sequence[Sent]) -> set[str]:
    keys = {request.key for request in sent if not request.only_asks}
    return set(Entry.objects.filter(idempotency_key__in=keys).values_list("tool", flat=True))
