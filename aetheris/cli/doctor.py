"""`aetheris doctor`: looks at everything that an instance needs, and says how to mend what is wrong."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from aetheris.cli.endings import FAILED, told
from aetheris.cli.over_rest import Data
from aetheris.cli.screen import Screen
from aetheris.cli.shown import findings as shown
from aetheris.services import Instance, ServiceError, read_instance
from aetheris.services.checkup import checkup
from aetheris.services.finding import WRONG, Finding
from aetheris.services.folder import HERE
from aetheris.services.join import environment_here, environment_of

LONGEST_SECONDS = 60


def doctor(
    data: Data = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="Print each finding as a line of JSON.")] = False,
) -> None:
    """Look at programs, folder, settings, database, migrations, clock, broker and workers, and say how to mend what is
    wrong. Exit code 1 if something is."""
    screen, wrong = Screen(as_json=as_json), False
    with told(as_json=as_json):
        for finding in _everything(data):
            screen.line(asdict(finding), shown.finding)
            wrong = wrong or finding.state == WRONG
    if wrong:
        raise typer.Exit(FAILED)


def _everything(data: Path) -> Iterator[Finding]:
    instance = read_instance(data)
    yield from checkup(data, instance)
    yield from _diagnosis(instance)


def _diagnosis(instance: Instance | None) -> list[Finding]:
    """In a process of its own, since the command line imports no Django."""
    command = [sys.executable, "-m", "aetheris.diagnosis"]
    try:
        environ = _environment(instance)
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=LONGEST_SECONDS)
        # A project's settings may print what they like before it.
        return [Finding(**each) for each in json.loads(ended.stdout.rstrip().rpartition("\n")[2])]
    except subprocess.TimeoutExpired:
        return [Finding("diagnosis", WRONG, f"no answer in {LONGEST_SECONDS} s", "Is a server very slow? Try again.")]
    except ServiceError as error:
        return [Finding("diagnosis", WRONG, error.problem, error.remedy)]
    except ValueError:
        last = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        return [Finding("diagnosis", WRONG, last, "Mend what it says; is the current folder the project's?")]


def _environment(instance: Instance | None) -> dict[str, str]:
    if instance is not None and instance.database_url:
        return environment_of(instance)
    return environment_here()
