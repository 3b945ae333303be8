"""The story in its order: message, decision, approval, refund, trace, replay, and what the provider saw."""

from contextlib import nullcontext
from itertools import chain
from uuid import uuid4

from examples.refund.demo import blow, checks
from examples.refund.demo.client import Api, Json
from examples.refund.demo.instance import Instance
from examples.refund.demo.story import Story
from examples.refund.demo.watching import Watched
from examples.refund.demo.witness import World
from examples.refund.tools import REFUNDS

AGENT = "refund-agent"
EFFECTS = {tool.name: effect for effect, tool in REFUNDS.items()}
LLM = ("llm_decide",)
SELLERS, MODEL = ("orders", "payments"), ("model",)
NEEDS_APPROVAL = "approval required"


class UnknownOrder(Exception):
    """The job ended because the order service knows no such order."""


def tell(story: Story, instance: Instance, order_id: str, *, refuse: bool, kill: bool) -> None:
    """Run one refund through the instance and check each thing that is said about it. With `kill`, the worker is
    killed with -9 in the middle of it.

    Raises `Broken` where the story cannot go on, `UnknownOrder`, `ApiError`.
    """
    requester, approver = Api(instance.url, instance.requester), Api(instance.url, instance.approver)
    world = World(instance.world)
    effect = meet_the_agent(story, requester)
    with world.holding_an_answer() if kill else nullcontext():
        watched = Watched(story, requester, submit(story, requester, order_id))
        parked = run_to_the_decision(story, watched)
        if parked:
            decide(story, watched, approver, not refuse)
        refunded = not (parked and refuse)
        killed = blow.strike(story, watched, world, instance) if kill and refunded else 0
    watched.tell_on()
    if killed:
        blow.recover(story, watched, world, approver, killed, effect)
    finish(story, watched, order_id, refunded=refunded)
    show_trace(story, requester, watched.id)
    verify_replay(story, requester, world, watched.id)
    ask_the_provider(story, watched, world, effect if killed else "")


def meet_the_agent(story: Story, api: Api) -> str:
    """The effect class of the tool that the agent pays back with."""
    found = [agent for agent in api.agents() if agent["name"] == AGENT]
    story.require("Agent created", checks.equal(f"agents called {AGENT}", len(found), 1))
    tools = sorted(found[0]["tools"])
    refund = next((tool for tool in tools if tool in EFFECTS), "a tool that pays back")
    story.require(f"Tools registered: {', '.join(tools)}", checks.equal("tools", tools, ["query_order", refund]))
    story.say(f"  {refund} is declared {EFFECTS[refund]}")
    story.say()
    return EFFECTS[refund]


def submit(story: Story, api: Api, order_id: str) -> str:
    accepted = api.submit(AGENT, f"Refund {order_id}: the product is defective", key=f"demo-{uuid4()}")
    job_id = str(accepted["job_id"])
    story.require(f"Job created: {job_id}", checks.equal("status", accepted["status"], "accepted"))
    story.say("  The job will run to its Wait node (StatusParked) and wait for approval, if the order needs one")
    return job_id


def run_to_the_decision(story: Story, watched: Watched) -> bool:
    """Follow the job until it parks, pays back or ends. True when it waits for a person, as its decision asks for."""
    job = watched.tell_on(also=lambda job: checks.has_begun(job, checks.REFUND))
    if job["status"] == "failed" and job["error"]["code"] == "ORDER_NOT_FOUND":
        raise UnknownOrder
    parks: bool = checks.outputs_of(watched.events()).get("llm_decide", {}).get("decision") == NEEDS_APPROVAL
    story.say()
    if parks:
        story.require("Job state: parked", checks.equal("status", job["status"], "parked"))
    story.say("  → the agent waits for a person" if parks else "  → the decision asks for no person")
    story.say()
    return parks


def decide(story: Story, watched: Watched, approver: Api, approved: bool) -> None:
    """Answer the wait as another user than the one who asked."""
    story.say(f"{'Approving' if approved else 'Refusing'} as a person would…")
    key = [event["payload"]["correlation_key"] for event in watched.events() if event["type"] == "job_waiting"][-1]
    approver.signal(watched.id, key, {"approved": approved, "reason": "Decided in the demo"})
    said = f"Signal sent: correlation_key={key}, approved={'true' if approved else 'false'}"
    story.require(said, checks.decided(watched.events(), key, approved))
    story.say("  The job is queued again and goes on")


def finish(story: Story, watched: Watched, order_id: str, *, refunded: bool) -> None:
    job = watched.job()
    story.say()
    story.require(f"Final job state: {job['status']}", checks.ended_well(job, order_id, refunded))
    story.say(f"  refunded: {'true' if refunded else 'false'}")
    story.say()


def show_trace(story: Story, api: Api, job_id: str) -> None:
    story.say("=== Execution Trace ===")
    story.say("Timeline:")
    for _ in story.steps(api.events(job_id)):
        pass
    story.say()


def verify_replay(story: Story, api: Api, world: World, job_id: str) -> None:
    """Replay twice, and hold the answers against each other, the job's records and the services' counts."""
    before = world.counts()
    first, second = api.replay(job_id), api.replay(job_id)
    after = world.counts()
    job, events = api.job(job_id), api.events(job_id)
    story.say("=== Replay Verification ===")
    story.check("Replay deterministic", checks.deterministic(first, second))
    nodes = ("query_order", checks.REFUND)
    tools = chain(checks.not_called(SELLERS, before, after), checks.injected(first, events, nodes))
    story.check("Tool NOT re-executed (injected from the ledger)", tools)
    model = chain(checks.not_called(MODEL, before, after), checks.injected(first, events, LLM))
    story.check("LLM NOT re-called (injected from the ledger)", model)
    story.check("State consistent", checks.state_consistent(first, job, events))
    story.say()


def ask_the_provider(story: Story, watched: Watched, world: World, crashed: str) -> None:
    """Compare the ledger's word on the refund with the provider's own log. `crashed`: under which effect class the
    worker was killed, if it was."""
    job, events = watched.job(), watched.events()
    lines = [line for line in world.refund_requests() if concerns(line, job)]
    look_ups = [line for line in world.look_ups() if job["id"] in line["key"]]
    applied = [line["answer"]["refund_id"] for line in lines if line["outcome"] == "applied"]
    story.say("=== What the payment provider saw ===")
    story.say(f"Requests: {len(lines)}")
    story.say(f"Idempotency keys: {', '.join(sorted({line['key'] for line in lines})) or 'none'}")
    story.say(f"Questions about a key: {len(look_ups)}")
    story.say(f"Applied refunds: {', '.join(applied) or 'none'}")
    claim, requests, asks = blow.SEEN[crashed] if job["result"]["refunded"] else blow.NOTHING
    problems = chain(
        checks.refunded_once(lines, events, job, requests=requests),
        checks.asked_about(look_ups, events, expected=asks),
    )
    story.check(claim, problems)


def concerns(line: Json, job: Json) -> bool:
    """Whether a request at the provider can be this job's doing: it has its id in the key, or its order."""
    return job["id"] in line["key"] or line["order_id"] == job["result"]["order_id"]
