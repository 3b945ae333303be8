"""`python -m aetheris.testing.check [--sent LOG] [--history FILE] [--healed]`: check the database that
`AETHERIS_DATABASE_URL` names. Prints each violation as a line of JSON; the exit status says whether there was one."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import django


def main() -> int:
    parser = argparse.ArgumentParser(prog="aetheris.testing.check")
    parser.add_argument("--sent", type=Path, help="the sink's log")
    parser.add_argument("--history", type=Path, help="what the clients called and were answered, NDJSON")
    parser.add_argument("--healed", action="store_true", help="no fault is left: everything must have come to rest")
    parser.add_argument("--connections", type=int, help="at most so many connections may be open")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aetheris.settings")
    django.setup()
    from aetheris.testing.invariants import calls_in, sent_in, violations

    found = violations(
        sent_in(options.sent) if options.sent else (),
        calls_in(options.history) if options.history else (),
        healed=options.healed,
        connections=options.connections,
    )
    for violation in found:
        print(json.dumps(asdict(violation)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
