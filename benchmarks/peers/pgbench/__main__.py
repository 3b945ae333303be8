"""W1 and W4 of the floor of the machine."""

import subprocess
from pathlib import Path

from benchmarks.measure import database
from benchmarks.measure.driver import drive, tell
from benchmarks.measure.environ import PROGRAMS, SCRATCH
from benchmarks.measure.loops import STEPS
from benchmarks.measure.meter import Meter

DATABASE = "bench_pgbench"
JOBS = 20_000
TABLES = f"""
    CREATE TABLE job (id bigint PRIMARY KEY, seq int NOT NULL DEFAULT 0, updated_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE event (job_id bigint NOT NULL, seq int NOT NULL, payload jsonb, at timestamptz NOT NULL DEFAULT now(),
                        PRIMARY KEY (job_id, seq));
    CREATE SEQUENCE number CACHE 100;
    INSERT INTO job SELECT id FROM generate_series(1, {JOBS}) AS id;
    VACUUM ANALYZE job;
"""  # noqa: S608
INSERT = "INSERT INTO event (job_id, seq, payload) VALUES (:id, nextval('number'), '{\"ok\": true}')"
UPDATE = "UPDATE job SET seq = seq + 1, updated_at = now() WHERE id = :id"
SCRIPTS = {
    "one statement": f"WITH told AS ({INSERT}) {UPDATE};",
    "four statements": f"BEGIN;\n{INSERT};\n{UPDATE};\nCOMMIT;",
}


def run(script: str, clients: int, transactions: int) -> None:
    """So many transactions of each client."""
    file = SCRATCH / "step.sql"
    file.write_text(f"\\set id random(1, {JOBS})\n{script}\n")
    options = ("-n", "-M", "prepared", "-f", file, "-c", str(clients), "-j", str(min(clients, 2)))
    command: list[str | Path] = [PROGRAMS / "pgbench", *options, "-t", str(transactions), database.url(DATABASE)]
    subprocess.run(command, check=True, capture_output=True)


def _fresh() -> None:
    database.fresh(DATABASE)
    database.sql(TABLES, DATABASE)


def w1(jobs: int = 2_000) -> None:
    """As many transactions as so many jobs have steps."""
    _fresh()
    for name, script in SCRIPTS.items():
        for clients in (1, 8):
            meter = Meter({}).begin()
            run(script, clients, jobs * STEPS // clients)
            tell("w1", f"{name}, {clients} at once", **meter.end().each(jobs, STEPS))


def w4(*lengths: int) -> None:
    _fresh()
    for length in lengths or (1_000, 10_000):
        meter = Meter({}).begin()
        run(SCRIPTS["one statement"], 1, length)
        tell("w4", "one statement, 1 at once", length=length, ms_per_step=round(1000 * meter.end().seconds / length, 3))


if __name__ == "__main__":
    drive({"w1": w1, "w4": w4})
