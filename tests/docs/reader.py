"""A reader at a terminal: the shell in which he types what the pages show, with what they cannot know filled in."""

import os
import re
import subprocess
import sys
from pathlib import Path

BINARIES = Path(sys.executable).parent
SECONDS = 400
NEXT = "-- the next block --"
OUTSIDE = ("AETHERIS_", "DJANGO_", "MAKE", "MFLAGS", "OPENAI_", "PYTEST_", "REFUND_", "COLUMNS")
FILLED = {
    "http://127.0.0.1:8080": "$ADDRESS",
    "requester '…'": "requester $REQUESTER",
    "approver '…'": "approver $APPROVER",
    '"password": "…"': """"password": "'$REQUESTER'\"""",
    "approval-…": "'$QUESTION'",
    "/some/folder": "$PWD/.aetheris",
    " JOB": " $JOB",
    "12345": r"$(seen 'engine:.*:\K\d+')",
}


def filled(block: str) -> str:
    """A block as it is typed."""
    blanks = "|".join(map(re.escape, FILLED))
    return re.sub(blanks, lambda blank: FILLED[blank[0]], block)


def walk(folder: Path, *pieces: str, **environ: str) -> list[str]:
    """What one shell in that folder shows for each piece, typed in turn. Fails when a command of them does."""
    screen = folder / "screen"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OUTSIDE)}
    direct = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "SCREEN": str(screen)}
    own = (Path(__file__).parent / "reader.sh").read_text()
    with screen.open("w") as shown:
        ended = subprocess.run(
            ["bash", "-c", "\n".join([own, *(f"{piece}\necho; echo '{NEXT}'" for piece in pieces)])],
            cwd=folder,
            env={**kept, **direct, "PATH": f"{BINARIES}:{kept['PATH']}", **environ},
            stdin=subprocess.DEVNULL,
            stdout=shown,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
        )
    said = screen.read_text()
    assert ended.returncode == 0, said[-3000:]
    return said.split(NEXT)
