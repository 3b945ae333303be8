"""The clients: each orders, repeats what was not answered under the same key, and does what belongs to its order."""

import threading
from collections.abc import Callable

from tests.chaos.soak.door import Door, GivenUp
from tests.chaos.soak.orders import Order, orders

AGENT = "shopper"
REST_SECONDS = 0.5
Ordered = dict[str, Order]


class Client(threading.Thread):
    """Orders while there is `room`, until the `chaos` is over; then it ends what it has begun.

    `ordered` is shared by all: job → what was ordered. `problems` takes what is wrong with an answer.
    """

    def __init__(
        self,
        stream: tuple[int, int, float],
        door: Door,
        room: Callable[[], bool],
        chaos_is_over: threading.Event,
        ordered: Ordered,
        problems: list[str],
    ) -> None:
        super().__init__(name=f"client-{stream[1]}", daemon=True)
        self._orders = orders(*stream)
        self._door = door
        self._room = room
        self._chaos_is_over = chaos_is_over
        self._ordered = ordered
        self._problems = problems

    def run(self) -> None:
        try:
            while not self._chaos_is_over.wait(REST_SECONDS):
                if self._room():
                    self._place(next(self._orders))
        except GivenUp as error:
            self._problems.append(f"{self.name} was never answered at {error}")
        except Exception as error:
            self._problems.append(f"{self.name} broke off: {error!r}")
            raise

    def _place(self, order: Order) -> None:
        job = self._door.submit(AGENT, order.goal, order.key)
        self._ordered[job] = order
        if order.repeats and (again := self._door.submit(AGENT, order.goal, order.key)) != job:
            self._problems.append(f"{order.key} is {job} and {again}")
        if order.kind == "cancel":
            self._chaos_is_over.wait(order.after)
            self._door.stop(job)
        elif order.kind == "wait" and order.agrees:
            self._chaos_is_over.wait(order.after)
            self._door.signal(job, "answer", {"came": True})
