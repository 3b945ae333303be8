"""`aetheris up` and `down`: one instance from its start to its end, and what may befall it between."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from aetheris.services import Instance, read_instance
from aetheris.services.join import environment_of
from tests.services.conftest import Launcher, eventually

SHOP = "shop=sh -c 'exec python3 -m http.server --bind 127.0.0.1 $PORT'"


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def healthy(launcher: Launcher) -> bool:
    instance = read_instance(launcher.data)
    return instance is not None and instance.state == "running" and answers(f"{instance.url}/api/health")


def variables(pid: int) -> dict[str, str]:
    pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def test_an_instance_keeps_its_data_and_is_found_again(launcher: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 18080)):
        first = launcher.up()
    assert not first.url.endswith(":18080")
    with psycopg.connect(first.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        query = "SELECT username, is_staff, is_superuser FROM auth_user ORDER BY 1"
        users = connection.execute(query).fetchall()
    assert users == [("approver", True, True), ("requester", False, False)]

    for arguments in (("up",), ("up", "--background")):
        code, output = launcher.run(*arguments)
        assert code == 0
        assert first.url in output
        assert all(password in output for password in first.logins().values())
    assert read_instance(launcher.data) == first
    assert launcher.run("status")[0] == 0

    key = (launcher.data / "secret_key").read_text()
    assert launcher.run("down")[0] == 0
    assert not launcher.processes()
    assert not Path(first.broker_url.removeprefix("redis+socket://")).parent.exists()
    assert "Nothing runs" in launcher.run("down")[1]
    assert launcher.run("status")[0] == 3

    second = launcher.up("--app", "tests.e2e.shop")
    assert environment_of(second)["AETHERIS_APPS"] == "tests.e2e.shop"
    assert (second.logins(), (launcher.data / "secret_key").read_text()) == (first.logins(), key)
    with psycopg.connect(second.database_url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_whatever_is_killed_starts_again_and_nothing_outlives_the_supervisor(launcher: Launcher) -> None:
    instance = launcher.up("--with", SHOP, "--app", "tests.services.extra")
    worker = variables(instance.processes["worker-1"])
    assert worker["SHOP_URL"] == instance.companions["shop"]
    assert worker["AETHERIS_APPS"] == "tests.services.extra"
    assert answers(instance.companions["shop"])
    assert set(instance.processes) == {"postgres", "valkey", "shop", "web", "worker-1", "beat"}

    for name in instance.processes:
        before = _now(launcher).processes[name]
        os.kill(before, signal.SIGKILL)
        assert eventually(lambda: _now(launcher).processes[name] != before), name  # noqa: B023
    assert eventually(lambda: healthy(launcher))
    assert eventually(lambda: answers(instance.companions["shop"]))
    ready = launcher.data / "run" / "worker-1.ready"
    worker_pid = str(_now(launcher).processes["worker-1"])
    assert eventually(lambda: ready.exists() and ready.read_text() == worker_pid)
    now = _now(launcher)
    assert (now.pid, now.url, now.database_url) == (instance.pid, instance.url, instance.database_url)

    os.kill(instance.pid, signal.SIGKILL)
    assert eventually(lambda: not launcher.processes(), 5), launcher.processes()
    assert read_instance(launcher.data) is None
    launcher.up()
    assert healthy(launcher)


def _now(launcher: Launcher) -> Instance:
    instance = read_instance(launcher.data)
    assert instance is not None
    return instance


def test_a_stop_may_come_at_any_moment(launcher: Launcher) -> None:
    moments = [0.35, 0.6, 0.9, 1.4, *(random.uniform(0.3, 5) for _ in range(2))]
    for number, moment in enumerate(moments):
        process = launcher.start("up", "--workers", "1", "--port", "18080")
        time.sleep(moment)
        asked = (signal.SIGINT, signal.SIGTERM)[number % 2]
        process.send_signal(asked)
        process.send_signal(asked)
        output, _ = process.communicate(timeout=30)
        # A signal before the launcher's first word ends the interpreter while it loads.
        if "…" in output:
            assert process.returncode == 0, (moment, output)
            assert "Traceback" not in output, (moment, output)
        assert eventually(lambda: not launcher.processes(), 2), (moment, launcher.processes())
    launcher.up()
    assert healthy(launcher)


def test_a_stop_while_it_starts_in_the_background(launcher: Launcher) -> None:
    process = launcher.start("up", "--background")
    assert eventually(lambda: (launcher.data / "postgres").exists())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 1
    assert not launcher.processes()


@pytest.mark.parametrize(
    ("arguments", "environ", "reason"),
    [
        ([], {"DJANGO_SETTINGS_MODULE": "no.such.settings"}, "No module named 'no'"),
        (["--with", "shop=sh -c 'echo sold out; exit 3'"], {}, "sold out"),
        (["--with", "web=true"], {}, "is taken"),
    ],
)
def test_a_failed_start_says_why_and_leaves_nothing(
    launcher: Launcher, arguments: list[str], environ: dict[str, str], reason: str
) -> None:
    code, output = launcher.run("up", "--background", "--workers", "0", *arguments, environ=environ)
    assert code == 1
    assert reason in output
    assert "cli.py" not in output
    assert not launcher.processes()


def test_the_command_line_needs_no_django() -> None:
    check = "import sys, aetheris.cli; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
