"""Rows: what verbs read and write of one job, in the transaction that holds its lock.

`jobs.engine.known.KnownRows` does the same from memory; what it does not know it leaves to this.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from aetheris.core import registry
from jobs.bulk_querysets import insert_all
from jobs.engine import together
from jobs.engine.savepoint import savepoint
from jobs.engine.together import Act, MakeBells, Writing
from jobs.models import Body, Edge, Job, Node
from ledger.models import Entry, Event
from ledger.querysets import NewEvent
from signals_app.models import Approval, Signal, Wait


class Rows:
    """One job's rows, as the database has them at this moment."""

    are_known = False
    """Whether they are a process's own knowledge, for which nobody else has to wait."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def node(self, path: str) -> Node | None:
        """The node at a path."""
        return Node.objects.at(self.job.pk, path)

    def make_room(self, nodes: int) -> None:
        """So many are going to be added."""

    def add(self, nodes: Sequence[Node], edges: Sequence[Edge], waits: Sequence[Wait]) -> None:
        """Store a graph, all of it or nothing. Raises what the database raises for one that does not fit."""
        with savepoint():
            insert_all(nodes)
            insert_all(edges)
            Wait.objects.bulk_create(waits)

    def last_position(self) -> int:
        """Of the job's last node in plan order."""
        return Node.objects.last_position(self.job.pk)

    def change(self, node: Node, columns: dict[str, Any]) -> bool:
        """Change a node that still stands as it was read; whether it landed."""
        return Node.objects.compare_and_set(node, **columns)

    def change_blocked(self, nodes: Sequence[Node], columns: dict[str, Any]) -> bool:
        """Change nodes that are all still blocked; whether each of them was."""
        return Node.objects.compare_and_set_blocked(self.job.pk, [node.path for node in nodes], **columns)

    def leaving(self, source: str) -> list[Edge]:
        """The undecided edges that leave a node."""
        return Edge.objects.leaving(self.job.pk, source)

    def decide(self, source: str, edges: Sequence[Edge], taken: Sequence[Edge]) -> list[Node]:
        """Decide these edges of a node, those in `taken` to lead on; the targets that have no undecided edge left."""
        targets = Counter(edge.target for edge in edges)
        Edge.objects.decide(self.job.pk, source, taken)
        Node.objects.count_decided(self.job.pk, targets, {edge.target for edge in taken})
        return Node.objects.decided(self.job.pk, targets)

    def child_ended(self, path: str, ended: int) -> Node | None:
        """Count ended children of a workflow node; the node as it stands then."""
        return Node.objects.child_ended(self.job.pk, path, ended)

    def next_ready(self, queue: str, now: datetime) -> Node | None:
        """The first due READY node for a queue, in plan order."""
        return Node.objects.due_of_job(self.job.pk, queue, now).first()

    def is_outranked(self, queue: str) -> bool:
        """Whether something of a higher priority than the job's is due in a queue."""
        return Node.objects.is_outranked(queue, self.job.priority, registry.code_here())

    def outputs(self, paths: Iterable[str]) -> dict[str, str]:
        """Stored forms of the outputs that the nodes among `paths` have."""
        return Node.objects.outputs(self.job.pk, paths)

    def sinks(self, scope: str) -> list[Node]:
        """Nodes of one graph that nothing follows, in plan order."""
        return Node.objects.sinks(self.job.pk, scope)

    def was_refused(self) -> bool:
        """Whether a node of the job ended because a person said no."""
        return Node.objects.was_refused(self.job.pk)

    def wait(self, correlation_key: str) -> Wait | None:
        """The wait to which a correlation key belongs."""
        return Wait.objects.at(self.job.pk, correlation_key)

    def wait_of(self, path: str) -> Wait:
        """The wait that was declared with a wait node."""
        return Wait.objects.of_node(self.job.pk, path)

    def change_wait(self, wait: Wait, columns: dict[str, Any]) -> bool:
        """Change a wait that still has the state it was read with; whether it landed."""
        return Wait.objects.compare_and_set(wait, **columns)

    def signal(self, correlation_key: str) -> Signal | None:
        """The signal that is kept, or was applied, under a correlation key."""
        return Signal.objects.first_for(self.job.pk, correlation_key)

    def insert_signal(self, signal: Signal) -> None:
        """Store a new signal, the first under its key."""
        signal.save(force_insert=True)

    def apply_signal(self, signal: Signal, now: datetime) -> None:
        """Note that a kept signal has answered its wait."""
        Signal.objects.mark_applied(signal, now)

    def about_the_world(self) -> list[Wait]:
        """Open questions whether the job goes on in a world that has changed, the oldest first."""
        return Wait.objects.about_the_world(self.job.pk)

    def approvals_of(self, path: str) -> list[Approval]:
        """What people were asked about the call of a node."""
        return list(Approval.objects.of_step(self.job.pk, path))

    def approval(self, correlation_key: str) -> Approval | None:
        """What a person is asked by the wait of this correlation key."""
        return Approval.objects.of_wait(self.job.pk, correlation_key)

    def insert_approval(self, approval: Approval) -> None:
        """Store a new question."""
        approval.save(force_insert=True)

    def change_approval(self, approval: Approval, columns: dict[str, Any]) -> bool:
        """Change an approval that still has the state it was read with; whether it landed."""
        return Approval.objects.compare_and_set(approval, **columns)

    def keep(self, text: str) -> str:
        """The form in which a canonical text is stored in a row of this job; a long one is kept as a body."""
        return Body.objects.keep(self.job, text)

    def texts(self, stored: Collection[str]) -> dict[str, str]:
        """Stored form → text."""
        return Body.objects.texts(self.job.pk, stored)

    def text(self, stored: str) -> str:
        """The text of one stored form."""
        return self.texts([stored])[stored]

    def live(self, step_id: str) -> Entry | None:
        """The one entry of an effect that has not failed."""
        return Entry.objects.live(self.job.pk, step_id)

    def of_attempt(self, step_id: str, attempt: int) -> Entry | None:
        """One attempt at an effect, whatever became of it."""
        return Entry.objects.of_attempt(self.job.pk, step_id, attempt)

    def undecided_of(self, node: Node) -> list[Entry]:
        """The node's effects that are neither known to have happened nor not to have, in the order of opening."""
        return Entry.objects.undecided_of(self.job.pk, node.path) if node.claims else []

    def last_attempt(self, step_id: str) -> Entry | None:
        """The last attempt at an effect, whatever became of it."""
        return Entry.objects.last_attempt(self.job.pk, step_id)

    def attempts(self, step_id: str) -> int:
        """How many attempts at an effect there were."""
        return Entry.objects.attempts(self.job.pk, step_id)

    def insert_entry(self, entry: Entry) -> None:
        """Store a new entry."""
        entry.save(force_insert=True)

    def change_entry(self, entry: Entry, columns: dict[str, Any]) -> bool:
        """Change an entry that still stands as it was read; whether it landed."""
        return Entry.objects.compare_and_set(entry, **columns)

    def writing(
        self,
        columns: Collection[str],
        events: Sequence[NewEvent],
        bells: MakeBells,
        verb: str = "",
        meanwhile: Act | None = None,
    ) -> Writing[None]:
        """Store changed columns of the job, and append events; `bells` are rung once this has committed. `verb` names a
        commit that this is. Where one statement does it all, `meanwhile` is called while that is under way."""
        if columns:
            Job.objects.write(self.job, columns)
        transaction.on_commit(lambda: bells()())
        if events:
            self.job.seq, self.job.head = Event.objects.append(self.job.pk, events)
            together.tell([(self.job, self.job.seq, self.job.is_final)])
        yield from ()
