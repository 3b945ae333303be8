"""The watch: while a test runs, no commit and no write of the product happens but between its two failpoints.

It knows nothing of verbs. It sees what the database is sent, and where this thread was last.
"""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from aetheris import failpoints
from aetheris.failpoints import UNNAMED
from tests.docs.reading import PACKAGES, ROOT

WRITES = re.compile(r"\b(aetheris_write|INSERT INTO|DELETE FROM|(?<!FOR )(?<!KEY )UPDATE)\b")
BEFORE, AFTER = ".before", ".after"
PASSED_BY = ("aetheris/database/base.py", "aetheris/api/request_ids.py", "aetheris/api/chunked.py", "querysets.py")
"""Whoever calls these is who asks."""


class Watch:
    """What the product has committed: `names` of all commits, and those that stood `naked`."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.naked: list[str] = []
        self._here = threading.local()

    def reached(self, name: str) -> None:
        inside = self._inside()
        if name.endswith(BEFORE):
            inside.append(name.removesuffix(BEFORE))
        elif name.endswith(AFTER) and inside:
            inside.pop()

    def committing(self) -> None:
        self._see("COMMIT")

    def executing(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if not context["connection"].in_atomic_block and WRITES.search(str(sql)):
            self._see(str(sql))
        return execute(sql, params, many, context)

    def _inside(self) -> list[str]:
        if not hasattr(self._here, "inside"):
            self._here.inside = []
        inside: list[str] = self._here.inside
        return inside

    def _see(self, what: str) -> None:
        name = self._inside()[-1] if self._inside() else ""
        if name.endswith(".commit") and not name.startswith(UNNAMED):
            self.names.add(name)
        elif place := _of_the_product():
            self.naked.append(f"{place}: {what}")


def _of_the_product() -> str:
    """Where the product has asked for this; empty when a test has, itself or through somebody else's code."""
    frame = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
        if path.startswith("tests/") and not path.endswith("watch.py"):
            return ""
        if path.split("/", 1)[0] in PACKAGES and not path.endswith(PASSED_BY):
            return f"{path}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch all connections of this process."""
    watch = Watch()
    base: Any = BaseDatabaseWrapper
    commit = base._commit

    def committing(self: Any) -> None:
        watch.committing()
        commit(self)

    def listen(connection: Any, **_: Any) -> None:
        if watch.executing not in connection.execute_wrappers:
            connection.execute_wrappers.append(watch.executing)

    base._commit = committing
    connection_created.connect(listen)
    for each in connections.all(initialized_only=True):
        listen(each)
    try:
        with failpoints.armed(watch.reached):
            yield watch
    finally:
        base._commit = commit
        connection_created.disconnect(listen)
        if watch.executing in connection.execute_wrappers:
            connection.execute_wrappers.remove(watch.executing)
