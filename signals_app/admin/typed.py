"""What somebody typed in a form stays, until it is taken: he may go back from the question whether it is meant, and an
answer may be refused."""

from typing import Any

from django.http import HttpRequest


def keep(request: HttpRequest, record: Any, *names: str) -> None:
    """Keep these fields of a form for when the record's page is shown again."""
    request.session[_place(record)] = {name: request.POST.get(name, "") for name in names}


def take(request: HttpRequest, record: Any) -> dict[str, str]:
    """What was kept, once; nothing if there is nothing."""
    typed: dict[str, str] = request.session.pop(_place(record), {})
    return typed


def _place(record: Any) -> str:
    return f"typed-{record.pk}"
