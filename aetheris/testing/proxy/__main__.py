"""The proxy's process: `python -m aetheris.testing.proxy db=tcp:127.0.0.1:0,unix:/run/.s.PGSQL.5432 …`.

Its first line says where each front listens. Orders are JSON lines on its standard input, each answered by one on its
standard output: `{"front": "db", "do": "cut_commit", "when": "after"}`. It ends with its input.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from aetheris.testing.proxy.address import Address
from aetheris.testing.proxy.front import Front


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("aetheris.testing.proxy", description=__doc__)
    parser.add_argument("fronts", nargs="+", metavar="NAME=LISTEN,TARGET", help="tcp:HOST:PORT or unix:PATH, each")
    parser.add_argument("--postgres", action="append", default=[], metavar="NAME", help="behind it is PostgreSQL")
    parser.add_argument("--log", type=Path, help="a JSON line for each fault that was done")
    return parser.parse_args()


async def serve(options: argparse.Namespace, log: TextIO) -> None:
    """Take connections and orders until the input ends."""

    def note(**fault: Any) -> None:
        log.write(json.dumps({"at": time.time(), **fault}) + "\n")
        log.flush()

    fronts, where = {}, {}
    for text in options.fronts:
        name, _, addresses = text.partition("=")
        listen, _, target = addresses.partition(",")
        fronts[name] = Front(name, Address.parse(target), note, speaks_postgres=name in options.postgres)
        where[name] = str(await fronts[name].listen(Address.parse(listen)))
    say(where)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async for line in orders:
        say(obey(fronts, json.loads(line)))


def obey(fronts: dict[str, Front], order: dict[str, Any]) -> dict[str, Any]:
    try:
        return fronts[order.pop("front")].order(**order)
    except (KeyError, TypeError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    wanted = arguments()
    with (wanted.log or Path("/dev/null")).open("a") as log:
        asyncio.run(serve(wanted, log))
