"""The servers of a run: PostgreSQL and Valkey, the launcher's own, with their defaults, for every peer the same."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from aetheris.services import EmbeddedServices
from aetheris.services.binaries import find_postgres


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Start them; what a driver is told about them. Nothing of them stays behind. Every answered commit is flushed."""
    folder = Path(tempfile.mkdtemp(prefix="aetheris-bench-"))
    try:
        with EmbeddedServices(folder / "servers", environ={}) as services:
            pids = {child.name: child.pid for child in services.children}
            (folder / "scratch").mkdir()
            yield {
                "BENCH_SCRATCH": str(folder / "scratch"),
                "BENCH_POSTGRES": urlsplit(services.database_url)._replace(path="/{database}").geturl(),
                "BENCH_POSTGRES_PROGRAMS": str(find_postgres(services.folder.postgres)),
                "BENCH_BROKER": services.broker_url,
                **{f"BENCH_{name.upper()}_PID": str(pid) for name, pid in pids.items()},
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
