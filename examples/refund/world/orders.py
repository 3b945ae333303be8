"""The order service: `GET /orders/<id>` over the table in `orders.csv`, and `GET /log` with its requests."""

import csv
from pathlib import Path

from examples.refund.world.journal import Journal
from examples.refund.world.serving import Reply, Request, refusal, serve

TABLE = Path(__file__).with_name("orders.csv")

Order = dict[str, str]


def table() -> dict[str, Order]:
    """Every order by its id. Amounts stay the text that the file holds: money is never a float."""
    with TABLE.open(newline="") as file:
        return {row["order_id"]: row for row in csv.DictReader(file)}


class OrderService:
    """Reads only: however often it is asked, nothing changes but its log."""

    def __init__(self, orders: dict[str, Order], journal: Journal) -> None:
        self._orders = orders
        self._journal = journal

    def answer(self, request: Request) -> Reply:
        folder, _, order_id = request.path.removeprefix("/").partition("/")
        match request.method, folder:
            case "GET", "log":
                return Reply(200, {"requests": len(self._journal.lines())})
            case "GET", "orders":
                return self._look_up(order_id)
            case _:
                return refusal(404, "NOT_FOUND", "There are /orders/<id> and /log.")

    def _look_up(self, order_id: str) -> Reply:
        order = self._orders.get(order_id)
        self._journal.append({"order_id": order_id, "found": order is not None})
        if order is None:
            return refusal(404, "ORDER_NOT_FOUND", f"There is no order {order_id}.")
        return Reply(200, order)


if __name__ == "__main__":
    serve("orders", OrderService(table(), Journal.named("orders")).answer)
