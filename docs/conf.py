"""The site of this documentation, built by `make docs` from every Markdown page of the project as it stands."""

from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
DECISIONS = "docs/adr/0001-record-decisions"
FIRST = ["README", "docs/quick-start", "docs/concepts"]
PROJECT = ["examples/refund/README", "benchmarks/README", "CONTRIBUTING", "CHANGELOG"]

project = "Aetheris"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["docs/**.md", *(f"{page}.md" for page in [*FIRST, *PROJECT])]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "Aetheris"
html_extra_path = ["site"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def setup(app: Sphinx) -> None:
    app.connect("env-get-outdated", lambda *_: [root_doc, DECISIONS])  # they change whenever a page comes or goes
    app.connect("source-read", _navigate)
    app.add_lexer("mermaid", TextLexer)  # drawn by Git hosts; a site that loads nothing shows the text


def _navigate(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the navigation to the two pages that carry it. It is found from the files: a new page needs no entry."""
    if page == app.config.root_doc:
        shelves = {
            "Start": FIRST,
            "How to": _in_order_of(source[0], "docs/howto"),
            "Reference": [each for each in _in("docs") if each not in [*FIRST, page]],
            "Project": [*PROJECT, DECISIONS],
        }
        source[0] += "".join(_tree(pages, caption) for caption, pages in shelves.items())
    elif page == DECISIONS:
        source[0] += _tree([each for each in _in("docs/adr") if each != page], "Decisions")


def _in(folder: str) -> list[str]:
    return [f"{folder}/{path.stem}" for path in sorted((ROOT / folder).glob("*.md"))]


def _in_order_of(index: str, folder: str) -> list[str]:
    """A folder's pages in the order of the index's links, which is that of the work."""
    return sorted(_in(folder), key=lambda page: index.find(f"({page.removeprefix('docs/')}.md)"))


def _tree(pages: list[str], caption: str) -> str:
    listed = "\n".join(f"/{page}" for page in pages)
    return f"\n\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n:caption: {caption}\n\n{listed}\n```\n"
