"""Ids and randomness: one seam, so that tests can make both repeatable."""

import os
import time
import uuid
from datetime import datetime

random_bytes = os.urandom


def random_fraction() -> float:
    """A number from 0 to below 1."""
    return int.from_bytes(random_bytes(6), "big") / 2**48


def new_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then random bits; ids made later sort later."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(random_bytes(10), "big")
    value = (milliseconds & (2**48 - 1)) << 80
    value |= 0x7 << 76 | (noise >> 68) << 64
    value |= 0b10 << 62 | noise & (2**62 - 1)
    return uuid.UUID(int=value)


def first_id(at: datetime) -> uuid.UUID:
    """What no id that was made at this moment or later is smaller than."""
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80)
