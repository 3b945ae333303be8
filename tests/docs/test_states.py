"""docs/states.md is what docs/make_states.py makes of the code."""

import importlib.util

from tests.docs.reading import DOCS, read


def test_the_page_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_states", DOCS / "make_states.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert read("states.md") == script.page(), "run: .venv/bin/python docs/make_states.py"
