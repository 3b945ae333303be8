"""The gate: no worker and no web process works on a database that may lose what it acknowledges, or cannot take it. No
web process signs sessions with a key that others may know.

`aetheris up` asks it before it migrates (`python -m aetheris.gate`).
"""

import logging
import sysconfig
import time
import traceback
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from psycopg import Connection, OperationalError

from aetheris.conf import configuration

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0
MOST_LINES = 2
NOT_THEIRS = (
    "<frozen",
    f"{Path(__file__).parent}/",
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
)
"""How the files begin that are Python's, a library's or the runtime's."""
REMEDIES = {
    "fsync": "fsync is off, so that a power loss takes what was acknowledged, or everything: set fsync = on",
    "full_page_writes": "full_page_writes is off, so that a power loss may tear pages: set full_page_writes = on",
    "synchronous_commit": "synchronous_commit is off, so that a crash takes what was acknowledged last: set it to on, "
    "for the server and the role",
    "replica": "this server is a replica, which takes no writes: connect to the primary",
    "read_only": "every transaction is read only: set default_transaction_read_only = off, for the server and the role",
}
"""What may be wrong with it, and how to mend that."""
KEY_UNSAFE = (
    "SECRET_KEY_UNSAFE: the key that signs sessions is missing, was made for development, or has fewer than 50 "
    "characters, or 5 different ones. Set AETHERIS_SECRET_KEY, or SECRET_KEY in settings of your own, alike for every "
    "web process: to what `openssl rand -hex 32` prints."
)
_ASK = """
SELECT name FROM pg_settings
 WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
 UNION ALL
SELECT CASE WHEN pg_is_in_recovery() THEN 'replica' ELSE 'read_only' END
 WHERE current_setting('transaction_read_only') = 'on'
"""


def set_up() -> None:
    """Load all apps. Where their code fails this process ends with the lines of theirs that it came through."""
    try:
        django.setup()
    except Exception as error:
        came_through = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in came_through if not frame.filename.startswith(NOT_THEIRS)][-MOST_LINES:]
        told = "".join((*traceback.format_list(own), *traceback.format_exception_only(error)))
        raise SystemExit(f"The apps cannot be loaded:\n{told.rstrip()}") from None


def enter(**_: Any) -> None:
    """Return when the database has said that it keeps what it acknowledges; wait for it while it is away. Otherwise
    this process ends with the reason; where that was allowed it says it and goes on."""
    while True:
        try:
            return ask()
        except OperationalError as error:
            logger.warning("this process waits for its database: %s", error)
            time.sleep(PAUSE_SECONDS)


def ask() -> None:
    """The same, but without an answer it raises `psycopg.OperationalError`."""
    found = faults()
    if not found:
        return
    text = f"DATABASE_UNSAFE: of the database {connection.settings_dict['NAME']} {'; '.join(found)}."
    if not (configuration().debug or configuration().unsafe_database):
        raise SystemExit(f"{text} Or accept it with AETHERIS_UNSAFE_DATABASE=true.")
    logger.warning(text)


def check_key() -> None:
    """Return when sessions are signed with a key that nobody guesses. Otherwise this process ends with the reason; with
    DEBUG it says it and goes on."""
    if not key_is_unsafe():
        return
    if not settings.DEBUG:
        raise SystemExit(KEY_UNSAFE)
    logger.warning(KEY_UNSAFE)


def key_is_unsafe() -> bool:
    """What Django's check for deployments asks too (`security.W009`)."""
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:
        return True
    return key.startswith("django-insecure-") or len(key) < 50 or len(set(key)) < 5


def faults() -> list[str]:
    """What is wrong, and how to mend it. The connection is no pooled one: a worker that forks later must not hold any.
    Without an answer it raises `psycopg.OperationalError`."""
    options: dict[str, Any] = {"connect_timeout": 5, **connection.get_connection_params()}
    with Connection.connect(**options) as asked:
        return [REMEDIES[name] for name in sorted(name for (name,) in asked.execute(_ASK))]


if __name__ == "__main__":
    set_up()
    ask()
