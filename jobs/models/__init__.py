"""Agent, Job, Submission, Node, Edge."""

from jobs.models.agent import Agent
from jobs.models.job import Job, Submission
from jobs.models.node import Edge, Node

__all__ = ["Agent", "Edge", "Job", "Node", "Submission"]
