"""The demo's command line.

Exit codes: 0 all well, 1 a check failed or nothing runs, 2 no such order, 130 Ctrl-C.
"""

import argparse
import re
import sys
from dataclasses import replace
from pathlib import Path

import httpx

from examples.refund.demo import instance
from examples.refund.demo.client import ApiError
from examples.refund.demo.runtime import LEASE_SECONDS, OwnRuntime, running
from examples.refund.demo.story import Broken, Story
from examples.refund.demo.telling import UnknownOrder, tell
from examples.refund.tools import REFUNDS
from examples.refund.world.orders import TABLE, table

EXPECTED = (ApiError, Broken, httpx.HTTPError, instance.NoInstance)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    try:
        return run(options)
    except KeyboardInterrupt:
        print("\nStopped." if options.data else "\nStopped; nothing is left running.")
        return 130


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m examples.refund.demo", description="The refund agent, end to end.")
    parser.add_argument("--order", default="order-123", help="any order of the table (default: order-123)")
    parser.add_argument("--refuse", action="store_true", help="say no when a person is asked")
    parser.add_argument(
        "--effect", choices=sorted(REFUNDS), help="how the refund is declared in a runtime of the demo's own"
    )
    parser.add_argument("--kill", action="store_true", help="kill a worker of the instance of --data in the middle too")
    parser.add_argument("--data", type=Path, help="folder of a running instance; without it, one is started")
    parser.add_argument("--api", help="address of that instance, if not the one in its folder")
    options = parser.parse_args(arguments)
    if options.api and not options.data:
        parser.error("--api goes with --data")
    if options.kill and not options.data:
        parser.error("--kill goes with --data; a runtime of the demo's own loses a worker in any case")
    if options.effect and options.data:
        parser.error("--effect is for a runtime of the demo's own; REFUND_EFFECT says it to another one at its start")
    return options


def run(options: argparse.Namespace) -> int:
    """Tell the story on the instance that was named, or on one that lives as long as it takes."""
    if not re.fullmatch(r"order-[0-9]+", options.order):
        return unknown(options.order)
    if options.data:
        return perform(options.data, options, kill=options.kill)
    runtime = OwnRuntime(options.effect or "idempotent")
    print("Starting a runtime: PostgreSQL, Valkey, web, workers, beat, and the world outside…", flush=True)
    print(f"  (with leases of {LEASE_SECONDS} seconds, to be short: a killed worker's work is soon free)", flush=True)
    try:
        with running(runtime):
            code = perform(runtime.folder, options, kill=True)
            runtime.keep_logs = code == 1
    except instance.NoInstance as error:
        print(f"✗ {error}")
        code = 1
    if code == 1:
        print(f"The logs are in {runtime.folder}.")
    return code


def perform(data: Path, options: argparse.Namespace, *, kill: bool) -> int:
    """One demo on a running instance. Returns the exit code; what went wrong has been printed."""
    story = Story()
    try:
        described = instance.read(data)
        described = replace(described, url=options.api or described.url)
        tell(story, described, options.order, refuse=options.refuse, kill=kill)
    except UnknownOrder:
        return unknown(options.order)
    except EXPECTED as error:
        print(f"✗ The demo cannot go on: {error}")
        return 1
    except LookupError as missing:
        print(f"✗ The demo cannot go on: an answer lacks {missing}")
        return 1
    return 0 if story.all_well else 1


def unknown(order_id: str) -> int:
    print(f"✗ There is no order {order_id}. Try one of these:")
    orders = table()
    for example in ("order-123", "order-107", "order-116"):
        order = orders[example]
        print(f"    ORDER={example}  amount {order['amount']}, {order['status']}, issue {order['issue']}")
    print(f"  All {len(orders)} orders: {TABLE}")
    return 2


if __name__ == "__main__":
    sys.exit(main())
