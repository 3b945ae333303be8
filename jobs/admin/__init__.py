"""Jobs in the admin: what they do and wait for, what they wrote; verbs stop and retry them. Schedules are edited."""

from jobs.admin.job import AgentAdmin, JobAdmin
from jobs.admin.schedules import ScheduleAdmin

__all__ = ["AgentAdmin", "JobAdmin", "ScheduleAdmin"]
