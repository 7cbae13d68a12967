"""One real Chromium per worker, and pages that tell what they asked for and what went wrong in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from crm.people.models import User
from tests.factories import PASSWORD

# The first has no window to draw, and takes half the work of a whole one.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHOTS = os.environ.get("PLUMB_SHOTS", "")

OpenPage = Callable[..., Page]
PAGES = pytest.StashKey[list[Page]]()

# Milliseconds until something has to be on a page: a busy machine is no fault of the page.
PATIENCE = 15_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium; without one the test fails, and says how to get it."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("There is no Chromium on the PATH. Install it: sudo apt-get install --yes chromium")
    # Chromium's own sandbox refuses to run as root, as in a container; and nobody looks at what a graphics card draws.
    options = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=options)
        yield chromium
        chromium.close()


class Watch:
    """What the pages of one test asked for, and what went wrong in them."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.elsewhere: list[str] = []
        self.errors: list[str] = []

    def follow(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on("request", self._request)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.home, "data:", "about:", "blob:")):
            self.elsewhere.append(request.url)


@pytest.fixture
def watch(live_server: Any) -> Watch:
    """The record of one test's pages."""
    return Watch(live_server.url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Any:
    """A failure is told with what was on the pages, and what went wrong in them."""
    report = yield
    if report.when == "call" and report.failed:
        watch, pages = item.funcargs.get("watch"), item.stash.get(PAGES, [])
        wrong = watch.errors if isinstance(watch, Watch) else []
        report.sections.append(("pages", "\n".join([*map(shown_on, pages), *wrong])))
    return report


def shown_on(page: Page) -> str:
    """The address and the text of a page, if it still answers."""
    try:
        return f"{page.url}\n{page.locator('body').inner_text(timeout=2000)}"
    except Error as gone:
        return f"{page.url}\n{gone}"


@pytest.fixture
def open_page(browser: Browser, watch: Watch, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """Opens a window of its own, as another person's, in light or dark."""
    contexts = []
    pages = request.node.stash.setdefault(PAGES, [])

    def open_one(**options: Any) -> Page:
        context = browser.new_context(viewport={"width": 1400, "height": 1000}, **options)
        contexts.append(context)
        page: Page = context.new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        watch.follow(page)
        return page

    yield open_one
    for context in contexts:
        context.close()


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page, if anybody asked for pictures."""
    if SHOTS:
        folder = Path(SHOTS)
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", full_page=True)


def stay_logged_in(page: Page, user: User) -> None:
    """As somebody who logged in before: by the cookie of a session, and no page is open yet."""
    client = Client()
    client.force_login(User.objects.get(pk=user.pk), backend="crm.people.backends.EmailBackend")
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": session, "domain": "localhost", "path": "/"}]
    )


def log_in(page: Page, user: User, url: str = "") -> None:
    """By the form, as people do; `url` is the server's, where the window knows none."""
    page.goto(f"{url}/admin/login/")
    page.fill("[name=username]", user.email)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/admin/")
    expect(page.get_by_role("heading", name=f"Hello {user.first_name}")).to_be_visible()
