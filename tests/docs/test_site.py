"""`make docs` builds a site without a warning, which holds every page and loads nothing from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.reading import ROOT, pages

LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]+)|<link\b[^>]*\bhref=\"([^\"]+)")
ELSEWHERE = re.compile(r"(?:https?:)?//")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (command,) = re.findall(r"sphinx-build (.+) build/docs$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *command.split(), str(folder)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_on_it_and_in_its_navigation(site: Path) -> None:
    index = site / "docs" / "index.html"
    (navigation,) = re.findall(r'<div class="sidebar-tree">(.*?)</aside>', index.read_text(), re.DOTALL)
    records = {page for page in pages() if page.parent.name == "adr" and not page.name.startswith("0001")}
    for page in set(pages()) - records - {ROOT / "docs" / "index.md"}:
        made = site / page.relative_to(ROOT).with_suffix(".html")
        assert made.is_file()
        assert f'href="{os.path.relpath(made, index.parent)}"' in navigation
    assert all((site / page.relative_to(ROOT).with_suffix(".html")).is_file() for page in records)


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = [first or second for first, second in LOADED.findall(page.read_text())]
        assert [address for address in loaded if ELSEWHERE.match(address)] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text())
