"""Databases of the run's server, through its own `psql`, so that no driver has to be installed."""

import subprocess
from typing import NamedTuple

from benchmarks.measure.environ import POSTGRES, PROGRAMS

COPY_SETTINGS = r"""
SELECT format('ALTER ROLE %s IN DATABASE {database} SET %s = %L',
              setrole::regrole, split_part(setting, '=', 1), split_part(setting, '=', 2))
  FROM pg_db_role_setting, unnest(setconfig) AS setting
 WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = '{template}') AND setrole <> 0
\gexec
"""
"""They belong to the role, so CREATE DATABASE leaves them out."""


class Written(NamedTuple):
    """How far the server has written: the next transaction id, and bytes of WAL."""

    transactions: int
    wal: int


def url(database: str) -> str:
    return POSTGRES.format(database=database)


def sql(statements: str, database: str = "postgres") -> str:
    """What these answer, columns separated by `|`. Raises `RuntimeError` with what the server said."""
    command = [str(PROGRAMS / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", url(database)]
    answer = subprocess.run(command, input=statements, capture_output=True, text=True, timeout=1800)
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    return answer.stdout.strip()


def exists(database: str) -> bool:
    return bool(sql(f"SELECT 1 FROM pg_database WHERE datname = '{database}'"))  # noqa: S608


def fresh(database: str, template: str = "template1") -> str:
    """The URL of a new database of this name, and with what roles have set in its template."""
    sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    sql(f"CREATE DATABASE {database} TEMPLATE {template}")
    sql(COPY_SETTINGS.format(database=database, template=template))
    return url(database)


def size(database: str) -> int:
    """Bytes of the whole database, all of it on disk."""
    sql("CHECKPOINT")
    return int(sql(f"SELECT pg_database_size('{database}')"))


def written() -> Written:
    """Asking takes no transaction id."""
    ids, wal = sql("SELECT pg_snapshot_xmax(pg_current_snapshot()), pg_current_wal_lsn() - '0/0'").split("|")
    return Written(int(ids), int(float(wal)))
