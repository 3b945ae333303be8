"""Make docs/cli.md from the commands: `.venv/bin/python docs/make_cli.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from aetheris.cli import app
from aetheris.cli.endings import MEANING

PAGE = Path(__file__).with_name("cli.md")
COMMON = ("data", "url", "token", "who", "as_json", "help")
"""What every command that goes through REST takes."""

HEAD = """\
# The command line

This page is made by `docs/make_cli.py` from the commands themselves; `aetheris --help` and `aetheris COMMAND --help`
say the same.

`up`, `down`, `status`, `doctor`, `worker`, `beat`, `init` and `version` work on this machine; everything else goes
through [REST](rest.md), to

1. the address in `--url` or `AETHERIS_API_URL`, else
2. the instance that runs in the data folder: `--data`, `AETHERIS_DATA`, or `.aetheris` here.

As whom: with the token or API key in `--token` or `AETHERIS_TOKEN`, else as a development user of the data folder. That
is `requester`, or `approver` for commands of people who decide, because whoever asked for a job may not; `--as NAME`
names another. Their tokens are kept in the data folder (`tokens.json`, mode 0600) until they end.

| option | of every command that goes through REST |
|---|---|
{common}

On a terminal answers are tables with colours (`NO_COLOR=1` leaves these out), elsewhere plain text. With `--json` a
command prints what REST answers, and nothing else; an error is the body of [REST's errors](errors.md) on stderr, with a
`remedy`, and with [codes of its own](errors.md#of-the-command-line) where REST was not reached.

`aetheris --install-completion` teaches your shell to complete commands, options and their values; agents, jobs and open
approvals are asked for from the instance, if it answers at once. `aetheris --version` prints the version.

## Exit codes

| code | means |
|---|---|
{codes}

## From a message to its trace

With the [refund agent](../examples/refund/README.md) that `make run` starts:

```sh
aetheris message refund-agent "Refund order-123: the product is defective"
aetheris jobs --status parked
aetheris approvals
aetheris approve JOB --reason "seen"
aetheris job JOB --follow
aetheris trace JOB
aetheris replay JOB
```

`JOB` is the id that the first line prints. `aetheris message … --wait` follows the job instead, until it has ended.

## Commands
"""


def page() -> str:
    """The whole page."""
    known: Any = get_command(app)
    commands = dict(_commands(known))
    common = {parameter.name: parameter for parameter in commands["jobs"].params}
    head = HEAD.format(
        common="\n".join(_row(common[name]) for name in COMMON if name in common),
        codes="\n".join(f"| {code} | {meaning} |" for code, meaning in MEANING.items()),
    )
    return head + "".join(_section(name, command) for name, command in sorted(commands.items()))


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{name} ")
        else:
            yield before + name, command


def _section(name: str, command: Any) -> str:
    over_rest = any(parameter.name == "as_json" for parameter in command.params)
    own = [each for each in command.params if each.name not in (COMMON if over_rest else ("help",))]
    arguments = "".join(f" {_called(each)}" for each in own if each.param_type_name == "argument")
    text = " ".join((command.help or "").split())
    table = "\n| takes | |\n|---|---|\n" + "\n".join(map(_row, own)) + "\n" if own else ""
    return f"\n### {name}\n\n`aetheris {name}{arguments}`\n\n{text}\n{table}"


def _called(argument: Any) -> str:
    named = argument.metavar or argument.name.upper()
    return str(named) if argument.required else f"[{named}]"


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"| `{_called(parameter)}` | {parameter.help}{_words(parameter)} |"
    names = ", ".join(f"`{name}`" for name in parameter.opts)
    variable = f" `{parameter.envvar}`" if parameter.envvar else ""
    default = "" if parameter.default in (None, "", False) else f" Default: `{parameter.default}`."
    return f"| {names}{variable} | {parameter.help}{_words(parameter)}{default} |"


def _words(parameter: Any) -> str:
    words = parameter.type_descriptor.choices
    return f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""


if __name__ == "__main__":
    PAGE.write_text(page())
