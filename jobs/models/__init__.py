"""Agent, Job, Submission, Body, Node, Edge, Schedule, Tick, Bell."""

from jobs.models.agent import Agent
from jobs.models.body import Body
from jobs.models.job import Job, Submission
from jobs.models.node import Edge, Node
from jobs.models.schedule import Schedule
from jobs.models.tick import Bell, Tick

__all__ = ["Agent", "Bell", "Body", "Edge", "Job", "Node", "Schedule", "Submission", "Tick"]
