"""What is measured: which peer does which workload, how often, and how large."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

SLOW = "w1-slow"
"""W1 on a disk whose flush takes two milliseconds."""
WORKLOADS = ("w1", SLOW, "w2", "w3", "w4", "w5", "w6", "w7")
OURS = ("grown", "wide", "tenants", "probe")
"""How Aetheris's own cost grows, and where it goes."""
PEERS: dict[str, tuple[str, ...]] = {
    "aetheris": (*WORKLOADS, *OURS),
    "restate": ("w1", *WORKLOADS[2:]),
    "absurd": WORKLOADS,
    "langgraph": WORKLOADS,
    "dbos": WORKLOADS,
    "canvas": ("w1", *WORKLOADS[2:]),
    "procrastinate": WORKLOADS,
    "floor": ("w1", SLOW, "w3", "w4"),
    "pgbench": ("w1", SLOW, "w4"),
}
"""Restate and Celery do not write to the disk that is slowed."""
ALL = (*WORKLOADS, *OURS)

_QUICK = {
    "w1": "20",
    SLOW: "20",
    "w2": "1,2",
    "w3": "5",
    "w4": "10,100",
    "w5": "5",
    "w7": "50",
    "grown": "100,10",
    "wide": "10,20",
    "tenants": "1,5",
    "probe": "5",
}
_FULL = {SLOW: "200"}
_ONCE = ("w7", *OURS)


@dataclass(frozen=True)
class Turn:
    """One workload of one peer, once."""

    peer: str
    workload: str
    sizes: str

    @property
    def word(self) -> str:
        """What its driver is told."""
        return f"{self.workload.removesuffix('-slow')}={self.sizes}"


def turns(peers: Collection[str], words: Sequence[str], repeat: int, *, quick: bool) -> list[Turn]:
    """All turns in their order: peers one after the other, as often as is wanted, then the next workload. Words are
    workloads, with sizes of their own after a `=`."""
    sizes = _QUICK if quick else _FULL
    listed = []
    for word in words:
        workload, _, own = word.partition("=")
        for number in range(repeat):
            doing = [peer for peer in peers if workload in PEERS[peer] and number < _times(peer, workload, repeat)]
            listed += [Turn(peer, workload, own or sizes.get(workload, "")) for peer in doing]
    return listed


def _times(peer: str, workload: str, repeat: int) -> int:
    """Some are as long as they are telling; a peer's recovery is a matter of its settings, not of luck."""
    return 1 if workload in _ONCE or (workload == "w6" and peer != "aetheris") else repeat
