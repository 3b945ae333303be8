"""Aetheris: a durable runtime that hosts AI agents. What users import; nothing here needs Django to be set up."""

from aetheris.agents.base import Agent
from aetheris.core.context import PlanContext, ToolContext
from aetheris.core.errors import AetherisError, CriticalError, GraphError, NotApplied, ToolError
from aetheris.core.findings import DidNotHappen, Happened, Undecided
from aetheris.core.graph import TaskGraph
from aetheris.core.references import ref
from aetheris.core.retry import RetryPolicy
from aetheris.core.steps import StepContext
from aetheris.tools.decorator import function, step, tool

__all__ = [
    "AetherisError",
    "Agent",
    "CriticalError",
    "DidNotHappen",
    "GraphError",
    "Happened",
    "NotApplied",
    "PlanContext",
    "RetryPolicy",
    "StepContext",
    "TaskGraph",
    "ToolContext",
    "ToolError",
    "Undecided",
    "function",
    "ref",
    "step",
    "tool",
]
__version__ = "0.1.0"
