"""What `aetheris init` writes runs as it is, and a Django project that is there already takes the lines of the page."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aetheris.cli import init
from aetheris.services import ServiceError
from aetheris.services.project import settings_module
from tests.cli.conftest import Said
from tests.docs.reader import filled, walk
from tests.docs.reading import DOCS, blocks

OUTSIDE = ("AETHERIS_", "PYTEST_", "DJANGO_", "COLUMNS")
BINARIES = Path(sys.executable).parent


def run(folder: Path, *command: str, **environ: str) -> Said:
    """A program of this environment, as a user runs it in a folder of his own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OUTSIDE)}
    program = [sys.executable, *command[1:]] if command[0] == "python" else [str(BINARIES / command[0]), *command[1:]]
    ended = subprocess.run(program, cwd=folder, env={**kept, **environ}, capture_output=True, text=True, timeout=100)
    return Said(ended.returncode, ended.stdout, ended.stderr)


def suite(project: Path, **environ: str) -> Said:
    """The project's own tests, on this run's servers, with databases of its own."""
    url = re.sub(r"/\w+\?", f"/kit_of_{os.getpid()}?", os.environ["AETHERIS_DATABASE_URL"], count=1)
    servers = {"AETHERIS_DATABASE_URL": url, "AETHERIS_BROKER_URL": os.environ["AETHERIS_BROKER_URL"]}
    unsafe = {"AETHERIS_UNSAFE_DATABASE": "true"}
    quiet = ("-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    return run(project, "python", "-m", "pytest", *quiet, **servers, **unsafe, **environ)


@pytest.fixture
def web_shop(tmp_path: Path) -> Path:
    """A project that was just written."""
    made = run(tmp_path, "aetheris", "init", "web_shop")
    assert made.code == 0, made.err
    assert "cd web_shop" in made.out
    return tmp_path / "web_shop"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """The project that the commands of the page make, in which they have started an instance with one more agent."""
    page = DOCS / "howto" / "start-a-project.md"
    _, first, second = (filled(block) for _, block in blocks(page, "sh"))
    ((_, agent),) = blocks(page, "python")
    added = f"cat >> shop/agents.py << 'END'\n{agent}\nEND\n"
    try:
        built, talked, _ = walk(tmp_path, first, f"{added}{second.rstrip()} <<< four")
        assert "place_order" in built
        assert "\ncounting-agent  4\n" in talked
        yield tmp_path / "shop"
    finally:
        assert run(tmp_path, "aetheris", "down", "--data", "shop/.aetheris").code == 0


def test_a_new_project_runs_as_it_is(running: Path) -> None:
    looked = run(running, "aetheris", "doctor")
    assert (looked.code, "✗" in looked.out, "!" in looked.out) == (0, False, False), looked.out
    ordered = run(running, "aetheris", "message", "shop-agent", "order a cup", "--wait", "--json")
    assert ordered.code == 0, ordered.err
    assert ordered.json["result"]["price"] == 12
    sent = run(running, "aetheris", "message", "shop-agent", "order a lamp", "--json")
    job_id = sent.json["job_id"]
    waited = run(running, "aetheris", "job", job_id, "--follow", "--timeout", "2s")
    assert (waited.code, "Something dear" in waited.out) == (5, True)
    requester = run(running, "aetheris", "approve", job_id, "--as", "requester")
    assert (requester.code, "FORBIDDEN" in requester.err) == (1, True)
    assert run(running, "aetheris", "approve", job_id).code == 0
    assert run(running, "aetheris", "job", job_id, "--follow").code == 0
    assert "place_order" in run(running, "aetheris", "trace", job_id).out
    missing = run(running, "aetheris", "message", "shop-agent", "order a moon", "--wait")
    assert (missing.code, "There is no moon" in missing.out) == (4, True)
    counted = run(running, "python", "manage.py", "shell", "-v", "0", "-c", COUNT)
    assert counted.out.split() == ["4"], counted.err
    assert run(running, "python", "manage.py", "makemigrations", "--check").code == 0
    tokens = running / ".aetheris" / "tokens.json"
    assert tokens.stat().st_mode & 0o777 == 0o600


COUNT = "from shop.models import Order; print(Order.objects.count())"


def test_the_suite_of_a_new_project_is_green(web_shop: Path) -> None:
    ended = suite(web_shop)
    assert "3 passed" in ended.out, ended.out + ended.err


def existing_project(folder: Path) -> None:
    """A Django project with the lines and the files of the page."""
    page = DOCS / "howto" / "add-to-django.md"
    assert run(folder, "django-admin", "startproject", "mysite", ".").code == 0
    assert run(folder, "django-admin", "startapp", "shop").code == 0
    (settings, urls), ((_, named),) = (text for _, text in blocks(page, "py")), blocks(page, "toml")
    for file, lines in (("mysite/settings.py", settings), ("mysite/urls.py", urls)):
        (folder / file).write_text((folder / file).read_text() + lines)
    options = '\n[tool.pytest.ini_options]\naddopts = "-p aetheris.testing.plugin"\n'
    (folder / "pyproject.toml").write_text(named + options)
    ((_, agent),) = blocks(DOCS / "howto" / "start-a-project.md", "python")
    (folder / "shop" / "agents.py").write_text(agent)


def test_a_django_project_that_is_there_already_takes_the_lines_of_the_page(tmp_path: Path) -> None:
    existing_project(tmp_path)
    (tmp_path / "test_mysite.py").write_text(SUITE)
    ended = suite(tmp_path, DJANGO_SETTINGS_MODULE="mysite.settings")
    assert "2 passed" in ended.out, ended.out + ended.err
    assert settings_module(tmp_path) == "mysite.settings"


SUITE = """
from shop.agents import CountingAgent


def test_a_job_runs(runtime):
    assert runtime.submit(CountingAgent, "four").result == 4


def test_both_doors_are_open(database, client):
    assert client.get("/api/health").json() == {"status": "ok"}
    assert client.get("/api/jobs").status_code == 401
    assert client.get("/admin/login/").status_code == 200
"""


@pytest.mark.parametrize("name", ["Shop", "web-shop", "2nd", "class", "../shop", "", "tests", "app", "django"])
def test_what_is_no_name_writes_nothing(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ServiceError):
        init.write(name, Path(name))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mine").write_text("mine")
    refused = run(tmp_path, "aetheris", "init", "shop")
    assert (refused.code, "not empty" in refused.err) == (1, True)
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["mine"]


def test_a_project_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    for text in ("[tool", "[tool.aetheris]\nsettings = 7\n"):
        (tmp_path / "pyproject.toml").write_text(text)
        refused = run(tmp_path, "aetheris", "up", "--background")
        assert refused.code == 1
        assert "pyproject.toml" in refused.out + refused.err
        assert "Traceback" not in refused.out + refused.err


def test_the_commands_of_the_page_are_those_of_the_project() -> None:
    page, readme = (DOCS / "howto" / "start-a-project.md"), init.TEMPLATE / "README.md-tpl"
    commands = {re.sub(r"\s+#.*", "", line) for _, block in blocks(page, "sh") for line in block.splitlines()}
    told = readme.read_text().replace("$agent", "shop-agent")
    shown = {re.sub(r"\s+#.*", "", line) for line in told.splitlines() if line.startswith("aetheris ")}
    assert shown - {"aetheris down && aetheris up --background"} <= commands
