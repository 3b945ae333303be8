"""Node type → kind."""

from jobs.engine.kinds import function, llm, plan, step, tool, workflow
from jobs.engine.kinds.base import Kind
from jobs.states import NodeType

KINDS: dict[str, Kind] = {
    NodeType.PLAN: plan,
    NodeType.TOOL: tool,
    NodeType.LLM: llm,
    NodeType.FUNCTION: function,
    NodeType.STEP: step,
    NodeType.WORKFLOW: workflow,
}
