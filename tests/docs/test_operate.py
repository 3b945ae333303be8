"""What the page for operators says is what the admin does."""

from jobs.admin.bulk import MOST_AT_ONCE
from jobs.admin.dashboard import MOST
from jobs.api.why import END, NEXT_TRY, READY, RUNS, WAITS_FOR
from tests.docs.reading import read, rows, section
from tests.doors import DECIDER, VIEWER
from tests.jobs.test_bulk_admin import NEEDS

PAGE = read("howto/operate.md")


def test_each_reason_why_a_job_waits_is_explained() -> None:
    explained = [each for row in rows(section(PAGE, "## Find out why a job waits")) for each in row[0].split(", ")]
    assert sorted(explained) == sorted({*WAITS_FOR.values(), END, RUNS, READY, NEXT_TRY})


def test_each_permission_is_named() -> None:
    named = section(PAGE, "## Who may do what")
    needed = {*DECIDER, *VIEWER, *NEEDS.values(), "jobs.view_tick"} - {"jobs.view_agent"}
    assert [permission for permission in needed if f"`{permission}`" not in named] == []


def test_the_bounds_are_those_of_the_code() -> None:
    assert f"at most {MOST_AT_ONCE} at once" in PAGE
    assert f"`{MOST}+`" in PAGE
