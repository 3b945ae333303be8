"""Invariants: what must hold of every job after any run, however it was disturbed, checked over the final tables, the
sink's log and the clients' history. `table.INVARIANTS` lists them, `table.NOT_CHECKED` what cannot be checked yet.

```python
found = violations(sent_in(Path("sink.ndjson")), calls_in(Path("history.ndjson")), healed=True)
assert found == [], told(found)
```
"""

from aetheris.testing.invariants.table import INVARIANTS, NOT_CHECKED, Invariant, Violation, told, violations
from aetheris.testing.invariants.witnesses import Call, Sent, calls_in, sent_in

__all__ = [
    "INVARIANTS",
    "NOT_CHECKED",
    "Call",
    "Invariant",
    "Sent",
    "Violation",
    "calls_in",
    "sent_in",
    "told",
    "violations",
]
