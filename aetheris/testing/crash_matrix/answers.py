"""Providers, by what they do with each call."""

from collections.abc import Callable
from enum import StrEnum


class Answer(StrEnum):
    """What a provider does with one call."""

    OK = "ok"
    REFUSED = "refused"
    """It says that it has not done it, and may be asked again."""
    NONE = "none"
    """It does it, and says nothing in time. What writes our own database is taken back instead."""


Answers = Callable[[int], Answer]
"""What the provider does with a call, by how many calls of the step there were before."""


def always(call: int) -> Answer:
    return Answer.OK


def at_first(answer: Answer) -> Answers:
    """A provider whose first answer is this one, and that is well from then on."""
    return lambda before: answer if before == 0 else Answer.OK
