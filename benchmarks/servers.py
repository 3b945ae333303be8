"""The servers of a run: PostgreSQL and Valkey, the launcher's own, with their defaults, for every peer the same."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from aetheris.services import EmbeddedServices
from aetheris.services.binaries import find_postgres


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, str]]:
    """Start them in a new folder, which is on the disk that is to be measured; what a driver is told about them.
    Nothing of them stays behind. Every answered commit is flushed."""
    folder.mkdir(parents=True)
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


@contextmanager
def slow_flush(environ: Mapping[str, str]) -> Iterator[None]:
    """Inside, whoever flushes for a commit waits two milliseconds first, as an ordinary disk in a cloud makes it."""
    _set(environ, commit_delay="2000", commit_siblings="0")
    try:
        yield
    finally:
        _set(environ, commit_delay="0", commit_siblings="5")


def _set(environ: Mapping[str, str], **settings: str) -> None:
    with psycopg.connect(environ["BENCH_POSTGRES"].format(database="postgres"), autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"ALTER SYSTEM SET {name} = {value}".encode())
        connection.execute("SELECT pg_reload_conf()")
