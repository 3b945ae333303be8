"""What stands in a node's way, as a stable code and words."""

from aetheris.core.errors import AetherisError, described


def problem(error: Exception) -> tuple[str, str]:
    """The code and message of whatever kept a node from being begun."""
    code = error.code if isinstance(error, AetherisError) else "NODE_NOT_PREPARED"
    return code, described(error)
