"""Where the time of a step goes: each verb, and each statement that it sends, in this one process without a worker."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from uuid import UUID

from django.db import connection

from aetheris.core.graph import PLAN
from benchmarks.measure.driver import tell
from benchmarks.measure.latency import percentile
from benchmarks.measure.processes import end_all
from benchmarks.peers.aetheris import user
from jobs.engine.activation import Activation
from jobs.engine.run import run_node
from jobs.engine.together import Writing

STEPS = 10


class Spent:
    """Milliseconds by what they were spent on."""

    def __init__(self) -> None:
        self.verbs: dict[str, list[float]] = defaultdict(list)
        self.statements: dict[str, list[float]] = defaultdict(list)

    def statement(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, *rest)
        finally:
            self.statements[_short(sql)].append(1000 * (time.perf_counter() - began))


def _short(sql: str) -> str:
    """A statement as a reader knows it; savepoints are alike."""
    return re.sub(r'"s\d+_x\d+"', "…", " ".join(str(sql).split()))[:90]


@contextmanager
def observed() -> Iterator[Spent]:
    """What this process spends on the verbs of activations, and on statements."""
    spent, transacting = Spent(), Activation.transacting

    def timed(hand: Activation, verb: str, *rest: Any) -> Writing[Any]:
        began = time.perf_counter()
        try:
            return (yield from transacting(hand, verb, *rest))
        finally:
            spent.verbs[verb].append(1000 * (time.perf_counter() - began))

    with patch.object(Activation, "transacting", timed), connection.execute_wrapper(spent.statement):
        yield spent


def run_here(agent: str, jobs: int, size: int = STEPS) -> Spent:
    """Run so many jobs in this process, each to its end; there is no worker."""
    end_all()
    with observed() as spent:
        for number in range(jobs):
            run_to_end(user.send(agent, f"here-{number}", size))
    return spent


def run_to_end(job: UUID) -> None:
    run_node(job, PLAN)


def milliseconds(spent: Spent) -> dict[str, float]:
    """The usual time of each verb."""
    return {verb: round(percentile(took, 0.5), 3) for verb, took in sorted(spent.verbs.items())}


def probe(jobs: int = 100) -> None:
    """Verbs and statements for each way to write ten steps down."""
    for agent in ("chain", "calls", "code"):
        run_here(agent, 5)
        began, cpu = time.perf_counter(), time.process_time()
        spent = run_here(agent, jobs)
        steps = jobs * STEPS
        tell(
            "probe",
            agent,
            wall_ms_per_step=round(1000 * (time.perf_counter() - began) / steps, 3),
            python_cpu_ms_per_step=round(1000 * (time.process_time() - cpu) / steps, 3),
            verbs_ms=milliseconds(spent),
            statements_per_job=round(sum(map(len, spent.statements.values())) / jobs, 1),
            statements=[
                {"sql": sql, "per_job": round(len(took) / jobs, 2), "ms": round(percentile(took, 0.5), 3)}
                for sql, took in sorted(spent.statements.items(), key=lambda item: -sum(item[1]))
            ],
        )
