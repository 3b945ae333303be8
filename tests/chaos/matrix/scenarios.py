"""The scenarios: shapes of a job, ways of the world, effect classes; and which blows each of them takes."""

from collections.abc import Iterator
from dataclasses import replace

from aetheris.core.handlers import Effect
from aetheris.testing.crash_matrix.actor import Actor, of_a_client
from aetheris.testing.crash_matrix.answers import Answer, at_first
from aetheris.testing.crash_matrix.scenario import Act, Blow, Scenario
from jobs.engine.sweep import DOORBELL_PATIENCE
from tests.chaos.matrix.shop import rows
from tests.chaos.matrix.shop.agents import BRANCHES, DEADLINE_SECONDS, KEY, WAIT_SECONDS

CLASSES = (Effect.READ, Effect.TRANSACTIONAL, Effect.IDEMPOTENT, Effect.VERIFIABLE, Effect.ONCE)

Acts = tuple[tuple[str, Act], ...]
submit = ("submit", of_a_client(Actor.submit))
work: tuple[str, Act] = ("work", Actor.work)
people: tuple[str, Act] = ("people", Actor.answer_doubt)


def _approve(actor: Actor) -> None:
    actor.signal(KEY, {"approved": True})


def _signal(actor: Actor) -> None:
    actor.signal(KEY, {"news": "good"})


def _pass_the_wait(actor: Actor) -> None:
    actor.let_pass(WAIT_SECONDS + 1)


approve = ("approve", of_a_client(_approve))
signal = ("signal", of_a_client(_signal))
cancel = ("cancel", of_a_client(Actor.cancel))
pass_the_wait = ("wait", _pass_the_wait)
sweep = ("sweep", Actor.sweep)


def _write(actor: Actor) -> None:
    actor.write_to(KEY, {"news": "good"})


def _lose_the_doorbell(actor: Actor) -> None:
    actor.let_pass(DOORBELL_PATIENCE.total_seconds() + 1)


def _pass_the_deadline(actor: Actor) -> None:
    actor.let_pass(DEADLINE_SECONDS + 1)


write = ("write", of_a_client(_write))
lose_the_doorbell = ("lose", _lose_the_doorbell)
pass_the_deadline = ("wait", _pass_the_deadline)

SHAPES = {
    "simple": Scenario("simple", "simple", "{} plain", (submit, work, people), {"pay": Effect.ONCE}),
    "refund": Scenario("refund", "refund", "{} plain", (submit, work, approve, work, people), {"pay": Effect.ONCE}),
    "retry": Scenario(
        "retry", "simple", "{} flaky", (submit, work, people), {"pay": Effect.ONCE}, at_first(Answer.REFUSED)
    ),
    "timeout": Scenario(
        "timeout", "simple", "{} slow", (submit, work, people), {"pay": Effect.ONCE}, at_first(Answer.NONE)
    ),
    "parallel": Scenario(
        "parallel", "parallel", "{} plain", (submit, work, people), dict.fromkeys(BRANCHES, Effect.ONCE)
    ),
    "cancel": Scenario(
        "cancel", "simple", "{} cancelled", (submit, work, cancel, work, people), {"pay": Effect.ONCE}, None,
        ends=("cancelled", "completed"), asides={"cancel": of_a_client(Actor.cancel)},
    ),
    "signal": Scenario(
        "signal", "race", "{} plain", (submit, work, signal, pass_the_wait, sweep, work, people), {"pay": Effect.ONCE}
    ),
    "too-late": Scenario(
        "too-late", "race", "{} plain", (submit, work, pass_the_wait, signal, sweep, work, people),
        {"pay": Effect.ONCE},
    ),
    "checked": Scenario(
        "checked", "checked", "{} plain", (submit, work, signal, work, people), {"pay": Effect.ONCE}
    ),
    "step": Scenario("step", "stepper", "{} plain", (submit, work, people), {"pay#pay": Effect.ONCE}),
}  # fmt: skip
"""Shape → its scenario, of whatever class."""
LEFT_OUT = {
    "step": {Effect.TRANSACTIONAL},  # it takes a node of its own
    "checked": set(CLASSES) - {Effect.IDEMPOTENT},  # the one tool that can be held against the world
}
LONG_LEASE_SECONDS = 3.0


def _of_class(shape: Scenario, effect: Effect) -> Scenario:
    return replace(
        shape,
        name=f"{shape.name}-{effect.value}",
        goal=shape.goal.format(effect.value),
        steps=dict.fromkeys(shape.steps, effect),
        rows=rows.steps_of,
    )


def _all() -> Iterator[Scenario]:
    for shape in SHAPES.values():
        for effect in CLASSES:
            if effect not in LEFT_OUT.get(shape.name, ()):
                yield _of_class(shape, effect)
    of_others = {"pay": Effect.IDEMPOTENT}
    yield Scenario("mailbox", "mailbox", "idempotent plain", (submit, work, write, work, people), of_others)
    yield Scenario(
        "lost-bell", "simple", "idempotent plain", (submit, lose_the_doorbell, sweep, work, people), of_others
    )
    yield Scenario(
        "overdue", "overdue", "idempotent plain", (submit, work, pass_the_deadline, sweep, people), of_others, None,
        ends=("failed",),
    )  # fmt: skip
    yield Scenario(
        "timed-out", "race", "idempotent plain", (submit, work, pass_the_wait, sweep, signal, work, people), of_others
    )
    yield Scenario("llm", "thinker", "think", (submit, work, people), {"decide": Effect.READ})
    # A short lease, so that it is extended while the tool is called.
    yield replace(
        _of_class(SHAPES["simple"], Effect.IDEMPOTENT),
        name="long-idempotent", goal="idempotent long", lease_seconds=LONG_LEASE_SECONDS,
    )  # fmt: skip


SCENARIOS = {scenario.name: scenario for scenario in _all()}
DOUBLES = ("refund-idempotent", "simple-once", "refund-once")
"""Those that are killed twice, at each pair of places."""
OTHER_BLOWS = {
    blow: ("refund-idempotent", "refund-verifiable", "simple-once", "simple-transactional")
    for blow in Blow
    if blow is not Blow.KILL
}
"""Blow → those that take it as well."""
LIAR = replace(_of_class(SHAPES["simple"], Effect.IDEMPOTENT), name="liar", goal="idempotent keyless")
"""Its tool says that its provider knows a key again, which it does not: shows that a cell can be red."""
