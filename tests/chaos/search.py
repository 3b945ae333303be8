"""Search: every state that a model can reach, breadth first, so that a counter-example is a shortest one."""

from collections import defaultdict, deque
from dataclasses import dataclass, field

from tests.chaos.model import FINAL, Rules, State, broken, moves, same


@dataclass
class Found:
    """How many states there are, the moves that lead to a broken one, and a state from which no end can be reached."""

    states: int = 0
    problem: str = ""
    trace: list[str] = field(default_factory=list)
    stuck: State | None = None
    moves: set[str] = field(default_factory=set)


def search(rules: Rules) -> Found:
    """Look at every state, up to the first that is broken."""
    first = State()
    came: dict[State, tuple[State, str] | None] = {first: None}
    before: defaultdict[State, list[State]] = defaultdict(list)
    found, ahead = Found(), deque([first])
    while ahead:
        state = ahead.popleft()
        if problem := broken(state, rules):
            return Found(len(came), problem, _trace(came, state))
        for name, reached in moves(state, rules):
            found.moves.add(name)
            after = same(reached)
            before[after].append(state)
            if after not in came:
                came[after] = (state, name)
                ahead.append(after)
    found.states = len(came)
    found.stuck = _stuck(came, before)
    if found.stuck is not None:
        found.trace = _trace(came, found.stuck)
    return found


def _trace(came: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    names = []
    while (step := came[state]) is not None:
        state, name = step
        names.append(name)
    return names[::-1]


def _stuck(came: dict[State, tuple[State, str] | None], before: dict[State, list[State]]) -> State | None:
    """A state from which no final one can be reached: a job that would stand still for ever."""
    ahead = [state for state in came if state.node in FINAL]
    reach = set(ahead)
    while ahead:
        for state in before[ahead.pop()]:
            if state not in reach:
                reach.add(state)
                ahead.append(state)
    return next((state for state in came if state not in reach), None)
