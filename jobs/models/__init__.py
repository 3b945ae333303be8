"""Agent, Job, Submission, Body, Node, Edge."""

from jobs.models.agent import Agent
from jobs.models.body import Body
from jobs.models.job import Job, Submission
from jobs.models.node import Edge, Node

__all__ = ["Agent", "Body", "Edge", "Job", "Node", "Submission"]
