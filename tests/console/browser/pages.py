"""The pages of the console, found as people find them: by the links from page to page."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import parse_qsl, urljoin, urlsplit

from bs4 import BeautifulSoup
from flask import Flask
from playwright.sync_api import BrowserContext
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, Rule

OBJECTS_OF_A_KIND = 4
"""How many pages of one rule are looked at: objects of each state are among them."""
NO_PAGES = frozenset({"console.missing", "console.assets.show", "console.sign_in.sign_in"})
"""What is answered for any path; files; what those see who are not signed in."""


class Found(NamedTuple):
    """A page: where it is, the endpoint that answers it, and whether it is the first one like that."""

    path: str
    endpoint: str
    is_first: bool

    @property
    def subject(self) -> str:
        """Return the blueprint that it belongs to."""
        return self.endpoint.split(".")[1]


def endpoints(app: Flask) -> set[str]:
    """Return those of all pages."""
    rules = {rule.endpoint for rule in app.url_map.iter_rules() if _is_page(rule)}
    return rules - NO_PAGES


def _is_page(rule: Rule) -> bool:
    return str(rule).startswith("/console") and "GET" in (rule.methods or ())


def crawl(app: Flask, context: BrowserContext, base: str, *further: str) -> tuple[list[Found], list[Found]]:
    """Follow all links from the first page; return the pages, and what is no page of its own.

    `further` are pages that forms lead to. What is no page are files to be kept, and what is seen within the
    frame of a page.
    """
    adapter = app.url_map.bind("localhost")
    seen: set[str] = set()
    counts: dict[object, int] = defaultdict(int)
    pages, others = [], []
    waiting = [(f"{base}{path}", False) for path in ("/console", *further)]
    while waiting:
        url, is_framed = waiting.pop(0)
        found = _page_at(adapter, url.removeprefix(base))
        if found is None or url in seen:
            continue
        seen.add(url)
        kind = (found.endpoint, frozenset(name for name, _ in parse_qsl(urlsplit(url).query)))
        counts[kind] += 1
        if counts[kind] > OBJECTS_OF_A_KIND:
            continue
        answer = context.request.get(url)
        assert answer.status < 400, f"{url}: {answer.status}"
        found = found._replace(is_first=counts[kind] == 1)
        if "text/html" in answer.headers["content-type"] and not is_framed:
            pages.append(found)
            waiting.extend(_links(answer.url, answer.text()))
        else:
            others.append(found)
    return pages, others


def _page_at(adapter: MapAdapter, path: str) -> Found | None:
    """Return the page that a path leads to; None if it leads out of the console."""
    parts = urlsplit(path)
    if parts.scheme or not f"{parts.path}/".startswith("/console/"):
        return None
    try:
        endpoint, _ = adapter.match(parts.path, method="GET")
    except HTTPException:
        return None
    return None if endpoint in NO_PAGES else Found(path, str(endpoint), is_first=False)


def _links(url: str, html: str) -> Iterator[tuple[str, bool]]:
    """Return where a page leads to, each with whether it is shown within the page."""
    soup = BeautifulSoup(html, "html.parser")
    for name, attribute in (("a", "href"), ("iframe", "src")):
        for element in soup.select(f"{name}[{attribute}]"):
            yield urljoin(url, str(element[attribute])).partition("#")[0], name == "iframe"
