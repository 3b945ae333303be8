"""The matrix leaves no commit and no call of the runtime out without saying so."""

import ast

from aetheris.testing.crash_matrix.scenario import cell_named
from aetheris.testing.crash_matrix.verdicts import Verdicts
from tests.architecture.source import calls
from tests.chaos.matrix.gaps import NOT_REACHED
from tests.docs.reading import ROOT, source

NAMING = {"committing": ".commit", "if_free": ".commit", "job_transaction": ".commit", "around": "", "_outside": ""}
"""What names a failpoint, and how the name goes on."""


def names_in_the_code() -> set[str]:
    """Every pair of failpoints, by the name that stands in the source."""
    found: set[str] = set()
    for path, tree in source():
        if not str(path).startswith("aetheris/testing/"):
            for call, _ in calls(tree):
                naming = ast.unparse(call.func).rsplit(".", 1)[-1]
                words = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "verb")]
                if naming in NAMING:
                    texts = [word.value for word in words if isinstance(word, ast.Constant)]
                    found |= {f"{text}{NAMING[naming]}" for text in texts if isinstance(text, str)}
    return found


def test_every_boundary_is_struck_or_named_as_left_out() -> None:
    cells = map(cell_named, Verdicts(ROOT / "tests" / "chaos" / "verdicts").all())
    struck = {stroke.place.failpoint for cell in cells for stroke in cell.strokes}
    both = {name for name in names_in_the_code() if {f"{name}.before", f"{name}.after"} <= struck}
    assert names_in_the_code() - both == set(NOT_REACHED)
