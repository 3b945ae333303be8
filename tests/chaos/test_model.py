"""The model of one effect holds in every state that can be reached, and does not when the engine is made worse."""

import pytest

from tests.chaos.model import Rules
from tests.chaos.search import search

AT_LEAST = {"transactional": 200, "idempotent": 30_000, "verifiable": 100_000, "once": 12_000}
"""A search that sees fewer states than this has become blind to something."""
MUST_HAPPEN = {
    "late": "worker 0 looks at the time",
    "doubt": "worker 0 gets no answer",
    "zombie": "worker 0 commits late",
    "recovery": "reclaim",
    "people": "a person: send again",
    "cancel": "cancel",
}


@pytest.mark.parametrize("effect", AT_LEAST)
def test_whatever_is_killed_stopped_or_lost_nothing_is_wrong_and_nothing_is_stuck(effect: str) -> None:
    found = search(Rules(effect))
    assert (found.problem, found.trace) == ("", [])
    assert found.stuck is None
    assert found.states >= AT_LEAST[effect]
    if effect != "transactional":
        assert set(MUST_HAPPEN.values()) <= found.moves


@pytest.mark.parametrize("effect", ["idempotent", "verifiable", "once"])
def test_only_a_stop_between_the_look_and_the_write_can_make_it_wrong(effect: str) -> None:
    """The residual risk that docs/guarantees.md names: nothing is wrong without it, as above, and every way to a wrong
    state goes through it."""
    found = search(Rules(effect, late_write=True))
    assert found.problem
    assert any("late write" in move for move in found.trace)


@pytest.mark.parametrize(
    ("worse", "problem"),
    [
        (Rules("once", checks_send_by=False), "I2: failed, and applied"),
        (Rules("once", checks_settled_by=False), "I2: failed, and applied"),
        (Rules("verifiable", checks_settled_by=False), "I2: failed, and applied"),
        (Rules("once", fences_send_again=False), "I2: failed, and applied"),
        (Rules("verifiable", checks_claim=False), "I2: final, and in doubt"),
        (Rules("idempotent", counts_settle_into_window=False), "I1: applied twice"),
        (Rules("verifiable", late_no_answers=False), "I4: asked about what is known"),
    ],
    ids=[
        "send_by is ignored",
        "settled_by is ignored by people",
        "settled_by is ignored by who asks",
        "sending again is not fenced",
        "the claim is not checked",
        "the window is not counted to the arrival",
        "a late no answers nothing",
    ],
)
def test_a_worse_engine_is_found_out(worse: Rules, problem: str) -> None:
    """Each rule is needed: without it there is a shortest way to a wrong state."""
    found = search(worse)
    assert found.problem == problem
    assert len(found.trace) > 5
