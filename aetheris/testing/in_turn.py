"""Answers that are given one after the other, and are missed loudly when there are none left."""

from typing import Any


class InTurn:
    """Gives one answer for each call. The call after the last one raises, and so does `check` from then on: the engine
    takes whatever a tool or a model raises for doubt, so that nobody else would say that the script was too short."""

    def __init__(self, *answers: Any) -> None:
        self.left = list(answers)
        self._missed: list[str] = []

    def __call__(self, question: object = "") -> Any:
        if self.left:
            return self.left.pop(0)
        self._missed.append(str(question))
        raise AssertionError(self._told())

    def check(self) -> None:
        """Raise `AssertionError` if there was a call too many."""
        if self._missed:
            raise AssertionError(self._told())

    def _told(self) -> str:
        return f"The script is over, and was asked {len(self._missed)} more: {'; '.join(self._missed)[:500]}"


def in_turn(*answers: Any) -> InTurn:
    """A tool's answers, one for each call; an error among them is raised, a function is called."""
    return InTurn(*answers)
