"""Webhooks in the console."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from notifyhub.extensions import db
from notifyhub.webhooks.models import DeliveryStatus, WebhookDelivery
from tests.support.clients import Api
from tests.support.console import MARKUP, Console
from tests.support.environment import slow_on_postgresql
from tests.support.factories import WebhookDeliveryFactory, WebhookFactory
from tests.support.queries import Queries

pytestmark = slow_on_postgresql

URL = "https://shop.example.com/hook"
FORM = {"url": URL, "events": ["message.delivered", "otp.verified"], "is_active": "y"}


def webhook(app: Flask, **values: object) -> int:
    with app.app_context():
        made = WebhookFactory(**values)
        db.session.commit()
        return int(made.id)


def delivery(app: Flask, webhook_id: int, **values: object) -> int:
    with app.app_context():
        made = WebhookDeliveryFactory(webhook_id=webhook_id, **values)
        db.session.commit()
        return int(made.id)


def test_a_webhook_is_made_and_its_secret_shown_once(operator: Console, api: Api) -> None:
    page = operator.submit("/webhooks/new", FORM)
    assert page.status == 200
    secret = page.soup.select_one(".copyable input")
    assert secret is not None
    assert str(secret["value"]).startswith("whsec_")
    (made,) = api.get("/api/notifications/webhooks").json["results"]
    assert (made["url"], made["events"], made["is_active"]) == (URL, FORM["events"], True)
    for path in ("/webhooks", f"/webhooks/{made['id']}", f"/webhooks/{made['id']}/edit"):
        assert "whsec_" not in operator.get(path).html


def test_what_is_wrong_with_a_webhook_stands_at_its_field_and_nothing_is_lost(operator: Console) -> None:
    page = operator.submit("/webhooks/new", {**FORM, "url": "http://10.0.0.1/x", "events": []})
    assert page.status == 400
    assert set(page.errors) == {"url", "events"}
    assert page.form()["url"] == "http://10.0.0.1/x"


def test_a_webhook_is_changed(operator: Console, app: Flask, api: Api) -> None:
    id_ = webhook(app, url=URL)
    page = operator.submit(f"/webhooks/{id_}/edit", {"url": f"{URL}/2", "events": ["message.failed"]})
    assert "The webhook was saved." in operator.follow(page).text
    changed = api.get(f"/api/notifications/webhooks/{id_}").json
    assert (changed["url"], changed["events"]) == (f"{URL}/2", ["message.failed"])


def test_a_webhook_that_was_switched_off_meanwhile_stays_off(operator: Console, app: Flask, api: Api) -> None:
    id_ = webhook(app, url=URL, events=["otp.verified", "message.failed"])
    opened = operator.get(f"/webhooks/{id_}/edit").form()
    path = f"/api/notifications/webhooks/{id_}"
    api.patch(path, {"is_active": False, "events": ["message.failed"]})
    assert operator.post(f"/webhooks/{id_}/edit", {**opened, "url": f"{URL}/2"}).status == 302
    changed = api.get(path).json
    assert (changed["url"], changed["events"], changed["is_active"]) == (
        f"{URL}/2",
        ["message.failed"],
        False,
    )


def test_a_webhook_is_deleted_after_it_was_asked(operator: Console, app: Flask, api: Api) -> None:
    id_ = webhook(app, url=URL)
    asked = operator.get(f"/webhooks/{id_}/delete")
    assert URL in asked.text
    assert api.get(f"/api/notifications/webhooks/{id_}").status == 200
    assert operator.submit(f"/webhooks/{id_}/delete").location == "/console/webhooks"
    assert api.get(f"/api/notifications/webhooks/{id_}").status == 404


def test_a_rotated_secret_is_shown_once(operator: Console, app: Flask) -> None:
    id_ = webhook(app)
    assert "whsec_" in operator.submit(f"/webhooks/{id_}/rotate").html
    assert "whsec_" not in operator.get(f"/webhooks/{id_}/rotate").html


def test_an_answer_that_is_loaded_again_makes_and_rotates_nothing(operator: Console, api: Api) -> None:
    form = {**operator.get("/webhooks/new").form(), **FORM}
    assert operator.post("/webhooks/new", form).status == 200
    assert operator.post("/webhooks/new", form).location == "/console/webhooks"
    (made,) = api.get("/api/notifications/webhooks").json["results"]
    path = f"/webhooks/{made['id']}/rotate"
    form = operator.get(path).form()
    assert operator.post(path, form).status == 200
    assert operator.post(path, form).location == f"/console/webhooks/{made['id']}"
    assert len(api.get("/api/audit?action=rotate").json["results"]) == 1


def test_deliveries_are_listed_and_sent_again(operator: Console, app: Flask, api: Api) -> None:
    id_ = webhook(app)
    failed = delivery(
        app, id_, status=DeliveryStatus.FAILED, error="Connection refused", next_attempt_at=None
    )
    page = operator.get(f"/webhooks/{id_}")
    assert "Connection refused" in page.text
    answer = operator.post(f"/webhooks/{id_}/deliveries/{failed}/redeliver")
    assert "The event is sent again." in operator.follow(answer).text
    assert len(api.get(f"/api/notifications/webhooks/{id_}/deliveries").json["results"]) == 2


def test_what_failed_in_a_time_is_sent_again(operator: Console, app: Flask) -> None:
    id_ = webhook(app)
    for _ in range(3):
        delivery(app, id_, status=DeliveryStatus.FAILED, next_attempt_at=None)
    page = operator.submit(f"/webhooks/{id_}/recover", {"since": "۱۴۰۴/۰۱/۰۱"})
    assert "3 events are sent again." in operator.follow(page).text
    with app.app_context():
        assert db.session.query(WebhookDelivery).count() == 6


def test_a_day_until_which_is_sent_again_counts_to_its_end(operator: Console, app: Flask) -> None:
    id_ = webhook(app)
    delivery(app, id_, status=DeliveryStatus.FAILED, next_attempt_at=None)
    today = datetime.now(ZoneInfo("Asia/Tehran")).date().isoformat()
    page = operator.submit(f"/webhooks/{id_}/recover", {"since": today, "until": today})
    assert "1 event is sent again." in operator.follow(page).text


def test_nothing_is_offered_to_be_sent_to_one_that_is_not_active(operator: Console, app: Flask) -> None:
    reason = "No delivery has succeeded for 5 days. The last error: The receiver answered 500."
    id_ = webhook(app, is_active=False, disabled_reason=reason)
    delivery(app, id_, status=DeliveryStatus.FAILED, next_attempt_at=None)
    page = operator.get(f"/webhooks/{id_}")
    assert page.soup.select(f"a[href='/console/webhooks/{id_}/recover'], main form.single") == []
    assert page.soup.select(f".notice a[href='/console/webhooks/{id_}/edit']")
    operator.language = "fa"
    said = operator.get(f"/webhooks/{id_}").all(".notice.bad bdi")
    assert said == ["۵ روز است که هیچ تحویلی موفق نبوده است. آخرین خطا: The receiver answered 500."]


def test_deliveries_are_filtered(operator: Console, app: Flask) -> None:
    id_ = webhook(app)
    delivery(app, id_, status=DeliveryStatus.FAILED, next_attempt_at=None)
    delivery(app, id_, status=DeliveryStatus.DELIVERED, next_attempt_at=None)
    assert len(operator.get(f"/webhooks/{id_}").all("tbody tr")) == 2
    page = operator.get(f"/webhooks/{id_}?status=failed")
    assert page.all("tbody .badge") == ["Failed"]
    assert page.all("select[name=status] option[selected]") == ["Failed"]
    wrong = operator.get(f"/webhooks/{id_}?status=odd")
    assert wrong.soup.select("[role=search] .wrong .errors")


def test_a_time_in_which_nothing_failed_is_no_success(operator: Console, app: Flask) -> None:
    page = operator.submit(
        f"/webhooks/{webhook(app)}/recover", {"since": "2026-01-02", "until": "2026-01-01"}
    )
    assert operator.follow(page).all(".notice.warn") == [
        "No delivery has failed in this time: nothing is sent again."
    ]


def test_an_attempt_that_is_due_is_not_said_to_be_past(operator: Console, app: Flask) -> None:
    id_ = webhook(app)
    due = datetime.now(UTC) - timedelta(seconds=2)
    delivery(app, id_, status=DeliveryStatus.PENDING, next_attempt_at=due)
    assert operator.get(f"/webhooks/{id_}").all("td[data-label='Next attempt']") == ["now"]


def test_who_may_add_webhooks_alone_is_not_led_to_what_they_may_not_see(
    signed_in: Callable[..., Console],
) -> None:
    page = signed_in(codes=(7831,)).submit("/webhooks/new", FORM)
    on = page.soup.select_one(".card a.button")
    assert on is not None
    assert on["href"] == "/console"


@pytest.mark.parametrize("since", ["", "yesterday", "1404/13/01", "2026-02-30"])
def test_a_time_that_is_none_is_refused_at_its_field(operator: Console, app: Flask, since: str) -> None:
    page = operator.submit(f"/webhooks/{webhook(app)}/recover", {"since": since})
    assert (page.status, set(page.errors)) == (400, {"since"})


def test_a_test_event_is_sent(operator: Console, app: Flask) -> None:
    id_ = webhook(app)
    assert operator.post(f"/webhooks/{id_}/test").location == f"/console/webhooks/{id_}"
    assert "Test" in operator.get(f"/webhooks/{id_}").all("tbody td")[1]


@pytest.mark.parametrize("field", ["response_body", "error"])
def test_what_a_receiver_says_is_no_markup(operator: Console, app: Flask, field: str) -> None:
    id_ = webhook(app)
    delivery(app, id_, **{field: MARKUP})
    page = operator.get(f"/webhooks/{id_}")
    assert MARKUP in page.soup.get_text()
    assert not page.soup.select("main script, main img")


def test_the_statements_of_a_page_are_few_whatever_its_size(
    operator: Console, app: Flask, queries: Queries
) -> None:
    id_ = webhook(app)
    for _ in range(30):
        webhook(app)
        delivery(app, id_)
    for path in ("/webhooks", f"/webhooks/{id_}"):
        with queries as statements:
            assert operator.get(path).status == 200
        assert len(statements) <= 4


def test_staff_see_what_they_may_do(signed_in: Callable[..., Console], app: Flask) -> None:
    id_ = webhook(app)
    viewer, nobody = signed_in(codes=(7832,)), signed_in(codes=(7812,))
    assert nobody.get("/webhooks").status == 403
    assert "Webhooks" not in nobody.get().all("nav.sections a")
    page = viewer.get(f"/webhooks/{id_}")
    assert page.status == 200
    assert not page.soup.select("main form[method=post], main a[href$=edit], main a[href$=delete]")
    assert not viewer.get("/webhooks").soup.select("a[href$=new]")
    for action in ("edit", "delete", "rotate", "test", "recover"):
        assert viewer.post(f"/webhooks/{id_}/{action}").status == 403
