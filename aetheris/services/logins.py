"""The two development users of a database that the launcher made. Run as its own process after migrate.

`requester` may submit, see and stop jobs and see agents, tools and workers; `approver` may also use the admin and
decide. The file of passwords is written when the database holds them: a run that was cut short starts over.
"""

import secrets
import sys
from pathlib import Path

import django

from aetheris.services.folder import DataFolder, read_json, write_json

REQUESTER, APPROVER = "requester", "approver"


def ensure_logins(folder: DataFolder) -> None:
    """Make what is missing. Who changed a password keeps it; deleting the file makes new ones."""
    known = read_json(folder.logins)
    passwords = known or {name: secrets.token_urlsafe(12) for name in (REQUESTER, APPROVER)}
    for name, password in passwords.items():
        _ensure_user(name, password, reset=known is None)
    _permit_requester()
    if known is None:
        write_json(folder.logins, passwords)


def _ensure_user(name: str, password: str, *, reset: bool) -> None:
    from django.contrib.auth import get_user_model

    power = name == APPROVER
    user, created = get_user_model().objects.get_or_create(
        username=name, defaults={"is_staff": power, "is_superuser": power}
    )
    if created or reset:
        user.set_password(password)
        user.save(update_fields=["password"])


def _permit_requester() -> None:
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Permission

    names = ["add_job", "view_job", "stop_job", "view_agent", "view_tick"]
    wanted = Permission.objects.filter(content_type__app_label="jobs", codename__in=names)
    get_user_model().objects.get(username=REQUESTER).user_permissions.add(*wanted)


if __name__ == "__main__":
    django.setup()
    ensure_logins(DataFolder(Path(sys.argv[1])))
