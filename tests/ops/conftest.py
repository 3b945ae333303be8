"""Each test of this room is marked `ops`; servers of the distribution for it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aetheris.services.binaries import find_postgres
from tests.ops import servers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ops)


@pytest.fixture(scope="session")
def room() -> Iterator[Path]:
    """A folder that servers may enter whoever they run as."""
    with tempfile.TemporaryDirectory(prefix="aetheris-ops-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def postgres_15(room: Path) -> Iterator[str]:
    with servers.postgres(room / "postgres-15", servers.DEBIAN_POSTGRES) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_18(room: Path) -> Iterator[str]:
    """With `fsync` on, as the gate wants it."""
    with servers.postgres(room / "postgres-18", find_postgres(room / "none"), fsync=True) as url:
        yield url


@pytest.fixture(scope="session")
def redis_7(room: Path) -> Iterator[str]:
    with servers.redis(room / "redis") as url:
        yield url


@pytest.fixture(scope="session")
def broker() -> str:
    """The Valkey of this test run."""
    return os.environ["AETHERIS_BROKER_URL"]
