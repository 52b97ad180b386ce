"""The list of messages, and one of them: what is shown, to whom, and what can be done."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from notifyhub.database.base import now
from notifyhub.extensions import db
from notifyhub.messages.models import ERASED, Channel, Message, MessageAttachment, MessageStatus, Outcome
from notifyhub.webhooks.models import DeliveryStatus
from tests.messages.accounts import make_accounts
from tests.support.clients import Api
from tests.support.console import Console, Page
from tests.support.environment import slow_on_postgresql
from tests.support.factories import AttemptFactory, MessageFactory, WebhookDeliveryFactory
from tests.support.queries import Queries

pytestmark = slow_on_postgresql

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e'
VIEW, CHANGE, WEBHOOKS = 7812, 7813, 7832
ACCOUNTS = "[name=account] option"


def make(app: Flask, **values: Any) -> int:
    with app.app_context():
        message: Message = MessageFactory(**values)
        return message.id


def parameters(page: Page) -> dict[str, str]:
    assert page.status == 302
    return {name: values[0] for name, values in parse_qs(urlsplit(page.location or "").query).items()}


def ids(page: Page) -> list[int]:
    return [int(text) for text in page.all("tbody tr td:first-child a")]


def test_the_list_shows_each_message_briefly(operator: Console, app: Flask) -> None:
    make(app, recipient="+989121234567", text="Your order is on its way.")
    make(app, channel=Channel.EMAIL, recipient="a@example.com", subject="Order 5", text="long", status="sent")
    make(app, recipient=ERASED, text=None, status="failed")
    page = operator.get("/messages")
    rows = page.all("tbody tr")
    assert "erased" in rows[0]
    assert "Failed" in rows[0]
    assert "Order 5" in rows[1]
    assert "Sent" in rows[1]
    assert "+989121234567" in rows[2]
    assert "Your order is on its way." in rows[2]
    assert "Waiting" in rows[2]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("status=sent&status=failed", {"status": "sent,failed"}),
        ("status=&to=&batch=5", {"batch": "5"}),
        ("account=email:7", {"channel": "email", "notifier": "7"}),
        ("account=email:7&channel=sms", {"channel": "sms"}),
        ("batch=۵&pattern=%20۶&limit=2", {"batch": "5", "pattern": "6", "limit": "2"}),
        ("created_from=۱۴۰۵/۰۹/۰۵", {"created_from": "2026-11-26T00:00:00+03:30"}),
        ("created_to=1405-9-5", {"created_to": "2026-11-26T23:59:59.999999+03:30"}),
        ("created_from=2026-11-26%2010:30", {"created_from": "2026-11-26T10:30:00+03:30"}),
        ("q=۰۹۱۲ ۱۲۳ ۴۵۶۷", {"to": "+989121234567"}),
        ("q=0098-912-123-4567", {"to": "+989121234567"}),
        ("q=Info@Example.COM", {"to": "Info@example.com"}),
        ("q=order-17", {"reference": "order-17"}),
        ("q=987654321", {"reference": "987654321"}),
    ],
)
def test_what_people_write_becomes_the_apis_filter(
    operator: Console, given: str, asked: dict[str, str]
) -> None:
    page = operator.get(f"/messages?{given}")
    assert parameters(page) == asked
    assert operator.follow(page).status == 200


def test_a_message_is_found_by_its_id(operator: Console, app: Flask) -> None:
    id_ = make(app)
    assert operator.get(f"/messages?q=%23{id_}").location == f"/console/messages/{id_}"


@pytest.mark.parametrize(
    "filter_",
    [
        "status=failed",
        "to=+989121111111",
        "reference=r",
        "channel=email",
        "test=true",
        "created_to=2020-01-01",
    ],
)
def test_a_filter_leaves_what_it_asks_for(operator: Console, app: Flask, filter_: str) -> None:
    kept = {
        "status=failed": {"status": "failed"},
        "to=+989121111111": {"recipient": "+989121111111"},
        "reference=r": {"reference": "r"},
        "channel=email": {"channel": "email", "recipient": "a@example.com"},
        "test=true": {"is_test": True},
        "created_to=2020-01-01": {"created_at": now() - timedelta(days=4000)},
    }[filter_]
    wanted = make(app, **kept)
    make(app)
    page = operator.get(f"/messages?{filter_}")
    while page.status == 302:
        page = operator.follow(page)
    assert ids(page) == [wanted]


@pytest.mark.parametrize(
    ("parameters_", "field"),
    [("batch=x", "batch"), ("created_from=2026-02-30", "created_from"), ("id_min=a", "id_min")],
)
def test_bad_input_stays_at_its_field(operator: Console, parameters_: str, field: str) -> None:
    page = operator.get(f"/messages?{parameters_}")
    assert list(page.errors) == [field]
    control = page.soup.select_one(f"[name={field}]")
    assert control is not None
    assert control["value"] == parameters_.partition("=")[2]


@pytest.mark.parametrize("parameters_", ["status=x", "unknown=1", "notifier=1"])
def test_what_no_field_has_is_said_over_all(operator: Console, parameters_: str) -> None:
    page = operator.get(f"/messages?{parameters_}")
    assert page.status == 200
    assert page.soup.select(".filters .notice.bad")


def test_pages_follow_one_another(operator: Console, app: Flask) -> None:
    made = [make(app) for _ in range(5)]
    page = operator.get("/messages?limit=2")
    assert ids(page) == [made[4], made[3]]
    (older,) = page.soup.select("a[rel=next]")
    page = operator.get(
        urlsplit(str(older["href"]))._replace(scheme="", netloc="").geturl()[len("/console") :]
    )
    assert ids(page) == [made[2], made[1]]
    assert page.soup.select("a[rel=prev]")


@pytest.mark.parametrize("count", [1, 30])
def test_pages_need_few_statements(operator: Console, app: Flask, queries: Queries, count: int) -> None:
    made = [make(app, status="failed", batch_id=None) for _ in range(count)]
    with app.app_context():
        for _ in range(count):
            AttemptFactory(message_id=made[0])
    paths = (
        "/messages",
        "/messages?created_from=2020-01-01T00:00:00%2B00:00&created_to=2040-01-01T00:00:00%2B00:00",
        f"/messages/{made[0]}",
        "/messages/all/retry",
    )
    for path in paths:
        with queries as statements:
            assert operator.get(path).status == 200
        assert len(statements) <= 12, path


def test_a_message_is_told_from_its_acceptance_to_its_end(operator: Console, app: Flask) -> None:
    at = now()
    id_ = make(
        app,
        status=MessageStatus.UNDELIVERED,
        created_at=at - timedelta(seconds=60),
        sent_at=at - timedelta(seconds=20),
        request_id="the-request",
        next_attempt_at=None,
        error_code="blacklisted",
        error_detail="گیرنده در لیست سیاه است",
        segments=1,
        encoding="gsm7",
    )
    with app.app_context():
        failed = {"outcome": Outcome.TEMPORARY, "error_code": "no_credit", "error_detail": "No more credit!"}
        AttemptFactory(message_id=id_, started_at=at - timedelta(seconds=50), notifier_name="main", **failed)
        AttemptFactory(message_id=id_, started_at=at - timedelta(seconds=20), notifier_name="backup")
        WebhookDeliveryFactory(object_id=id_, status=DeliveryStatus.DELIVERED, response_status=204)
        WebhookDeliveryFactory(object_id=id_ + 1)
    page = operator.get(f"/messages/{id_}")
    assert page.all(".timeline li strong")[:5] == [
        "Accepted",
        "Attempt 1: Not now",
        "Waited for 30 seconds",
        "Attempt 2: Taken by the provider",
        "Sent",
    ]
    assert sorted(page.all(".timeline li strong")[5:]) == ["Reported as not delivered", "Told of the sending"]
    for words in ("the-request", "No more credit!", "main", "backup", "204", "1 segment", "GSM-7"):
        assert words in page.text
    assert "The recipient has blocked advertising messages" in page.text
    assert "گیرنده در لیست سیاه است" in page.text
    assert not page.soup.select("[data-live]")


def test_what_comes_next_is_said_and_the_page_refreshes_itself(operator: Console, app: Flask) -> None:
    id_ = make(app, status="sending", error_code="unreachable", next_attempt_at=now() + timedelta(minutes=5))
    page = operator.get(f"/messages/{id_}")
    assert page.all(".timeline li.next strong") == [
        "It is tried again",
        "It expires, if it is not sent by then",
    ]
    assert "Not yet: The provider could not be reached." in page.text
    assert page.soup.select("[data-live]")
    sent = make(
        app, status="sent", sent_at=now(), report_due_at=now() + timedelta(minutes=1), next_attempt_at=None
    )
    page = operator.get(f"/messages/{sent}")
    assert page.all(".timeline li.next strong") == ["The provider is asked whether it arrived"]


def test_what_comes_from_outside_is_text(operator: Console, app: Flask) -> None:
    id_ = make(
        app,
        channel=Channel.EMAIL,
        recipient="a@example.com",
        subject=HOSTILE,
        text=HOSTILE,
        reference=HOSTILE,
        client_metadata={HOSTILE: HOSTILE},
        args={HOSTILE: HOSTILE},
        cc=[HOSTILE],
        notifier_name=HOSTILE,
        pattern_id=1,
        pattern_name=HOSTILE,
        status="failed",
        error_code="refused",
        error_detail=HOSTILE,
    )
    with app.app_context():
        AttemptFactory(message_id=id_, notifier_name=HOSTILE, error_code="x", error_detail=HOSTILE)
        db.session.add(
            MessageAttachment(message_id=id_, filename=HOSTILE, content_type="a/b", content=b"abc")
        )
        db.session.commit()
    for path in ("/messages", f"/messages/{id_}"):
        page = operator.get(path)
        assert "alert(1)" in page.text
        assert not page.soup.select("main script, main img")
    assert "3 bytes" in page.text


def test_the_html_of_a_mail_runs_nothing_and_loads_nothing(operator: Console, app: Flask) -> None:
    html = "<p>Hello</p><script>alert(1)</script>"
    id_ = make(app, channel=Channel.EMAIL, recipient="a@example.com", subject="s", html=html)
    (frame,) = operator.get(f"/messages/{id_}").soup.select("iframe")
    assert frame["src"] == f"/console/messages/{id_}/html"
    assert not frame["sandbox"]  # nothing is allowed
    page = operator.get(f"/messages/{id_}/html")
    assert page.html == html
    policy = page.response.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "sandbox", "img-src data:", "frame-ancestors 'self'"} <= set(policy)
    assert operator.get(f"/messages/{make(app)}/html").status == 404


def test_the_sender_of_a_pattern_is_told_unless_a_backup_has_sent(operator: Console, app: Flask) -> None:
    mail = {"channel": Channel.EMAIL, "recipient": "a@example.com", "subject": "s", "status": "sent"}
    own = make(app, **mail, notifier_id=1, home_notifier_id=1, from_email="Shop <shop@example.com>")
    assert "Sender Shop <shop@example.com>" in operator.get(f"/messages/{own}").text
    taken_over = make(app, **mail, notifier_id=2, home_notifier_id=1, from_email="Shop <shop@example.com>")
    assert "shop@example.com" not in operator.get(f"/messages/{taken_over}").text


def test_an_erased_message_says_so(operator: Console, app: Flask) -> None:
    page = operator.get(f"/messages/{make(app, recipient=ERASED, text=None, status='failed')}")
    assert "its recipient and content are erased" in page.text


def test_there_is_no_page_of_a_message_that_is_none(operator: Console) -> None:
    for path in ("/messages/99", "/messages/99/html", "/messages/x"):
        assert operator.get(path).status == 404
    assert operator.follow(operator.post("/messages/99/cancel")).status == 200


def test_a_message_is_cancelled_and_sent_anew_by_a_button(operator: Console, app: Flask) -> None:
    id_ = make(app, status="scheduled", next_attempt_at=now() + timedelta(days=1))
    page = operator.follow(operator.submit(f"/messages/{id_}", action=f"/console/messages/{id_}/cancel"))
    assert "The message is cancelled." in page.text
    assert "Cancelled by hand" in page.text
    page = operator.follow(operator.post(f"/messages/{id_}/cancel"))
    assert "This message is cancelled: only one that is" in page.text
    failed = make(app, status="failed", next_attempt_at=None)
    page = operator.follow(operator.submit(f"/messages/{failed}", action=f"/console/messages/{failed}/retry"))
    assert "Sent anew by hand" in page.text
    with app.app_context():
        assert db.session.get_one(Message, failed).status == MessageStatus.QUEUED


def test_each_sees_and_does_what_they_may(signed_in: Callable[..., Console], app: Flask) -> None:
    accounts = make_accounts(app)
    id_ = make(app, status="failed", next_attempt_at=None, sent_at=now())
    with app.app_context():
        WebhookDeliveryFactory(object_id=id_)
    nobody = signed_in(codes=(CHANGE,))
    for path in ("/messages", f"/messages/{id_}", f"/messages/{id_}/html"):
        assert nobody.get(path).status == 403
    viewer = signed_in(codes=(VIEW,))
    page = viewer.get(f"/messages/{id_}")
    assert "Told of the sending" not in page.text
    assert not page.soup.select("main form")
    assert viewer.post(f"/messages/{id_}/retry").status == 403
    assert viewer.get("/messages/all/retry").status == 403
    assert "All messages of this filter" not in viewer.get("/messages").text
    assert [option["value"] for option in viewer.get("/messages").soup.select("[name=account] option")] == [
        ""
    ]
    many = signed_in(codes=(VIEW, CHANGE, WEBHOOKS, 2812))
    page = many.get(f"/messages/{id_}")
    assert "Told of the sending" in page.text
    assert page.soup.select("#retry")
    options = [option["value"] for option in many.get("/messages").soup.select(ACCOUNTS)]
    assert f"sms:{accounts.sms}" in options
    assert not [option for option in options if str(option).startswith("email")]


def test_a_test_tokens_button_changes_its_own_alone(signed_in: Callable[..., Console], app: Flask) -> None:
    tester = signed_in(codes=(VIEW, CHANGE), test=True)
    id_ = make(app, status="failed", next_attempt_at=None)
    assert tester.post(f"/messages/{id_}/retry").location == "/console/messages"
    with app.app_context():
        assert db.session.get_one(Message, id_).status == "failed"


def test_the_page_is_in_persian(operator: Console, app: Flask) -> None:
    operator.language = "fa"
    id_ = make(app, status="failed", error_code="no_credit", error_detail="x")
    page = operator.get(f"/messages/{id_}")
    assert "اعتبار حساب تمام شده است." in page.text
    assert (page.soup.html or {}).get("dir") == "rtl"
    assert '<bdi class="code" dir="ltr">+989121234567</bdi>' in page.html


def test_a_retry_and_a_change_of_many_are_audited_alike(api: Api, operator: Console, app: Flask) -> None:
    one, other = (make(app, status="failed", next_attempt_at=None) for _ in range(2))
    operator.post(f"/messages/{one}/retry")
    operator.post("/messages/all/retry")
    entries = api.get("/api/audit?action=retry&type=message").json["results"]
    assert [entry["object"]["id"] for entry in entries] == [other, one]
    first, second = ({**entry, "id": 0, "at": "", "object": 0, "request_id": ""} for entry in entries)
    assert first == second
