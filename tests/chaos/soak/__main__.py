"""`python -m tests.chaos.soak --seconds 600 [--seed N] [--keep]`: one soak, and its page. Exit 1: something is wrong,
and the run's folder is kept."""

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.soak.rig import running
from tests.chaos.soak.run import Run


def main() -> int:
    parser = argparse.ArgumentParser("tests.chaos.soak")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long there are faults")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the load and the faults")
    parser.add_argument("--keep", action="store_true", help="append the verdict to those that are committed")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="aetheris-chaos-"))
    print(f"seed {options.seed}, {options.minutes:g} minutes, folder {folder}", flush=True)
    with running(folder / "instance") as rig:
        verdict = Run(rig, options.seed, 60 * options.minutes).judged()
    print(verdict.page(), flush=True)
    if options.keep:
        verdict.keep()
    if verdict.is_green:
        shutil.rmtree(folder)
        return 0
    print(f"  folder      {folder}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
