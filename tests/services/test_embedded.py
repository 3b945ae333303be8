"""The servers: what a start finds, mends and refuses, and that they end with their owner."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from aetheris.services import EmbeddedServices, ServiceError
from aetheris.services.binaries import find_postgres
from aetheris.services.folder import DataFolder, read_json, write_json
from aetheris.services.identity import NOBODY, Identity, choose
from aetheris.services.ports import free_port
from aetheris.services.processes import using
from aetheris.services.sockets import LONGEST
from tests.services.conftest import Launcher, eventually

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has this way")
OWNER = """
import sys, time
from aetheris.services import EmbeddedServices
EmbeddedServices(sys.argv[1], fsync=False).start()
print("up", flush=True)
time.sleep(60)
"""


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone() if cursor.description else None


def way_of(folder: Path) -> str:
    return str((read_json(folder / "identity.json") or {})["way"])


def test_a_restart_keeps_the_data(tmp_path: Path) -> None:
    for _ in range(2):
        with EmbeddedServices(tmp_path / "data") as services:
            ask(services.database_url, "CREATE TABLE IF NOT EXISTS kept (number int)")
            ask(services.database_url, "INSERT INTO kept VALUES (1)")
            assert ask(services.database_url, "SHOW fsync") == ("on",)
            assert ask(services.database_url, "SHOW listen_addresses") == ("",)
            path = Path(services.broker_url.removeprefix("redis+socket://"))
            found = ask(services.database_url, "SELECT count(*) FROM kept")
    assert found == (2,)
    assert not path.parent.exists()


def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    starting = subprocess.Popen([sys.executable, "-c", OWNER, data])
    assert eventually(lambda: (data / "postgres.new" / "PG_VERSION").exists())
    starting.kill()
    starting.wait()
    assert not (data / "postgres").exists()
    with EmbeddedServices(data, fsync=False) as services:
        assert ask(services.database_url, "SELECT 1") == (1,)
    assert not (data / "postgres.new").exists()


def test_the_servers_end_with_a_killed_owner(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with subprocess.Popen([sys.executable, "-c", OWNER, data], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        with pytest.raises(ServiceError, match="Another process uses"):
            EmbeddedServices(data).start()
        owner.kill()
    assert eventually(lambda: not Launcher(data).processes(), 5)
    left = DataFolder(data).sockets.read_text()
    with EmbeddedServices(data, fsync=False):
        assert DataFolder(data).sockets.read_text() != left
    assert not Path(left.split('"')[3]).exists()


def test_a_server_that_outlived_its_owner_is_ended(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedServices(data, fsync=False):
        pass
    room = data / "postgres"
    way = "unshare" if os.geteuid() == 0 else "plain"
    orphan = subprocess.Popen(
        [
            *Identity(way).prefix,
            find_postgres(room) / "postgres",
            "-D",
            room,
            "-k",
            "",
            "-p",
            str(free_port()),
        ],
        stderr=subprocess.DEVNULL,
    )
    assert eventually(lambda: (room / "postmaster.pid").exists())
    assert orphan.pid in using("postgres", room)
    with EmbeddedServices(data, fsync=False) as services:
        assert ask(services.database_url, "SELECT 1") == (1,)
        assert orphan.wait(1) is not None


def test_a_pid_file_whose_pid_is_another_program_now(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with EmbeddedServices(data, fsync=False) as services:
        pid_file = data / "postgres" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]))
        with EmbeddedServices(data, fsync=False) as services:
            assert ask(services.database_url, "SELECT 1") == (1,)
        assert stranger.poll() is None
        stranger.kill()


def test_a_cluster_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(ServiceError, match=r"made by PostgreSQL 9; the version found here is .*18"):
        find_postgres(tmp_path / "postgres")


def test_a_given_server_is_not_started(tmp_path: Path) -> None:
    given = {"AETHERIS_DATABASE_URL": "postgresql://elsewhere/db", "AETHERIS_BROKER_URL": "redis://elsewhere"}
    with EmbeddedServices(tmp_path / "data", environ=given) as services:
        assert (services.database_url, services.broker_url) == tuple(given.values())
        assert services.children == []
        assert not services.owns_database


def test_a_long_temporary_folder(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    code = "import sys; from aetheris.services.sockets import socket_root; print(socket_root())"
    environ = {**os.environ, "TMPDIR": str(long)}
    answer = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    assert answer.stdout == "/tmp\n"
    assert len(f"{long}/.s.PGSQL.5432") > LONGEST


@pytest.mark.skipif(os.geteuid() == 0, reason="root never runs the servers as itself")
def test_an_ordinary_user_needs_no_way(tmp_path: Path) -> None:
    with EmbeddedServices(tmp_path / "data", fsync=False) as services:
        assert way_of(services.folder.path) == "plain"
        assert services.folder.path.stat().st_mode & 0o777 == 0o700


def _is_open_to_all(path: Path) -> bool:
    """Whether everybody can enter this folder."""
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


@pytest.mark.skipif(
    os.geteuid() != 0 or not _is_open_to_all(Path(sys.prefix)),
    reason="only root has this way, and only where everybody can enter the environment",
)
def test_root_becomes_nobody_where_that_reaches_everything(open_folder: Path) -> None:
    with EmbeddedServices(open_folder / "data", fsync=False) as services:
        assert way_of(services.folder.path) == "setpriv"
        sockets = Path(services.broker_url.removeprefix("redis+socket://")).parent
        assert (sockets.stat().st_uid, sockets.stat().st_mode & 0o777) == (NOBODY, 0o700)
        assert Path(f"/proc/{services.children[0].pid}").stat().st_uid == NOBODY
        assert ask(services.database_url, "SELECT 1") == (1,)
        assert _reads(sockets, NOBODY)
        assert not _reads(sockets, 1)
        assert not _reads(services.folder.path, NOBODY)
    assert open_folder.stat().st_uid == 0


@as_root
def test_root_is_called_nobody_under_a_private_folder(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for _ in range(2):
        with EmbeddedServices(private / "data", fsync=False) as services:
            assert way_of(services.folder.path) == "unshare"
            assert ask(services.database_url, "SELECT 1") == (1,)
            os.kill(services.children[0].pid, signal.SIGKILL)
            time.sleep(0.1)
    assert private.stat().st_mode & 0o777 == 0o700


@as_root
def test_a_folder_keeps_its_way(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make()
    write_json(folder.identity, {"way": "setpriv", "uid": 0})
    with pytest.raises(ServiceError, match="made by way of setpriv"):
        choose(folder, [], Path("/tmp"))


def test_another_users_folder_is_refused(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make()
    write_json(folder.identity, {"way": "plain", "uid": os.geteuid() + 1})
    with pytest.raises(ServiceError, match="belongs to user"):
        choose(folder, [], Path("/tmp"))


def test_a_program_that_cannot_run_is_named(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make()
    with pytest.raises(ServiceError, match=r"cannot use .*/nothing.*\n.*--data"):
        choose(folder, [tmp_path / "nothing"], Path("/tmp"))


def _reads(folder: Path, uid: int) -> bool:
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return subprocess.run([*user, "ls", folder], capture_output=True).returncode == 0
