"""What the tests of the documentation share: its files, tables, headings, code blocks, and the runtime's source."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGES = ("aetheris", "jobs", "ledger", "signals_app")
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md", "examples/refund/README.md")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Every Markdown page that users and contributors read."""
    top = [ROOT / name for name in PAGES]
    return [*top, *sorted(DOCS.rglob("*.md"))]


def named(page: Path) -> str:
    """A page's path in the project, for test ids."""
    return str(page.relative_to(ROOT))


def read(page: str) -> str:
    return (DOCS / page).read_text()


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """The fenced blocks of one language: the line that each begins on, and its text."""
    text = page.read_text()
    return [
        (text.count("\n", 0, found.start(2)) + 1, found[2]) for found in _FENCE.finditer(text) if found[1] == language
    ]


def code(page: Path) -> str:
    """Everything on a page that stands as code: fenced blocks and inline spans."""
    text = page.read_text()
    fenced = [found[2] for found in _FENCE.finditer(text)]
    return "\n".join([*fenced, *re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))])


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its rank. Raises `ValueError` when it is not there."""
    rank = heading.split(" ", 1)[0]
    lines = text.splitlines()
    start = lines.index(heading)
    end = next((n for n, line in enumerate(lines) if n > start and _ends(line, rank)), len(lines))
    return "\n".join(lines[start + 1 : end])


def _ends(line: str, rank: str) -> bool:
    marks = line.split(" ", 1)[0]
    return bool(re.fullmatch("#+", marks)) and len(marks) <= len(rank)


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, heads and rules left out."""
    listed = [line for line in text.splitlines() if line.startswith("|")]
    rules = {n for n, line in enumerate(listed) if re.fullmatch(r"[|\s:-]+", line)}
    heads = {n - 1 for n in rules}
    return [_cells(line) for n, line in enumerate(listed) if n not in rules | heads]


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def spans(cell: str) -> list[str]:
    """The inline code in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def anchors(text: str) -> set[str]:
    """The anchors that a page's headings get on a Git host."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def source() -> Iterator[tuple[Path, ast.Module]]:
    """Each file of the runtime with its syntax tree, migrations left out."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT), _parsed(path)


def tree(path: Path) -> ast.Module:
    return _parsed(path)


def shown(text: str) -> re.Pattern[str]:
    """Output as a page shows it. `…`, `<words>`, times and long numbers stand for what is something else each time."""
    words = re.split(r"…|<\w+>|\d\d:\d\d:\d\d|\d{3,}", text.strip())
    return re.compile(".*?".join(map(re.escape, words)), re.DOTALL)
