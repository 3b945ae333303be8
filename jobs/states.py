"""The states of jobs and nodes, and every legal move, as data. `jobs.engine.transitions` is the only mover."""

from django.db.models import TextChoices


class JobState(TextChoices):
    """Derived by the database from the job's counters and its ending; nobody sets it."""

    PENDING = "pending"
    RUNNING = "running"
    RETRYING = "retrying"
    WAITING = "waiting"
    PARKED = "parked"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


JOB_ENDINGS = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


class Outcome(TextChoices):
    """What a final job amounts to."""

    COMPLETED = "completed"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"


class NodeType(TextChoices):
    PLAN = "plan"
    TOOL = "tool"
    LLM = "llm"
    FUNCTION = "function"
    STEP = "step"
    WORKFLOW = "workflow"
    WAIT = "wait"


class NodeState(TextChoices):
    BLOCKED = "blocked"
    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


NODE_ENDINGS = (NodeState.COMPLETED, NodeState.FAILED, NodeState.CANCELLED, NodeState.SKIPPED)

NODE_MOVES: dict[NodeState, tuple[NodeState, ...]] = {
    NodeState.BLOCKED: (
        NodeState.READY,
        NodeState.WAITING,
        NodeState.FAILED,
        NodeState.SKIPPED,
        NodeState.CANCELLED,
    ),
    NodeState.READY: (
        NodeState.RUNNING,
        NodeState.WAITING,
        NodeState.COMPLETED,
        NodeState.FAILED,
        NodeState.CANCELLED,
    ),
    NodeState.RUNNING: (
        NodeState.COMPLETED,
        NodeState.FAILED,
        NodeState.READY,
        NodeState.WAITING,
    ),
    NodeState.WAITING: (NodeState.COMPLETED, NodeState.FAILED, NodeState.READY, NodeState.CANCELLED),
    NodeState.COMPLETED: (),
    NodeState.FAILED: (NodeState.BLOCKED,),
    NodeState.CANCELLED: (NodeState.BLOCKED,),
    NodeState.SKIPPED: (),
}


class Ending(TextChoices):
    """How a node ended that completed or failed, which is what its edges ask for."""

    SUCCESS = "success"
    REFUSED = "refused"
    ERROR = "error"
    TIMEOUT = "timeout"


class CatchUp(TextChoices):
    """What a schedule does about times that passed while nobody could fire it."""

    SKIP = "skip", "skip: fire none of them"
    ONE = "one", "one: fire once, for the last of them"
    ALL = "all", "all: fire each, at most the last 100"
