"""Processes whose clock on the wall is wrong, by libfaketime. What counts seconds in them is right."""

from importlib.util import find_spec
from pathlib import Path


def off_by(offset: str) -> dict[str, str]:
    """The environment of a process whose clock is off by this much, like `+1h`; of an ordinary one without."""
    if not offset:
        return {}
    found = find_spec("libfaketime")
    assert found is not None
    assert found.origin is not None
    library = Path(found.origin).parent / "vendor/libfaketime/src/libfaketime.so.1"
    assert library.is_file(), f"{library} is not there: make the environment anew, it is compiled then"
    return {"LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
