"""One address of the proxy, the server behind it, and the faults that were ordered for it."""

import asyncio
from collections.abc import Callable
from typing import Any

from aetheris.testing.proxy.address import Address
from aetheris.testing.proxy.link import Link

Note = Callable[..., None]


class Front:
    """Takes connections and makes one to the server for each. `note` is told of every fault when it is done."""

    def __init__(self, name: str, target: Address, note: Note, *, speaks_postgres: bool = False) -> None:
        self.name = name
        self.speaks_postgres = speaks_postgres
        self.delay = 0.0
        self._target = target
        self._note = note
        self._links: dict[int, Link] = {}
        self._taken = 0
        self._stalls_who_comes = False
        self._loses_what_stalls = False
        self._cuts: dict[str, int] = {}
        self._commit_cuts: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, address: Address) -> Address:
        """Begin; where."""
        return await address.listen(self._protocol)

    def _protocol(self) -> asyncio.Protocol:
        self._taken += 1
        return Link(self, self._taken).client

    def took(self, link: Link) -> None:
        """A client has connected: reach the server for it."""
        self._links[link.number] = link
        if self._stalls_who_comes:
            link.stall()
        task = asyncio.get_running_loop().create_task(self._reach(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reach(self, link: Link) -> None:
        try:
            await self._target.connect(lambda: link.server)
        except OSError:
            link.close()

    def lost(self, link: Link) -> None:
        self._links.pop(link.number, None)

    def did(self, fault: str, link: Link, **about: Any) -> None:
        """A fault has been done to this connection."""
        self._note(front=self.name, fault=fault, link=link.number, **about)

    def takes_cut(self, end: str) -> int | None:
        """Whether the connection that is about to send to this end is the one to be cut, and after how many bytes."""
        return self._cuts.pop(end, None)

    def takes_commit(self) -> str:
        """What happens to the COMMIT that is passing: nothing, or cut `before` it or `after` it."""
        return self._commit_cuts.pop(0) if self._commit_cuts else ""

    def order(self, do: str, **how: Any) -> dict[str, Any]:
        """Obey; the answer says how many connections are open. Raises `KeyError` and `TypeError` for what is none."""
        _ORDERS[do](self, **how)
        return {"links": len(self._links)}

    def order_pass(self) -> None:
        """All faults end, and what was ordered and has not come yet will not."""
        self.delay = 0.0
        self._cuts.clear()
        self._commit_cuts.clear()
        self._go_on()

    def order_delay(self, seconds: float) -> None:
        """Whatever is sent from now on, either way, arrives that much later."""
        self.delay = seconds
        self._note(front=self.name, fault="delay", seconds=seconds)

    def order_stall(
        self, seconds: float | None = None, share: float = 1.0, pick: float = 0.0, *, lost: bool = False
    ) -> None:
        """Connections stay open and carry nothing, for a while or until `pass`; then they go on, or are reset where
        what they were given meanwhile is to be `lost`. A share of one is all connections that there are and all that
        come; a smaller one is that part of those open now, from `pick` on."""
        self._stalls_who_comes = share >= 1.0
        self._loses_what_stalls = lost
        links = self._chosen(pick, max(1, round(share * len(self._links))))
        for link in links:
            link.stall()
        self._note(front=self.name, fault="stall", seconds=seconds, links=[link.number for link in links])
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        """All stalls of this front end together."""
        self._stalls_who_comes = False
        for link in [link for link in self._links.values() if link.is_stalled]:
            if self._loses_what_stalls:
                link.reset()
            else:
                link.go_on()

    def order_reset(self, pick: float | None = None) -> None:
        """Reset all connections; with `pick`, from 0 up to 1, the one that stands there."""
        for link in self._chosen(pick or 0.0, 1 if pick is not None else len(self._links)):
            self.did("reset", link)
            link.reset()

    def order_cut(self, after: int, toward: str = "server") -> None:
        """The connection that sends next to that end sends so many bytes more, and is over."""
        self._cuts[toward] = after

    def order_cut_commit(self, when: str, skip: int = 0, times: int = 1) -> None:
        """Let `skip` COMMITs pass and cut the next one, `before` the server gets it or `after`, before the client hears
        of it; and so on, as many times."""
        if when not in ("before", "after"):
            raise TypeError(f"a COMMIT is cut before or after, not {when!r}")
        self._commit_cuts = [*("" for _ in range(skip)), when] * times

    def _chosen(self, pick: float, how_many: int) -> list[Link]:
        links = list(self._links.values())
        first = int(pick * len(links))
        return (links[first:] + links[:first])[:how_many]


_ORDERS: dict[str, Callable[..., None]] = {
    name.removeprefix("order_"): order for name, order in vars(Front).items() if name.startswith("order_")
}
