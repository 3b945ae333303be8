"""What the pages point at exists: make targets, files, anchors. And nothing points outside by accident."""

import re
from pathlib import Path

import pytest

from tests.docs.reading import ROOT, anchors, code, named, pages

PAGES = pages()
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
EXTERNAL = re.compile(r"https://([a-z0-9-]+\.)+[a-z]{2,}(/[^\s<>]*)?")
"""What an address elsewhere looks like. Nobody asks whether it answers: a test needs no network."""


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_make_target_exists(page: Path) -> None:
    named_here = set(re.findall(r"(?:^|\s)make ([a-z][a-z-]*)", code(page), re.MULTILINE))
    assert named_here <= TARGETS


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_resolves(page: Path) -> None:
    for link in LINK.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        if "://" in link:
            assert EXTERNAL.fullmatch(link), f"{link} is no address"
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert target.resolve().is_relative_to(ROOT), f"{link} leads out of the project"
        if anchor:
            assert anchor in anchors(target.read_text()), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_is_named_exists(page: Path) -> None:
    """A path in backquotes that begins with a folder of the project names something that is there."""
    folders = "aetheris|jobs|ledger|signals_app|examples|tests|docs"
    for path in re.findall(rf"`((?:{folders})/[\w./-]+)`", page.read_text()):
        assert (ROOT / path).exists(), f"{path} does not exist"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_nothing_names_a_machine(page: Path) -> None:
    """Neither the folder of this checkout nor anybody's home, nor anything beside the project."""
    text = page.read_text()
    assert str(ROOT) not in text
    assert str(Path.home()) + "/" not in text
    assert not re.search(r"/home/\w|(?<![\w/])\.\./\.\./\.\.", text)


def test_every_page_can_be_found_from_the_index() -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop().resolve()
        if page.suffix == ".md" and page not in reached and page.exists():
            reached.add(page)
            ahead += [page.parent / link.partition("#")[0] for link in LINK.findall(page.read_text())]
    assert {page.resolve() for page in PAGES} <= reached
