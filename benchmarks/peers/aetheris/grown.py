"""Full tables: what a claim, a commit, a whole step and a result cost beside a million events, and beside none."""

from benchmarks.measure import loops
from benchmarks.measure.driver import tell
from benchmarks.measure.environ import QUICK
from benchmarks.measure.processes import end_all
from benchmarks.peers.aetheris import user, verbs, workloads
from benchmarks.peers.aetheris.copies import copy_job
from ledger.models import Event

FILLED = 100_000
EVENTS_EACH = 10
HERE = 10 if QUICK else 100


def grown(filled: int = FILLED, jobs: int = 200) -> None:
    """The same figures before and after the tables were filled, and their ratios."""
    empty = _figures(jobs)
    events = _fill(filled)
    full = _figures(jobs)
    tell(
        "grown",
        filled=filled,
        events=events,
        empty=empty,
        full=full,
        ratio={name: round(full[name] / empty[name], 2) for name in empty},
    )


def _fill(filled: int) -> int:
    """Copy a finished job that has ten events; how many events there are then."""
    end_all()
    length = 1
    while True:
        job = user.send("chain", "copied", length)
        verbs.run_to_end(job)
        if Event.objects.filter(job_id=job).count() >= EVENTS_EACH:
            break
        length += 1
    copy_job(job, filled)
    return Event.objects.count()


def _figures(jobs: int) -> dict[str, float]:
    verbs.run_here(workloads.CALLS, 5)
    alone = verbs.milliseconds(verbs.run_here(workloads.CALLS, HERE))
    installation = workloads.warmed()
    used = loops.throughput(installation.meter(), workloads.submit(workloads.CHAIN), jobs)
    latencies = workloads.start_latencies(workloads.STARTS)
    return {
        "claim_ms": alone["claim"],
        "commit_ms": alone["commit"],
        "cpu_ms_per_step": used["cpu_ms_per_step"],
        "ms_per_step": round(1000 / used["steps_per_s"], 3),
        "result_p50_ms": latencies["result"]["p50_ms"],
    }
