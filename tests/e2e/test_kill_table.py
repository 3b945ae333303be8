"""The kill table of docs/guarantees.md: a real worker is killed with -9 at each moment, for each effect class, and
another one goes on. What reached the world outside is counted there."""

import json
import signal
from dataclasses import replace

import pytest

from tests.e2e.killing_worker import Moment
from tests.e2e.shifts import Seen, Shifts

PATIENCE_SECONDS = 40.0

once = Seen(requests=1, attempts=["1"], applied=1, entries=["committed 1"], node="completed", job="completed")
same_key = replace(once, entries=["committed 2"])
repeated = replace(once, requests=2, entries=["committed 2"])
unknown = replace(once, entries=["unknown 1"], node="waiting", job="parked")

WRITES = {
    Moment.BEFORE_OPENING: once,
    Moment.BEFORE_CALL: same_key,
    Moment.AFTER_CALL: repeated,
    Moment.BEFORE_COMMIT: repeated,
    Moment.AFTER_COMMIT: once,
}
READS = {moment: replace(seen, applied=0) for moment, seen in WRITES.items()}
TABLE = {
    "pure": READS,
    "read": READS,
    "transactional": WRITES,
    "idempotent": WRITES,
    "verifiable": {
        **WRITES,
        Moment.BEFORE_CALL: replace(once, attempts=["2"], entries=["failed 1", "committed 1"], asked="first"),
        Moment.AFTER_CALL: replace(once, asked="then"),
        Moment.BEFORE_COMMIT: replace(once, asked="then"),
    },
    "once": {
        **WRITES,
        Moment.BEFORE_CALL: replace(unknown, requests=0, attempts=[], applied=0),
        Moment.AFTER_CALL: unknown,
        Moment.BEFORE_COMMIT: unknown,
    },
}
"""Effect class → moment of the kill → what everybody has seen when the job is at rest again."""

LEFT = {
    Moment.BEFORE_OPENING: ([], 0),
    Moment.BEFORE_CALL: (["started"], 0),
    Moment.AFTER_CALL: (["started"], 1),
    Moment.BEFORE_COMMIT: (["started"], 1),
    Moment.AFTER_COMMIT: (["committed"], 1),
}
"""What the killed worker leaves behind: the ledger's entries, and requests outside. It shows where it died."""

CELLS = [
    pytest.param(effect, moment, seen, id=f"{effect}, {moment}")
    for effect, row in TABLE.items()
    for moment, seen in row.items()
]


@pytest.mark.parametrize(("effect", "moment", "seen"), CELLS)
def test_kill_9(shifts: Shifts, effect: str, moment: Moment, seen: Seen) -> None:
    job = shifts.submit(effect, agent="payer")
    assert shifts.worker(moment).wait(PATIENCE_SECONDS) == -signal.SIGKILL
    opened = shifts.keys(job)
    assert (list(opened.values()), len(shifts.requests(job, effect))) == LEFT[moment]

    shifts.worker()
    shifts.until(job, PATIENCE_SECONDS, seen.job)
    assert shifts.seen(job, effect) == seen
    kept = shifts.keys(job)
    assert opened.keys() <= kept.keys(), "a crash never changes a key"
    assert set(shifts.requests(job, effect)) <= kept.keys(), "nothing was sent that the ledger does not know"
    check_replay_is_silent(shifts, job)


def check_replay_is_silent(shifts: Shifts, job: str) -> None:
    """A replay rebuilds the job from its events, and nobody outside hears of it."""
    before = shifts.everything_outside()
    replayed = shifts.api().get(f"/jobs/{job}/replay").raise_for_status().json()
    assert replayed["verification"] == {"chain_valid": True, "broken_at": None, "consistent": True, "differences": []}
    assert shifts.everything_outside() == before


def test_a_replay_is_told_where_no_socket_can_be_opened(shifts: Shifts) -> None:
    """The same answer as over REST, from a process in which every way outside is refused."""
    jobs = [shifts.submit(effect, agent="payer") for effect in TABLE]
    shifts.worker()
    for job in jobs:
        shifts.until(job, PATIENCE_SECONDS, "completed")
    before = shifts.everything_outside()
    token = str(shifts.api().headers["Authorization"])
    refused, *replays = json.loads(shifts.run("-m", "tests.e2e.closed_replay", token, *jobs))
    assert "tried to reach the world outside" in refused
    assert replays == [shifts.api().get(f"/jobs/{job}/replay").raise_for_status().json() for job in jobs]
    assert [set(replay["payload_results"]) for replay in replays] == [{"pay", "receipt"}] * len(TABLE)
    assert shifts.everything_outside() == before
