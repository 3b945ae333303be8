"""Commands that go through REST: each is a function of a door and a screen, and gets the options that say which."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from aetheris.cli.door import REQUESTER, Door
from aetheris.cli.endings import told
from aetheris.cli.place import find
from aetheris.cli.screen import Screen

HERE = Path(".aetheris")
INSTANCE = "Which instance, and as whom"
Data = Annotated[
    Path,
    typer.Option("--data", envvar="AETHERIS_DATA", help="The data folder.", show_default=".aetheris"),
]
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "data": (
        Annotated[
            Path,
            typer.Option(
                envvar="AETHERIS_DATA",
                help="The data folder of the instance.",
                show_default=".aetheris",
                rich_help_panel=INSTANCE,
            ),
        ],
        HERE,
    ),
    "url": (
        Annotated[
            str,
            typer.Option(
                envvar="AETHERIS_API_URL", help="Its address, instead of the data folder.", rich_help_panel=INSTANCE
            ),
        ],
        "",
    ),
    "token": (
        Annotated[
            str,
            typer.Option(
                envvar="AETHERIS_TOKEN",
                help="A REST token or API key: whose rights to use.",
                rich_help_panel=INSTANCE,
            ),
        ],
        "",
    ),
    "who": (
        Annotated[
            str,
            typer.Option(
                "--as",
                metavar="NAME",
                help="Without a token: which development user of the data folder, requester or approver.",
                rich_help_panel=INSTANCE,
            ),
        ],
        REQUESTER,
    ),
    "as_json": (
        Annotated[bool, typer.Option("--json", help="Print what REST answers, and errors as its error body.")],
        False,
    ),
}


def over_rest(command: Callable[..., None] | None = None, *, who: str = REQUESTER) -> Callable[..., Any]:
    """Make a command of a function whose first two arguments are a `Door` and a `Screen`. `who` is the development user
    that it acts as when nothing else is said."""
    if command is None:
        return lambda function: over_rest(function, who=who)

    def run(data: Path, url: str, token: str, as_json: bool, who: str, **given: Any) -> None:
        with told(as_json=as_json):
            command(Door(find(data, url), who, token), Screen(as_json=as_json), **given)

    own = list(inspect.signature(command, eval_str=True).parameters.values())[2:]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in (_OPTIONS | {"who": (_OPTIONS["who"][0], who)}).items()
    ]
    listed = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature([*listed, *added])  # type: ignore[attr-defined]
    return run
