"""A model that answers from a script and remembers what it was asked. It is a script, not an LLM."""

from collections.abc import Callable
from typing import Any

from aetheris.core.canonical import dumps
from aetheris.core.handlers import ModelAnswer, ModelRequest
from aetheris.testing.in_turn import InTurn

Answer = Any
"""A text; data, which is said as JSON; an error, which is raised; or a function of the `ModelRequest`."""


class ScriptedModel:
    """Answers in turn; then, and for ever, by `rule` where there is one. `asked` are the requests that it was sent."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[ModelRequest] = []
        self.rule: Callable[[ModelRequest], Answer] | None = None
        self._script = InTurn(*answers)

    def answers(self, *more: Answer) -> None:
        """Add to the script."""
        self._script.left += more

    def complete(self, request: ModelRequest) -> ModelAnswer:
        self.asked.append(request)
        answer: Answer = self.rule if self.rule and not self._script.left else self._script(request.prompt)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, ModelAnswer):
            return answer
        text = answer if isinstance(answer, str) else dumps(answer)
        return ModelAnswer(text, model="a-script-not-an-llm", prompt_tokens=3, completion_tokens=1)

    def check(self) -> None:
        """Raise `AssertionError` if it was asked more than its script answers."""
        self._script.check()


def half(answer: Answer) -> str:
    """The first half of an answer: what is left of it when the connection ends in its middle."""
    text = answer if isinstance(answer, str) else dumps(answer)
    return text[: len(text) // 2]
