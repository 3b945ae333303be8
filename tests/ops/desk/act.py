"""`python -m tests.ops.desk.act submit SECONDS… | approve JOB…`: prints one line for each."""

import sys
from uuid import UUID

import django


def main(verb: str, *given: str) -> None:
    django.setup()
    from jobs.engine.sender import Sender
    from jobs.engine.signal import signal
    from jobs.engine.submit import submit

    approver = Sender("user:2/approver", may_signal=True, may_decide=True)
    for each in given:
        if verb == "submit":
            print(submit("desk", each, tenant="default", requested_by="user:1/requester").job_id)
        else:
            signal(UUID(each), "ask", {"approved": True}, approver)
            print(each)


if __name__ == "__main__":
    main(*sys.argv[1:])
