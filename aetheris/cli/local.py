"""What runs on this machine: an instance, one more worker, beat."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from aetheris.cli.endings import NotRunning, told
from aetheris.cli.over_rest import Data
from aetheris.cli.place import running
from aetheris.services import Options, down, read_instance, report, up, up_in_background
from aetheris.services.folder import HERE
from aetheris.services.join import environment_here, environment_of
from aetheris.services.options import check_apps, parse_companions
from aetheris.services.roles import QUEUES, beat_command, worker_command

NAMING_A_DATABASE = ("AETHERIS_DATABASE_URL", "DJANGO_SETTINGS_MODULE")


def up_command(
    data: Data = HERE,
    port: Annotated[int, typer.Option(help="Web port; if it is taken, the next free one.", min=1, max=65535)] = 8080,
    workers: Annotated[int, typer.Option(help=f"Worker processes, each for the queues {QUEUES}.", min=0)] = 2,
    threads: Annotated[int, typer.Option(help="Node threads in each worker.", min=1)] = 4,
    apps: Annotated[list[str] | None, typer.Option("--app", help="A Django app to load; repeatable.")] = None,
    companions: Annotated[
        list[str] | None,
        typer.Option("--with", help="NAME=COMMAND: a program to run beside it; gets PORT. All get NAME_URL."),
    ] = None,
    background: Annotated[bool, typer.Option("--background", help="Return as soon as it is healthy.")] = False,
) -> None:
    """Start PostgreSQL, Valkey, web, workers and beat, and keep them until Ctrl-C or `aetheris down`."""
    check_apps(apps or [])
    options = Options(str(data.resolve()), port, workers, threads, apps or [], parse_companions(companions or []))
    if not background:
        up(options, report.say, report.summary)
        return
    instance = up_in_background(options, lambda text: report.write(text, end=""))
    if instance is None:
        raise typer.Exit(1)
    report.summary(instance)


def down_command(data: Data = HERE) -> None:
    """Stop what runs in the data folder. The data stays. A call that is not over in ten seconds is cut off, as if its
    worker was lost."""
    stopped = down(data)
    report.write(f"Stopped; the data stays in {data}." if stopped else f"Nothing runs in {data}.")


def status(data: Data = HERE) -> None:
    """Say what runs in the data folder: its address and its processes."""
    with told(as_json=False):
        instance = running(data)
    report.write(f"{instance.state}: {instance.url or '(no address yet)'}, supervisor {instance.pid}")
    for name, pid in instance.processes.items():
        report.write(f"  {name:<10} {pid:>8} {instance.companions.get(name, '')}".rstrip())


def worker(
    data: Data = HERE,
    threads: Annotated[int, typer.Option(help="Node threads.", min=1)] = 4,
    queues: Annotated[str, typer.Option(help="Queues to serve, separated by commas.")] = QUEUES,
) -> None:
    """Run one more worker: for the instance in the data folder, else for what the environment names."""
    _become(worker_command(f"worker-{os.getpid()}@%h", threads, queues), data)


def beat(data: Data = HERE) -> None:
    """Run beat, for set-ups that `up` does not supervise: for the instance in the data folder, else for what the
    environment names."""
    _become(beat_command(), data)


def version() -> None:
    """Print the version."""
    from aetheris import __version__

    report.write(__version__)


def _become(arguments: tuple[str, ...], data: Path) -> None:
    with told(as_json=False):
        environ = _environment(data)
    os.execve(sys.executable, [sys.executable, *arguments], environ)  # noqa: S606


def _environment(data: Path) -> dict[str, str]:
    """Raises `NotRunning` where nothing says which database it is: one that is not there would be waited for."""
    instance = read_instance(data)
    if instance is not None and instance.database_url:
        return environment_of(instance)
    if any(os.environ.get(name) for name in NAMING_A_DATABASE):
        return environment_here()
    raise NotRunning(
        f"What runs in {data} is still {instance.state}." if instance else f"Nothing runs in {data}.",
        f"Start it with `aetheris up --data {data}`, name its folder with --data or AETHERIS_DATA, or a database and a "
        "broker with AETHERIS_DATABASE_URL and AETHERIS_BROKER_URL.",
    )
