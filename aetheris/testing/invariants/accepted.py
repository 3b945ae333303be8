"""Accepted: no job is lost or invented, and none stands still without a reason (I4, I5, I16)."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from aetheris.testing.invariants.story import Evidence, Story
from jobs.models import Job, Submission
from jobs.states import NodeState, NodeType
from ledger import entries
from ledger.states import EntryState
from signals_app.states import WaitKind, WaitState

LIVE = (NodeState.READY, NodeState.RUNNING, NodeState.WAITING)


def goes_on_or_waits(story: Story) -> Iterator[str]:
    """A job that is not final has something that will move it, and what waits has its wait."""
    waited_for = {wait.node for wait in story.waits if wait.state == WaitState.OPEN}
    if not story.job.is_final and not any(node.state in LIVE for node in story.nodes):
        yield f"the job is {story.job.state}, and nothing of it can go on"
    for node in story.nodes:
        if node.state == NodeState.WAITING and node.path not in waited_for and not _has_open_child(story, node.path):
            yield f"{node.path} waits, and nothing that it waits for is open"


def waits_are_alive(story: Story) -> Iterator[str]:
    """What is open or declared belongs to a node that can still come to it."""
    nodes = {node.path: node for node in story.nodes}
    for wait in story.waits:
        node = nodes[wait.node]
        looks = wait.kind == WaitKind.CONDITION and node.state in LIVE
        if wait.state == WaitState.OPEN and node.state != NodeState.WAITING and not looks:
            yield f"{wait.correlation_key} is open, and {wait.node} is {node.state}"
        if wait.state == WaitState.DECLARED and node.is_final:
            yield f"{wait.correlation_key} is declared, and {wait.node} is {node.state}"


def doubt_is_asked_about(story: Story) -> Iterator[str]:
    """An unknown effect has its open question, or its provider is being asked; and no question is about a known one."""
    open_waits = (wait for wait in story.waits if wait.state == WaitState.OPEN and wait.kind == WaitKind.RESOLUTION)
    asked = [wait for wait in open_waits if not wait.is_about_the_world]
    unknown = [entry for entry in story.entries if entry.state == EntryState.UNKNOWN]
    for entry in unknown:
        key = entries.question_key(entry)
        is_asked = any(wait.correlation_key == key or wait.correlation_key.startswith(f"{key}:") for wait in asked)
        if not is_asked and not _is_asked_about(story, entry.node):
            yield f"{entry.idempotency_key} is unknown, and nobody is asked about it"
    for wait in asked:
        if wait.node not in {entry.node for entry in unknown}:
            yield f"{wait.correlation_key} asks about an effect that is known"


def has_come_to_rest(story: Story) -> Iterator[str]:
    """After healing no node is held, and none that is due is left."""
    if not story.evidence.healed:
        return
    for node in story.nodes:
        due = node.state == NodeState.READY and (node.not_before is None or node.not_before <= story.now)
        if node.state == NodeState.RUNNING or due:
            yield f"{node.path} is still {node.state}"


def nothing_is_overdue(story: Story) -> Iterator[str]:
    """After healing nothing is left that time alone should have brought about."""
    if not story.evidence.healed:
        return
    late = story.now - timedelta(seconds=story.evidence.patience)
    for node in story.nodes:
        if node.lease_expires_at is not None and node.lease_expires_at < late:
            yield f"the lease of {node.path} ran out at {node.lease_expires_at}"
    for wait in story.waits:
        if wait.state == WaitState.OPEN and wait.expires_at is not None and wait.expires_at < late:
            yield f"{wait.correlation_key} was over at {wait.expires_at}"
    if not story.job.starts_nothing_more and story.job.deadline_at is not None and story.job.deadline_at < late:
        yield f"the job's deadline was {story.job.deadline_at}"


def what_was_accepted_exists(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Every job that a client was told of is there."""
    told = {call.job for call in evidence.calls if call.verb == "submit" and call.verdict == "ok"}
    stored = {str(job_id) for job_id in Job.objects.filter(pk__in=told).values_list("pk", flat=True)}
    yield from ((job, "was accepted, and does not exist") for job in sorted(told - stored))


def one_job_for_a_key(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """The same key with the same message is the same job, and with another message none."""
    jobs, bodies = defaultdict(set), defaultdict(set)
    for call in evidence.calls:
        if call.verb == "submit" and call.verdict == "ok" and call.key:
            jobs[call.agent, call.key].add(call.job)
            bodies[call.agent, call.key].add(call.body)
    for (agent, key), made in jobs.items():
        if len(made) > 1:
            yield min(made), f"{agent} made {len(made)} jobs for the key {key}"
        if len(bodies[agent, key]) > 1:
            yield min(made), f"{agent} took {len(bodies[agent, key])} messages under the key {key}"


def nothing_was_invented(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Each key has made a job that exists, each job one key at most; and where the clients told of their calls, every
    job was asked for by one of them."""
    made = dict(Submission.objects.values_list("job_id", "key"))
    stored = set(Job.objects.values_list("pk", flat=True))
    yield from ((str(job), f"was made for the key {made[job]}, and does not exist") for job in set(made) - stored)
    if len(made) != Submission.objects.count():
        yield "", "two keys have made one job"
    asked = [call for call in evidence.calls if call.verb == "submit"]
    if not asked:
        return
    answered, keys = {call.job for call in asked}, {call.key for call in asked if call.key}
    scheduled = {job for job, key in made.items() if key.startswith("schedule:")}
    invented = [job for job in stored - scheduled if str(job) not in answered and made.get(job) not in keys]
    unanswered = sum(call.verdict == "unknown" and not call.key for call in asked)
    if len(invented) > unanswered:
        yield str(min(invented)), f"is one of {len(invented)} jobs that nobody asked for"


def _has_open_child(story: Story, path: str) -> bool:
    """Whether a workflow node waits for children."""
    under = f"{path}/"
    node = next(each for each in story.nodes if each.path == path)
    children = (each for each in story.nodes if each.path.startswith(under))
    return node.type == NodeType.WORKFLOW and any(not child.is_final for child in children)


def _is_asked_about(story: Story, node: str) -> bool:
    """Whether the provider is being asked about an effect that people said is to be asked for again."""
    return any(each.path == node and each.state in (NodeState.READY, NodeState.RUNNING) for each in story.nodes)
