"""The fields of what is answered about agents, jobs and events. Their names are a contract."""

from typing import Any

from rest_framework import serializers

from jobs.engine.sender import APPLIED, TOLD
from jobs.states import Ending, JobState, NodeState, NodeType, Outcome
from ledger.event_types import Category, EventType
from signals_app.states import WaitKind


class Answer(serializers.Serializer[Any]):
    """Only describes: what is answered is made by `jobs.api.representation`."""


class Agent(Answer):
    id = serializers.CharField()
    name = serializers.CharField()
    version = serializers.CharField()
    tools = serializers.ListField(child=serializers.CharField())


class AgentList(Answer):
    agents = Agent(many=True)
    total = serializers.IntegerField()


class AgentState(Answer):
    agent_id = serializers.CharField()
    status = serializers.ChoiceField(["idle", "active"])
    current_task = serializers.UUIDField(allow_null=True, help_text="The newest job that has not ended.")
    last_checkpoint = serializers.CharField(allow_null=True, help_text="That job and its last event.")
    updated_at = serializers.DateTimeField(allow_null=True)


class Accepted(Answer):
    job_id = serializers.UUIDField()
    agent_id = serializers.CharField()
    status = serializers.ChoiceField(["accepted"])


class AllAccepted(Answer):
    jobs = Accepted(many=True)
    total = serializers.IntegerField()


class Job(Answer):
    id = serializers.UUIDField()
    agent_id = serializers.CharField()
    goal = serializers.CharField()
    status = serializers.ChoiceField(JobState.choices)
    outcome = serializers.ChoiceField(["", *Outcome.values])
    priority = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    requested_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class JobList(Answer):
    jobs = Job(many=True)
    next_cursor = serializers.UUIDField(allow_null=True)


class NodeOfJob(Answer):
    id = serializers.CharField()
    type = serializers.ChoiceField(NodeType.choices)
    queue = serializers.CharField()
    status = serializers.ChoiceField(NodeState.choices)
    ending = serializers.ChoiceField(["", *Ending.values])
    output = serializers.JSONField()
    error = serializers.JSONField()
    claims = serializers.IntegerField()
    tries = serializers.IntegerField()


class OpenWait(Answer):
    node_id = serializers.CharField()
    correlation_key = serializers.CharField()
    wait_kind = serializers.ChoiceField(WaitKind.choices)
    reason = serializers.CharField(allow_blank=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    approval_id = serializers.UUIDField(allow_null=True, help_text="The question to a person, if it is one.")


class WhyItWaits(Answer):
    node_id = serializers.CharField(allow_blank=True, help_text="Empty where it is the whole job.")
    waits_for = serializers.CharField(help_text="In words.")
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)
    about = serializers.CharField(allow_blank=True)


class JobDetail(Job):
    result = serializers.JSONField()
    error = serializers.JSONField()
    retry_count = serializers.IntegerField()
    cursor = serializers.IntegerField()
    nodes = NodeOfJob(many=True)
    waits = OpenWait(many=True)
    why = WhyItWaits(many=True)
    wait_correlation_key = serializers.CharField(allow_null=True)
    wait_node_id = serializers.CharField(allow_null=True)


class JobResult(Answer):
    job_id = serializers.UUIDField()
    status = serializers.ChoiceField(JobState.choices)
    outcome = serializers.ChoiceField(["", *Outcome.values])
    result = serializers.JSONField()
    error = serializers.JSONField()


class Done(Answer):
    """What became of a signal, a message, a decision or a stop."""

    job_id = serializers.UUIDField()
    status = serializers.ChoiceField([*JobState, "cancelling", *(told for told in TOLD if told != APPLIED)])
    message = serializers.CharField()


class Event(Answer):
    id = serializers.CharField()
    job_id = serializers.UUIDField()
    seq = serializers.IntegerField()
    type = serializers.ChoiceField(EventType.choices)
    category = serializers.ChoiceField(Category.choices)
    node_id = serializers.CharField(allow_blank=True)
    actor = serializers.CharField()
    payload = serializers.DictField()
    created_at = serializers.DateTimeField()
    prev_hash = serializers.CharField(allow_blank=True)
    hash = serializers.CharField()


class EventPage(Answer):
    job_id = serializers.UUIDField()
    events = Event(many=True)
    next_cursor = serializers.IntegerField()


class Line(Answer):
    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    type = serializers.CharField()
    node_id = serializers.CharField(allow_blank=True)
    actor = serializers.CharField()


class CurrentState(Answer):
    completed_node_ids = serializers.ListField(child=serializers.CharField())
    cursor_node = serializers.CharField(allow_blank=True)
    phase = serializers.ChoiceField(["planning", "executing", "completed", "failed", "cancelled"])
    status = serializers.ChoiceField(JobState.choices)
    outcome = serializers.ChoiceField(["", *Outcome.values])


class Verification(Answer):
    chain_valid = serializers.BooleanField()
    broken_at = serializers.IntegerField(allow_null=True)
    consistent = serializers.BooleanField()
    differences = serializers.ListField()


class StepReplay(Answer):
    step_node_id = serializers.CharField()
    state_at_step = serializers.DictField()
    step_result = serializers.JSONField()


class Replay(Answer):
    job_id = serializers.UUIDField()
    goal = serializers.CharField()
    read_only = serializers.BooleanField()  # type: ignore[assignment]  # the field is called so
    timeline = Line(many=True)
    current_state = CurrentState()
    payload_results = serializers.DictField()
    result = serializers.JSONField()
    completed_command_ids = serializers.ListField(child=serializers.CharField())
    events = Event(many=True)
    verification = Verification()
    step_replay = StepReplay(required=False)
