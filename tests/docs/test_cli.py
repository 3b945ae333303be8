"""docs/cli.md is what docs/make_cli.py makes of the commands."""

from docs import make_cli
from tests.docs.reading import read


def test_the_page_is_up_to_date() -> None:
    assert read("cli.md") == make_cli.page(), "run: .venv/bin/python docs/make_cli.py"
