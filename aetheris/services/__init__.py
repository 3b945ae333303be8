"""The launcher: real PostgreSQL and Valkey from pip wheels, and the supervision of an instance.

Public: `EmbeddedServices` (just the servers), `read_instance` and `Instance` (what runs in a data folder),
`Options`, `up`, `up_in_background`, `down`. It needs no Django; only `aetheris.services.logins` sets it up.
"""

from aetheris.services.embedded import EmbeddedServices
from aetheris.services.errors import ServiceError
from aetheris.services.instance import Instance, read_instance
from aetheris.services.launch import down, up, up_in_background
from aetheris.services.options import Options

__all__ = [
    "EmbeddedServices",
    "Instance",
    "Options",
    "ServiceError",
    "down",
    "read_instance",
    "up",
    "up_in_background",
]
