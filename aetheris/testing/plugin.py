"""The fixtures of the test kit: `-p aetheris.testing.plugin` in a project's pytest options; nobody else pays.

`runtime` runs agents, `world` stands in for what their tools reach, `model` for LLMs, `clock` is the time, and
`crash_matrix` tells which effect class a tool deserves. It also brings the servers (`aetheris.testing.services`), and
needs pytest-django. The ini option `aetheris_apps` names the Django apps where agents and tools live.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from aetheris.testing.fake_world import FakeWorld
from aetheris.testing.scripted_model import ScriptedModel
from aetheris.testing.sink_process import SinkProcess

if TYPE_CHECKING:
    from aetheris.testing.crashes import CrashMatrix
    from aetheris.testing.doorbells import Doorbells
    from aetheris.testing.registering import Registered
    from aetheris.testing.runtime import Runtime
    from aetheris.testing.virtual_clock import VirtualClock

pytest_plugins = ("aetheris.testing.services",)

_real_name = pytest.StashKey[str]()
LONGEST_SEED = 10**6


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("aetheris")
    group.addoption("--aetheris-seed", type=int, help="order and repetition of doorbells as in an earlier run")
    parser.addini("aetheris_apps", "Django apps with agents, tools and models of yours", type="args", default=[])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Around pytest-django's own hook of this name, which reads the settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aetheris.settings")
    if apps := early_config.getini("aetheris_apps"):
        os.environ["AETHERIS_APPS"] = ",".join(apps)
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    if config.option.aetheris_seed is None:
        config.option.aetheris_seed = random.randrange(LONGEST_SEED)  # noqa: S311


def pytest_sessionstart(session: pytest.Session) -> None:
    from django.conf import settings

    session.config.stash[_real_name] = settings.DATABASES["default"]["NAME"]


@pytest.fixture(scope="session")
def _test_database(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """pytest-django makes a database only for tests that carry its own marks."""
    from django.db import connection
    from django.test.utils import setup_databases, teardown_databases

    if connection.settings_dict["NAME"] != request.config.stash[_real_name]:
        yield
        return
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, aliases={"default": None})
        # What migrations set for the role holds in sessions that begin after them.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # the stubs do not know it
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture
def database(_test_database: None, django_db_blocker: Any) -> Iterator[None]:
    """The database with real commits, so that other connections and processes see them; emptied after the test."""
    from django.db import connection

    from aetheris.testing.querysets import empty

    with django_db_blocker.unblock():
        yield
        empty()
        connection.close()


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """What decides about order and repetition in this test; a failure tells how to have the same again."""
    seed = request.config.option.aetheris_seed
    request.node.add_report_section("call", "aetheris", f"the same order again: --aetheris-seed {seed}")
    return Random(f"{seed} {request.node.nodeid}")  # noqa: S311


@pytest.fixture
def doorbells(database: None, chance: Random) -> "Iterator[Doorbells]":
    """Doorbells are collected instead of sent; `drain()` answers them as workers would, in an order of chance, some of
    them more than once."""
    from aetheris.testing.doorbells import Doorbells

    bells = Doorbells(chance)
    with bells.collected():
        yield bells


@pytest.fixture
def registered() -> "Iterator[Registered]":
    """No agent, tool, function, step or model but what this test registers: `registered.agent(plan, *handlers)`."""
    from aetheris.testing.registering import Registered

    handlers = Registered()
    yield handlers
    handlers.restore()


@pytest.fixture
def world() -> Iterator[FakeWorld]:
    """A world outside, in memory: `world.fake(tool, answer)`, then `world.calls`."""
    fake = FakeWorld()
    yield fake
    fake.restore()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedModel]:
    """What every model says in this test: `model.answers(…)`. No LLM is asked."""
    from aetheris.conf import configuration
    from aetheris.testing.registering import every_model_is

    monkeypatch.setattr(configuration(), "model", configuration().model or "script:a-script-not-an-llm")
    script = ScriptedModel()
    with every_model_is(script):
        yield script


@pytest.fixture
def clock(database: None) -> "Iterator[VirtualClock]":
    """A clock that a test can advance."""
    from aetheris.testing.virtual_clock import VirtualClock

    shifted = VirtualClock()
    yield shifted
    shifted.reset()


@pytest.fixture
def whole(database: None) -> Iterator[None]:
    """After the test, whatever state its jobs are in: rows, counters, chain and events tell the same story."""
    from aetheris.testing.wholeness import assert_all_whole

    yield
    assert_all_whole()


@pytest.fixture
def runtime(
    doorbells: "Doorbells", clock: "VirtualClock", world: FakeWorld, model: ScriptedModel, whole: None
) -> "Iterator[Runtime]":
    """Runs jobs in this process, on a real database: `runtime.submit(agent, message)`, `runtime.advance("24h")`. After
    the test all of its jobs must be whole, and all invariants must hold."""
    from aetheris.testing.runtime import Runtime
    from aetheris.testing.wholeness import assert_invariants

    clock.stand_still()
    yield Runtime(doorbells, clock, checks=(world.check, model.check))
    assert_invariants()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[SinkProcess]:
    """A payment provider that writes each request to the disk before it answers: `sink.url`, `sink.applied()`."""
    process = SinkProcess(tmp_path / "sink.ndjson")
    yield process
    process.end()


@pytest.fixture
def crash_matrix(runtime: "Runtime") -> "CrashMatrix":
    """`crash_matrix(tool, arguments, applied=…)` kills processes around and in the middle of a call of this tool, and
    says which effect class it deserves."""
    from aetheris.testing.crashes import CrashMatrix

    return CrashMatrix(runtime)
