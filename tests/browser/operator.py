"""What an operator does in the admin, and what is kept of each page: a picture, and that it fits its screen."""

import re
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.docs.reading import ROOT
from tests.e2e.conftest import Running

PICTURES = ROOT / ".browser"


@dataclass
class Operator:
    """The approver at one page of one width."""

    page: Page
    running: Running
    width: str

    def log_in(self) -> None:
        """Log in by the form, if that has not been done yet."""
        self.page.goto("/admin/")
        if "/login/" in self.page.url:
            self.page.get_by_label("Username").fill("approver")
            self.page.get_by_label("Password").fill(self.running.instance.logins()["approver"])
            self.look("login")
            self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("heading", name="Operations")).to_be_visible()

    def look(self, name: str) -> None:
        """Keep a picture; the page must not be wider than its screen."""
        PICTURES.mkdir(exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}-{self.width}.png", full_page=True)
        wide, screen = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= screen, f"{name} is {wide} wide on a screen of {screen}"

    def follow(self, card: str) -> None:
        """Go from the first page to what one of its numbers counts."""
        self.log_in()
        self.page.get_by_role("link", name=re.compile(rf"^\s*\d+\+? {card}$")).click()

    def choose(self, job_id: str) -> None:
        """Tick a job of the list."""
        self.row(job_id).locator("input.action-select").check()

    def row(self, job_id: str) -> Locator:
        return self.page.locator("#result_list tbody tr", has_text=job_id)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def told(self, text: str) -> None:
        """What the page says of what was done."""
        expect(self.page.locator(".messagelist")).to_have_text(re.compile(re.escape(text)))

    def parked(self, agent: str, goal: str) -> str:
        """A new job of an agent, as soon as it waits for somebody."""
        job_id = self.running.submit(goal, agent)
        self.running.until(job_id, 30, "parked")
        return job_id
