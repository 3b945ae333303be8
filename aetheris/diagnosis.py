"""What only a process with settings can look at: settings, database, migrations, clock, broker, workers, sweep.

`aetheris doctor` runs it in the environment of the instance (`python -m aetheris.diagnosis`); it prints its findings as
one JSON list and changes nothing.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta

import django
import psycopg
from pydantic import ValidationError

from aetheris import __version__
from aetheris.services.finding import OK, WARNING, WRONG, Finding, judged

LATE = timedelta(seconds=30)
DRIFT_SECONDS = 1.0
ANSWER_SECONDS = 2.0


def findings() -> Iterator[Finding]:
    """Each in the order in which they are to be mended; what needs one that is wrong is not looked at."""
    settings = _settings()
    yield settings
    if settings.state == WRONG:
        return
    yield from _warnings()
    if "AETHERIS_BROKER_URL" in os.environ:
        broker = _broker()
        yield broker
        if broker.state == OK:
            yield _workers()
    if "AETHERIS_DATABASE_URL" in os.environ:
        yield from _database()


def _settings() -> Finding:
    from aetheris.conf import configuration

    try:
        configuration()
        django.setup()
    except ValidationError as error:
        told = "; ".join(
            f"AETHERIS_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()
        )
        return Finding("settings", WRONG, told, "Mend it, or unset it: docs/settings.md has each setting.")
    except Exception as error:  # whatever the project's own code raises
        told = f"{os.environ['DJANGO_SETTINGS_MODULE']} cannot be set up: {type(error).__name__}: {error}"
        return Finding("settings", WRONG, told, "Mend it; is the current folder the project's?")
    import celery

    versions = f"Aetheris {__version__}, Django {django.__version__}, Celery {celery.__version__}"
    return Finding("settings", OK, f"{versions}, psycopg {psycopg.__version__}")


def _warnings() -> Iterator[Finding]:
    from django.conf import settings

    from aetheris import gate
    from aetheris.conf import configuration

    conf = configuration()
    if "AETHERIS_DATABASE_URL" in os.environ and gate.key_is_unsafe():
        told = "the web process starts with DEBUG alone: its key is missing, short, or made for development"
        yield Finding("secret key", WARNING, told, "Set AETHERIS_SECRET_KEY: `openssl rand -hex 32`.")
    if settings.DEBUG:
        yield Finding("debug", WARNING, "DEBUG is on", "Unset AETHERIS_DEBUG where others reach the web process.")
    if "*" in settings.ALLOWED_HOSTS:
        yield Finding("hosts", WARNING, "any host name is answered", "Name yours: AETHERIS_ALLOWED_HOSTS.")
    if conf.failpoints:
        yield Finding("failpoints", WARNING, "processes fail on purpose", "Unset AETHERIS_FAILPOINTS.")


def _broker() -> Finding:
    from celery import current_app

    remedy = "Is the server there, and AETHERIS_BROKER_URL right? Without it work goes on, seconds later."
    try:
        with current_app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
            return Finding("broker", OK, f"{connection.transport_cls} answers")
    except Exception as error:  # each transport has errors of its own
        return Finding("broker", WRONG, f"it does not answer: {error}", remedy)


def _workers() -> Finding:
    from celery import current_app

    answered = current_app.control.inspect(timeout=ANSWER_SECONDS).ping() or {}
    return judged(
        "workers",
        f"{len(answered)} answer over the broker",
        well=bool(answered),
        remedy="Start one: `aetheris worker`, or `aetheris up`; its log says why it does not answer.",
    )


def _database() -> Iterator[Finding]:
    from aetheris import gate
    from aetheris.conf import configuration

    try:
        faults = gate.faults()
    except psycopg.OperationalError as error:
        told = " ".join(str(error).split())
        yield Finding("database", WRONG, told, "Is the server there, and AETHERIS_DATABASE_URL right?")
        return
    from jobs.models import Tick

    told = "; ".join(faults) or f"PostgreSQL {Tick.objects.server_version()}"
    conf = configuration()
    accepted = WARNING if conf.unsafe_database or conf.debug else WRONG
    remedy = "Mend these, or accept them with AETHERIS_UNSAFE_DATABASE=true."
    yield judged("database", told, well=not faults, remedy=remedy, otherwise=accepted)
    missing = _unapplied()
    told = f"{len(missing)} are not applied: {', '.join(missing[:5])}" if missing else "all are applied"
    yield judged("migrations", told, well=not missing, remedy="`aetheris up` applies them; so does Django's `migrate`.")
    if not missing:
        yield _clock()
        yield _sweep()


def _unapplied() -> list[str]:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return [str(migration) for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]


def _clock() -> Finding:
    from jobs.models import Job

    before = time.time()
    theirs = Job.objects.now().timestamp()
    apart = max(before - theirs, theirs - time.time(), 0.0)
    return judged(
        "clock",
        f"the database's and this machine's are {apart:.1f} s apart",
        well=apart <= DRIFT_SECONDS,
        remedy="The database's decides, so nothing is lost; let both follow NTP (timedatectl, chrony).",
        otherwise=WARNING,
    )


def _sweep() -> Finding:
    from jobs.models import Job, Tick

    last, now = Tick.objects.last_at(), Job.objects.now()
    told = "nobody has ever swept" if last is None else f"last {(now - last).total_seconds():.0f} s ago"
    well = last is not None and now - last < LATE
    return judged("sweep", told, well=well, remedy="Start beat or a worker: `aetheris beat`, `aetheris worker`.")


if __name__ == "__main__":
    logging.disable()
    print(json.dumps([asdict(finding) for finding in findings()]))
