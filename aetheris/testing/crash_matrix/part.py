"""The part of one process in a cell: some acts, one after the other, and perhaps a blow."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from aetheris.conf import configuration
from aetheris.failpoints import armed
from aetheris.testing.crash_matrix import querysets
from aetheris.testing.crash_matrix.actor import Actor
from aetheris.testing.crash_matrix.scenario import Scenario, Stroke
from aetheris.testing.crash_matrix.striking import Striking
from aetheris.testing.crash_matrix.world import here
from aetheris.testing.fork import Voice
from aetheris.testing.invariants import violations
from jobs.engine.patience import until_answered

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """Acts from `first` up to `last`, which is not played. `resumes`: another process has played before; `closes`: the
    job's end is judged by this one. `lease_seconds` is its own."""

    first: int
    last: int
    stroke: Stroke | None
    lease_seconds: float
    resumes: bool = False
    closes: bool = False


@dataclass(frozen=True)
class Stage:
    """What all processes of a cell share."""

    scenario: Scenario
    key: str
    log: Path
    calls: Path
    offset: int
    postmaster: int


def play(stage: Stage, part: Part, voice: Voice) -> None:
    """Play it, telling each act before it begins."""
    actor, striking = _enter(stage, part.stroke, part.lease_seconds, voice)
    if not part.resumes:
        querysets.forget_sweeps()
        actor.prepare()
    else:
        voice.tell(left=_look(actor.see).told())
    acts = stage.scenario.acts
    with armed(striking.reached):
        for index in range(part.first, part.last):
            if index == len(acts) - 1:
                voice.tell(rest=_look(actor.see).told())
            voice.tell(act=index)
            striking.begin(stage.scenario.act(index))
            acts[index][1](actor)
            striking.begin("")
    voice.tell(places=striking.places)
    if part.closes:
        job = _look(lambda: actor.job)
        found = _look(lambda: violations(here.sent(), healed=True, afresh=False, jobs=[job]))
        voice.tell(end=_look(actor.see).told(), job=str(job), violations=[asdict(each) for each in found])


def _look(read: Callable[[], T]) -> T:
    """What stands in the database. A process of a killed server may answer an act to its end, and die only then."""
    return until_answered(read, "a look at the job")


def play_aside(stage: Stage, act: str, stroke: Stroke | None, voice: Voice) -> None:
    """Somebody else acts, while a tool is called."""
    actor, striking = _enter(stage, stroke, stage.scenario.lease_seconds, voice)
    with armed(striking.reached):
        striking.begin(act)
        stage.scenario.asides[act](actor)
        striking.begin("")
    voice.tell(places=striking.places)


def _enter(stage: Stage, stroke: Stroke | None, lease_seconds: float, voice: Voice) -> tuple[Actor, Striking]:
    def lease(seconds: float) -> None:
        configuration().lease_seconds = seconds

    lease(lease_seconds)
    # Once it has woken up, a zombie is as quick or slow as others.
    striking = Striking(stroke, voice.tell, stage.postmaster, partial(lease, stage.scenario.lease_seconds))

    def aside(act: str) -> None:
        voice.tell(aside=act)
        voice.wait()

    here.log, here.calls, here.offset = stage.log, stage.calls, stage.offset
    here.aside = aside
    here.renewed = lambda: any(":renew.commit.after" in place for place in striking.places)
    return Actor(stage.scenario, stage.key, here), striking
