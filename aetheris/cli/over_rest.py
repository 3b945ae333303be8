"""Commands that go through REST: each is a function of a door and a screen, and gets the options that say which."""

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from aetheris.cli.door import REQUESTER, Door
from aetheris.cli.endings import told
from aetheris.cli.interrupts import heard
from aetheris.cli.place import find
from aetheris.cli.screen import Screen
from aetheris.services.folder import HERE

INSTANCE = "Which instance, and as whom"
Data = Annotated[
    Path,
    typer.Option("--data", envvar="AETHERIS_DATA", help="The data folder.", show_default=".aetheris"),
]
_instance = partial(typer.Option, rich_help_panel=INSTANCE)
_OPTIONS: dict[str, tuple[Any, Any]] = {
    "data": (
        Annotated[Path, _instance(envvar="AETHERIS_DATA", help="Its data folder.", show_default=".aetheris")],
        HERE,
    ),
    "url": (
        Annotated[str, _instance(envvar="AETHERIS_API_URL", help="Its address, instead of the data folder.")],
        "",
    ),
    "token": (
        Annotated[str, _instance(envvar="AETHERIS_TOKEN", help="A REST token or API key: whose rights to use.")],
        "",
    ),
    "who": (
        Annotated[
            str,
            _instance("--as", metavar="NAME", help="Without a token: a development user, requester or approver."),
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
        with told(as_json=as_json), heard():
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
