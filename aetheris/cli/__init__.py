"""The command line, `aetheris`. What runs on this machine is started here; everything else goes through REST.

Nothing here imports Django: it is loaded only by the processes that are started. `local` starts and stops, `door` asks,
`shown` says how answers look, and the other modules are the commands, one for each group.
"""

import signal
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from aetheris.cli import agents, doctor, init, jobs, local, operations, people
from aetheris.cli.endings import INTERRUPTED, MEANING
from aetheris.services import ServiceError, report

LOCAL, WORK, PEOPLE, OPERATING = "On this machine", "Work", "For people", "Operating"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Aetheris, a durable runtime that hosts AI agents. New here? `aetheris init shop` writes a project that runs "
    "at once, and says how to go on.",
    epilog="Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in MEANING.items()) + ".",
)
_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    LOCAL: {
        "init": init.init,
        "up": local.up_command,
        "down": local.down_command,
        "status": local.status,
        "doctor": doctor.doctor,
        "worker": local.worker,
        "beat": local.beat,
        "version": local.version,
    },
    WORK: {
        "message": agents.message,
        "chat": agents.chat,
        "jobs": jobs.jobs,
        "job": jobs.job,
        "trace": jobs.trace,
        "replay": jobs.replay,
        "signal": jobs.signal,
        "cancel": jobs.cancel,
        "retry": jobs.retry,
    },
    PEOPLE: {
        "approvals": people.approvals,
        "approve": people.approve,
        "refuse": people.refuse,
        "resolutions": people.resolutions,
        "resolve": people.resolve,
    },
    OPERATING: {
        "health": operations.health,
        "monitor": operations.monitor,
        "workers": operations.workers,
        "stuck": operations.stuck,
        "tools": agents.tools,
    },
}
Version = Annotated[bool, typer.Option("--version", is_eager=True, help="Print the version.")]


@app.callback(invoke_without_command=True)
def _alone(context: typer.Context, version: Version = False) -> None:
    if version:
        local.version()
        context.exit()


for panel, commands in _COMMANDS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)
app.add_typer(agents.agent, name="agent", rich_help_panel=WORK)


def main() -> None:
    """The entry point: known errors become one clear message, never a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        app()
    except (ServiceError, OSError) as error:
        report.complain(error)
        sys.exit(getattr(error, "exit_code", 1))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
