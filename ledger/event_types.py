"""Every event type and its category. Replay reads history, coordination, effects and ledger, never the others."""

from django.db.models import TextChoices


class Category(TextChoices):
    HISTORY = "history"
    COORDINATION = "coordination"
    EFFECT = "effect"
    LEDGER = "ledger"
    NARRATIVE = "narrative"
    AUDIT = "audit"
    RETENTION = "retention"


class EventType(TextChoices):
    JOB_CREATED = "job_created"
    JOB_WAITING = "job_waiting"
    WAIT_COMPLETED = "wait_completed"
    JOB_COMPLETED = "job_completed"
    JOB_FAILING = "job_failing"
    JOB_FAILED = "job_failed"
    JOB_CANCEL_REQUESTED = "job_cancel_requested"
    JOB_CANCELLED = "job_cancelled"
    JOB_REQUEUED = "job_requeued"
    PLAN_GENERATED = "plan_generated"
    NODE_STARTED = "node_started"
    NODE_FINISHED = "node_finished"
    NODE_RECLAIMED = "node_reclaimed"
    NODE_RETRYING = "node_retrying"
    TOOL_INVOCATION_STARTED = "tool_invocation_started"
    TOOL_INVOCATION_FINISHED = "tool_invocation_finished"
    VALUE_RECORDED = "value_recorded"
    EFFECT_RESOLVED = "effect_resolved"
    RESOLUTION_PROPOSED = "resolution_proposed"
    WORLD_CHANGED = "world_changed"
    FACT_CONFLICT = "fact_conflict"
    LLM_INVOCATION_STARTED = "llm_invocation_started"
    LLM_INVOCATION_FINISHED = "llm_invocation_finished"


CATEGORY: dict[EventType, Category] = {
    EventType.JOB_CREATED: Category.HISTORY,
    EventType.JOB_WAITING: Category.COORDINATION,
    EventType.WAIT_COMPLETED: Category.COORDINATION,
    EventType.JOB_COMPLETED: Category.HISTORY,
    EventType.JOB_FAILING: Category.COORDINATION,
    EventType.JOB_FAILED: Category.HISTORY,
    EventType.JOB_CANCEL_REQUESTED: Category.COORDINATION,
    EventType.JOB_CANCELLED: Category.HISTORY,
    EventType.JOB_REQUEUED: Category.HISTORY,
    EventType.PLAN_GENERATED: Category.HISTORY,
    EventType.NODE_STARTED: Category.COORDINATION,
    EventType.NODE_FINISHED: Category.HISTORY,
    EventType.NODE_RECLAIMED: Category.COORDINATION,
    EventType.NODE_RETRYING: Category.COORDINATION,
    EventType.TOOL_INVOCATION_STARTED: Category.LEDGER,
    EventType.TOOL_INVOCATION_FINISHED: Category.EFFECT,
    EventType.VALUE_RECORDED: Category.EFFECT,
    EventType.EFFECT_RESOLVED: Category.COORDINATION,
    EventType.RESOLUTION_PROPOSED: Category.NARRATIVE,
    EventType.WORLD_CHANGED: Category.NARRATIVE,
    EventType.FACT_CONFLICT: Category.NARRATIVE,
    EventType.LLM_INVOCATION_STARTED: Category.LEDGER,
    EventType.LLM_INVOCATION_FINISHED: Category.EFFECT,
}
