"""The launcher's small parts: the folder and its lock, ports, processes, companions, the test plugin."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aetheris.services import Instance, ServiceError, down, read_instance, report
from aetheris.services.folder import DataFolder, read_json, write_json
from aetheris.services.options import check_apps, parse_companions, url_variable
from aetheris.services.ports import TRIES, listen
from aetheris.services.processes import send, start_ticks
from tests.services.conftest import ROOT


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path / "data"), DataFolder(tmp_path / "data")
    first.make()
    assert not first.is_locked()
    assert first.try_lock()
    assert second.is_locked()
    assert not second.try_lock()
    first.unlock()
    assert second.try_lock()
    second.unlock()


def test_a_folder_with_other_things_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ServiceError, match="not a data folder"):
        DataFolder(tmp_path).make()


def test_an_instance_is_known_only_while_its_supervisor_lives(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make()
    instance = Instance(data=str(folder.path))
    instance.write()
    assert read_instance(folder.path) is None
    assert not down(folder.path)
    assert folder.try_lock()
    assert read_instance(folder.path) == instance
    Instance(data=str(folder.path), ticks=instance.ticks - 1).write()
    assert read_instance(folder.path) is None
    folder.unlock()


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    assert read_json(path) is None
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert read_json(path) == {"a": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]


def test_a_pid_alone_is_never_signalled() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        ticks = start_ticks(process.pid)
        assert ticks is not None
        assert not send(process.pid, ticks - 1, signal.SIGKILL)
        assert process.poll() is None
        assert send(process.pid, ticks, signal.SIGKILL)
    assert start_ticks(process.pid) is None
    assert not send(process.pid, ticks, signal.SIGKILL)


def test_the_next_free_port_and_a_full_range() -> None:
    with contextlib.ExitStack() as taken:
        ports = [taken.enter_context(listen(21000)).getsockname()[1] for _ in range(TRIES // 2)]
        assert ports == sorted(set(ports))
        for port in range(ports[-1] + 1, 21000 + TRIES):
            taken.enter_context(socket.create_server(("127.0.0.1", port)))
        with pytest.raises(ServiceError, match=f"No port from 21000 to {20999 + TRIES} is free"):
            listen(21000)


def test_companions() -> None:
    assert parse_companions(["shop-api=python shop.py"]) == {"shop-api": "python shop.py"}
    assert url_variable("shop-api") == "SHOP_API_URL"
    for wrong in (["shop"], ["=x"], ["shop="], ["a b=x"], ["worker-1=x"], ["a=x", "a=y"]):
        with pytest.raises(ServiceError):
            parse_companions(wrong)


def test_an_app_that_is_nowhere_is_said_before_anything_starts() -> None:
    check_apps(["examples.refund", "django.contrib.sites"])
    check_apps(["tests.services", "django.contrib.sites.apps.SitesConfig"])
    for nowhere in ("shopp", "examples.refundd", "shopp.apps.Config"):
        with pytest.raises(ServiceError, match=f"--app {nowhere}: no such module from here"):
            check_apps([nowhere])


def test_the_next_commands_name_a_folder_that_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AETHERIS_DATA", raising=False)
    elsewhere = tmp_path / "elsewhere"
    report.summary(Instance(str(tmp_path / ".aetheris")))
    assert "export" not in capsys.readouterr().out
    report.summary(Instance(str(elsewhere)))
    assert f"export AETHERIS_DATA={elsewhere}, then aetheris" in capsys.readouterr().out
    monkeypatch.setenv("AETHERIS_DATA", "elsewhere")
    report.summary(Instance(str(elsewhere)))
    assert "export" not in capsys.readouterr().out


@pytest.mark.parametrize("parallel", [[], ["-n", "2"]])
def test_the_plugin_brings_servers_and_takes_them_away(tmp_path: Path, parallel: list[str]) -> None:
    (tmp_path / "test_it.py").write_text(
        "import os, psycopg\n"
        "from kombu import Connection\n"
        "def test_it():\n"
        "    psycopg.connect(os.environ['AETHERIS_DATABASE_URL']).close()\n"
        "    with Connection(os.environ['AETHERIS_BROKER_URL']) as broker:\n"
        "        queue = broker.SimpleQueue('doors')\n"
        "        queue.put('bell')\n"
        "        assert queue.get(timeout=5).payload == 'bell'\n"
        "        number = int(os.environ.get('PYTEST_XDIST_WORKER', 'gw-1')[2:]) + 1\n"
        "        assert broker.default_channel.client.connection_pool.connection_kwargs['db'] == number\n"
    )
    names = ("AETHERIS_DATABASE_URL", "AETHERIS_BROKER_URL", "PYTEST_XDIST_WORKER")
    environ = {name: value for name, value in os.environ.items() if name not in names}
    temporary = tmp_path / "t"
    temporary.mkdir()
    options = ["-p", "aetheris.testing.services", "-p", "no:django", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, *options, *parallel, str(tmp_path)],
        cwd=ROOT,
        env={**environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert not list(temporary.glob("aetheris-*"))
