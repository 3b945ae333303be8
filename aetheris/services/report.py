"""What the launcher prints: progress, the summary, and known errors as plain lines."""

import contextlib
import errno
import os
import sys

from aetheris.services.errors import ServiceError
from aetheris.services.folder import HERE, DataFolder
from aetheris.services.instance import Instance


def write(text: str, *, error: bool = False, end: str = "\n") -> None:
    """Print; a reader that went away or a full disk must not end the supervisor."""
    with contextlib.suppress(OSError, ValueError):
        print(text, end=end, file=sys.stderr if error else sys.stdout, flush=True)


def complain(error: Exception) -> None:
    """A known error: what is wrong and what to do."""
    if isinstance(error, OSError):
        full = "\nFree some space, or name a folder on another disk with --data." * (error.errno == errno.ENOSPC)
        error = ServiceError(f"{error.filename or 'The system'}: {error.strerror or error}.{full}")
    write(f"aetheris: {error}", error=True)


def say(name: str, news: str) -> None:
    """One line of progress."""
    write(f"{name:<12} … {news}")


def summary(instance: Instance) -> None:
    """Where everything is, and who may log in."""
    lines = [f"Aetheris runs: {instance.url}", f"  admin      {instance.url}/admin/"]
    lines += [f"  {name:<10} {url}" for name, url in instance.companions.items()]
    lines += [f"  login      {name} / {password}" for name, password in instance.logins().items()]
    lines += [f"  data       {instance.data} (stop: aetheris down --data {instance.data})"]
    elsewhere = "" if _is_found(instance.data) else f"export AETHERIS_DATA={instance.data}, then "
    lines += [f"  next       {elsewhere}aetheris agent list, aetheris message AGENT MESSAGE --wait, aetheris --help"]
    write("\n".join(lines))


def _is_found(data: str) -> bool:
    """Whether commands find that folder without being told."""
    return DataFolder(os.environ.get("AETHERIS_DATA") or HERE).path == DataFolder(data).path
