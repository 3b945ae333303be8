"""A tool's contract: everything that it declares, what follows doubt, and digests that are the same everywhere."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from aetheris.core import registry
from aetheris.core.canonical import digest, dumps, loads
from aetheris.core.durations import seconds, written
from aetheris.core.findings import DidNotHappen, Finding
from aetheris.core.handlers import Effect, Tool
from aetheris.core.tool_contract import contract, doubt_in_words, summary
from aetheris.tools.decorator import function, step, tool
from tests.docs.reading import ROOT


@pytest.fixture(autouse=True)
def _clean_registry() -> Iterator[None]:
    with ExitStack() as emptied:
        emptied.enter_context(registry.tools.emptied())
        yield


def pay(ctx: Any, order_id: str, tags: list[set[str]] = [{"b", "a", "c", "d"}]) -> dict[str, int]:  # noqa: B006
    """Pay it.

    In euros.
    """
    return {"cents": 1}


def declared(**options: Any) -> Tool:
    with registry.tools.emptied():
        return tool(**options)(pay)


def asked(ctx: Any, order_id: str, tags: Any) -> Finding:
    return DidNotHappen()


def test_it_holds_what_the_tool_declares() -> None:
    told = contract(declared(effect="idempotent", version="3", window="24h", timeout=20, settle="5m", queue="heavy"))
    assert {name: told[name] for name in told if not name.endswith(("schema", "sha256"))} == {
        "name": "pay",
        "version": "3",
        "description": "Pay it.",
        "effect": "idempotent",
        "after_doubt": "sent again under the same key within 1d, then shown as UNKNOWN",
        "window_seconds": 86400,
        "timeout_seconds": 20,
        "settle_seconds": 300,
        "queue": "heavy",
        "hooks": [],
    }
    assert told["arguments_schema"]["required"] == ["order_id"]
    assert told["result_schema"]["additionalProperties"] == {"type": "integer"}


def test_only_a_key_that_a_provider_keeps_has_a_window() -> None:
    assert contract(declared(effect="once"))["window_seconds"] is None


def test_every_digest_is_that_of_the_canonical_text() -> None:
    told = contract(declared())
    for name in ("arguments", "result"):
        assert told[f"{name}_sha256"] == digest(dumps(told[f"{name}_schema"])).hex()
    rest = {name: value for name, value in told.items() if name != "contract_sha256"}
    assert told["contract_sha256"] == digest(dumps(rest)).hex()
    assert loads(dumps(told)) == told


def test_the_summary_is_the_contract_without_its_schemas() -> None:
    told = contract(declared())
    del told["arguments_schema"], told["result_schema"]
    assert summary(declared()) == told


@pytest.mark.parametrize(
    ("effect", "hook", "words"),
    [
        ("pure", False, "run again, then failed"),
        ("read", False, "run again, then failed"),
        ("transactional", False, "run again, then shown as UNKNOWN"),
        ("idempotent", False, "sent again under the same key within 36h, then shown as UNKNOWN"),
        ("idempotent", True, "sent again under the same key within 36h, then asked, then shown as UNKNOWN"),
        ("verifiable", True, "asked, then shown as UNKNOWN"),
        ("once", False, "shown as UNKNOWN"),
        ("once", True, "shown as UNKNOWN"),
    ],
)
def test_what_follows_doubt(effect: str, hook: bool, words: str) -> None:
    one = declared(effect=effect, window="36h")
    if hook:
        one.reconcile(asked)
    assert doubt_in_words(one) == words
    assert contract(one)["hooks"] == (["reconcile"] if hook else [])


def other_arguments(ctx: Any, order_id: str) -> dict[str, int]:
    """Pay it."""
    return {}


def other_result(ctx: Any, order_id: str, tags: list[set[str]] = [{"b", "a", "c", "d"}]) -> str:  # noqa: B006
    """Pay it."""
    return ""


def test_whatever_is_declared_otherwise_has_another_digest() -> None:
    kept = {"effect": "idempotent", "name": "pay"}
    changes: list[dict[str, Any]] = [
        {}, {"effect": "once"}, {"name": "other"}, {"version": "2"}, {"timeout": 31}, {"window": "25h"}, {"settle": 1},
        {"queue": "heavy"},
    ]  # fmt: skip
    tools = [declared(**{**kept, **change}) for change in changes]
    asking = declared(**kept)
    asking.reconcile(asked)
    with registry.tools.emptied():
        tools += [asking, tool(effect="idempotent", name="pay")(other_arguments)]
    with registry.tools.emptied():
        tools.append(tool(effect="idempotent", name="pay")(other_result))
    assert len({contract(each)["contract_sha256"] for each in tools}) == len(tools)


IN_ANOTHER_PROCESS = """
import sys
from tests.aetheris.core.test_tool_contract import other_arguments, pay
from aetheris.core import registry
from aetheris.core.tool_contract import contract
from aetheris.tools.decorator import function, step, tool
for call in (pay, other_arguments)[:: int(sys.argv[1])]:
    tool(effect="idempotent")(call)
print(*(contract(each)["contract_sha256"] for each in registry.tools))
"""


def test_digests_are_the_same_in_every_process_and_order() -> None:
    """Sets are in another order under each seed; the names that schemas have, under each order of declaration."""

    def told(seed: str, order: str) -> str:
        command = [sys.executable, "-c", IN_ANOTHER_PROCESS, order]
        environ = {"PYTHONHASHSEED": seed}
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout

    tool(effect="idempotent")(pay)
    tool(effect="idempotent")(other_arguments)
    here = " ".join(contract(each)["contract_sha256"] for each in registry.tools)
    assert {told("1", "1"), told("2", "-1"), told("3", "1")} == {f"{here}\n"}


def test_what_has_no_canonical_form_is_told_as_text() -> None:
    def odd(ctx: Any, limit: float = float("inf"), many: int = 2**60) -> None: ...

    told = contract(tool(effect="read")(odd))
    assert told["arguments_schema"]["properties"]["limit"]["default"] == "inf"
    assert told["arguments_sha256"] == digest(dumps(told["arguments_schema"])).hex()
    assert told["description"] == ""


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"timeout": 0.0}, "timeout of 0 seconds"),
        ({"timeout": -1.0}, "timeout of -1 seconds"),
        ({"timeout": float("nan")}, "timeout of nan"),
        ({"window": 30.0}, "window of 30 seconds, which must be longer than its timeout of 30"),
        ({"window": float("nan")}, "window of nan"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused_at_the_start(changed: dict[str, Any], reason: str) -> None:
    one = declared(effect="idempotent", timeout=30)
    with pytest.raises(TypeError, match=f"pay has a {reason}"):
        replace(one, **changed).check()
    one.check()


async def asynchronous(ctx: Any) -> None: ...


async def without_ctx() -> None: ...


def test_what_cannot_be_awaited_is_refused_at_the_start() -> None:
    """Nobody would wait for it: its coroutine would be taken for its result."""
    tool(effect="read", name="can wait")(asynchronous).check()
    written_in_our_rows = tool(effect="transactional", name="cannot wait")(asynchronous)
    with registry.steps.emptied(), registry.functions.emptied():
        for each in (written_in_our_rows, step(asynchronous), function(without_ctx)):
            with pytest.raises(TypeError, match="cannot be async"):
                each.check()


def test_a_window_is_held_against_the_timeout_only_where_there_is_one() -> None:
    declared(effect=Effect.ONCE, window=1, timeout=30).check()


@pytest.mark.parametrize("text", ["1s", "90s", "15m", "36h", "7d", "0.5s", "3650d"])
def test_seconds_are_written_as_people_write_them(text: str) -> None:
    assert written(seconds(text)) == text


def test_the_largest_unit_that_fits_is_written() -> None:
    assert [written(each) for each in (60, 3600, 86400, 5400, 1234567)] == ["1m", "1h", "1d", "90m", "1234567s"]
