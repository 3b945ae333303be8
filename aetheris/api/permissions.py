"""Permissions by name, deny by default: a view without a declaration for a method lets nobody in."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

OPEN = "open"
SIGNED_IN = "signed-in"
"""Any valid token is enough."""
IN_PERSON = "in-person"
"""A token from a login, or a session: no API key."""
AGENT_VIEW = "agent:view"
AGENT_MANAGE = "agent:manage"
JOB_CREATE = "job:create"
JOB_VIEW = "job:view"
JOB_STOP = "job:stop"
APPROVAL_DECIDE = "approval:decide"
SYSTEM_VIEW = "system:view"

DJANGO_PERMISSION = {
    AGENT_VIEW: "jobs.view_agent",
    AGENT_MANAGE: "jobs.add_agent",
    JOB_CREATE: "jobs.add_job",
    JOB_VIEW: "jobs.view_job",
    JOB_STOP: "jobs.stop_job",
    APPROVAL_DECIDE: "signals_app.decide_approval",
    SYSTEM_VIEW: "jobs.view_tick",
}


def may(request: Any, permission: str) -> bool:
    """Whether whoever asks is active and logged in and holds a permission of this list, and an API key also has it
    among its scopes."""
    user, key = request.user, getattr(getattr(request, "auth", None), "api_key", None)
    if not (user and user.is_authenticated):
        return False
    if permission in (SIGNED_IN, IN_PERSON):
        return permission == SIGNED_IN or key is None
    return user.has_perm(DJANGO_PERMISSION[permission]) and (key is None or permission in key.scopes)


class Declared(BasePermission):
    """Reads `view.permissions`, a mapping of HTTP method to the permissions of which one is needed.

    HEAD needs what GET needs. Raises `MethodNotAllowed` for a method that the view does not have.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        method = str(request.method)
        if method not in view.allowed_methods:
            raise MethodNotAllowed(method)
        needed = getattr(view, "permissions", {}).get("GET" if method == "HEAD" else method, ())
        self.message = _told(needed)
        return OPEN in needed or any(may(request, permission) for permission in needed)


def _told(needed: tuple[str, ...]) -> str:
    """To whoever is logged in and lacks it."""
    if IN_PERSON in needed:
        return "This needs a token of a login, or a session, and takes no API key."
    return f"This needs the permission {' or '.join(needed)}: of the user, and of an API key among its scopes."
