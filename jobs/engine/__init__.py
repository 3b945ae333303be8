"""The verbs that move a job, one file each. Every verb works inside a `job_transaction`, which holds the job's lock.

Lock order everywhere: the caller's rows → Job → Node → Wait → Entry → Event.
"""
