"""Each page, as it is looked at: whole, in its language, on its screen, read aloud; nothing hostile runs."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page

from notifyhub.console.registration import SUBJECTS
from tests.console.browser.chromium import DESK, LOOKS, Look, Visit, window
from tests.console.browser.conftest import Place
from tests.console.browser.pages import Found, endpoints

pytestmark = pytest.mark.slow

INSPECTION = (Path(__file__).parent / "inspection.js").read_text()
AXE = Axe()
AXE_OPTIONS = {"resultTypes": ["violations"], "iframes": False}  # those of mails run no script, nor axe's
GRAVE = {"serious", "critical"}
MOST_BYTES = 100 * 1024
WITHOUT_PAGES = {"assets", "sign_in"}

each_look = pytest.mark.parametrize(
    "look",
    LOOKS,
    ids=str,
)
each_subject = pytest.mark.parametrize(
    "subject", sorted({subject.blueprint.name for subject in SUBJECTS} - WITHOUT_PAGES)
)


def of(subject: str, found: Iterable[Found]) -> list[Found]:
    pages = [page for page in found if page.subject == subject]
    assert pages, f"No link leads to a page of {subject}"
    return pages


def barriers(page: Page) -> list[str]:
    """Return what axe finds grave, each in a line."""
    found: Any = AXE.run(page, options=AXE_OPTIONS).response["violations"]
    return [
        f"axe: {each['id']} at {node['target']}: {node['html'][:120]}"
        for each in found
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]


def wrong_with(visit: Visit, path: str, *, read_aloud: bool = True) -> list[str]:
    """Open a page; return what is wrong with it, also for those who have it read aloud."""
    visit.problems.clear()
    page = visit.go(path)
    found = [*page.evaluate(INSPECTION), *(barriers(page) if read_aloud else ()), *visit.problems]
    return [f"{path}: {problem}" for problem in found]


@each_subject
@each_look
def test_nothing_is_wrong_with_a_page(
    look: Look,
    subject: str,
    looking: Callable[[Look], Visit],
    crawled: tuple[list[Found], list[Found]],
) -> None:
    visit = looking(look)
    problems = [
        problem
        for found in of(subject, crawled[0])
        for problem in wrong_with(visit, found.path, read_aloud=found.is_first)
    ]
    assert not problems, "\n".join(problems)


@each_look
def test_nothing_is_wrong_with_the_sign_in(look: Look, browser: Browser, place: Place) -> None:
    with window(browser, place.url, look) as visit:
        problems = wrong_with(visit, "/console/sign-in")
    assert not problems, "\n".join(problems)


def test_links_lead_to_every_page(application: Flask, crawled: tuple[list[Found], list[Found]]) -> None:
    """Nothing is there only for those who know its address."""
    pages, others = crawled
    assert endpoints(application) - {found.endpoint for found in [*pages, *others]} == set()


def test_pages_are_light_at_first_load(
    browser: Browser, place: Place, cookies: Path, crawled: tuple[list[Found], list[Found]]
) -> None:
    heavy = {}
    with window(browser, place.url, DESK, cookies) as visit:
        visit.measure()
        for endpoint, path in {found.endpoint: found.path for found in crawled[0] if found.is_first}.items():
            visit.transferred = 0
            visit.go(path).wait_for_load_state("networkidle")  # bodies are read as they come
            assert visit.transferred > 0
            heavy[endpoint] = visit.transferred
    assert {endpoint: size for endpoint, size in heavy.items() if size > MOST_BYTES} == {}
