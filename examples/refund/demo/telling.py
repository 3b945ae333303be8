"""The story in its order: message, decision, approval, refund, trace, replay, and what the provider saw."""

from itertools import chain
from uuid import uuid4

from examples.refund.demo import checks
from examples.refund.demo.client import FINAL, STILL, Api, Json
from examples.refund.demo.instance import Instance
from examples.refund.demo.story import Story
from examples.refund.demo.witness import World

AGENT = "refund-agent"
TOOLS = ("query_order", "send_refund")
LLM = ("llm_decide",)
SELLERS, MODEL = ("orders", "payments"), ("model",)
NEEDS_APPROVAL = "approval required"
PATIENCE_SECONDS = 60


class UnknownOrder(Exception):
    """The job ended because the order service knows no such order."""


def tell(story: Story, instance: Instance, order_id: str, refuse: bool) -> None:
    """Run one refund through the instance and check each thing that is said about it.

    Raises `Broken` where the story cannot go on, `UnknownOrder`, `ApiError`.
    """
    requester = Api(instance.url, instance.requester)
    world = World(instance.world)
    meet_the_agent(story, requester)
    job_id = submit(story, requester, order_id)
    parked = run_to_the_decision(story, requester, job_id)
    if parked:
        decide(story, requester, Api(instance.url, instance.approver), job_id, not refuse)
    finish(story, requester, job_id, order_id, refunded=not (parked and refuse))
    show_trace(story, requester, job_id)
    verify_replay(story, requester, world, job_id)
    ask_the_provider(story, requester, world, job_id)


def meet_the_agent(story: Story, api: Api) -> None:
    found = [agent for agent in api.agents() if agent["name"] == AGENT]
    story.require("Agent created", checks.equal(f"agents called {AGENT}", len(found), 1))
    story.require(f"Tools registered: {', '.join(TOOLS)}", checks.equal("tools", sorted(found[0]["tools"]), [*TOOLS]))
    story.say()


def submit(story: Story, api: Api, order_id: str) -> str:
    accepted = api.submit(AGENT, f"Refund {order_id}: the product is defective", key=f"demo-{uuid4()}")
    job_id = str(accepted["job_id"])
    story.require(f"Job created: {job_id}", checks.equal("status", accepted["status"], "accepted"))
    story.say("  The job will run to its Wait node (StatusParked) and wait for approval, if the order needs one")
    return job_id


def run_to_the_decision(story: Story, api: Api, job_id: str) -> bool:
    """Follow the job until it parks or ends. True when it waits for a person, as its decision asks for."""
    events = list(story.steps(api.follow(job_id, until=STILL, after=0, seconds=PATIENCE_SECONDS)))
    job = api.job(job_id)
    if job["status"] == "failed" and job["error"]["code"] == "ORDER_NOT_FOUND":
        raise UnknownOrder
    decision = checks.outputs_of(events).get("llm_decide", {}).get("decision")
    parks: bool = decision == NEEDS_APPROVAL
    state = "parked" if parks else "completed"
    story.say()
    story.require(f"Job state: {state}", checks.equal("status", job["status"], state))
    story.say("  → the agent waits for a person" if parks else "  → the decision asks for no person")
    story.say()
    return parks


def decide(story: Story, requester: Api, approver: Api, job_id: str, approved: bool) -> None:
    """Answer the wait as another user than the one who asked, and follow the job to its end."""
    story.say(f"{'Approving' if approved else 'Refusing'} as a person would…")
    events = requester.events(job_id)
    key = [event["payload"]["correlation_key"] for event in events if event["type"] == "job_waiting"][-1]
    approver.signal(job_id, key, {"approved": approved, "reason": "Decided in the demo"})
    answered = requester.events(job_id)
    said = f"Signal sent: correlation_key={key}, approved={'true' if approved else 'false'}"
    story.require(said, checks.decided(answered, key, approved))
    story.say("  The job is queued again and goes on")
    rest = requester.follow(job_id, until=FINAL, after=events[-1]["seq"], seconds=PATIENCE_SECONDS)
    for _ in story.steps(rest):
        pass
    story.say()


def finish(story: Story, api: Api, job_id: str, order_id: str, *, refunded: bool) -> None:
    job = api.job(job_id)
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
    tools = chain(checks.not_called(SELLERS, before, after), checks.injected(first, events, TOOLS))
    story.check("Tool NOT re-executed (injected from the ledger)", tools)
    model = chain(checks.not_called(MODEL, before, after), checks.injected(first, events, LLM))
    story.check("LLM NOT re-called (injected from the ledger)", model)
    story.check("State consistent", checks.state_consistent(first, job, events))
    story.say()


def ask_the_provider(story: Story, api: Api, world: World, job_id: str) -> None:
    """Compare the ledger's word on the refund with the provider's own log."""
    job, events = api.job(job_id), api.events(job_id)
    lines = [line for line in world.refund_requests() if concerns(line, job)]
    keys = sorted({line["key"] for line in lines})
    applied = [line for line in lines if line["outcome"] == "applied"]
    story.say("=== What the payment provider saw ===")
    story.say(f"Requests: {len(lines)}")
    story.say(f"Idempotency keys: {', '.join(keys) or 'none'}")
    story.say(f"Applied refunds: {', '.join(line['answer']['refund_id'] for line in applied) or 'none'}")
    claim = "One request, one key, one refund" if job["result"]["refunded"] else "No request, no refund"
    story.check(claim, checks.refunded_once(lines, events, job))


def concerns(line: Json, job: Json) -> bool:
    """Whether a request at the provider can be this job's doing: it has its id in the key, or its order."""
    return job["id"] in line["key"] or line["order_id"] == job["result"]["order_id"]
