"""Overdue: a job past its deadline fails, whatever it was doing."""

from uuid import UUID

from jobs.engine.settle import fail_job
from jobs.engine.transaction import JobTransaction, if_free


def fail_if_overdue(job_id: UUID) -> bool:
    """For the sweep: fail this job if its deadline has passed and it still runs or waits; whether it did."""
    return if_free(job_id, "overdue", fail_overdue)


def fail_overdue(tx: JobTransaction) -> bool:
    """Fail a job whose deadline has passed; whether it was so. At a claim this comes before any sweep."""
    job = tx.job
    due = job.deadline_at is not None and job.deadline_at <= tx.now and not job.starts_nothing_more
    if due:
        fail_job(tx, "DEADLINE_EXCEEDED", "The job did not end before its deadline.", "")
    return due
