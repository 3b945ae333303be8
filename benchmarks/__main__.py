"""`python -m benchmarks [PEER …] [WORKLOAD[=SIZE,…] …]`: measures in turn, prints each line, and shows the whole.

Without a peer all are measured, without a workload each one is. With `--show FILE` nothing is measured: the lines of
a run are shown again.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from benchmarks.environments import FOLDER, PICTURE, python_of, ready
from benchmarks.figures import Figures
from benchmarks.machine import about
from benchmarks.plan import ALL, PEERS, turns
from benchmarks.servers import servers
from benchmarks.text import page
from benchmarks.turns import ROOT, take

RESULTS = ROOT / "benchmarks" / "results"


def asked_for() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="PEER | WORKLOAD[=SIZE,...]")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is measured (3)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, once: does everything work?")
    parser.add_argument("--threads", type=int, default=4, help="of a process, where a peer has threads (4)")
    parser.add_argument("--name", default=f"{datetime.now(UTC):%Y-%m-%d-%H%M}", help="of the files in results/")
    parser.add_argument("--show", type=Path, metavar="FILE", help="show these lines; measure nothing")
    asked = parser.parse_args()
    unknown = [word for word in asked.words if word.partition("=")[0] not in (*PEERS, *ALL)]
    if unknown:
        parser.error(f"neither a peer nor a workload: {', '.join(unknown)}")
    return asked


def measure(asked: argparse.Namespace) -> Path:
    """The file of the lines, written as they come."""
    pythons, missing = ready([word for word in asked.words if word in PEERS] or PEERS)
    workloads = [word for word in asked.words if word not in PEERS] or list(ALL)
    repeat = 1 if asked.quick else asked.repeat
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{'quick' if asked.quick else asked.name}.ndjson"
    run = FOLDER / f"run-{os.getpid()}"
    with file.open("w") as lines, servers(run) as environ:
        environ |= {"BENCH_THREADS": str(asked.threads)} | ({"BENCH_QUICK": "1"} if asked.quick else {})
        taken = (
            take(turn, pythons[turn.peer], environ) for turn in turns(pythons, workloads, repeat, quick=asked.quick)
        )
        for line in chain([{"about": about(repeat, run)}], missing, chain.from_iterable(taken)):
            print(json.dumps(line), file=lines, flush=True)
            print(json.dumps(line), flush=True)
    return file


def show(file: Path) -> None:
    """Print the tables of a run and write them beside its lines, with a picture."""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    facts: dict[str, str] = next((line["about"] for line in lines if "about" in line), {})
    text = page(Figures(lines), facts)
    file.with_suffix(".md").write_text(text)
    print(text)
    subprocess.run([python_of(PICTURE), "-m", "benchmarks.picture", file, file.with_suffix(".png")], check=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    asked = asked_for()
    show(asked.show or measure(asked))
