"""`make crash`: run the cells that have no verdict for the engine as it is now, or one by its name."""

import argparse
import logging
import os
import sys
from pathlib import Path

import django

from aetheris.testing.crash_matrix.servers import Servers


def main() -> int:
    parser = argparse.ArgumentParser(prog="make crash")
    parser.add_argument("--shard", default="1/1", help="the part of all cells to run: 2/4")
    parser.add_argument("--cell", default="", help="run this one cell, whatever is known of it")
    parser.add_argument("--scenario", action="append", help="only this one; may be given several times")
    parser.add_argument("--blow", action="append", help="only this kind of blow; may be given several times")
    parser.add_argument("--singles", action="store_true", help="nobody is killed twice")
    parser.add_argument("--count", action="store_true", help="only say how many cells there are, of single blows")
    parser.add_argument("--verdicts", type=Path, help="the folder of verdicts")
    options = parser.parse_args()
    os.environ["AETHERIS_APPS"] = "tests.chaos.matrix.shop"
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # connections are lost on purpose
    os.environ["AETHERIS_LOG_LEVEL"] = os.environ.get("AETHERIS_LOG_LEVEL", "CRITICAL")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aetheris.settings")
    with Servers() as servers:
        django.setup()
        from tests.chaos.matrix.run import run

        return run(servers, options)


if __name__ == "__main__":
    sys.exit(main())
