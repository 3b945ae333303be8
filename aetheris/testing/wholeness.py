"""Whether a job is whole: its rows, counters, chain and events tell the same story, in whatever state it is."""

from aetheris.testing.invariants import told, violations
from jobs.engine.replay import differences, replay
from jobs.engine.transitions import recount
from jobs.models import Job, Node
from ledger.models import Entry, Event
from ledger.proof import broken_at


def flaws(job: Job) -> list[str]:
    """What does not fit together in a job as it stands now."""
    job = Job.objects.select_related("agent").get(pk=job.pk)
    events = list(Event.objects.stream(job.pk))
    found = []
    if (broken := broken_at(events, bytes(job.head))) is not None:
        found.append(f"its chain is broken at event {broken}")
    counted = recount(job)
    kept = {name: getattr(job, name) for name in counted}
    if kept != counted:
        found.append(f"its counters say {kept}, and there are {counted}")
    view = replay(events, Event.objects.told(job.pk, events))
    nodes = list(Node.objects.of_job(job.pk))
    return found + [str(each) for each in differences(view, job, nodes, Entry.objects.states(job.pk))]


def assert_whole(job: Job) -> None:
    """Raise `AssertionError`, with what does not fit, unless the job is whole."""
    if found := flaws(job):
        raise AssertionError(f"Job {job.pk} is not whole: {'; '.join(found)}")


def assert_all_whole() -> None:
    """Raise `AssertionError` unless every job is whole."""
    for job in Job.objects.all():
        assert_whole(job)


def assert_invariants() -> None:
    """Raise `AssertionError`, with each violation, unless all invariants hold of what the database has now."""
    if found := violations(afresh=False):
        raise AssertionError(told(found))
