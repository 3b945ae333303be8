"""The doors to agents: which there are, what they do, and a message to one."""

import re
from typing import Any, ClassVar

from django.core.validators import RegexValidator
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.contract import Link, Method
from aetheris.api.fields import Fields, Text, Whole, body_of
from aetheris.api.permissions import AGENT_MANAGE, JOB_CREATE, JOB_VIEW
from aetheris.api.principals import principal_of, tenant_of
from aetheris.core import registry
from aetheris.core.errors import Refused
from aetheris.core.priority import FIRST, LAST
from jobs.api import answers, representation
from jobs.engine.submit import NewJob, Submitted, submit, submit_all
from jobs.engine.transaction import committing
from jobs.models import Agent, Job

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
MOST_MESSAGES = 1000
OF_JOB = (Link("get_job", "job_id", "job_id"), Link("get_result", "job_id", "job_id"))


class NewAgent(Fields):
    example: ClassVar = {"name": "refund-agent"}

    name = Text(max_length=200)


class NewMessage(Fields):
    example: ClassVar = {"message": "Refund order-123: the product is defective"}

    message = Text(max_length=100_000)
    priority = Whole(min_value=FIRST, max_value=LAST, required=False)


class KeyedMessage(NewMessage):
    idempotency_key = Text(
        required=False, trim_whitespace=False, validators=[RegexValidator(rf"^{IDEMPOTENCY_KEY.pattern}\Z")]
    )


class NewMessages(Fields):
    example: ClassVar = {
        "messages": [
            {"message": "Refund order-124: it never came", "idempotency_key": "order-124"},
            {"message": "Refund order-125: the wrong size", "idempotency_key": "order-125", "priority": 2},
        ]
    }

    messages = serializers.ListField(child=KeyedMessage(), min_length=1, max_length=MOST_MESSAGES)


def idempotency_key(request: Request) -> str:
    """The key of a request; empty without one. Raises `Refused` (`INVALID_IDEMPOTENCY_KEY`) for what is none."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise Refused(
            "An Idempotency-Key is 1 to 255 visible ASCII characters, without spaces.", code="INVALID_IDEMPOTENCY_KEY"
        )
    return key or ""


class Agents(APIView):
    """`GET` → the agents that this installation's code defines. `POST {name}` → the record of one of them."""

    permissions: ClassVar = {"GET": (JOB_VIEW, JOB_CREATE), "POST": (AGENT_MANAGE,)}
    contract: ClassVar = {
        "GET": Method(name="list_agents", does="List the agents", answers={200: answers.AgentList}),
        "POST": Method(
            name="make_agent",
            does="Make the record of an agent before its first message",
            takes=NewAgent,
            answers={201: answers.Agent},
            refuses=("AGENT_NOT_FOUND",),
            links=(Link("get_agent_state", "agent", "id"), Link("send_message", "agent", "id")),
        ),
    }

    def get(self, request: Request) -> Response:
        agents = [representation.agent(planner) for planner in registry.agents]
        return Response({"agents": agents, "total": len(agents)})

    def post(self, request: Request) -> Response:
        planner = registry.agents.get(body_of(request, NewAgent)["name"])
        with committing("make_agent"):
            Agent.objects.ensure(tenant_of(request.user), planner.name)
        return Response(representation.agent(planner), status.HTTP_201_CREATED)


class AgentState(APIView):
    """`GET` → whether an agent has work, and how far it is."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="get_agent_state",
            does="Whether an agent has work",
            answers={200: answers.AgentState},
            refuses=("AGENT_NOT_FOUND",),
        )
    }

    def get(self, request: Request, agent: str) -> Response:
        name = registry.agents.get(agent).name
        job = Job.objects.of_tenant(tenant_of(request.user)).newest_first(agent=name).unended().first()
        return Response(_state(name, job))


class Message(APIView):
    """`POST {message, priority?}`, optional `Idempotency-Key` → 202 and the job that it makes, or made before."""

    permissions: ClassVar = {"POST": (JOB_CREATE,)}
    contract: ClassVar = {
        "POST": Method(
            name="send_message",
            does="Give an agent work: a message becomes a job",
            takes=NewMessage,
            headers={
                "Idempotency-Key": {
                    "type": "string",
                    "pattern": f"^{IDEMPOTENCY_KEY.pattern}$",
                    "description": (
                        "The same key with the same message gives the same job, for ever, to everybody who may send "
                        "this agent work: choose one that nobody else can come upon, such as a UUID."
                    ),
                }
            },
            answers={202: answers.Accepted},
            refuses=("AGENT_NOT_FOUND", "IDEMPOTENCY_KEY_REUSED", "INVALID_IDEMPOTENCY_KEY", "VALUE_NOT_CANONICAL"),
            links=OF_JOB,
        )
    }

    def post(self, request: Request, agent: str) -> Response:
        body = body_of(request, NewMessage)
        submitted = submit(
            agent,
            body["message"],
            tenant=tenant_of(request.user),
            requested_by=principal_of(request.user),
            idempotency_key=idempotency_key(request),
            priority=body.get("priority"),
        )
        return Response(_accepted(agent, submitted), status.HTTP_202_ACCEPTED)


class Messages(APIView):
    """`POST {messages}` → 202 and the jobs that they make, or made before, in their order; all of them or none."""

    permissions: ClassVar = {"POST": (JOB_CREATE,)}
    contract: ClassVar = {
        "POST": Method(
            name="send_messages",
            does="Give an agent much work at once: each message becomes a job, or none does",
            takes=NewMessages,
            answers={202: answers.AllAccepted},
            refuses=("AGENT_NOT_FOUND", "IDEMPOTENCY_KEY_REUSED", "INVALID_IDEMPOTENCY_KEY", "VALUE_NOT_CANONICAL"),
        )
    }

    def post(self, request: Request, agent: str) -> Response:
        if idempotency_key(request):
            raise Refused("Many messages have no key in common: give each its own.", code="INVALID_IDEMPOTENCY_KEY")
        wanted = [
            NewJob(each["message"], each.get("idempotency_key", ""), each.get("priority"))
            for each in body_of(request, NewMessages)["messages"]
        ]
        made = submit_all(agent, wanted, tenant=tenant_of(request.user), requested_by=principal_of(request.user))
        jobs = [_accepted(agent, submitted) for submitted in made]
        return Response({"jobs": jobs, "total": len(jobs)}, status.HTTP_202_ACCEPTED)


def _accepted(agent: str, submitted: Submitted) -> dict[str, Any]:
    return {"job_id": submitted.job_id, "agent_id": agent, "status": "accepted"}


def _state(name: str, job: Job | None) -> dict[str, Any]:
    if job is None:
        return {"agent_id": name, "status": "idle", "current_task": None, "last_checkpoint": None, "updated_at": None}
    return {
        "agent_id": name,
        "status": "active",
        "current_task": job.pk,
        "last_checkpoint": f"{job.pk}:{job.seq}",
        "updated_at": job.updated_at,
    }
