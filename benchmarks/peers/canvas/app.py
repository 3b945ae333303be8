"""The tasks: `celery -A benchmarks.peers.canvas.app worker`."""

from celery import Celery

from benchmarks.measure import loops, marks
from benchmarks.measure.environ import BROKER

app = Celery("bench", broker=BROKER, backend=f"{BROKER}?virtual_host=1")
app.conf.update(task_acks_late=True, broker_connection_retry_on_startup=True)


@app.task
def one() -> dict[str, bool]:
    return {"ok": True}


@app.task
def first(name: str) -> dict[str, bool]:
    marks.mark("first", name)
    return {"ok": True}


@app.task
def done(name: str) -> dict[str, bool]:
    marks.mark("done", name)
    return {"ok": True}


@app.task
def slow(name: str) -> None:
    loops.slow_step(name)
