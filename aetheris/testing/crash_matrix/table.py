"""The kill table of docs/guarantees.md as a program: how an effect stands at rest, by how the last kill has left it."""

from aetheris.core.handlers import Effect
from aetheris.testing.crash_matrix.answers import Answer, Answers, always
from aetheris.testing.crash_matrix.seen import StepSeen


def at_rest(effect: Effect, left: StepSeen, answers: Answers = always) -> StepSeen:
    """How the effect stands once another worker has gone on, and before any person has spoken."""
    walk = _Walk(effect, left, answers)
    while walk.goes_on():
        pass
    return StepSeen(walk.calls, walk.requests, walk.applied, walk.asked, tuple(walk.entries))


class _Walk:
    """What follows, move by move."""

    def __init__(self, effect: Effect, left: StepSeen, answers: Answers) -> None:
        self.calls, self.requests, self.applied, self.asked = left.calls, left.requests, left.applied, left.asked
        self.entries = list(left.entries)
        self._effect = effect
        self._answers = answers

    def goes_on(self) -> bool:
        """Make the next move; False when there is none."""
        state, sends = self._live()
        if state == "failed":
            self.entries.append("started 1")
            self._call()
        elif state != "started":
            return False
        elif self._effect is Effect.ONCE:
            self._settle("unknown")
        elif self._effect is Effect.VERIFIABLE:
            self.asked = True
            self._settle("committed" if self.applied else "failed")
        else:
            self.entries[-1] = f"started {sends + 1}"
            self._call()
        return True

    def _live(self) -> tuple[str, int]:
        state, sends = self.entries[-1].split() if self.entries else ("failed", "0")
        return state, int(sends)

    def _settle(self, state: str) -> None:
        self.entries[-1] = f"{state} {self._live()[1]}"

    def _call(self) -> None:
        answer = self._answers(self.calls)
        self.calls += 1
        if self._effect is Effect.TRANSACTIONAL:
            self.requests += answer is Answer.OK
        else:
            self.requests += 1
        happened = self._effect.writes and answer is not Answer.REFUSED
        if happened and (self._effect is not Effect.TRANSACTIONAL or answer is Answer.OK):
            self.applied = 1 if self._effect is not Effect.ONCE else self.applied + 1
        if answer is Answer.OK:
            self._settle("committed")
        elif self._effect is Effect.TRANSACTIONAL or (answer is Answer.REFUSED and self._live()[1] == 1):
            self._settle("failed")
