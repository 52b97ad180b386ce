"""The audit in the console."""

from collections.abc import Callable

import pytest

from tests.support.clients import Api
from tests.support.console import MARKUP, Console
from tests.support.environment import slow_on_postgresql
from tests.support.queries import Queries

pytestmark = slow_on_postgresql

SMS = "/api/notifications/notifiers/sms"


@pytest.mark.parametrize("path", ["/audit", "/messages"])
@pytest.mark.parametrize("language", ["fa", "en"])
def test_the_last_of_all_days_is_a_day(operator: Console, path: str, language: str) -> None:
    operator.language = language
    page = operator.follow(operator.get(f"{path}?created_to=9999-12-31"))
    field = page.soup.select_one("[name=created_to]")
    assert field is not None
    assert (page.status, field["value"]) == (200, "9999-12-31")


def test_what_was_done_is_shown_with_who_did_it_and_where(operator: Console, api: Api) -> None:
    api.post(SMS, {"name": "main", "backend": "ippanel"})
    page = operator.get("/audit?type=sms_notifier")
    (row,) = page.all("tbody tr")
    assert "created" in row
    assert "main" in row
    assert "API" in row


def test_what_the_console_does_is_told_as_such(operator: Console) -> None:
    operator.submit("/users/new", {"name": "colleague"})
    (row,) = operator.get("/audit?type=user&action=create").all("tbody tr")
    assert "console" in row


def test_a_filter_that_is_wrong_says_so_at_its_field(operator: Console) -> None:
    page = operator.get("/audit?object_id=x&action=bake")
    assert page.status == 200
    assert set(page.errors) == {"object_id", "action"}


def test_days_are_typed_in_either_calendar(operator: Console, api: Api) -> None:
    api.post(SMS, {"name": "main", "backend": "ippanel"})
    page = operator.get("/audit?created_from=۱۴۰۴/۰۱/۰۱&created_to=1499/01/01&type=sms_notifier")
    page = operator.follow(page)
    assert len(page.all("tbody tr")) == 1
    field = page.soup.select_one("[name=created_from]")
    assert field is not None
    assert field["value"] == "2025-03-21"


def test_secrets_and_markup_are_not_in_it(operator: Console, api: Api) -> None:
    token = "a-token-that-is-a-secret"
    settings = {"token": token, "number": "50002710008883"}
    api.post(SMS, {"name": MARKUP, "backend": "melipayamak", "settings": settings})
    page = operator.get("/audit")
    assert token not in page.html
    assert MARKUP in page.soup.get_text()
    assert not page.soup.select("main script, main img")


def test_the_page_is_in_persian_with_jalali_dates(operator: Console, api: Api) -> None:
    operator.language = "fa"
    page = operator.get("/audit")
    assert page.soup.html is not None
    assert page.soup.html["dir"] == "rtl"
    assert "وارد شد" in page.text
    assert "۱۴۰" in page.all("tbody time")[0]


def test_the_statements_are_few_whatever_the_pages_size(
    operator: Console, api: Api, queries: Queries
) -> None:
    for number in range(20):
        api.post(SMS, {"name": f"main {number}", "backend": "ippanel"})
    with queries as statements:
        assert operator.get("/audit").status == 200
    assert len(statements) <= 3


def test_it_is_for_those_who_may(signed_in: Callable[..., Console]) -> None:
    assert signed_in(codes=(7842,)).get("/audit").status == 200
    assert signed_in(codes=(7812,)).get("/audit").status == 403
