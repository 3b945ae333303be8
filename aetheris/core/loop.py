"""One event loop a process, in a thread of its own, for tools that are `async def`."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any


def run(call: Coroutine[Any, Any, Any], seconds: float) -> Any:
    """Wait for an async call from an ordinary thread. At its time limit it is really cancelled, and `TimeoutError`
    raised."""

    async def limited() -> Any:
        async with asyncio.timeout(seconds):
            return await call

    return asyncio.run_coroutine_threadsafe(limited(), _loop()).result()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="async-tools", daemon=True).start()
    return loop


os.register_at_fork(after_in_child=_loop.cache_clear)
