"""W1 to W7 on Restate."""

from benchmarks.measure import loops, marks
from benchmarks.measure.driver import drive, tell
from benchmarks.peers.restate.server import SUBMITTERS, Server

MODE = f"1 server, 2 processes, {SUBMITTERS} submitters"
WATCHED = 60.0


def warmed() -> Server:
    server = Server()
    loops.run(_sized(server, "chain", loops.STEPS), 20)
    return server


def _sized(server: Server, handler: str, size: int = 1) -> loops.Act:
    return lambda name: server.submit(handler, name, size)


def w1(jobs: int = 800) -> None:
    server = warmed()
    tell("w1", MODE, **loops.throughput(server.meter(), _sized(server, "chain", loops.STEPS), jobs))


def w2(*at_once: int) -> None:
    server = warmed()
    loops.run(_sized(server, "fan", loops.WIDTH), 1)
    for count in at_once or (1, 20):
        tell("w2", MODE, **loops.fan_out(server.meter(), _sized(server, "fan", loops.WIDTH), count))


def w3(jobs: int = 100) -> None:
    """Those that a process still holds, and those that none does."""
    server = warmed()
    for handler, service in (("held", "Bench"), ("parked", "Suspended")):
        marks.forget()
        for number in range(jobs):
            server.send(handler, f"job-{number}", service=service)
        marks.await_marks(jobs, loops.PATIENCE, "parked", 0.5)
        keys: dict[str, str] = dict(words.split()[1:] for words in marks.marks("parked"))

        def resolve(name: str, keys: dict[str, str] = keys) -> None:
            server.resolve(keys[name])

        tell("w3", f"{MODE}, {handler}", **loops.wake_ups(resolve, jobs))


def w4(*lengths: int) -> None:
    server = warmed()
    for length in lengths or (10, 100, 1_000, 10_000):
        tell("w4", MODE, **loops.growth(_sized(server, "long", length), length))


def w5(jobs: int = 50) -> None:
    tell("w5", MODE, **loops.starts(warmed().run_one, jobs))


def w6() -> None:
    """All processes of the service are killed, and started again at the same address: where one is killed, hypercorn
    ends the other one as well."""
    server = warmed()
    figures = loops.recovery(_sized(server, "killed"), lambda pid: server.restart_service(), WATCHED)
    tell("w6", "restarted at the same address", **figures)


def w7(jobs: int = 10_000) -> None:
    server = warmed()
    figures = loops.parked(
        server.meter(),
        lambda name: server.submit("parked", name, service="Suspended"),
        jobs,
        server.stored,
        lambda: {"w5": loops.starts(server.run_one, 20)},
        loops.all_noted(jobs),
    )
    tell("w7", MODE, **figures)


if __name__ == "__main__":
    drive({"w1": w1, "w2": w2, "w3": w3, "w4": w4, "w5": w5, "w6": w6, "w7": w7})
