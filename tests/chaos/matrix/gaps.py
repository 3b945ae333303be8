"""What the matrix leaves out, and why. The report tells it."""

NOT_CHECKED = {
    "Compensation": "there is none yet.",
    "Branches of a level in several workers at once": "one worker plays all, so that every run is the same; the races "
    "and the soak have several.",
    "A node past its own deadline": "the timeout here is that of the call; tests/jobs/engine/test_deadlines.py has the "
    "other one.",
    "Schedules, rescue, giving back at a stop": "their commits have failpoints, and no scenario reaches them.",
    "Power loss": "kill -9 leaves what the kernel holds, and `fsync` is off here.",
    "A stop exactly between the look at the time and the write to the network": "it is the residual risk of the "
    "guarantees; no failpoint lies there.",
}
