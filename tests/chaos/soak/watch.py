"""How things stand, asked of PostgreSQL itself once a second."""

import threading
from dataclasses import dataclass

import psycopg

LOOK_SECONDS = 1.0
COUNTS = """
    SELECT count(*),
           count(*) FILTER (WHERE ending <> ''),
           count(*) FILTER (WHERE ending = '' AND state IN ('parked', 'waiting')),
           (SELECT count(*) FROM ledger_entry WHERE state = 'unknown'),
           (SELECT count(*) FROM ledger_entry WHERE state = 'started')
      FROM jobs_job"""
OPEN = """
    SELECT id::text, nodes_ready + nodes_running + nodes_delayed = 0 AND EXISTS (
           SELECT 1 FROM signals_app_wait AS wait
            WHERE wait.job_id = job.id AND wait.state = 'open' AND wait.kind = 'resolution')
      FROM jobs_job AS job WHERE ending = ''"""


@dataclass(frozen=True)
class Standing:
    """Jobs by what has become of them; effects that are unknown, and those under way."""

    jobs: int = 0
    finished: int = 0
    parked: int = 0
    unknown: int = 0
    started: int = 0

    @property
    def active(self) -> int:
        return self.jobs - self.finished - self.parked


class Watch(threading.Thread):
    """`standing` is the last answer; `fresh` whether the last question had one."""

    def __init__(self, database_url: str) -> None:
        super().__init__(name="watch", daemon=True)
        self.standing = Standing()
        self.fresh = False
        self._database_url = database_url
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            try:
                with psycopg.connect(self._database_url, autocommit=True, connect_timeout=3) as connection:
                    while not self._end.wait(LOOK_SECONDS):
                        self.standing = Standing(*connection.execute(COUNTS).fetchone() or ())
                        self.fresh = True
            except psycopg.Error:
                self.fresh = False
                self._end.wait(LOOK_SECONDS)

    def stop(self) -> None:
        self._end.set()
        self.join()

    def restless(self, left_open: set[str]) -> list[str]:
        """Jobs that are neither over nor rest on a question that nobody answers, which is meant for these alone."""
        with psycopg.connect(self._database_url) as connection:
            return [job for job, asks in connection.execute(OPEN) if not (asks and job in left_open)]
