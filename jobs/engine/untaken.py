"""Untaken: due nodes that a process has tried in vain, so that it does not try them again at once."""

import time
from collections import OrderedDict
from uuid import UUID

from jobs.due_querysets import Due

TRY_AGAIN_SECONDS = 10.0
MOST_REMEMBERED = 100


class Untaken:
    """Nodes that were tried in vain: this process lacks something for them, or was too late. For a while it leaves them
    to others."""

    def __init__(self) -> None:
        self._tried: OrderedDict[tuple[UUID, str, int], float] = OrderedDict()

    def __len__(self) -> int:
        """How many nodes are remembered."""
        longest_ago = time.monotonic() - TRY_AGAIN_SECONDS
        while self._tried and next(iter(self._tried.values())) <= longest_ago:
            self._tried.popitem(last=False)
        return len(self._tried)

    def remembers(self, node: Due) -> bool:
        """Whether this claim of the node was tried a short while ago."""
        return self._tried.get((node.job_id, node.path, node.claims), 0.0) > time.monotonic() - TRY_AGAIN_SECONDS

    def note(self, node: Due) -> None:
        """This claim of the node is tried now."""
        key = (node.job_id, node.path, node.claims)
        self._tried[key] = time.monotonic()
        self._tried.move_to_end(key)
        if len(self._tried) > MOST_REMEMBERED:
            self._tried.popitem(last=False)
