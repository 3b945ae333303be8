"""The trace of a job: its events as spans of time, and what each step was given and came to. Reads events alone."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jobs.models import Job
from ledger.event_types import EventType
from ledger.models import Event

LONGEST_SUMMARY = 512
UNANSWERED = "unanswered"
"""The state of a call whose worker was lost before an answer came."""


@dataclass
class Span:
    """A stretch of a job's time. `kind` is job, plan, node, wait, tool or llm; `end` is None while it lasts."""

    span_id: str
    parent_id: str | None
    kind: str
    start: datetime
    node_id: str = ""
    end: datetime | None = None
    actor: str = ""
    state: str = ""
    worker_lost: bool = False
    told: dict[str, Any] = field(default_factory=dict)
    children: list["Span"] = field(default_factory=list)

    @property
    def duration_ms(self) -> float | None:
        return None if self.end is None else round(1000 * (self.end - self.start).total_seconds(), 3)


class Trace:
    """Spans that are opened and closed by events, in their order. What no event tells is not there."""

    def __init__(self) -> None:
        self.spans: dict[str, Span] = {}
        self.attempts: dict[str, int] = {}
        self.decision: dict[str, Any] | None = None
        self._current: dict[str, Span] = {}
        self._waits: dict[str, Span] = {}
        self._calls: dict[str, Span] = {}

    def take(self, event: Event, payload: dict[str, Any]) -> None:
        """What one event tells."""
        if take := _TAKE.get(EventType(event.type)):
            take(self, event, payload)

    def _open(self, span_id: str, parent: str | None, kind: str, event: Event, told: dict[str, Any]) -> Span:
        if span_id in self.spans:  # of a claim whose span has ended: its node waits, or ends, without another one
            span_id = f"{span_id}+{len(self.spans)}"
        span = Span(span_id, parent, kind, event.at, event.node, actor=event.actor, told=dict(told))
        self.spans[span_id] = span
        if parent in self.spans:
            self.spans[parent].children.append(span)
        return span

    def _close(self, span: Span | None, event: Event, state: str, told: dict[str, Any]) -> None:
        if span is not None and span.end is None:
            span.end, span.state = event.at, state
            span.told |= told

    def _job_created(self, event: Event, payload: dict[str, Any]) -> None:
        self._open("job", None, "job", event, told=payload)

    def _job_ended(self, event: Event, payload: dict[str, Any]) -> None:
        self._close(self.spans.get("job"), event, event.type.removeprefix("job_"), payload)

    def _job_requeued(self, event: Event, payload: dict[str, Any]) -> None:
        self.spans["job"].end, self.spans["job"].state = None, ""

    def _finished(self, event: Event, payload: dict[str, Any]) -> None:
        span = self._current.get(event.node)
        self._close(span if span and span.end is None else self._never_began(event), event, payload["state"], payload)

    def _called(self, event: Event, payload: dict[str, Any]) -> None:
        call = self._calls.get(payload["invocation_id"])
        self._close(call, event, payload["outcome"], payload)
        if call is not None and call.state in ("unknown", UNANSWERED):
            # A later word about it; the call lasted no longer for that.
            call.state, call.told = payload["outcome"], {**call.told, "error": None, **payload}

    def _answered(self, event: Event, payload: dict[str, Any]) -> None:
        self._close(self._waits.get(payload["correlation_key"]), event, "resolved", payload)
        node = self._current.get(event.node)
        if node is not None:
            by = (payload.get("proposed_by"), payload.get("decided_by") or event.actor)
            node.told |= {"answer": _answer(payload), "answered_by": [one for one in by if one]}
        if event.type == EventType.WAIT_COMPLETED:
            self._close(node, event, "ok", payload)

    def _start(self, event: Event, payload: dict[str, Any]) -> None:
        """A node that was begun before is continued by a span of its own."""
        self.attempts[event.node] = self.attempts.get(event.node, 0) + 1
        self._close(self._current.get(event.node), event, "retryable", {})
        kind = "plan" if payload["type"] == "plan" else "node"
        self._current[event.node] = self._open(event.span, "job", kind, event, payload)

    def _never_began(self, event: Event) -> Span:
        """One that ended without a worker: skipped, timed out, or a workflow whose children are done."""
        self._current[event.node] = self._open(event.span, "job", "node", event, {})
        return self._current[event.node]

    def _let_go(self, event: Event, payload: dict[str, Any]) -> None:
        span = self._current.get(event.node)
        self._close(span, event, "retryable", payload)
        if span is not None and event.type == EventType.NODE_RECLAIMED:
            span.worker_lost = True
            for call in span.children:
                self._close(call, event, UNANSWERED, {})

    def _call(self, event: Event, payload: dict[str, Any]) -> None:
        """A further send of one call stands under the run that sends it."""
        key = payload["invocation_id"]
        kind = "llm" if event.type == EventType.LLM_INVOCATION_STARTED else "tool"
        parent = self._current.get(event.node)
        self._calls[key] = self._open(key, parent.span_id if parent else "job", kind, event, payload)

    def _wait(self, event: Event, payload: dict[str, Any]) -> None:
        node = self._current.get(event.node)
        if node is None or node.end is not None:
            node = self._current[event.node] = self._open(event.span, "job", "node", event, payload)
        key = payload["correlation_key"]
        self._waits[key] = self._open(f"wait:{key}", node.span_id, "wait", event, payload)

    def _decided(self, event: Event, payload: dict[str, Any]) -> None:
        """A plan is done with that; a workflow goes on until its children are."""
        span = self._current.get(event.node)
        if span is not None and span.kind == "plan":
            self._close(span, event, "ok", {})
        if self.decision is None:
            nodes = ", ".join(node["id"] for node in payload["task_graph"]["nodes"])
            self.decision = {
                "goal": payload["goal"],
                "task_graph_summary": nodes[:LONGEST_SUMMARY],
                "plan_hash": payload["plan_hash"],
            }


_TAKE = {
    EventType.JOB_CREATED: Trace._job_created,
    EventType.JOB_REQUEUED: Trace._job_requeued,
    EventType.PLAN_GENERATED: Trace._decided,
    EventType.NODE_STARTED: Trace._start,
    EventType.NODE_FINISHED: Trace._finished,
    EventType.NODE_RETRYING: Trace._let_go,
    EventType.NODE_RECLAIMED: Trace._let_go,
    EventType.TOOL_INVOCATION_STARTED: Trace._call,
    EventType.LLM_INVOCATION_STARTED: Trace._call,
    EventType.TOOL_INVOCATION_FINISHED: Trace._called,
    EventType.LLM_INVOCATION_FINISHED: Trace._called,
    EventType.JOB_WAITING: Trace._wait,
    EventType.WAIT_COMPLETED: Trace._answered,
    EventType.EFFECT_RESOLVED: Trace._answered,
    **dict.fromkeys((EventType.JOB_COMPLETED, EventType.JOB_FAILED, EventType.JOB_CANCELLED), Trace._job_ended),
}


def trace_answer(job: Job) -> dict[str, Any]:
    """What is recorded of a job, as spans."""
    events = list(Event.objects.stream(job.pk))
    trace = Trace()
    for event, payload in zip(events, Event.objects.told(job.pk, events), strict=True):
        trace.take(event, payload)
    steps = [span for span in trace.spans.values() if span.kind in ("plan", "node")]
    root = trace.spans.get("job")
    return {
        "job_id": job.pk,
        "timeline": [
            {"seq": event.seq, "at": event.at, "type": event.type, "node_id": event.node, "actor": event.actor}
            for event in events
        ],
        "node_durations": [_times(span) for span in steps],
        "execution_tree": _tree(root) if root else None,
        "timeline_segments": [_segment(span) for span in trace.spans.values() if span.kind != "job"],
        "steps": [_step(trace, number, span) for number, span in enumerate(steps)],
        "decision_snapshot": trace.decision,
    }


def _answer(payload: dict[str, Any]) -> Any:
    """What was answered: what a door was given, or a person's word about an effect."""
    if "resolution" in payload:
        return {"resolution": payload["resolution"], "reason": payload["reason"]}
    return payload.get("payload")


def _times(span: Span) -> dict[str, Any]:
    return {
        "node_id": span.node_id,
        "started_at": span.start,
        "finished_at": span.end,
        "duration_ms": span.duration_ms,
    }


def _segment(span: Span) -> dict[str, Any]:
    kind = "recovery" if span.worker_lost else span.kind
    return {"type": kind, "span_id": span.span_id, **_times(span), "state": span.state or "open"}


def _tree(span: Span, number: int = 0) -> dict[str, Any]:
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "type": span.kind,
        "node_id": span.node_id,
        "tool_name": span.told.get("tool_name"),
        "start": span.start,
        "end": span.end,
        "step_index": number,
        "state": span.state or "open",
        "sends": span.told.get("sends"),
        "input": span.told.get("arguments", span.told.get("goal")),
        "output": span.told.get("result", span.told.get("output")),
        "children": [_tree(child, index) for index, child in enumerate(span.children)],
    }


def _step(trace: Trace, number: int, span: Span) -> dict[str, Any]:
    calls = [child for child in span.children if child.kind in ("tool", "llm")]
    tool = next((call for call in calls if call.kind == "tool"), None)
    llm = next((call for call in calls if call.kind == "llm"), None)
    inputs, output = (calls[0].told.get("arguments") if calls else None), _output(span, calls)
    decision = _llm(llm) if llm else None
    return {
        "span_id": span.span_id,
        "type": span.told.get("type", span.told.get("wait_kind", span.kind)),
        "label": span.node_id,
        "node_id": span.node_id,
        "step_index": number,
        "state": span.state or "open",
        "result_type": span.told.get("result_type"),
        "reason": span.told.get("reason"),
        "attempts": trace.attempts.get(span.node_id, 0),
        "worker_id": span.actor,
        "worker_lost": span.worker_lost,
        "answer": span.told.get("answer"),
        "answered_by": span.told.get("answered_by", []),
        "duration_ms": span.duration_ms,
        "start": span.start,
        "end": span.end,
        "tool_invocation": _tool(tool) if tool else None,
        "llm_invocation": decision,
        "reasoning_snapshot": {
            "node_id": span.node_id,
            "input": inputs,
            "output": output,
            "error": span.told.get("error"),
        },
        "evidence": {
            "tool_invocation_ids": [call.told["invocation_id"] for call in calls],
            "llm_decision": decision,
            "input_keys": sorted(inputs) if isinstance(inputs, dict) else [],
            "output_keys": sorted(output) if isinstance(output, dict) else [],
        },
    }


def _output(span: Span, calls: list[Span]) -> Any:
    if "output" in span.told:
        return span.told["output"]
    return calls[-1].told.get("result") if calls else span.told.get("payload")


def _tool(call: Span) -> dict[str, Any]:
    return {
        "tool_name": call.told["tool_name"],
        "tool_version": call.told["tool_version"],
        "effect": call.told["effect"],
        "idempotency_key": call.told["idempotency_key"],
        "sends": call.told["sends"],
        "outcome": call.told.get("outcome"),
        "input": call.told.get("arguments"),
        "output": call.told.get("result"),
        "error": call.told.get("error"),
    }


def _llm(call: Span) -> dict[str, Any]:
    result = call.told.get("result")
    told = result if isinstance(result, dict) else {}
    arguments = call.told.get("arguments")
    asked = arguments if isinstance(arguments, dict) else {}
    return {
        "model": call.told["tool_version"],
        "provider": call.told["tool_name"],
        "temperature": told.get("llm_temperature", asked.get("temperature")),
        "prompt_hash": call.told["arguments_hash"],
        "token_count": told.get("token_count"),
    }
