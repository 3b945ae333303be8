"""The same payment in each effect class. How the world treats a call is an argument of it: `plain`, `flaky` (the first
is refused), `slow` (the first is not answered in time), `keyless` (no key is known again), `cancelled`, `long`."""

import time
from typing import Any

from aetheris import DidNotHappen, Happened, NotApplied, ToolContext, tool
from aetheris.core.handlers import Effect, Tool
from aetheris.testing.crash_matrix.world import here

MODES = {Effect.IDEMPOTENT: "keyed", Effect.VERIFIABLE: "lookup", Effect.ONCE: "keyless"}
SLOW_SECONDS = 0.8
PATIENCE_SECONDS = 0.3
"""How long the payment waits for a provider that will be slow; else as long as it may."""


def before_the_call(ctx: ToolContext, how: str) -> bool:
    """What the world does first; whether this is the first call of the step."""
    first = here.note(ctx.job_id, ctx.node) == 0
    if how == "cancelled" and first:
        here.aside("cancel")
    while how == "long" and not here.renewed():
        time.sleep(0.01)
    return first


def post(ctx: ToolContext, effect: Effect, how: str) -> dict[str, Any]:
    """Pay, under the key of the effect."""
    first = before_the_call(ctx, how)
    mode = {"flaky": "refuse", "slow": "slow"}.get(how, MODES[effect]) if first else MODES[effect]
    mode = "keyless" if how == "keyless" else mode
    answer = ctx.http.post(
        f"{here.url}/{mode}",
        json={"job": str(ctx.job_id), "step": ctx.node, "seconds": SLOW_SECONDS},
        headers={"Idempotency-Key": ctx.idempotency_key},
        **({"timeout": PATIENCE_SECONDS} if mode == "slow" else {}),
    )
    if answer.status_code == 422:
        raise NotApplied("The provider refused.")
    return {"effect": answer.raise_for_status().json()["effect"]}


def ask(ctx: ToolContext, key: str) -> list[str]:
    """What happened under a key."""
    answer = ctx.http.get(f"{here.url}/effects", params={"key": key}).raise_for_status().json()
    effects: list[str] = answer["effects"]
    return effects


@tool(effect="read")
def read_payment(ctx: ToolContext, how: str) -> dict[str, Any]:
    first = before_the_call(ctx, how)
    found = ask(ctx, ctx.idempotency_key)
    if first and how == "flaky":
        raise NotApplied("The provider refused.")
    if first and how == "slow":
        raise TimeoutError("The provider was silent.")
    return {"effect": found}


@tool(effect="transactional")
def transactional_payment(ctx: ToolContext, how: str) -> dict[str, Any]:
    """A row of our own, named after its job and step. The database may be silent too."""
    from tests.chaos.matrix.shop import rows

    first = before_the_call(ctx, how)
    rows.write(str(ctx.job_id), ctx.node)
    if first and how == "slow":
        raise TimeoutError("The database was silent.")
    if first and how == "flaky":
        raise NotApplied("The row was not wanted.")
    return {"effect": "row"}


@tool(effect="idempotent")
def idempotent_payment(ctx: ToolContext, how: str) -> dict[str, Any]:
    return post(ctx, Effect.IDEMPOTENT, how)


@idempotent_payment.verify
def is_still_paid(ctx: ToolContext, recorded: dict[str, Any], how: str) -> None:
    """The provider is asked under a name that is no effect's."""
    ask(ctx, f"verify {ctx.idempotency_key}")


@tool(effect="verifiable", settle=1)
def verifiable_payment(ctx: ToolContext, how: str) -> dict[str, Any]:
    return post(ctx, Effect.VERIFIABLE, how)


@verifiable_payment.reconcile
def find_payment(ctx: ToolContext, how: str) -> Happened | DidNotHappen:
    found = ask(ctx, ctx.idempotency_key)
    return Happened({"effect": found[0]}) if found else DidNotHappen()


@tool(effect="once", settle=1)
def once_payment(ctx: ToolContext, how: str) -> dict[str, Any]:
    return post(ctx, Effect.ONCE, how)


@tool(effect="read")
def look(ctx: ToolContext) -> dict[str, Any]:
    ask(ctx, ctx.idempotency_key)
    return {"amount": "7"}


PAYMENTS: dict[Effect, Tool] = {
    each.effect: each
    for each in (read_payment, transactional_payment, idempotent_payment, verifiable_payment, once_payment)
}
