"""`python -m benchmarks [PEER …] [WORKLOAD[=SIZE,…] …] [--threads N] [--quick]`."""

import argparse
import json
import re
import sys

from benchmarks.servers import servers
from benchmarks.turns import drive

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("words", nargs="*", metavar="PEER or WORKLOAD[=SIZE,...]")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    workloads = [word for word in asked.words if re.match(r"w\d|grown|probe", word)]
    peers = [word for word in asked.words if word not in workloads] or ["aetheris"]
    with servers() as environ:
        environ |= {"BENCH_THREADS": str(asked.threads)} | ({"BENCH_QUICK": "1"} if asked.quick else {})
        for workload in workloads:
            for peer in peers:
                for measured in drive(peer, sys.executable, [workload], environ):
                    print(json.dumps(measured), flush=True)
