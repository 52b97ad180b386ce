"""The list of one-time passwords: by cursor, filtered by what is shown, without codes."""

import re
from collections.abc import Callable
from urllib.parse import quote, urlencode

import pytest
import time_machine
from flask import Flask

from tests.otp.codes import NUMBER, URL, Codes, wrong
from tests.support.clients import Api
from tests.support.plans import explained
from tests.support.queries import Queries


def listed(codes: Codes, query: str = "") -> list[int]:
    answer = codes.api.get(f"{URL}?{query}")
    assert answer.status == 200, answer.json
    return [otp["id"] for otp in answer.json["results"]]


def test_the_list_shows_what_each_shows_newest_first_and_no_codes(codes: Codes) -> None:
    made = [codes.issued(f"0912000000{number}") for number in range(3)]
    first = codes.api.get(f"{URL}?limit=2")
    assert (list(first.json), first.json["previous"]) == (["next", "previous", "results"], None)
    second = codes.api.get(first.json["next"])
    shown = first.json["results"] + second.json["results"]
    assert shown == [codes.show(otp["id"]) for otp in made[::-1]]
    for answer in (first, second):
        assert not re.search('"code"|nonce', answer.response.text)
    assert second.json["next"] is None
    assert codes.api.get(second.json["previous"]).json["results"] == first.json["results"]


@pytest.fixture
def ended(codes: Codes, clock: time_machine.Traveller) -> dict[str, int]:
    """One of each status; `stale` is over and still stored as pending, `expired` is stored as such."""
    kept = codes.issued("09120000001")
    stale = codes.issued("09120000002")
    clock.shift(120)
    renewed = codes.issued("09120000001")  # which stores that the first is over
    verified, cancelled, blocked = (codes.issued(f"0912000000{number}") for number in (3, 4, 5))
    codes.guess(verified["code"], id=verified["id"])
    codes.cancel(cancelled["id"])
    for _ in range(5):
        codes.guess(wrong(blocked["code"]), id=blocked["id"])
    made = {"expired": kept, "stale": stale, "pending": renewed}
    made |= {"verified": verified, "cancelled": cancelled, "blocked": blocked}
    assert codes.row(kept["id"]).status == "expired"
    assert codes.row(stale["id"]).status == "pending"
    return {name: otp["id"] for name, otp in made.items()}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["blocked", "cancelled", "verified", "pending", "stale", "expired"]),
        ("status=pending", ["pending"]),
        ("status=expired", ["stale", "expired"]),
        ("status=expired,pending", ["pending", "stale", "expired"]),
        ("status=verified", ["verified"]),
        ("status=cancelled,blocked", ["blocked", "cancelled"]),
        ("status=expired&to=09120000002", ["stale"]),
        ("status=pending&to=09120000002", []),
        ("status=expired&channel=sms&purpose=login&limit=1", ["stale"]),
        ("to=09120000001", ["pending", "expired"]),
        ("created_from=2025-03-01T12:02:00Z", ["blocked", "cancelled", "verified", "pending"]),
        ("created_to=2025-03-01T12:01:00Z&status=expired", ["stale", "expired"]),
        ("created_to=2025-02-28", []),
    ],
)
def test_it_is_filtered_by_the_status_that_is_shown(
    codes: Codes, ended: dict[str, int], query: str, found: list[str]
) -> None:
    assert listed(codes, query) == [ended[name] for name in found]


def test_a_status_is_found_again_on_every_page(codes: Codes, ended: dict[str, int]) -> None:
    first = codes.api.get(f"{URL}?status=expired&limit=1").json
    second = codes.api.get(first["next"]).json
    assert [otp["id"] for otp in first["results"] + second["results"]] == [ended["stale"], ended["expired"]]
    assert codes.api.get(second["previous"]).json["results"] == first["results"]


@pytest.mark.parametrize("to", ["0912 123 4567", "۰۹۱۲۱۲۳۴۵۶۷", "+989121234567", "00989121234567"])
def test_a_number_is_found_in_any_spelling(codes: Codes, to: str) -> None:
    made = codes.issued(NUMBER)
    codes.issued("09121234568")
    assert listed(codes, f"to={quote(to)}") == [made["id"]]
    assert listed(codes, "to=+989121234567") == [made["id"]]  # a blank, where + was not encoded


def test_an_address_is_found_in_any_spelling_and_by_channel_and_purpose(codes: Codes) -> None:
    by_sms = codes.issued(purpose="sign-up")
    by_mail = codes.issued("Ada@Example.com", channel="email")
    assert listed(codes, "to=aDA@example.COM") == [by_mail["id"]]
    assert listed(codes, "to=nobody") == listed(codes, "to=other@example.com") == []
    assert listed(codes, "channel=email") == [by_mail["id"]]
    assert listed(codes, "purpose=sign-up") == [by_sms["id"]]
    assert listed(codes, "purpose=login&channel=sms") == []


def test_test_tokens_and_others_list_their_own_alone(codes: Codes, live: Codes) -> None:
    tested, real = codes.issued(), live.issued()
    for query in ("", f"to={quote(NUMBER)}", "status=pending"):
        assert listed(codes, query) == [tested["id"]]
        assert listed(live, query) == [real["id"]]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("status", "lost", ['"lost" is not a valid choice.']),
        ("channel", "fax", ['"fax" is not a valid choice.']),
        ("created_from", "2025-02-30", ["Enter a valid date, or a moment with its zone."]),
        *((name, "1", ["Unknown field."]) for name in ("is_test", "stored_status", "code", "search")),
    ],
)
def test_a_wrong_parameter_is_refused(codes: Codes, name: str, value: str, words: list[str]) -> None:
    answer = codes.api.get(f"{URL}?{urlencode({name: value})}")
    assert (answer.status, answer.json) == (400, {name: words})


def test_a_bad_cursor_is_404(codes: Codes) -> None:
    answer = codes.api.get(f"{URL}?cursor=x")
    assert (answer.status, answer.json) == (404, {"detail": "Invalid cursor"})


def test_listing_needs_the_code_of_viewing(codes: Codes, staff: Callable[..., Api]) -> None:
    assert staff(7821, 7823, 7824).get(URL).status == 403
    assert staff(7822).get(URL).status == 200


def test_a_page_takes_two_statements_whatever_its_size(codes: Codes, queries: Queries) -> None:
    codes.api.get("/api/me")  # which notes the token's use
    for batch in range(2):
        for number in range(1 + 9 * batch):
            codes.issued(f"0912000{batch}{number:03}")
        for query in ("", "status=expired,verified", f"to={quote(NUMBER)}"):
            with queries as sent:
                listed(codes, query)
            assert len(sent) == 2, sent


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "status"),
        ("status=expired", "status"),
        ("channel=sms&purpose=x", "status"),
        ("to=09121234567", "recipient"),
        ("to=09121234567&status=pending", "recipient"),
    ],
)
def test_a_page_is_read_along_the_index_that_was_chosen(
    codes: Codes, app: Flask, query: str, index: str
) -> None:
    codes.api.get("/api/me")
    with explained(app) as plans:
        listed(codes, query)
    assert set(re.findall(r"ix_otps_\w+", plans[-1])) == {f"ix_otps_{index}"}


def test_the_rows_of_a_page_hold_nothing_that_a_code_is_made_of(codes: Codes, queries: Queries) -> None:
    codes.issued()
    with queries as sent:
        listed(codes)
    assert "FROM otps" in sent[-1]
    assert "nonce" not in sent[-1]
