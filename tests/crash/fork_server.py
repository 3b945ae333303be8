"""A process with Django loaded and no connection open, that forks one child for each order and tells how it ended.

An order is one JSON line on standard input: `{"verb", "arguments", "kill_at", "snapshots"}`. The child runs the
verb and kills itself with -9 just before its `kill_at`-th statement (BEGIN comes with the first, COMMIT counts as
one). After each COMMIT it writes what the database then holds to the file `snapshots`. The answer is one JSON
line: `{"killed", "statements"}`.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import django

COMMITS_ITSELF = "aetheris_write"


class Killer:
    """Counts statements, and kills this process just before one of them."""

    def __init__(self, kill_at: int, snapshots: str) -> None:
        self.kill_at = kill_at
        self.count = 0
        self.snapshots = Path(snapshots)

    def step(self) -> None:
        self.count += 1
        if self.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around_statement(self, execute: Callable[..., Any], sql: str, *call: Any) -> Any:
        self.step()
        answer = execute(sql, *call)
        if COMMITS_ITSELF in sql:
            self._note()
        return answer

    def watch(self, connection: Any) -> None:
        """Count every statement and every COMMIT of a connection."""
        commit = connection._commit

        def watched_commit() -> None:
            self.step()
            commit()
            self._note()

        connection._commit = watched_commit
        connection.execute_wrappers.append(self.around_statement)

    def _note(self) -> None:
        """Write down what the database holds after this commit."""
        from django.db import connection

        from tests.crash.snapshot import as_text, snapshot

        wrappers, connection.execute_wrappers = connection.execute_wrappers, []
        self.snapshots.write_text(as_text(snapshot()))
        connection.connection.commit()
        connection.execute_wrappers = wrappers


def run(verb: str, arguments: list[Any], answers: dict[str, Any]) -> None:
    """Do what an order says. `answers` are those of the world outside."""
    from aetheris.core.errors import NotApplied
    from jobs.engine.cancel import cancel
    from jobs.engine.overdue import fail_if_overdue
    from jobs.engine.reclaim import reclaim_if_expired
    from jobs.engine.run import run_node
    from jobs.engine.signal import signal as answer
    from jobs.engine.time_out import time_out_if_due
    from tests.world import APPROVER, submitted

    if verb == "submit":
        submitted(idempotency_key=arguments[0])
        return
    job_id, *rest = arguments
    if verb == "signal":
        answer(UUID(job_id), rest[0], {"approved": rest[1]}, APPROVER)
    elif verb == "cancel":
        cancel(UUID(job_id), actor=APPROVER.principal)
    elif verb == "overdue":
        fail_if_overdue(UUID(job_id))
    elif verb == "refused_call":
        answers[rest[0]] = NotApplied("not now")
        run_node(UUID(job_id), rest[0])
    elif verb == "broken_call":
        answers[rest[0]] = ConnectionResetError("half an answer")
        run_node(UUID(job_id), rest[0])
    else:
        verbs: dict[str, Callable[..., object]] = {
            "run_node": run_node,
            "reclaim": reclaim_if_expired,
            "time_out": time_out_if_due,
        }
        verbs[verb](UUID(job_id), rest[0])


def child(order: dict[str, Any], world: dict[str, Any], answers: int) -> None:
    from django.db import connection

    killer = Killer(order["kill_at"], order["snapshots"])
    killer.watch(connection)
    run(order["verb"], order["arguments"], world)
    os.write(answers, str(killer.count).encode())


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "aetheris.settings"
    django.setup()
    from tests.crash.agent import install
    from tests.world import Registered, World

    registered = Registered()  # what it registers lasts as long as it does
    world = World()
    install(registered, world)
    for line in sys.stdin:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            child(json.loads(line), world.answers, writing)
            os._exit(0)
        os.close(writing)
        _, status = os.waitpid(pid, 0)
        statements = os.read(reading, 100).decode() or "0"
        os.close(reading)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        failed = not killed and os.waitstatus_to_exitcode(status) != 0
        print(json.dumps({"killed": killed, "failed": failed, "statements": int(statements)}), flush=True)


if __name__ == "__main__":
    main()
