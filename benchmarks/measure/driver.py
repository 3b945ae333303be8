"""A driver: the program that measures one peer, `python -m benchmarks.peers.<peer> w1=400 w5`."""

import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.measure.processes import end_all

Workload = Callable[..., None]
_PATH = re.compile(r"(/[\w.+-]+){2,}")
"""Results are shown to others: no path of this machine stands in them."""


def tell(workload: str, mode: str = "", **figures: Any) -> None:
    """One measurement: a line of JSON on standard output."""
    peer = os.environ.get("BENCH_PEER", "")
    line = {"peer": peer, "workload": workload, "mode": mode, **figures, "load": round(os.getloadavg()[0], 2)}
    print(json.dumps(line | {"at": round(time.time(), 1)}), flush=True)


def drive(workloads: Mapping[str, Workload], *, between: Callable[[], None] = end_all) -> None:
    """Run the workloads that the command line names, each with the sizes after its `=`. What fails is told, and the
    next one is run. `between` two of them all processes end, if nothing else is wanted."""
    try:
        for word in sys.argv[1:]:
            _run(workloads, word)
            between()
    finally:
        end_all()


def _run(workloads: Mapping[str, Workload], word: str) -> None:
    name, _, sizes = word.partition("=")
    try:
        workloads[name](*(int(size) for size in sizes.split(",") if size))
    except Exception as error:
        traceback.print_exc()
        tell(name, error=_PATH.sub("…", repr(error))[:300])
