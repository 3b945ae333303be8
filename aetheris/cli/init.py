"""`aetheris init`: a Django project with an agent and its tools, that runs as it is."""

import keyword
import re
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from aetheris.cli.endings import told
from aetheris.services import ServiceError, report

TEMPLATE = Path(__file__).with_name("template")
SUFFIX = "-tpl"
"""So that no tool takes the files of the template for code of ours."""
APP = "app"
"""What stands in the template's paths for the name of the project."""


def init(
    name: Annotated[str, typer.Argument(help="The project's name, and its app's: small letters, digits and _.")],
) -> None:
    """Write a Django project with an agent, its tools and their tests, in a new folder of that name."""
    with told(as_json=False):
        folder = Path(name)
        written = write(name, folder)
    report.write("\n".join(f"  {folder / path}" for path in written))
    report.write(f"\n{name} is there. Now:\n\n  cd {name}\n  aetheris up --background")
    report.write(f'  aetheris message {agent_of(name)} "order a cup" --wait\n\n{name}/README.md says how to go on.')


def write(name: str, folder: Path) -> list[Path]:
    """The files of a new project, in a folder that is new or empty. Raises `ServiceError` before it writes any."""
    _check(name, folder)
    words = {"name": name, "agent": agent_of(name), "Class": name.title().replace("_", "")}
    written = []
    for source in sorted(path for path in TEMPLATE.rglob(f"*{SUFFIX}")):
        path = _renamed(source.relative_to(TEMPLATE), name)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(Template(source.read_text()).substitute(words))
        written.append(path)
    return written


def agent_of(name: str) -> str:
    """The name of its agent."""
    return f"{name.replace('_', '-')}-agent"


def _check(name: str, folder: Path) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) or keyword.iskeyword(name):
        raise ServiceError(f"{name!r} is no name for a project.", "Use small letters, digits and _, like web_shop.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ServiceError(f"{folder} is there already, and not empty.", "Choose another name, or another folder.")
    if name in (APP, "tests") or (find_spec(name) is not None and not folder.exists()):
        raise ServiceError(f"{name} is the name of a Python package that is installed.", "Choose another name.")


def _renamed(path: Path, name: str) -> Path:
    parts = [name if part == APP else part for part in path.with_name(path.name.removesuffix(SUFFIX)).parts]
    return Path(*parts).with_name(parts[-1].replace("test_app", f"test_{name}"))
