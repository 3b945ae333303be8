"""Who is asking: the tenant and the recorded principal of a request."""

from typing import Any

from aetheris.api.permissions import APPROVAL_DECIDE, JOB_CREATE, may
from aetheris.conf import configuration
from aetheris.core.principal import principal


def tenant_of(user: Any) -> str:
    """The tenant whose records a user may see. One installation serves one tenant today."""
    return configuration().tenant


def principal_of(user: Any) -> str:
    return principal("user", user.pk, user.get_username())


def rights_of(request: Any) -> dict[str, Any]:
    """What the engine needs to know of whoever answers a wait."""
    return {
        "principal": principal_of(request.user),
        "may_signal": may(request, JOB_CREATE),
        "may_decide": may(request, APPROVAL_DECIDE),
    }
