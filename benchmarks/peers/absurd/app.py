"""A worker, `python -m benchmarks.peers.absurd.app`. A task may not wait for one of its own queue: children have a
queue of their own, which a second thread serves when `BENCH_CHILDREN` is set."""

import os
import threading
from typing import Any

from absurd_sdk import Absurd

from benchmarks.measure import loops, marks
from benchmarks.measure.apps import is_up

MAIN, CHILDREN = "main", "children"
CONCURRENCY = int(os.environ.get("BENCH_CONCURRENCY", "1"))


def one() -> dict[str, bool]:
    return {"ok": True}


def noted(what: str, name: str) -> dict[str, bool]:
    marks.mark(what, name)
    return {"ok": True}


def main_queue() -> Absurd:
    app = Absurd(os.environ["BENCH_URL"], queue_name=MAIN)

    @app.register_task("chain")
    def chain(given: dict[str, Any], ctx: Any) -> Any:
        for _ in range(given["size"] - 1):
            ctx.step("one", one)
        return ctx.step("done", lambda: noted("done", given["name"]))

    @app.register_task("long")
    def long(given: dict[str, Any], ctx: Any) -> Any:
        ctx.step("first", lambda: noted("first", given["name"]))
        for _ in range(given["size"] - 2):
            ctx.step("one", one)
        return ctx.step("done", lambda: noted("done", given["name"]))

    @app.register_task("fan")
    def fan(given: dict[str, Any], ctx: Any) -> Any:
        ctx.step("first", one)
        children = ctx.step("spawn", lambda: [_spawned(app, number) for number in range(given["size"])])
        for child in children:
            ctx.await_task_result(child, queue_name=CHILDREN)
        return ctx.step("done", lambda: noted("done", given["name"]))

    @app.register_task("parked")
    def parked(given: dict[str, Any], ctx: Any) -> Any:
        marks.mark("parked", given["name"])
        ctx.await_event(f"go-{given['name']}")
        return ctx.step("done", lambda: noted("done", given["name"]))

    @app.register_task("killed")
    def killed(given: dict[str, Any], ctx: Any) -> Any:
        ctx.step("one", one)
        ctx.step("slow", lambda: loops.slow_step(given["name"]))
        return ctx.step("done", lambda: noted("done", given["name"]))

    return app


def _spawned(app: Absurd, number: int) -> str:
    return str(app.spawn("branch", {"number": number}, queue=CHILDREN)["task_id"])


def children_queue() -> Absurd:
    app = Absurd(os.environ["BENCH_URL"], queue_name=CHILDREN)

    @app.register_task("branch")
    def branch(given: dict[str, Any], ctx: Any) -> Any:
        return ctx.step("one", one)

    return app


if __name__ == "__main__":
    if "BENCH_CHILDREN" in os.environ:
        children = children_queue()
        threading.Thread(target=lambda: children.start_worker(concurrency=CONCURRENCY), daemon=True).start()
    app = main_queue()
    is_up()
    app.start_worker(concurrency=CONCURRENCY)
