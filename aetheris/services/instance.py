"""What other processes may know of a running instance: the content of `instance.json`."""

import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from aetheris.services.folder import DataFolder, read_json, write_json
from aetheris.services.processes import start_ticks

STARTING, RUNNING, STOPPING = "starting", "running", "stopping"


@dataclass
class Instance:
    """One supervised installation: where it answers and who its processes are."""

    data: str
    pid: int = field(default_factory=os.getpid)
    ticks: int = field(default_factory=lambda: start_ticks(os.getpid()) or 0)
    state: str = STARTING
    url: str = ""
    database_url: str = ""
    broker_url: str = ""
    apps: list[str] = field(default_factory=list)
    companions: dict[str, str] = field(default_factory=dict)
    processes: dict[str, int] = field(default_factory=dict)
    has_logins: bool = False

    def write(self) -> None:
        """Publish; only the owner of the folder's lock may."""
        write_json(DataFolder(self.data).instance, asdict(self))

    def logins(self) -> dict[str, str]:
        """Passwords of the development users by name; empty when the database is not the launcher's own."""
        return (read_json(DataFolder(self.data).logins) or {}) if self.has_logins else {}


def read_instance(folder: str | Path) -> Instance | None:
    """The instance that lives in that folder now, in whatever state; None when there is none.

    What a dead supervisor wrote is never returned: the lock must be held and the writer must be alive.
    """
    data = DataFolder(folder)
    if not data.is_locked():
        return None
    content = read_json(data.instance)
    if content is None:
        return None
    # An instance of another release may have written more, and must still be found and stopped.
    instance = Instance(**{key.name: content[key.name] for key in fields(Instance) if key.name in content})
    return instance if start_ticks(instance.pid) == instance.ticks else None
