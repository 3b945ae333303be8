"""Where the command line asks: an address that was named, else the instance that lives in the data folder."""

from dataclasses import dataclass, field
from pathlib import Path

from aetheris.cli.endings import NotRunning
from aetheris.services import Instance, ServiceError, read_instance
from aetheris.services.folder import DataFolder


@dataclass(frozen=True)
class Place:
    """An address, and what the data folder knows of it: passwords of its development users, where its tokens are kept,
    where its logs are."""

    url: str
    logins: dict[str, str] = field(default_factory=dict)
    tokens: Path | None = None
    logs: Path | None = None


def find(data: Path, url: str) -> Place:
    """Raises `NotRunning`, or `ServiceError` for what is no address."""
    if url:
        url = _address(url)
        instance = read_instance(data)
        return of(instance) if instance is not None and instance.url == url else Place(url)
    return of(running(data))


def running(data: Path) -> Instance:
    """The instance of a folder, in whatever state. Raises `NotRunning`."""
    instance = read_instance(data)
    if instance is None:
        raise NotRunning(
            f"Nothing runs in {data}.",
            f"Start it with `aetheris up --data {data}`, name its folder with --data or AETHERIS_DATA, "
            "or another machine's with AETHERIS_API_URL.",
        )
    return instance


def of(instance: Instance) -> Place:
    """Raises `NotRunning` for an instance that has no address yet."""
    if not instance.url:
        raise NotRunning(f"What runs in {instance.data} is still {instance.state}.", "Try again in a moment.")
    folder = DataFolder(instance.data)
    return Place(instance.url, instance.logins(), folder.tokens, folder.logs)


def _address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ServiceError(f"{url!r} is no address.", "Write it like http://127.0.0.1:8080, without a path.")
    return url.rstrip("/").removesuffix("/api")
