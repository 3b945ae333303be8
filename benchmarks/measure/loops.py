"""The workloads themselves, for any peer: they are told how to submit, signal and wait, and answer with the figures."""

import os
import random
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.measure import marks
from benchmarks.measure.environ import QUICK
from benchmarks.measure.latency import milliseconds
from benchmarks.measure.meter import Meter

STEPS = 10
"""Of a job of W1."""
WIDTH = 10 if QUICK else 100
"""Of a fan-out of W2."""
SLOW_SECONDS = 3.0
"""Of the step of W6 that is killed."""
GROWTH_STEPS = 20 if QUICK else 500
"""So many steps are measured at least, where jobs are short of several."""
PATIENCE = 300.0
_QUICKLY = 25.0
_REST = 0.5 if QUICK else 3.0
_AFTER = 0.2
"""Seconds in which the last step's commit ends, and its CPU is counted."""

Act = Callable[[str], object]
"""Does something with the job of this name."""


def submit_all(submit: Act, count: int) -> float:
    """Seconds that it took."""
    marks.forget()
    began = time.time()
    for number in range(count):
        submit(f"job-{number}")
    return round(time.time() - began, 3)


def run(submit: Act, count: int, seconds: float = PATIENCE) -> float:
    """Submit so many jobs; returns when the last step of each has been reached, how long it took to submit them."""
    submitted = submit_all(submit, count)
    marks.await_marks(count, seconds)
    time.sleep(_AFTER)
    return submitted


def throughput(meter: Meter, submit: Act, jobs: int, steps: int = STEPS) -> dict[str, Any]:
    """W1: from the first submission to the last step of the last job."""
    meter.begin()
    submitted = run(submit, jobs)
    return meter.end(at=marks.last()).each(jobs, steps) | {"submit_s": submitted}


def fan_out(meter: Meter, submit: Act, at_once: int) -> dict[str, Any]:
    """W2: from the first submission to the last join."""
    meter.begin()
    run(submit, at_once)
    used = meter.end(at=marks.last())
    return {"at_once": at_once, "wall_s": round(used.seconds, 3), "cpu_s": round(used.cpu_seconds, 2)}


def park(submit: Act, jobs: int, seconds: float = PATIENCE) -> None:
    """Submit so many jobs that wait; returns when each has noted that it does."""
    submit_all(submit, jobs)
    marks.await_marks(jobs, seconds, "parked", 0.1)
    time.sleep(1)


def wake_ups(signal: Act, jobs: int) -> dict[str, float]:
    """W3, for jobs that are parked: from the call that signals to the step that follows."""
    took = []
    for number in range(jobs):
        pause()
        began = time.time()
        signal(f"job-{number}")
        took.append(marks.await_mark(f"done job-{number}") - began)
    return milliseconds(took)


def growth(submit: Act, length: int) -> dict[str, Any]:
    """W4: one job of so many steps, from its first to its last; and as a whole, from its submission. A short one is
    over in a few milliseconds, which are a matter of luck: the median of several, each when all is quiet."""
    jobs = [_one_long(submit, f"job-{number}") for number in range(max(1, GROWTH_STEPS // length))]
    steps, wholes = zip(*jobs, strict=True)
    return {
        "length": length,
        "jobs": len(jobs),
        "ms_per_step": round(1000 * median(steps) / (length - 1), 3),
        "whole_ms_per_step": round(1000 * median(wholes) / length, 3),
    }


def _one_long(submit: Act, name: str) -> tuple[float, float]:
    marks.forget()
    pause()
    began = time.time()
    submit(name)
    marks.await_marks(2, PATIENCE, "", 0.01)
    last = marks.last("done")
    return last - marks.last("first"), last - began


def starts(run_one: Act, jobs: int, *, has_result: bool = True) -> dict[str, Any]:
    """W5: jobs of one step, each when all is quiet. `run_one` returns with the result in hand."""
    steps, results = [], []
    for number in range(jobs):
        marks.forget()
        pause()
        began = time.time()
        run_one(f"job-{number}")
        results.append(time.time() - began)
        steps.append(marks.await_mark(f"done job-{number}") - began)
    return {"step": milliseconds(steps)} | ({"result": milliseconds(results)} if has_result else {})


def slow_step(name: str, key: object = "") -> None:
    """The step of W6. `key` is what the world outside would know its effect by."""
    marks.mark("begun", name, os.getpid(), key or time.time_ns(), time.time_ns())
    time.sleep(SLOW_SECONDS)
    marks.mark("ended", name, os.getpid(), key or time.time_ns(), time.time_ns())


def recovery(submit: Act, kill: Callable[[int], object], seconds: float) -> dict[str, Any]:
    """W6: from the kill of whoever is in the slow step to the step that follows; None: not while it was watched."""
    marks.forget()
    submit("job-0")
    marks.await_marks(1, 30, "begun")
    time.sleep(0.5)
    seconds = min(seconds, _QUICKLY) if QUICK else seconds
    killed = time.time()
    kill(int(next(iter(marks.marks("begun"))).split()[2]))
    try:
        marks.await_marks(1, seconds, "done")
        recovered = round(marks.last() - killed, 2)
    except TimeoutError:
        recovered = None
    begun = marks.marks("begun")
    return {
        "recovered_s": recovered,
        "watched_s": seconds,
        "begun": len(begun),
        "ended": len(marks.marks("ended")),
        "effects": len({words.split()[3] for words in begun}),
    }


def parked(
    meter: Meter,
    submit: Act,
    count: int,
    stored: Callable[[], int],
    others: Callable[[], dict[str, Any]],
    all_parked: Callable[[], object] = lambda: None,
    then: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """W7: make so many jobs that wait, and `then` whatever is to be there besides; what each is on disk, what they all
    cost an idle system, and what `others` is before them and beside them."""
    before = _around(meter, others)
    size = stored()
    meter.begin()
    submit_all(submit, count)
    all_parked()
    used = meter.end()
    time.sleep(_REST)
    each = (stored() - size) / count
    then()
    return {
        "parked": count,
        "create_s": round(used.seconds, 1),
        "create_cpu_s": round(used.cpu_seconds, 2),
        "bytes_each": round(each),
        "before": before,
        "beside": _around(meter, others),
    }


def _around(meter: Meter, others: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    return meter.idle() | {"memory_mb": meter.memory()} | others()


def all_noted(count: int) -> Callable[[], None]:
    """For peers whose jobs note that they wait."""
    return lambda: marks.await_marks(count, 2 * PATIENCE, "parked", 0.2)


def pause() -> None:
    """No phase of anything that polls is preferred."""
    time.sleep(0.03 + 0.25 * random.random())  # noqa: S311
