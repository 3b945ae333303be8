"""A small model of one effect: lease, claim, ledger entry, sink, two workers, people and time, searched exhaustively.

It does what `jobs/engine` and `ledger/entries.py` do, in as many steps as others can come between, and counts time in
ticks. A request that was written takes effect up to `SETTLE` ticks later, or never. A worker can stop at any moment for
as long as it likes, because nothing makes it go on; only the moment between the look at the time and the write to the
network is a transition of its own (`late write`), which is left out unless it is asked for: it is what no runtime can
rule out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

LEASE, SETTLE, WINDOW = 1, 2, 5
"""Ticks. A call may begin within a lease of its claim. Attempts, tries and crashes are few, so that the search ends."""
TRIES, CRASHES, ATTEMPTS = 1, 2, 2
READY, RUNNING, ASKED, DONE, FAILED, CANCELLED = "ready", "running", "question", "done", "failed", "cancelled"
FINAL = (DONE, FAILED, CANCELLED)
NOBODY = -1


@dataclass(frozen=True)
class Rules:
    """Which engine is searched: the effect class, and what is wrong with it. As it stands, nothing is."""

    effect: str
    checks_send_by: bool = True
    checks_settled_by: bool = True
    fences_send_again: bool = True
    checks_claim: bool = True
    counts_settle_into_window: bool = True
    late_no_answers: bool = True
    late_write: bool = False


class Worker(NamedTuple):
    """`doing`: idle, claimed, looked, sent, or what it has in hand: ok, refused, late, doubt, or asking and a finding.
    `until` is how long its call may still begin; `settled` whether the effect that it asks about was when it began."""

    doing: str = "idle"
    attempt: int = 0
    until: int = 0
    settled: bool = False


class Entry(NamedTuple):
    state: str
    sends: int
    settled_in: int
    window: int
    written: int = 0
    applied: int = 0


class Flight(NamedTuple):
    attempt: int
    worker: int
    lasts: int


class State(NamedTuple):
    node: str = READY
    holder: int = NOBODY
    lease: int = 0
    tries: int = 0
    crashes: int = 0
    after_settling: bool = False
    entries: tuple[Entry, ...] = ()
    workers: tuple[Worker, ...] = (Worker(), Worker())
    flights: tuple[Flight, ...] = ()
    proposed: bool = False
    asked_again: bool = False
    stopping: bool = False


Move = tuple[str, State]


def moves(state: State, rules: Rules) -> Iterator[Move]:
    """Everything that can happen next."""
    for number, worker in enumerate(state.workers):
        yield from _of_worker(state, rules, number, worker)
    for flight in state.flights:
        yield from _of_flight(state, rules, flight)
    if state.node == RUNNING and (state.lease < 0 or state.workers[state.holder].doing == "idle"):
        yield "reclaim", _reclaim(state, rules)
    if state.node == ASKED:
        yield from _of_people(state, rules)
    if not state.stopping and state.node not in FINAL:
        yield "cancel", _stop(state._replace(stopping=True), rules)
    if any(worker.doing == "looked" for worker in state.workers) and not rules.late_write:
        return
    yield "tick", _tick(state)


def same(state: State) -> State:
    """One state for all that differ in nothing that can matter: in which worker is which, in what is told of attempts
    that have failed, in who would have been answered."""
    workers, holder = state.workers, state.holder
    order = (0, 1) if (workers[0], holder == 0) >= (workers[1], holder == 1) else (1, 0)
    flights = (
        each._replace(worker=order.index(each.worker) if _listens(state, each) else NOBODY) for each in state.flights
    )
    return state._replace(
        workers=tuple(workers[each] for each in order),
        holder=order.index(holder) if state.node == RUNNING else NOBODY,
        entries=tuple(each._replace(sends=0, settled_in=0, window=0) for each in state.entries[:-1])
        + state.entries[-1:],
        flights=tuple(sorted(flights)),
    )


def broken(state: State, rules: Rules) -> str:
    """Which invariant does not hold here; empty when all do."""
    live = state.entries[-1] if state.entries else None
    if sum(entry.applied for entry in state.entries) > 1:
        return "I1: applied twice"
    if rules.effect == "once" and any(entry.written > 1 for entry in state.entries):
        return "I1: sent twice"
    if any(entry.state == "failed" and entry.applied for entry in state.entries):
        return "I2: failed, and applied"
    if any(entry.state == "committed" and not entry.applied for entry in state.entries):
        return "I2: committed, and not applied"
    if state.node == DONE and (live is None or live.state != "committed"):
        return "I2: done, and not committed"
    if state.node in FINAL and live is not None and live.state in ("started", "unknown"):
        return "I2: final, and in doubt"
    if (state.node == ASKED) and (live is None or live.state != "unknown"):
        return "I4: asked about what is known"
    if live is not None and live.state == "unknown" and state.node not in (ASKED, READY, RUNNING):
        return "I4: unknown, and nobody is asked"
    return ""


def _of_worker(state: State, rules: Rules, number: int, worker: Worker) -> Iterator[Move]:
    name = f"worker {number}"
    if worker.doing == "idle":
        if state.node == READY and not state.stopping and not (state.after_settling and _settled_in(state) >= 0):
            yield f"{name} claims", _claim(state, rules, number)
        return
    yield f"{name} is killed", _with(state, number, Worker())
    if state.holder == number and worker.doing in ("claimed", "looked", "sent", "asking") and state.lease < LEASE:
        yield f"{name} keeps its lease", state._replace(lease=LEASE)
    if worker.doing == "claimed" and rules.effect == "transactional":
        yield f"{name} runs inside its commit", _run_inside(state, number, worker)
    elif worker.doing == "claimed":
        in_time = worker.until >= 0 or not rules.checks_send_by
        doing = "looked" if in_time else "late"
        yield f"{name} looks at the time", _with(state, number, worker._replace(doing=doing))
    elif worker.doing == "looked":
        late = "late " if worker.until < 0 else ""
        yield f"{name}: {late}write", _write(state, rules, number, worker)
    elif worker.doing == "sent":
        yield f"{name} gets no answer", _with(state, number, worker._replace(doing="doubt"))
    elif worker.doing == "asking":
        happened = "yes" if state.entries[worker.attempt].applied else "no"
        yield f"{name} is told {happened}", _with(state, number, worker._replace(doing=happened))
        yield f"{name} is told nothing", _with(state, number, worker._replace(doing="undecided"))
    else:
        yield f"{name} commits {worker.doing}", _commit(state, rules, number, worker)


def _claim(state: State, rules: Rules, number: int) -> State:
    live = state.entries[-1] if state.entries else None
    if live is not None and live.state == "committed":
        return state._replace(node=DONE)
    recourse = "send" if live is None or live.state == "failed" else _recourse(rules, live)
    if recourse == "show":
        return _show(state)
    state = state._replace(node=RUNNING, holder=number, lease=LEASE, after_settling=False)
    if recourse == "ask":
        return _with(state, number, Worker("asking", len(state.entries) - 1, LEASE, _settled_in(state) < 0))
    if live is None or live.state == "failed":
        window = WINDOW if rules.effect == "idempotent" else -1
        state = state._replace(entries=(*state.entries, Entry("started", 1, LEASE + SETTLE, window)))
    else:
        state = _entry(state, live._replace(sends=2, settled_in=max(live.settled_in, LEASE + SETTLE)))
    return _with(state, number, Worker("claimed", len(state.entries) - 1, LEASE))


def _recourse(rules: Rules, entry: Entry) -> str:
    """`aetheris.core.recourse`; a verifiable tool can ask, the others cannot."""
    if rules.effect == "once":
        return "show"
    if rules.effect == "verifiable":
        return "ask"
    if rules.effect == "transactional":
        return "send"
    key_lasts = entry.window > LEASE + (SETTLE if rules.counts_settle_into_window else 0)
    return "send" if entry.state == "started" and key_lasts else "show"


def _write(state: State, rules: Rules, number: int, worker: Worker) -> State:
    entry = state.entries[worker.attempt]
    state = _entry(
        state, entry._replace(written=min(entry.written + 1, 2) if rules.effect == "once" else 0), worker.attempt
    )
    flights = tuple(sorted((*state.flights, Flight(worker.attempt, number, SETTLE))))
    return _with(state._replace(flights=flights), number, Worker("sent", worker.attempt))


def _run_inside(state: State, number: int, worker: Worker) -> State:
    """`jobs.engine.transactional`: the effect and what tells of it are one transaction, or neither is."""
    held = state.holder == number
    state = _with(state, number, Worker())
    if not held:
        return state
    done = state.entries[worker.attempt]._replace(state="committed", applied=1)
    return _entry(state, done)._replace(node=DONE, holder=NOBODY)


def _of_flight(state: State, rules: Rules, flight: Flight) -> Iterator[Move]:
    """A request arrives and is applied or refused, and is answered, if anybody still listens; or it is lost."""
    rest = list(state.flights)
    rest.remove(flight)
    without = state._replace(flights=tuple(rest))
    entry = state.entries[flight.attempt]
    known = rules.effect == "idempotent" and entry.applied and entry.window >= 0
    applied = without if known else _entry(without, entry._replace(applied=min(entry.applied + 1, 2)), flight.attempt)
    yield "lost", without
    yield "applied", applied
    if _listens(state, flight):
        yield "applied and answered", _with(applied, flight.worker, Worker("ok", flight.attempt))
        if not known:
            yield "refused", _with(without, flight.worker, Worker("refused", flight.attempt))


def _listens(state: State, flight: Flight) -> bool:
    worker = state.workers[flight.worker]
    return flight.worker != NOBODY and (worker.doing, worker.attempt) == ("sent", flight.attempt)


def _commit(state: State, rules: Rules, number: int, worker: Worker) -> State:
    """`jobs.engine.commit`: the fact is recorded; the node moves only for whoever holds it."""
    held = state.node == RUNNING and (state.holder == number or not rules.checks_claim)
    state = _with(state, number, Worker())
    before = state.entries[worker.attempt].state
    if worker.doing in ("yes", "no", "undecided"):
        return _reconcile(state, rules, worker, held=held, was_settled=before in ("committed", "failed"))
    state, outcome = _record(state, worker)
    if held:
        return _end(state, rules, outcome)
    if before not in ("committed", "failed"):
        return _settle_late(state, rules, outcome)
    return state


def _record(state: State, worker: Worker) -> tuple[State, str]:
    """`jobs.engine.facts.record`."""
    entry = state.entries[worker.attempt]
    if entry.state == "committed":
        return state, "ok"
    if entry.state == "failed":
        return state, "fail"
    if worker.doing == "ok":
        return _entry(state, entry._replace(state="committed"), worker.attempt), "ok"
    if worker.doing in ("refused", "late") and entry.sends == 1:
        return _entry(state, entry._replace(state="failed"), worker.attempt), "again"
    return state, "doubt"


def _end(state: State, rules: Rules, outcome: str) -> State:
    """`jobs.engine.ending.end`."""
    if outcome == "ok":
        return state._replace(node=DONE, holder=NOBODY)
    if outcome == "again":
        return _try_again(state) or state._replace(node=FAILED, holder=NOBODY)
    if outcome == "doubt":
        again = _try_again(state) if _recourse(rules, state.entries[-1]) != "show" else None
        return again or _show(state)
    return state._replace(node=FAILED, holder=NOBODY)


def _reconcile(state: State, rules: Rules, worker: Worker, *, held: bool, was_settled: bool) -> State:
    """`jobs.engine.reconcile.settle`."""
    entry = state.entries[worker.attempt]
    if worker.doing == "yes" and not was_settled:
        state = _entry(state, entry._replace(state="committed"), worker.attempt)
    if worker.doing == "no" and not was_settled and (worker.settled or not rules.checks_settled_by):
        state = _entry(state, entry._replace(state="failed"), worker.attempt)
    entry = state.entries[worker.attempt]
    if not held:
        if was_settled or entry.state not in ("committed", "failed"):
            return state
        if entry.state == "failed" and not rules.late_no_answers:
            return state
        return _settle_late(state, rules, "ok" if entry.state == "committed" else "again")
    if entry.state == "committed":
        return state._replace(node=DONE, holder=NOBODY)
    if entry.state == "failed":
        return _ready(state, rules)
    if worker.doing == "no" and not state.stopping:
        return _ready(state, rules)._replace(after_settling=True)
    return _try_again(state) or _show(state)


def _settle_late(state: State, rules: Rules, outcome: str) -> State:
    """`jobs.engine.late.settle_late`: a fact answers the question that it was asked, or ends a node nobody took."""
    if outcome == "doubt" or state.node != ASKED:
        return state
    return _end(state._replace(proposed=False), rules, outcome)


def _try_again(state: State) -> State | None:
    if state.tries >= TRIES or state.stopping or len(state.entries) >= ATTEMPTS:
        return None
    return state._replace(node=READY, holder=NOBODY, tries=state.tries + 1)


def _show(state: State) -> State:
    state = _entry(state, state.entries[-1]._replace(state="unknown"))
    return state._replace(node=ASKED, holder=NOBODY, proposed=False, after_settling=False)


def _ready(state: State, rules: Rules) -> State:
    """`jobs.engine.again.make_ready`."""
    state = state._replace(node=READY, holder=NOBODY, proposed=False)
    return _stop(state, rules) if state.stopping else state


def _stop(state: State, rules: Rules) -> State:
    """`jobs.engine.settle.stop_the_rest`: what is ready stops, and what may have happened is shown."""
    return _remains(state, rules, CANCELLED) if state.node == READY else state


def _remains(state: State, rules: Rules, otherwise: str) -> State:
    """`jobs.engine.doubt.remains`: an effect that may have happened is shown; else the node ends."""
    in_doubt = bool(state.entries) and state.entries[-1].state in ("started", "unknown")
    if in_doubt and rules.effect != "transactional":
        return _show(state)
    if in_doubt:
        state = _entry(state, state.entries[-1]._replace(state="failed"))
    return state._replace(node=otherwise, holder=NOBODY, after_settling=False)


def _reclaim(state: State, rules: Rules) -> State:
    state = _ready(state, rules)._replace(crashes=min(state.crashes + 1, CRASHES))
    if state.node != READY or state.crashes < CRASHES:
        return state
    if state.entries and state.entries[-1].state == "committed":
        return state
    return _remains(state, rules, FAILED)


def _of_people(state: State, rules: Rules) -> Iterator[Move]:
    """People tell the truth as it stands now; whether it can still change is what the fences are for."""
    entry = state.entries[-1]
    if entry.applied:
        yield "a person: it happened", _entry(state, entry._replace(state="committed"))._replace(node=DONE)
        return
    if entry.settled_in < 0 or not rules.checks_settled_by:
        yield "a person: it did not happen", _entry(state, entry._replace(state="failed"))._replace(node=FAILED)
    fenced = rules.fences_send_again and rules.checks_settled_by
    if not state.stopping and len(state.entries) < ATTEMPTS and (entry.settled_in < 0 or not fenced):
        again = _entry(state, entry._replace(state="failed"))._replace(node=READY, proposed=False)
        yield "a person: send again", again if state.proposed else state._replace(proposed=True)
    if rules.effect == "verifiable" and not state.stopping and not state.asked_again:
        yield "a person: ask", state._replace(node=READY, tries=0, asked_again=True, proposed=False)


def _tick(state: State) -> State:
    """Time passes; what was sent and has not arrived by its time never does."""

    def down(number: int) -> int:
        return max(number - 1, -1)

    return state._replace(
        lease=down(state.lease) if state.node == RUNNING else 0,
        entries=tuple(
            entry._replace(settled_in=down(entry.settled_in), window=down(entry.window)) for entry in state.entries
        ),
        workers=tuple(
            each._replace(until=down(each.until)) if each.doing in ("claimed", "looked") else each
            for each in state.workers
        ),
        flights=tuple(each._replace(lasts=each.lasts - 1) for each in state.flights if each.lasts > 0),
    )


def _settled_in(state: State) -> int:
    return state.entries[-1].settled_in


def _with(state: State, number: int, worker: Worker) -> State:
    workers = list(state.workers)
    workers[number] = worker
    return state._replace(workers=tuple(workers))


def _entry(state: State, entry: Entry, attempt: int = -1) -> State:
    entries = list(state.entries)
    entries[attempt] = entry
    return state._replace(entries=tuple(entries))
