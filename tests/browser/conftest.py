"""A real instance, and Debian's Chromium at two widths. Each page is held to a strict content security policy."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Route, sync_playwright

from tests.browser.operator import Operator
from tests.e2e.conftest import Running

POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; form-action 'self'"
WIDTHS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    instance = Running(tmp_path_factory.mktemp("instance"), "--app", "tests.browser")
    instance.up()
    yield instance
    instance.down()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "there is no chromium in PATH: `make test-browser` says how to install it"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium)
        yield started
        started.close()


@pytest.fixture(scope="session", params=WIDTHS)
def context(request: pytest.FixtureRequest, browser: Browser, running: Running) -> Iterator[BrowserContext]:
    """A browser of one width, in which the approver is logged in after the first test."""
    opened = browser.new_context(base_url=running.instance.url, **WIDTHS[request.param])
    opened.set_default_timeout(10_000)
    opened.route("**/admin/**", _strictly)
    yield opened
    opened.close()


@pytest.fixture
def operator(context: BrowserContext, running: Running, request: pytest.FixtureRequest) -> Iterator[Operator]:
    """The approver at a page; nothing may go wrong in it."""
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(_told(message)) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield Operator(page, running, width=request.node.callspec.id)
    page.close()
    assert wrong == []


def _told(message: ConsoleMessage) -> str:
    return f"{message.location['url']}: {message.text}"


def _strictly(route: Route) -> None:
    """What the server answers, under a policy that forbids inline scripts and styles."""
    # A connection that the server closes for having been idle may just be taken for the next request.
    answer = route.fetch(max_redirects=0, max_retries=2)
    route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": POLICY})
