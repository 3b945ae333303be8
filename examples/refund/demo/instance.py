"""A running instance, as its data folder describes it: its address, its users, its world."""

from dataclasses import dataclass
from pathlib import Path

from aetheris.services.instance import RUNNING, read_instance

COMPANIONS = {"orders": "orders", "payments": "payments", "model": "aetheris_model"}


class NoInstance(Exception):
    """There is no running instance to talk to. The message says what to do."""


@dataclass(frozen=True)
class Login:
    username: str
    password: str


@dataclass(frozen=True)
class Instance:
    """Where the runtime and the three services answer, and the two users of the demo."""

    data: Path
    url: str
    requester: Login
    approver: Login
    world: dict[str, str]

    def workers(self) -> dict[int, str]:
        """Process id → name of each worker that the supervisor keeps now."""
        found = read_instance(self.data)
        processes = found.processes if found else {}
        return {pid: name for name, pid in processes.items() if name.startswith("worker-")}


def read(data: Path) -> Instance:
    """The instance that runs in this folder. Raises `NoInstance` when none does, or without the world."""
    found = read_instance(data)
    if found is None or found.state != RUNNING:
        raise NoInstance(f"No instance runs in {data}; start one with `make run`.")
    logins = found.logins()
    try:
        return Instance(
            data=data,
            url=found.url,
            requester=Login("requester", logins["requester"]),
            approver=Login("approver", logins["approver"]),
            world={service: found.companions[name] for service, name in COMPANIONS.items()},
        )
    except KeyError as missing:
        raise NoInstance(f"The instance in {data} has no {missing}; `make run` starts one that does.") from missing
