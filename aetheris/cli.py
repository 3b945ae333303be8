"""The command line, `aetheris`. What runs on this machine is started here; everything else goes through REST.

Nothing here imports Django: it is loaded only by the processes that are started.
"""

import json
import os
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from aetheris.services import (
    Instance,
    Options,
    ServiceError,
    down,
    read_instance,
    report,
    up,
    up_in_background,
)
from aetheris.services.options import environment, parse_companions
from aetheris.services.roles import QUEUES, beat_command, worker_command

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Aetheris, a durable runtime that hosts AI agents.",
    epilog="Exit codes: 0 done or already so, 1 it could not be done (the reason is printed), "
    "2 wrong usage, 3 nothing runs there, 130 interrupted.",
)
Data = Annotated[
    Path, typer.Option("--data", envvar="AETHERIS_DATA", help="The data folder.", show_default=".aetheris")
]
Token = Annotated[
    str, typer.Option("--token", envvar="AETHERIS_TOKEN", help="Whose rights to use; else the development requester's.")
]
HERE = Path(".aetheris")


@app.command("up")
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
    options = Options(str(data.resolve()), port, workers, threads, apps or [], parse_companions(companions or []))
    if not background:
        up(options, report.say, report.summary)
        return
    instance = up_in_background(options, lambda text: report.write(text, end=""))
    if instance is None:
        raise typer.Exit(1)
    report.summary(instance)


@app.command("down")
def down_command(data: Data = HERE) -> None:
    """Stop what runs in the data folder. The data stays."""
    stopped = down(data)
    report.write(f"Stopped; the data stays in {data}." if stopped else f"Nothing runs in {data}.")


@app.command()
def status(data: Data = HERE) -> None:
    """Say what runs in the data folder; exit code 3 when nothing does."""
    instance = _running(data)
    report.write(f"{instance.state}: {instance.url or '(no address yet)'}, supervisor {instance.pid}")
    for name, pid in instance.processes.items():
        report.write(f"  {name:<10} {pid:>8} {instance.companions.get(name, '')}".rstrip())


@app.command()
def tools(
    name: Annotated[str, typer.Argument(help="A tool's name; without one all are listed.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print what REST answers.")] = False,
    data: Data = HERE,
    token: Token = "",
) -> None:
    """List the tools of the running instance, or show what one declares; exit code 3 when nothing runs."""
    # Both take long to load, and no other command uses them.
    from rich.console import Console

    from aetheris.services import rest, tool_tables

    answer = rest.ask(_running(data), f"tools/{quote(name, safe='')}" if name else "tools", token)
    if as_json:
        report.write(json.dumps(answer, indent=2))
    else:
        # What tools say about themselves is no markup.
        Console(markup=False, emoji=False, highlight=False).print(
            tool_tables.shown(answer) if name else tool_tables.listed(answer["tools"])
        )


@app.command()
def worker(
    data: Data = HERE,
    threads: Annotated[int, typer.Option(help="Node threads.", min=1)] = 4,
    queues: Annotated[str, typer.Option(help="Queues to serve, separated by commas.")] = QUEUES,
) -> None:
    """Run one more worker: for the instance in the data folder, else for what the environment names."""
    _become(worker_command(f"worker-{os.getpid()}@%h", threads, queues), read_instance(data))


@app.command()
def beat(data: Data = HERE) -> None:
    """Run beat, for set-ups that `up` does not supervise."""
    _become(beat_command(), read_instance(data))


@app.command()
def version() -> None:
    """Print the version."""
    from aetheris import __version__

    report.write(__version__)


def _running(data: Path) -> Instance:
    instance = read_instance(data)
    if instance is None:
        report.write(f"Nothing runs in {data}.", error=True)
        raise typer.Exit(3)
    return instance


def _become(arguments: tuple[str, ...], instance: Instance | None) -> None:
    environ = dict(os.environ)
    if instance is not None:
        urls = (instance.database_url, instance.broker_url, instance.companions)
        environ = environment(Options(instance.data), *urls)
    os.execve(sys.executable, [sys.executable, *arguments], environ)  # noqa: S606


def main() -> None:
    """The entry point: known errors become one clear message, never a traceback."""
    try:
        app()
    except (ServiceError, OSError) as error:
        report.complain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
