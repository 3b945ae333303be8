"""Permissions by name, deny by default: a view without a declaration for a method lets nobody in."""

from typing import Any

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

OPEN = "open"
SIGNED_IN = "signed-in"
"""Any valid token is enough."""
AGENT_VIEW = "agent:view"
JOB_CREATE = "job:create"
JOB_VIEW = "job:view"
JOB_STOP = "job:stop"
APPROVAL_DECIDE = "approval:decide"

DJANGO_PERMISSION = {
    AGENT_VIEW: "jobs.view_agent",
    JOB_CREATE: "jobs.add_job",
    JOB_VIEW: "jobs.view_job",
    JOB_STOP: "jobs.stop_job",
    APPROVAL_DECIDE: "signals_app.decide_approval",
}


def may(user: Any, permission: str) -> bool:
    """Whether an active, logged-in user holds a permission of this list."""
    logged_in = bool(user and user.is_authenticated)
    return logged_in and (permission == SIGNED_IN or user.has_perm(DJANGO_PERMISSION[permission]))


class Declared(BasePermission):
    """Reads `view.permissions`, a mapping of HTTP method to the permissions of which one is needed.

    HEAD needs what GET needs. Raises `MethodNotAllowed` for a method that the view does not have.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        method = str(request.method)
        if method not in view.allowed_methods:
            raise MethodNotAllowed(method)
        needed = getattr(view, "permissions", {}).get("GET" if method == "HEAD" else method, ())
        return OPEN in needed or any(may(request.user, permission) for permission in needed)
