"""kill -9 in the middle of the refund: after the provider has applied it, before the runtime has recorded it."""

import os
import signal
import time

from examples.refund.demo import checks
from examples.refund.demo.checks import Problems
from examples.refund.demo.client import Api, ApiError
from examples.refund.demo.instance import Instance
from examples.refund.demo.story import Story, clock
from examples.refund.demo.watching import Watched
from examples.refund.demo.witness import World

NOTHING = ("No request, no refund", 0, False)
SEEN = {
    "": ("One request, one key, one refund", 1, False),
    "idempotent": ("Two requests, one key, one refund", 2, False),
    "verifiable": ("One request, one key, one refund: the provider was asked, and it was not sent again", 1, True),
    "once": ("One request, one key, one refund: a person looked it up, and it was not sent again", 1, False),
}
"""Effect class → what is claimed at the end, how many requests that means, and whether the provider was asked."""
GONE_SECONDS = 10


def strike(story: Story, watched: Watched, world: World, instance: Instance) -> int:
    """Kill the worker that has sent the refund, while the provider holds its answer back. Returns its process id."""
    watched.tell_on(also=lambda _: bool(world.refund_requests()))
    events = watched.events()
    story.say()
    story.require(
        "In the middle of send_refund: the provider has applied it, the ledger does not know yet",
        checks.in_the_middle(world.refund_requests(), events),
    )
    pid = checks.pid_of(checks.of_node(events, "node_started", checks.REFUND)[-1])
    story.require(f"The worker that sent it was killed with kill -9: process {pid}", kill(pid, instance.workers()))
    story.say("  Nobody can tell it the answer any more; when its lease has run out, another worker takes the node")
    return pid


def kill(pid: int, workers: dict[int, str]) -> Problems:
    """Kill one of the workers; yields why it was not, or that it lives."""
    if pid not in workers:
        yield f"process {pid} is none of the instance's workers {sorted(workers)}"
        return
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    yield f"process {pid} is still there after {GONE_SECONDS} seconds"


def recover(story: Story, watched: Watched, world: World, approver: Api, killed: int, effect: str) -> None:
    """What the runtime does about the effect that it knows nothing of: by its class."""
    if effect == "once":
        resolve(story, watched, world, approver)
    story.check("Another worker went on", checks.another_one(watched.events(), killed))


def resolve(story: Story, watched: Watched, world: World, approver: Api) -> None:
    """Nobody but a person can find out. They may not say "no" as long as the request may still take effect."""
    job, events = watched.job(), watched.events()
    story.require("Job state: parked, the refund is UNKNOWN", checks.shown(job, events))
    story.say("  → it may have happened, so nothing is sent again; a person has to find out")
    key = str(job["waits"][0]["correlation_key"])
    refusal = refused(approver, watched.id, key)
    story.require(
        f'"It did not happen" is refused ({refusal.status} {refusal.code})',
        checks.refused_for_now(refusal.code, refusal.details, events),
    )
    story.say(f"  until {clock(refusal.details['settled_by'])}: so long what was sent may still take effect")
    story.say("Resolving as a person would, who has looked the key up in the provider's own log…")
    line = world.refund_requests()[0]
    result = {**line["answer"], "idempotency_key": line["key"]}
    approver.resolve(watched.id, key, "happened", result=result, reason="Seen in the provider's log")
    story.require(
        f"Resolved: happened, {result['refund_id']}",
        checks.resolved(watched.events(), approver.username),
    )
    watched.tell_on()


def refused(approver: Api, job_id: str, key: str) -> ApiError:
    """How the runtime refuses to hear that the effect did not happen."""
    try:
        approver.resolve(job_id, key, "did_not_happen")
    except ApiError as refusal:
        return refusal
    return ApiError(200, "not refused", "")
