"""A browser without a screen: it keeps cookies, fills in forms, and reads pages; it runs no scripts."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from notifyhub.auth.models import Role

MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e"
"""What no page may show but as a text: a script, the ends of attributes, an order of direction."""


class Page:
    """A page that was answered."""

    def __init__(self, response: TestResponse) -> None:
        self.response = response
        self.status = response.status_code
        self.location = response.headers.get("Location")
        body = response.get_data()  # all of it, so that what is streamed comes to its end
        self.html = body.decode() if response.mimetype == "text/html" else ""
        self.soup = BeautifulSoup(self.html, "html.parser")

    @property
    def text(self) -> str:
        """What the page's main part says, with single blanks."""
        main = self.soup.select_one("main") or self.soup
        return " ".join(main.get_text(" ").split())

    def all(self, selector: str) -> list[str]:
        """The texts of all elements that a CSS selector finds."""
        return [" ".join(found.get_text(" ").split()) for found in self.soup.select(selector)]

    def form(self, action: str | None = None) -> dict[str, Any]:
        """The values that a form of the main part would send as it is: the first, or that of an action.

        Several of one name are a list.
        """
        forms = [form for form in self.soup.select("main form") if action in {None, form.get("action")}]
        assert forms, f"There is no form {action or ''} in: {self.text}"
        found: dict[str, Any] = {}
        for name, value in (pair for field in forms[0].select("[name]") for pair in _values(field)):
            earlier = found.get(name)
            found[name] = (
                value if earlier is None else [*([earlier] if isinstance(earlier, str) else earlier), value]
            )
        return found

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is said to be wrong, by the fields that it stands at."""
        wrong = self.soup.select("main .field.wrong")
        found = {}
        for field in wrong:
            named = field.select("[name]")[0]
            found[str(named["name"])] = [line.get_text() for line in field.select(".errors li")]
        return found


def _values(field: Tag) -> list[tuple[str, str]]:
    name = str(field["name"])
    if field.name == "select":
        chosen = field.select("option[selected]") or field.select("option")[:1]
        return [(name, str(option.get("value", option.get_text()))) for option in chosen]
    if field.name == "textarea":
        return [(name, re.sub(r"\A\r?\n", "", field.get_text()))]
    if field.get("type") in {"checkbox", "radio"} and not field.has_attr("checked"):
        return []
    return [] if field.name == "button" else [(name, str(field.get("value", "")))]


@dataclass
class Console:
    """Somebody's browser at the console."""

    client: FlaskClient
    language: str = "en"

    def get(self, path: str = "", **options: Any) -> Page:
        headers = {"Accept-Language": self.language, **options.pop("headers", {})}
        return Page(self.client.get(f"/console{path}", headers=headers, **options))

    def post(self, path: str, values: Mapping[str, Any] | None = None, **options: Any) -> Page:
        """Send a form with these values, and the token that the session's pages bear."""
        headers = {"Accept-Language": self.language, **options.pop("headers", {})}
        data = {"csrf_token": self.token(), **(values or {})}
        return Page(self.client.post(f"/console{path}", data=data, headers=headers, **options))

    def submit(self, path: str, values: Mapping[str, Any] | None = None, action: str | None = None) -> Page:
        """Open a page, fill in its form, and send it, as somebody does."""
        page = self.get(path)
        assert page.status == 200, page.text
        target = (action or f"/console{path}").removeprefix("/console")
        return self.post(target, {**page.form(action), **(values or {})})

    def follow(self, page: Page) -> Page:
        """Open the page that one leads to."""
        assert page.status == 302, f"{page.status}: {page.text}"
        assert page.location is not None
        return self.get(page.location.removeprefix("/console"))

    def token(self) -> str:
        field = self.get("/sign-in").soup.select_one("[name=csrf_token]")
        assert field is not None
        return str(field["value"])

    def sign_in(self, key: str) -> Page:
        return self.post("/sign-in", {"token": key})


@pytest.fixture
def visitor(app: Flask) -> Console:
    """Somebody who is not signed in."""
    return Console(app.test_client())


@pytest.fixture
def signed_in(app: Flask, token: Callable[..., str]) -> Callable[..., Console]:
    """Give a function that returns the browser of somebody who has signed in, with a new token."""

    def sign_in(role: Role = Role.STAFF, codes: tuple[int, ...] = (), **options: Any) -> Console:
        console = Console(app.test_client())
        assert console.sign_in(token(role, codes, **options)).status == 302
        return console

    return sign_in


@pytest.fixture
def operator(signed_in: Callable[..., Console]) -> Console:
    """An admin's browser."""
    return signed_in(Role.ADMIN)
