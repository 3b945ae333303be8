"""What the matrix leaves out, and why. The report tells it."""

NOT_CHECKED = {
    "Compensation": "there is none yet.",
    "Branches of a level in several workers at once": "one worker plays all, so that every run is the same; the races "
    "and the soak have several.",
    "A node past its own deadline": "the timeout here is that of the call; tests/jobs/engine/test_deadlines.py has the "
    "other one.",
    "Power loss": "kill -9 leaves what the kernel holds, and `fsync` is off here.",
    "A stop exactly between the look at the time and the write to the network": "it is the residual risk of the "
    "guarantees; no failpoint lies there.",
}
NOT_REACHED = {
    "authenticate.commit": "a door's own: a token that has expired is deleted.",
    "change_schedule.commit": "one row that a person saves.",
    "count_events.commit": "a scrape's own: which events it has counted, in one transaction with their numbers.",
    "fire.commit": "tests/jobs/engine/test_schedule.py: the job and the next time are one transaction.",
    "give_back.commit": "tests/jobs/engine/test_stopping.py.",
    "login.commit": "a door's own: a token is made.",
    "logout.commit": "a door's own: a token is given back.",
    "make_agent.commit": "one row that a door makes once.",
    "make_key.commit": "a door's own: a key is made.",
    "revoke_key.commit": "a door's own: a key is ended.",
    "look_up.commit": "reads only, after a commit whose answer was lost.",
    "replay.commit": "reads only.",
    "requeue.commit": "tests/jobs/engine/test_requeue.py; one transaction, as cancel.",
    "rescue.commit": "tests/e2e/test_rescue.py.",
}
"""Commits that have failpoints and that no cell strikes."""
