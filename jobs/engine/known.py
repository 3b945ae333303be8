"""Known: the rows of a job as one activation knows them, written back in one statement.

Whoever changes a job's graph, ledger or counters appends an event to it. So what was read stays true as long as the
job's `seq` does, and the statement that writes lands only then. A verb that needs more than is known here sends a
statement of its own, which is refused: then it is done again under the job's lock.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import transaction

from aetheris.core.clocks import uptime
from aetheris.core.priority import FIRST
from jobs.body_querysets import stored_form
from jobs.engine.changes import JOB_COLUMNS, Changes
from jobs.engine.known_waits import KnownWaits
from jobs.engine.not_known import NotKnown, Overtaken
from jobs.engine.together import Act, MakeBells, Write, Writing
from jobs.models import Body, Edge, Job, Node, Submission
from jobs.states import Ending, NodeState, NodeType
from ledger.models import Entry
from ledger.querysets import NewEvent
from ledger.states import EntryState
from signals_app.models import Wait

WINDOW = 128
"""How many nodes are read at once."""
MOST_NEW = 2 * WINDOW
"""How many nodes a graph may have that is written in the one statement."""


class KnownRows(KnownWaits):
    """One job's rows in memory, as of its `seq`."""

    def __init__(self, job: Job, now: datetime, asked_at: float) -> None:
        super().__init__(job, now, asked_at)
        self._nodes: dict[str, Node] = {}
        self._ready: dict[str, Node] = {}
        self._edges: dict[str, list[Edge]] = {}
        self._without_edges: list[str] = []
        self._entries: dict[str, dict[int, Entry]] = {}
        self._with_effects: set[str] = set()
        self._is_whole = False

    @classmethod
    def of_new(cls, job: Job, submission: Submission | None = None) -> "KnownRows":
        """All of a job that is not stored yet, but with the first that is written; with a submission only if that is
        the first use of its key."""
        known = cls(job, job.created_at, uptime())
        known._is_whole = known._changes.is_new_job = True
        known._changes.submission = submission
        return known

    @classmethod
    def load(cls, job_id: UUID) -> "KnownRows":
        """Begin to know a job. Raises `Job.DoesNotExist`."""
        for known in cls.load_all([job_id]).values():
            return known
        raise Job.DoesNotExist

    @classmethod
    def load_all(cls, job_ids: Sequence[UUID]) -> dict[UUID, "KnownRows"]:
        """Begin to know those of these jobs that there are, and their first nodes, in one statement."""
        asked_at = uptime()
        of_jobs = {}
        for job, nodes, now in Job.objects.with_first_nodes(job_ids, WINDOW):
            of_jobs[job.pk] = cls(job, now, asked_at)._with_first(nodes)
        return of_jobs

    @classmethod
    def load_answered(cls, job_id: UUID, correlation_key: str) -> "KnownRows":
        """Begin to know a job, and what an answer to this wait of it is about. Raises `Job.DoesNotExist`."""
        asked_at = uptime()
        found = Job.objects.with_wait(job_id, correlation_key, WINDOW)
        if found is None:
            return cls.load(job_id)
        job, wait, nodes, edges, now = found
        known = cls(job, now, asked_at)._with_first(nodes)
        known._waits[correlation_key] = wait
        if wait.node in known._without_edges:
            known._without_edges.remove(wait.node)
            known._edges[wait.node] = edges
        return known

    def node(self, path: str) -> Node | None:
        """One that is none of the first is read with those that follow it, as many as are known."""
        if path not in self._nodes and not self._is_whole:
            most = max(WINDOW, len(self._nodes))
            self._take(self._read(lambda: Node.objects.from_path(self.job.pk, path, most)))
        return self._nodes.get(path)

    def make_room(self, nodes: int) -> None:
        if not self._is_whole or nodes > MOST_NEW:
            raise NotKnown("a large graph is stored under the lock")

    def add(self, nodes: Sequence[Node], edges: Sequence[Edge], waits: Sequence[Wait]) -> None:
        """What does not fit is told by the statement that writes."""
        self.declare(waits)
        self._know(nodes)
        for edge in edges:
            self._edges.setdefault(edge.source, []).append(edge)
        self._changes.add(nodes, edges)

    def last_position(self) -> int:
        if not self._is_whole:
            return super().last_position()
        return max(node.position for node in self._nodes.values())

    def change(self, node: Node, columns: dict[str, Any]) -> bool:
        return self.change_blocked([node], columns)

    def change_blocked(self, nodes: Sequence[Node], columns: dict[str, Any]) -> bool:
        self._changes.put(nodes)
        if columns["state"] == NodeState.READY:
            self._ready.update((node.path, node) for node in nodes)
        return True

    def knows_what_follows(self, path: str) -> bool:
        """Whether the edges that leave a node, and the nodes they lead to, need not be read."""
        followed = path in self._nodes and path not in self._without_edges
        return followed and all(edge.target in self._nodes for edge in self._edges.get(path, ()))

    def leaving(self, source: str) -> list[Edge]:
        self.node(source)
        if source in self._without_edges:
            self._know_edges()
        return [edge for edge in self._edges.get(source, ()) if edge.taken is None]

    def decide(self, source: str, edges: Sequence[Edge], taken: Sequence[Edge]) -> list[Node]:
        if len(edges) > WINDOW:
            return super().decide(source, edges, taken)
        targets = {edge.target: self._present(edge.target) for edge in edges}
        for edge in edges:
            edge.taken = edge in taken
            targets[edge.target].unmet -= 1
        for path in {edge.target for edge in taken}:
            targets[path].taken += 1
        self._changes.put(targets.values(), edges)
        decided = [node for node in targets.values() if node.state == NodeState.BLOCKED and node.unmet == 0]
        return sorted(decided, key=lambda node: node.position)

    def child_ended(self, path: str, ended: int) -> Node | None:
        parent = self._present(path)
        parent.children_open -= ended
        self._changes.put([parent])
        return parent

    def next_ready(self, queue: str, now: datetime) -> Node | None:
        first = self._first_due(queue, now)
        if first is None and not self._is_whole:
            self._take(self._read(lambda: list(Node.objects.due_of_job(self.job.pk, queue, now)[:WINDOW])))
            first = self._first_due(queue, now)
        return first

    def is_outranked(self, queue: str) -> bool:
        """It is asked in the statement that writes: with something more urgent waiting that writes nothing."""
        self._changes.first_in = queue if self.job.priority > FIRST else None
        return False

    def outputs(self, paths: Iterable[str]) -> dict[str, str]:
        known = {path: self._nodes.get(path) for path in paths}
        found = {path: node.output for path, node in known.items() if node is not None and node.output is not None}
        missing = [path for path, node in known.items() if node is None]
        return found | (self._read(lambda: Node.objects.outputs(self.job.pk, missing)) if missing else {})

    def sinks(self, scope: str) -> list[Node]:
        if not self._is_whole:
            return super().sinks(scope)
        self._know_edges()
        return [
            node
            for node in self._nodes.values()
            if node.scope == scope and node.type != NodeType.PLAN and not self._edges.get(node.path)
        ]

    def was_refused(self) -> bool:
        if not self._is_whole:
            return super().was_refused()
        return any(node.ending == Ending.REFUSED for node in self._nodes.values())

    def keep(self, text: str) -> str:
        stored = stored_form(text)
        if stored is not text:
            self._changes.bodies[stored] = text
        return stored

    def texts(self, stored: Collection[str]) -> dict[str, str]:
        missing = [form for form in stored if form.startswith("@") and form not in self._changes.bodies]
        found = self._read(lambda: Body.objects.texts(self.job.pk, missing)) if missing else {}
        return {form: self._changes.bodies.get(form) or found.get(form) or form for form in stored}

    def live(self, step_id: str) -> Entry | None:
        entries = self._of_step(step_id).values()
        return next((entry for entry in entries if entry.state != EntryState.FAILED), None)

    def of_attempt(self, step_id: str, attempt: int) -> Entry | None:
        return self._of_step(step_id).get(attempt)

    def undecided_of(self, node: Node) -> list[Entry]:
        if node.claims:
            self._know_effects_of(node.path)
        entries = (entry for of_step in self._entries.values() for entry in of_step.values())
        undecided = (EntryState.STARTED, EntryState.UNKNOWN)
        mine = [entry for entry in entries if entry.node == node.path and entry.state in undecided]
        return sorted(mine, key=lambda entry: entry.opened_at)

    def last_attempt(self, step_id: str) -> Entry | None:
        self._know_effects_of(_node_of(step_id))
        entries = self._of_step(step_id)
        return entries[max(entries)] if entries else None

    def attempts(self, step_id: str) -> int:
        return len(self._of_step(step_id))

    def insert_entry(self, entry: Entry) -> None:
        self._of_step(entry.step_id)[entry.attempt] = entry
        self._changes.entries[entry.idempotency_key] = entry

    def change_entry(self, entry: Entry, columns: dict[str, Any]) -> bool:
        self._changes.entries[entry.idempotency_key] = entry
        return True

    def writing(
        self,
        columns: Collection[str],
        events: Sequence[NewEvent],
        bells: MakeBells,
        verb: str = "",
        meanwhile: Act | None = None,
    ) -> Writing[None]:
        """Write everything in one statement, which lands if `seq` is still as it was. Raises `Overtaken` if not."""
        if not (columns or events or self._changes):
            self.check_current()
            transaction.on_commit(lambda: bells()())
            return
        if not JOB_COLUMNS.issuperset(columns):
            raise NotKnown("the statement does not write this")
        asked_at, changes, self._changes = uptime(), self._changes, Changes()
        landed = yield Write(self.job, self.now(), changes, columns, events, bells, verb, meanwhile)
        if landed is None:
            raise Overtaken("somebody else has changed the job, or something more urgent waits")
        self.job.seq, self.job.head, now = landed
        self._synchronized(now, asked_at)

    def _first_due(self, queue: str, now: datetime) -> Node | None:
        # Not all that are known: of a wide fan-out most have ended.
        self._ready = {path: node for path, node in self._ready.items() if node.state == NodeState.READY}
        of_queue = (node for node in self._ready.values() if node.queue == queue)
        due = (node for node in of_queue if node.not_before is None or node.not_before <= now)
        return min(due, key=lambda node: node.position, default=None)

    def _present(self, path: str) -> Node:
        node = self.node(path)
        if node is None:
            raise NotKnown(f"{path} is no node of {self.job.pk}")
        return node

    def _know_effects_of(self, path: str) -> None:
        """Know all that a node has tried: a step tries much, one thing after the other."""
        if path not in self._with_effects:
            for entry in self._read(lambda: Entry.objects.of_nodes({(self.job.pk, path)})):
                self._entries.setdefault(entry.step_id, {})[entry.attempt] = entry
            self._with_effects.add(path)

    def _of_step(self, step_id: str) -> dict[int, Entry]:
        if step_id not in self._entries:
            node = self._nodes.get(step_id)
            has_none = (node is not None and node.claims == 0) or _node_of(step_id) in self._with_effects
            found = [] if has_none else self._read(lambda: Entry.objects.of_step(self.job.pk, step_id))
            self._entries[step_id] = {entry.attempt: entry for entry in found}
        return self._entries[step_id]

    def _with_first(self, nodes: list[Node]) -> Self:
        self._take(nodes)
        self._is_whole = len(nodes) < WINDOW
        return self

    def _take(self, nodes: list[Node]) -> None:
        new = [node for node in nodes if node.path not in self._nodes]
        self._know(new)
        self._without_edges += [node.path for node in new if node.type != NodeType.PLAN]

    def _know(self, nodes: Sequence[Node]) -> None:
        self._nodes.update((node.path, node) for node in nodes)
        self._ready.update((node.path, node) for node in nodes if node.state == NodeState.READY)

    def _know_edges(self) -> None:
        """Know the edges of all known nodes: a claim needs none, so they are read when one has ended."""
        sources, self._without_edges = self._without_edges, []
        if sources:
            for edge in self._read(lambda: Edge.objects.of_sources(self.job.pk, sources)):
                self._edges.setdefault(edge.source, []).append(edge)


def _node_of(step_id: str) -> str:
    return step_id.partition("#")[0]
