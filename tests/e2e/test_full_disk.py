"""PostgreSQL's disk is full: what was accepted stays, nothing new is begun, and all goes on when there is room again.

The database's folder is a small file system in memory, in a mount namespace of the instance's own. Root may make one,
and so may an ordinary user who is root in a user namespace.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import pytest

from aetheris.services import EmbeddedServices
from tests.e2e.conftest import LEASE_SECONDS, Running, eventually
from tests.e2e.workers import NO_BROKER

PATIENCE_SECONDS = 120.0
"""The supervisor pauses for up to half a minute before it starts a server again that keeps ending."""
CALL_SECONDS = 5
SIZE = "200m"
MOUNT = f'mount -t tmpfs -o size={SIZE} small "$0/postgres" && cp -a "$0/made/." "$0/postgres" && exec "$@"'


class SmallDisk(Running):
    """An instance whose database has little room."""

    def __init__(self, data: Path) -> None:
        super().__init__(data, AETHERIS_LEASE_SECONDS=str(LEASE_SECONDS))
        with EmbeddedServices(data, environ={"AETHERIS_BROKER_URL": NO_BROKER}):
            pass
        place = data / "postgres"
        about = place.rename(data / "made").stat()
        place.mkdir(mode=0o700)
        os.chown(place, about.st_uid, about.st_gid)
        self.room = room(data)

    @property
    def place(self) -> Path:
        """The database's folder, as the instance sees it."""
        return Path(f"/proc/{self.instance.pid}/root{self.data}/postgres")

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.place / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(1 << 16))

    def make_room(self) -> None:
        (self.place / "ballast").unlink()


def room(data: Path) -> list[str]:
    """What stands before a command that is to see the small disk, and to be who it was all the same."""
    user, group = os.geteuid(), os.getegid()
    inside = ["sh", "-c", MOUNT, str(data)]
    if user == 0:
        return ["unshare", "--mount", *inside]
    again = ["unshare", "--user", f"--map-user={user}", f"--map-group={group}"]
    return ["unshare", "--map-root-user", "--mount", *inside, *again]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    instance = SmallDisk(tmp_path_factory.mktemp("disk"))
    may = subprocess.run([*instance.room, "true"], capture_output=True, text=True)
    if may.returncode:
        pytest.fail(
            "This test needs a file system of its own, and may not mount one. As root, or where user namespaces are "
            f"permitted (sysctl kernel.unprivileged_userns_clone=1), it may: {may.stderr}"
        )
    instance.up()
    yield instance
    instance.down()


def no_room_for_rows(running: SmallDisk) -> None:
    """What has a place in the files that are there can still be written."""
    running.fill()


def no_room_for_the_log(running: SmallDisk) -> None:
    """The server panics, and cannot be started as long as the disk is full."""
    # A connection that is made while the disk is full may be refused for want of room; one that is there fills the log.
    with suppress(psycopg.OperationalError), psycopg.connect(running.instance.database_url) as connection:
        running.fill()
        while True:
            connection.execute("SELECT pg_switch_wal(), pg_logical_emit_message(false, 'no', 'room')")
    assert 'PANIC:  could not write to file "pg_wal/' in (running.data / "logs" / "postgres.log").read_text()


@pytest.mark.parametrize("full", [no_room_for_rows, no_room_for_the_log])
def test_what_was_accepted_is_done_when_there_is_room_again(
    running: SmallDisk, full: Callable[[SmallDisk], None]
) -> None:
    """Calls that are on their way, of which one cannot be repeated, end while nothing can be recorded."""
    accepted = [running.submit(f"{tool} {CALL_SECONDS}") for tool in ("slow_letter", "slow_payment")]
    for job in accepted:
        eventually(lambda job=job: bool(running.calls(job)), PATIENCE_SECONDS, "a call did not begin")  # type: ignore[misc]
    full(running)
    try:
        refused = submit_until_refused(running, accepted)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "DATABASE_AWAY")
        time.sleep(CALL_SECONDS + LEASE_SECONDS)
    finally:
        running.make_room()
    for job in accepted:
        eventually(lambda job=job: is_completed(running, job), PATIENCE_SECONDS, f"{job} was not completed")  # type: ignore[misc]
    # A payment whose lease ran out meanwhile may be sent again, under its key: the checker looks at that.
    assert [call["key"] for call in running.calls(accepted[0])] == [f"aetheris:{accepted[0]}:call:1"]
    assert running.run("-m", "aetheris.testing.check", "--healed") == ""


def submit_until_refused(running: SmallDisk, accepted: list[str]) -> httpx.Response:
    """The first answer that is no 202. Jobs of the others are noted."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = running.api().post("/agents/chain/message", json={"message": "slow_payment 0"})
        if answer.status_code != 202:
            return answer
        accepted.append(answer.json()["job_id"])
        assert time.monotonic() < ends, "the disk is not full"


def is_completed(running: SmallDisk, job: str) -> bool:
    """Whether it is; nobody knows while the database is away."""
    try:
        return bool(running.job(job)["status"] == "completed")
    except httpx.HTTPError:
        return False
