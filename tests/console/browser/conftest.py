"""One service, full of hostile texts, and one browser for all tests of a process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser

from notifyhub.app import create_app
from tests.console.browser import hostile
from tests.console.browser.chromium import DESK, Look, Visit, chromium, window
from tests.console.browser.pages import Found, crawl
from tests.support.environment import program
from tests.support.live import Live, live_service
from tests.webhooks.receiver import Receiver


@dataclass
class Place:
    """Where the console is, and what can be done beside it; `test_key` reaches no provider."""

    live: Live
    receiver: Receiver
    test_key: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.live.service.port}"


@pytest.fixture(scope="session")
def program_of_browser() -> str:
    """Where Chromium is."""
    return program("chromium")


@pytest.fixture(scope="session")
def place(program_of_browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The service, seeded; it is not started where there is no browser."""
    folder = tmp_path_factory.mktemp("console") / "service"
    with Receiver() as receiver, live_service(folder, "--workers", "2") as live:
        yield Place(live, receiver, hostile.seed(live, receiver))


@pytest.fixture(scope="package")
def browser(program_of_browser: str) -> Iterator[Browser]:
    """Chromium; it ends with these tests, since its event loop would be in the way of others."""
    with chromium(program_of_browser) as started:
        yield started


@pytest.fixture(scope="package")
def cookies(browser: Browser, place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the cookies of an admin who has signed in."""
    file = tmp_path_factory.mktemp("cookies") / "admin.json"
    with window(browser, place.url) as visit:
        visit.go("/console")
        visit.sign_in(place.live.key)
        assert visit.path == "/console"
        visit.context.storage_state(path=file)
    return file


@pytest.fixture
def visitor(browser: Browser, place: Place) -> Iterator[Visit]:
    """The window of somebody who is not signed in; nothing may go wrong in it."""
    with window(browser, place.url) as visit:
        yield visit
    assert visit.problems == []


@pytest.fixture
def operator(browser: Browser, place: Place, cookies: Path) -> Iterator[Visit]:
    """The window of an admin; nothing may go wrong in it."""
    with window(browser, place.url, state=cookies) as visit:
        yield visit
    assert visit.problems == []


@pytest.fixture(scope="package")
def looking(browser: Browser, place: Place, cookies: Path) -> Iterator[Callable[[Look], Visit]]:
    """Give a function that returns the window of an admin who looks at pages in one of the ways."""
    windows: dict[Look, Visit] = {}
    with ExitStack() as stack:

        def look_at(look: Look) -> Visit:
            if look not in windows:
                visit = stack.enter_context(window(browser, place.url, look, cookies))
                visit.prefer(language=look.language, theme=look.theme)
                windows[look] = visit
            return windows[look]

        yield look_at


@pytest.fixture(scope="session")
def application(environments: Callable[[str], dict[str, str]]) -> Flask:
    """An application, which is asked for its routes alone."""
    return create_app(environments("sqlite"))


@pytest.fixture(scope="package")
def crawled(
    browser: Browser, looking: Callable[[Look], Visit], application: Flask, place: Place
) -> tuple[list[Found], list[Found]]:
    """All pages that links lead to; and what else they do, such as files."""
    with window(browser, place.url) as visit:
        visit.go("/console")
        visit.sign_in(place.test_key)
        campaigns = hostile.campaigns(visit)
    return crawl(application, looking(DESK).context, place.url, campaigns)
