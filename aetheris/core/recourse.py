"""Recourse: what may follow when it is not known whether an effect happened, by what its tool declared."""

from collections.abc import Collection
from enum import StrEnum

from aetheris.core.handlers import Effect


class Recourse(StrEnum):
    """What may follow when it is not known whether an effect happened."""

    SEND = "send"
    """It is sent again under the same key, or simply run again."""
    ASK = "ask"
    """Its tool asks the provider first."""
    SHOW = "show"
    """Nobody can find out but a person."""


def after_doubt(effects: Collection[Effect], *, shown: bool, key_lasts: bool, can_ask: bool) -> Recourse:
    """What may follow for an effect that was declared as each of `effects`: the strictest counts. `shown`: people have
    been asked already; `key_lasts`: its provider surely still knows the key; `can_ask`: its tool has a hook."""
    if Effect.ONCE in effects and not shown:
        return Recourse.SHOW
    # Rows of our own know no key of a provider's.
    forgotten = Effect.IDEMPOTENT in effects and (not key_lasts or Effect.TRANSACTIONAL in effects)
    if not (shown or forgotten or Effect.VERIFIABLE in effects):
        return Recourse.SEND
    return Recourse.ASK if can_ask else Recourse.SHOW
