"""The figures that are shown, by workload."""

from typing import Any

from benchmarks.figures import Figure
from benchmarks.plan import SLOW

LENGTHS = (10, 100, 1_000, 10_000)
WIDTHS = (10, 100, 1_000, 5_000)
TENANTS = (1, 10, 100, 1_000)


def _figure(workload: str, field: str, title: str, more: bool = False, **where: Any) -> Figure:
    return Figure(workload, field, title, tuple(where.items()), more)


STEPS = _figure("w1", "steps_per_s", "steps/s", more=True)
CPU = _figure("w1", "cpu_ms_per_step", "CPU ms/step")
SLOW_STEPS = _figure(SLOW, "steps_per_s", "steps/s", more=True)
FAN = _figure("w2", "wall_s", "one, s", at_once=1)
FANS = _figure("w2", "wall_s", "20 at once, s", at_once=20)
WAKE = _figure("w3", "p50_ms", "p50 ms")
WAKE_LATE = _figure("w3", "p95_ms", "p95 ms")
GROWTH = {length: _figure("w4", "ms_per_step", f"of {length:,}", length=length) for length in LENGTHS}
WHOLE = _figure("w4", "whole_ms_per_step", "of 10,000, with its start", length=10_000)
START = _figure("w5", "step.p50_ms", "step p50 ms")
RESULT = _figure("w5", "result.p50_ms", "result p50 ms")
RECOVERED = _figure("w6", "recovered_s", "kill to last step, s")
BEGUN = _figure("w6", "begun", "times that it began")
EFFECTS = _figure("w6", "effects", "effects of the killed step")
CREATE = _figure("w7", "create_s", "create, s")
BYTES = _figure("w7", "bytes_each", "bytes each")
IDLE = _figure("w7", "beside.idle_percent", "idle, % of a core")
IDLE_BEFORE = _figure("w7", "before.idle_percent", "idle before")
MEMORY = _figure("w7", "beside.memory_mb", "memory MB")
MEMORY_BEFORE = _figure("w7", "before.memory_mb", "memory before")
W5_BEFORE = _figure("w7", "before.w5.result.p50_ms", "result before, ms")
W5_BESIDE = _figure("w7", "beside.w5.result.p50_ms", "result beside, ms")
W3_BEFORE = _figure("w7", "before.w3.p50_ms", "wake before, ms")
W3_BESIDE = _figure("w7", "beside.w3.p50_ms", "wake beside, ms")
SWEEP = _figure("w7", "beside.sweep.p50_ms", "a sweep, ms")
GROWN = {
    name: _figure("grown", f"ratio.{name}", title)
    for name, title in {
        "claim_ms": "claim",
        "commit_ms": "commit",
        "result_p50_ms": "result",
        "cpu_ms_per_step": "CPU/step",
        "ms_per_step": "time/step",
    }.items()
}
WIDE = tuple(_figure("wide", "ms_per_branch", f"of {width:,}", width=width) for width in WIDTHS)
LOOK = tuple(_figure("tenants", "look_ms", f"of {count:,}", tenants=count) for count in TENANTS)

TABLES: dict[str, tuple[str, tuple[Figure, ...]]] = {
    "w1": (
        "W1: jobs of ten steps",
        (STEPS, CPU, _figure("w1", "commits_per_step", "commits/step"), _figure("w1", "wal_per_step", "WAL B/step")),
    ),
    SLOW: ("W1 with a flush of 2 ms", (SLOW_STEPS, _figure(SLOW, "cpu_ms_per_step", "CPU ms/step"))),
    "w2": ("W2: 1 → 100 → 1", (FAN, FANS)),
    "w3": ("W3: from the signal to the next step", (WAKE, WAKE_LATE)),
    "w4": ("W4: milliseconds for each step of one job", (*GROWTH.values(), WHOLE)),
    "w5": ("W5: from submission to the step and to the result", (RESULT, START)),
    "w6": ("W6: kill -9 in a step of three seconds", (RECOVERED, BEGUN, EFFECTS)),
    "w7": (
        "W7: parked jobs",
        (CREATE, BYTES, IDLE, IDLE_BEFORE, MEMORY, MEMORY_BEFORE, W5_BESIDE, W5_BEFORE, W3_BESIDE, SWEEP),
    ),
    "grown": ("With full tables, by how much slower", tuple(GROWN.values())),
    "wide": ("A fan-out: milliseconds for each branch", WIDE),
    "tenants": ("A worker's look at a backlog of so many tenants, ms", LOOK),
}
