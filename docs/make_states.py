"""Make docs/states.md from the states and moves in the code: `.venv/bin/python docs/make_states.py`."""

import os
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import django

PAGE = Path(__file__).with_name("states.md")

HEAD = """\
# States

This page is made by `docs/make_states.py` from the `states.py` files; change those, then run

```sh
.venv/bin/python docs/make_states.py
```

A move that is not in these tables is refused by the one module that may move the record. `–` means final; `failed` and
`cancelled` are final too, unless the job is tried again.
"""

JOB = """
## Job

`jobs/states.py`, derived in `jobs/models/job.py`. Nobody sets a job's state. It is a generated column: PostgreSQL
derives it from the job's `ending` and from the counters of its nodes. The first line that holds wins.
"""

JOB_REST = """
A failed job is left only by a retry (`jobs/engine/requeue.py`); nothing leaves the other two endings.

A job that fails or is cancelled while a node runs or an effect is in doubt keeps its state until that is over; it
starts nothing more. A final job has an `outcome` as well: {outcomes}.
"""


def page() -> str:
    """The whole page."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aetheris.settings")
    django.setup()
    from jobs.states import NODE_MOVES, Outcome
    from ledger.states import ENTRY_MOVES
    from signals_app.states import APPROVAL_MOVES, WAIT_MOVES

    parts = [HEAD, JOB, _job(), JOB_REST.format(outcomes=_listed(list(Outcome)))]
    parts += _machine("Node", "jobs/states.py", "jobs/engine/transitions.py", NODE_MOVES, first=["blocked", "ready"])
    parts += _machine("Entry", "ledger/states.py", "ledger/entries.py", ENTRY_MOVES, first=["started"])
    parts += _machine("Wait", "signals_app/states.py", "signals_app/waits.py", WAIT_MOVES, first=["declared", "open"])
    parts += _machine(
        "Approval", "signals_app/states.py", "signals_app/approvals.py", APPROVAL_MOVES, first=["pending"]
    )
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts))


def _job() -> str:
    """The cases of the generated column as a table and as a chart."""
    from jobs.models.job import _DERIVED_STATE

    cases = [(_condition(case.condition), _result(case.result)) for case in _DERIVED_STATE.cases]
    default = _result(_DERIVED_STATE.default)
    table = ["| when | the job is |", "|---|---|", *(f"| {_code(when)} | {state} |" for when, state in cases)]
    table.append(f"| otherwise | {default} |")
    chart = ["```mermaid", "flowchart TD"]
    for number, (when, state) in enumerate(cases):
        chart.append(f'    c{number}{{"{when}?"}} -->|yes| s{number}["{state.replace("`", "")}"]')
        following = f"c{number + 1}" if number + 1 < len(cases) else f'last["{default.replace("`", "")}"]'
        chart.append(f"    c{number} -->|no| {following}")
    return "\n".join([*table, "", *chart, "```", ""])


def _condition(condition: Any) -> str:
    if condition.negated:
        return "ending is set"
    ((name, value),) = condition.children
    return f"{name.removesuffix('__gt')} > {value}"


def _result(expression: Any) -> str:
    return f"`{expression.value}`" if hasattr(expression, "value") else "what `ending` says"


def _machine(name: str, states: str, mover: str, moves: Mapping[Any, Sequence[StrEnum]], first: list[str]) -> list[str]:
    text = [f"\n## {name}\n", f"`{states}`; moved only by `{mover}`. Begins as {_listed(first)}.\n"]
    text += ["| from | to |", "|---|---|"]
    text += [f"| `{state}` | {_listed(targets) or '–'} |" for state, targets in moves.items()]
    text += ["", "```mermaid", "stateDiagram-v2"]
    text += [f"    [*] --> {state}" for state in first]
    text += [f"    {state} --> {target}" for state, targets in moves.items() for target in targets]
    text += [f"    {state} --> [*]" for state, targets in moves.items() if not targets]
    return [*text, "```", ""]


def _listed(states: Sequence[object]) -> str:
    return ", ".join(f"`{state}`" for state in states)


def _code(when: str) -> str:
    return re.sub(r"^\w+ > \d+|^ending", lambda found: f"`{found[0]}`", when)


if __name__ == "__main__":
    PAGE.write_text(page())
