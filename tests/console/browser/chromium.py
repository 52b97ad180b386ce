"""Chromium, what goes wrong in its pages, and the ways in which it looks at them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, sync_playwright

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
OF_FRAMES = re.compile(r'frame is sandboxed|violates .* directive: "img-src data:"')
"""What is said where the frame of a mail lets no script run, and no picture be loaded."""
HEIGHTS = {360: 740, 1280: 800}
"""Of screens, by their widths."""


class Look(NamedTuple):
    """How somebody looks at pages: language, width of the screen, colours."""

    language: str
    width: int
    theme: str

    def __str__(self) -> str:
        return f"{self.language}-{self.width}-{self.theme}"


PHONE = Look("fa", 360, "dark")
DESK = Look("en", 1280, "light")
LOOKS = [
    Look(language, width, theme)
    for language in ("fa", "en")
    for width in HEIGHTS
    for theme in ("light", "dark")
]


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """Run Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A window of a browser at the console; `problems` has all that went wrong in it so far.

    `transferred` counts the bytes of what was loaded, as they came.
    """

    context: BrowserContext
    page: Page
    base: str
    problems: list[str] = field(default_factory=list)
    transferred: int = 0
    refused: set[int] = field(default_factory=set)
    """Statuses of answers that a test means to get."""

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self._note_words(said.type, said.text))
        self.page.on("pageerror", lambda error: self.problems.append(f"a script fails: {error}"))
        self.page.on("requestfailed", self._note_failure)
        self.page.on("request", self._note_host)
        self.page.on("response", self._note_answer)
        self.page.on("dialog", self._note_dialog)

    def go(self, path: str) -> Page:
        """Open a page, which has to be answered without an error."""
        answer = self.page.goto(f"{self.base}{path}")
        assert answer is not None, path
        assert answer.status < 400, f"{path}: {answer.status}"
        return self.page

    @property
    def path(self) -> str:
        """Where it is."""
        parts = urlsplit(self.page.url)
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def sign_in(self, key: str) -> None:
        self.page.get_by_label("API token").fill(key)
        with self.page.expect_navigation():
            self.page.locator("main button").click()

    def prefer(self, **choices: str) -> None:
        """Choose what a person prefers, by the form of preferences."""
        page = self.go("/console/preferences")
        for name, value in choices.items():
            page.locator(f"#{name}").select_option(value)
        page.locator("main form button.primary").click()
        page.wait_for_load_state()

    def measure(self) -> None:
        """Count from now on what is loaded, nothing of which was kept from before."""
        session = self.context.new_cdp_session(self.page)
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._weigh)

    def _weigh(self, loaded: dict[str, float]) -> None:
        self.transferred += int(loaded["encodedDataLength"])

    def _note_words(self, kind: str, words: str) -> None:
        meant = any(f"status of {status}" in words for status in self.refused)
        if kind in {"error", "warning"} and not meant and not OF_FRAMES.search(words):
            self.problems.append(f"the console says: {words}")

    def _note_failure(self, request: Request) -> None:
        by_the_next_page = request.failure == "net::ERR_ABORTED"
        in_a_frame = request.frame.parent_frame is not None and request.failure == "csp"
        if not by_the_next_page and not in_a_frame:
            self.problems.append(f"{request.url} fails: {request.failure}")

    def _note_host(self, request: Request) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.problems.append(f"{request.url} is asked for")

    def _note_answer(self, answer: Response) -> None:
        if answer.status >= 400 and answer.status not in self.refused:
            self.problems.append(f"{answer.url} is answered with {answer.status}")

    def _note_dialog(self, dialog: object) -> None:
        self.problems.append("a dialog opens: a text has run")
        dialog.dismiss()  # type: ignore[attr-defined]


@contextmanager
def window(browser: Browser, base: str, look: Look = DESK, state: Path | None = None) -> Iterator[Visit]:
    """Open a window with a memory of its own, or with the cookies of a file."""
    context = browser.new_context(
        viewport={"width": look.width, "height": HEIGHTS[look.width]},
        locale="fa-IR" if look.language == "fa" else "en-GB",
        color_scheme="dark" if look.theme == "dark" else "light",
        storage_state=state,
        has_touch=look.width < 500,
    )
    context.set_default_timeout(20_000)
    try:
        yield Visit(context, context.new_page(), base)
    finally:
        context.close()
