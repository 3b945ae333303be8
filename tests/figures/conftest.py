"""How a figure is shown, and the instance that it is measured on: as `aetheris up` makes it, with its defaults."""

from collections.abc import Iterator
from typing import Protocol

import pytest

from tests.e2e.conftest import Running


class Figure(Protocol):
    """Shows what was measured in a line of its own. A test that missed a limit fails when all its lines are shown."""

    def __call__(self, name: str, measured: float, limit: float, unit: str = "") -> None: ...


@pytest.fixture
def figure(capsys: pytest.CaptureFixture[str]) -> Iterator[Figure]:
    missed = []

    def show(name: str, measured: float, limit: float, unit: str = "") -> None:
        verdict = "ok" if measured <= limit else "MISSED"
        with capsys.disabled():
            print(f"\n{name}: {measured:.2f} {unit}, limit {limit:.2f}, {verdict}".replace(" ,", ","), end=" ")
        if measured > limit:
            missed.append(name)

    yield show
    assert missed == []


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One instance for a file of figures; its `OPTIONS` go to `aetheris up`."""
    instance = Running(tmp_path_factory.mktemp("instance"), *getattr(request.module, "OPTIONS", ()))
    instance.up()
    yield instance
    instance.down()
