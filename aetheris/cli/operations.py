"""For whoever runs an installation: is it there, who works, what is stuck, and all of it at a glance."""

import time
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.live import Live

from aetheris.cli.door import Door
from aetheris.cli.over_rest import over_rest
from aetheris.cli.screen import Screen
from aetheris.cli.shown import operations as shown


@over_rest
def health(door: Door, screen: Screen) -> None:
    """Say whether the web process answers; it needs no token. `aetheris doctor` looks deeper."""
    screen.show(door.open("health") | {"url": door.place.url}, shown.health)


@over_rest
def workers(door: Door, screen: Screen) -> None:
    """List the workers that answer over the broker now."""
    screen.show(door.get("workers"), shown.workers)


@over_rest
def stuck(
    door: Door,
    screen: Screen,
    older_than: Annotated[str, typer.Option(help="For how long a job has not moved, like 90s, 15m, 1h or 7d.")] = "1h",
) -> None:
    """List jobs that could run and have not moved for long, the oldest first."""
    screen.show(door.get("observability/stuck", older_than=older_than), shown.stuck)


@over_rest
def monitor(
    door: Door,
    screen: Screen,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(help="With --watch: seconds between two looks.", min=0.2)] = 2.0,
) -> None:
    """Show the whole instance at a glance: its parts, how many jobs stand how, and what piles up."""
    if not watch:
        screen.show(_look(door), shown.monitor)
    elif screen.as_json or not screen.console.is_terminal:
        while True:
            screen.line(_look(door), shown.monitor)
            time.sleep(interval)
    else:
        look = partial(_glance, door)
        with Live(get_renderable=look, console=screen.console, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(interval)
                live.refresh()


def _glance(door: Door) -> RenderableType:
    return shown.monitor(_look(door))


def _look(door: Door) -> dict[str, Any]:
    return {"status": door.get("system/status"), "summary": door.get("observability/summary")}
