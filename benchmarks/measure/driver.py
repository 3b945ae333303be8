"""A driver: the program that measures one peer, `python -m benchmarks.peers.<peer> w1=400 w5`."""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.measure.processes import end_all

Workload = Callable[..., None]


def tell(workload: str, mode: str = "", **figures: Any) -> None:
    """One measurement: a line of JSON on standard output."""
    peer = os.environ.get("BENCH_PEER", "")
    line = {"peer": peer, "workload": workload, "mode": mode, **figures, "load": round(os.getloadavg()[0], 2)}
    print(json.dumps(line | {"at": round(time.time(), 1)}), flush=True)


def drive(workloads: Mapping[str, Workload]) -> None:
    """Run the workloads that the command line names, each with the sizes after its `=`. What fails is told, and the
    next one is run."""
    for word in sys.argv[1:]:
        name, _, sizes = word.partition("=")
        try:
            workloads[name](*(int(size) for size in sizes.split(",") if size))
        except Exception as error:
            traceback.print_exc()
            tell(name, error=repr(error)[:300])
        finally:
            end_all()
