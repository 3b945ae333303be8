"""A proxy that does to connections what networks and dying servers do, on order and at an exact place.

`Proxy` runs it as a process of its own in front of anything that speaks over TCP or a unix socket; what it passes on
it passes on unchanged. By hand: `python -m aetheris.testing.proxy --help`.
"""

from aetheris.testing.proxy.address import Address
from aetheris.testing.proxy.client import Proxy

__all__ = ["Address", "Proxy"]
