"""Tables on a narrow terminal."""

import io
import uuid

import pytest
from rich.console import Console

from aetheris.cli.shown.jobs import listed


@pytest.mark.parametrize("width", [60, 80, 200])
def test_ids_stay_whole_and_a_job_takes_one_line(width: int) -> None:
    jobs = [
        {
            "id": str(uuid.uuid4()),
            "agent_id": "refund-agent",
            "status": "completed",
            "outcome": "refused",
            "created_at": "2026-11-21T14:00:00.123456Z",
            "goal": "Refund order-123, which came damaged, and tell the customer about it. " * 3,
        }
        for _ in range(3)
    ]
    said = io.StringIO()
    Console(file=said, width=width).print(listed({"jobs": jobs, "next_cursor": None}))
    lines = [line for line in said.getvalue().splitlines() if line.strip()]
    assert [line.split()[0] for line in lines[-3:]] == [job["id"] for job in jobs]
    assert len(lines) == 2 + len(jobs)
