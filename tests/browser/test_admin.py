"""The operator's ways through the admin, in a browser, on a desk and on a phone."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.operator import Operator
from tests.e2e.conftest import eventually

pytestmark = pytest.mark.browser


def test_the_first_page_shows_what_there_is_and_which_workers_answer(operator: Operator) -> None:
    operator.parked("refunds", "Refund order-17: look at the first page")
    operator.parked("letters", "Tell the customer of order-17")
    operator.running.until(operator.running.submit("Ask for order-18", "stock"), 30, "failed")
    operator.log_in()
    expect(operator.page.locator("[data-workers] tr").first).to_contain_text(re.compile("worker-1.*default"))
    expect(operator.page.get_by_role("link", name="stock")).to_be_visible()
    operator.look("first-page")


def test_a_queue_that_nobody_serves_is_named_with_what_mends_it(operator: Operator) -> None:
    job_id = operator.running.submit("Find the letter about order-16", "archive")
    ready = "SELECT 1 FROM jobs_node WHERE job_id = %(job)s AND queue = 'attic' AND state = 'ready'"
    eventually(lambda: bool(operator.running.rows(ready, job=job_id)), 30, "the plan is not made")
    mends_it = "No worker that answers serves attic: aetheris worker --queues attic"
    operator.log_in()
    expect(operator.page.get_by_text(mends_it)).to_be_visible()
    operator.look("backlog")
    operator.page.goto(f"/admin/jobs/job/{job_id}/change/")
    expect(operator.page.locator(".field-why")).to_contain_text(mends_it)
    operator.look("job-unserved")


def test_why_a_job_waits_leads_to_the_question_which_is_approved_with_a_reason(operator: Operator) -> None:
    job_id = operator.parked("refunds", "Refund order-17: it came too late")
    operator.follow("parked")
    operator.look("jobs")
    operator.row(job_id).get_by_role("link").first.click()
    expect(operator.page.locator(".field-why")).to_contain_text("A person’s decision")
    operator.look("job")
    operator.page.get_by_role("link", name="The customer wants the money back").click()
    expect(operator.page.locator(".field-arguments_shown")).to_contain_text('"129.90"')
    operator.page.get_by_label("Your reason").fill("The parcel was ten days late")
    operator.look("approval")
    operator.press("Approve …")
    expect(operator.page.get_by_text('"DE02 1203 0000 0000 2020 51"')).to_be_visible()
    operator.look("approval-confirm")
    operator.press("Approve")
    operator.told("Approved.")
    assert operator.running.until(job_id, 30, "completed")["outcome"] == "completed"
    operator.look("approval-done")


def test_an_approval_is_refused_or_left_for_later(operator: Operator) -> None:
    job_id = operator.parked("refunds", "Refund order-17: no reason given")
    operator.follow("to approve")
    operator.look("approvals")
    operator.page.locator("#result_list tbody a").first.click()
    operator.press("Refuse …")
    operator.page.get_by_role("link", name="No, take me back").click()
    assert operator.running.job(job_id)["status"] == "parked"
    operator.page.get_by_label("Your reason").fill("Nobody said why")
    operator.press("Refuse …")
    operator.press("Refuse")
    operator.told("Refused.")
    assert operator.running.until(job_id, 30, "completed")["outcome"] == "refused"


def test_an_unknown_outcome_is_answered(operator: Operator) -> None:
    job_id = operator.parked("letters", "Write to the customer of order-17")
    operator.follow("unknown outcomes")
    operator.look("unknown-outcomes")
    operator.page.locator("#result_list tbody a").first.click()
    expect(operator.page.locator(".field-tried")).to_contain_text("hung up")
    operator.page.get_by_label("How you know").fill("Seen in the post office's list")
    operator.page.get_by_label("Result, as JSON").fill('{"letter": "4711"}')
    operator.look("unknown-outcome")
    operator.press("It happened")
    operator.look("unknown-outcome-confirm")
    operator.press("It happened")
    operator.told("The answer is applied; the job goes on.")
    assert operator.running.until(job_id, 30, "completed")["result"] == {"letter": "4711"}


def test_chosen_jobs_are_cancelled(operator: Operator) -> None:
    jobs = [operator.parked("refunds", f"Refund order-17: ordered {times}") for times in ("twice", "three times")]
    operator.follow("parked")
    for job_id in jobs:
        operator.choose(job_id)
    operator.page.get_by_label("Action:").select_option("Cancel …")
    operator.look("jobs-chosen")
    operator.press("Go")
    operator.page.get_by_label("Reason").fill("Ordered by mistake")
    operator.look("cancel-confirm")
    operator.press("Cancel them")
    operator.told("2 jobs are cancelled")
    for job_id in jobs:
        operator.running.until(job_id, 30, "cancelled")


def test_chosen_jobs_are_tried_again(operator: Operator) -> None:
    job_id = operator.running.submit("Ask for order-18", "stock")
    before = operator.running.until(job_id, 30, "failed")["cursor"]
    operator.log_in()
    operator.page.get_by_role("link", name="stock").click()
    operator.choose(job_id)
    operator.page.get_by_label("Action:").select_option("Try again …")
    operator.press("Go")
    operator.press("Try them again")
    operator.told("1 job is on its way again.")
    assert operator.running.until(job_id, 30, "failed")["cursor"] > before


def test_what_a_job_has_written_is_read_page_by_page(operator: Operator) -> None:
    job_id = operator.parked("refunds", "Refund order-17: read me")
    operator.log_in()
    operator.page.goto(f"/admin/jobs/job/{job_id}/change/")
    operator.page.get_by_role("link", name="All events").click()
    expect(operator.page.get_by_text("plan_generated")).to_be_visible()
    operator.look("events")


def test_every_list_and_every_empty_form_fits_its_screen(operator: Operator) -> None:
    operator.log_in()
    links = operator.page.locator("#content-main a").all()
    pages = {str(link.get_attribute("href")) for link in links}
    assert "/admin/jobs/schedule/add/" in pages
    pages.remove("/admin/django_celery_beat/periodictask/add/")  # it has an inline script
    for page in sorted(pages):
        operator.page.goto(page)
        operator.look(page.strip("/").replace("/", "-"))
