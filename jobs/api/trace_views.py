"""The door to the trace of a job, and the fields of its answer."""

from typing import ClassVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from aetheris.api.contract import Method
from aetheris.api.permissions import JOB_VIEW
from jobs.api import answers
from jobs.api.trace import trace_answer
from jobs.api.views import NOT_FOUND, job_of


class NodeDuration(answers.Answer):
    node_id = serializers.CharField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.FloatField(allow_null=True)


class Segment(NodeDuration):
    type = serializers.ChoiceField(["plan", "node", "wait", "tool", "llm", "recovery"])
    span_id = serializers.CharField(allow_blank=True)
    state = serializers.CharField()


class ToolInvocation(answers.Answer):
    tool_name = serializers.CharField()
    tool_version = serializers.CharField(allow_blank=True)
    effect = serializers.CharField()
    idempotency_key = serializers.CharField()
    sends = serializers.IntegerField()
    outcome = serializers.CharField(allow_null=True)
    input = serializers.JSONField()
    output = serializers.JSONField()
    error = serializers.JSONField()


class LLMInvocation(answers.Answer):
    model = serializers.CharField()
    provider = serializers.CharField()
    temperature = serializers.JSONField()
    prompt_hash = serializers.CharField()
    token_count = serializers.JSONField()


class ReasoningSnapshot(answers.Answer):
    node_id = serializers.CharField()
    input = serializers.JSONField()
    output = serializers.JSONField()
    error = serializers.JSONField()


class Evidence(answers.Answer):
    tool_invocation_ids = serializers.ListField(child=serializers.CharField())
    llm_decision = LLMInvocation(allow_null=True)
    input_keys = serializers.ListField(child=serializers.CharField())
    output_keys = serializers.ListField(child=serializers.CharField())


class Step(answers.Answer):
    span_id = serializers.CharField(allow_blank=True)
    type = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the field is called so
    node_id = serializers.CharField()
    step_index = serializers.IntegerField()
    state = serializers.CharField()
    result_type = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True, allow_blank=True)
    attempts = serializers.IntegerField()
    worker_id = serializers.CharField()
    worker_lost = serializers.BooleanField()
    answer = serializers.JSONField()
    answered_by = serializers.ListField(child=serializers.CharField())
    duration_ms = serializers.FloatField(allow_null=True)
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(allow_null=True)
    tool_invocation = ToolInvocation(allow_null=True)
    llm_invocation = LLMInvocation(allow_null=True)
    reasoning_snapshot = ReasoningSnapshot()
    evidence = Evidence()


class DecisionSnapshot(answers.Answer):
    goal = serializers.CharField()
    task_graph_summary = serializers.CharField(allow_blank=True)
    plan_hash = serializers.CharField()


class TraceAnswer(answers.Answer):
    job_id = serializers.UUIDField()
    timeline = answers.Line(many=True)
    node_durations = NodeDuration(many=True)
    execution_tree = serializers.DictField(allow_null=True)
    timeline_segments = Segment(many=True)
    steps = Step(many=True)
    decision_snapshot = DecisionSnapshot(allow_null=True)


class Trace(APIView):
    """`GET` → what is recorded of a job, as spans of time."""

    permissions: ClassVar = {"GET": (JOB_VIEW,)}
    contract: ClassVar = {
        "GET": Method(
            name="trace_job",
            does="What is recorded of a job, step by step",
            answers={200: TraceAnswer},
            refuses=NOT_FOUND,
        )
    }

    def get(self, request: Request, job_id: UUID) -> Response:
        return Response(trace_answer(job_of(request, job_id)))
