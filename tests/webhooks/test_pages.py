"""The list of a webhook's deliveries: by cursor, and of its webhook alone."""

from urllib.parse import urlsplit

import pytest
from flask import Flask

from notifyhub.webhooks.models import Event
from tests.support.clients import Api
from tests.support.factories import WebhookDeliveryFactory, WebhookFactory

URL = "/api/notifications/webhooks"


@pytest.fixture
def webhooks(app: Flask) -> tuple[int, int]:
    """The ids of two webhooks, of which the second one is the last."""
    with app.app_context():
        first, second = (WebhookFactory().id for _ in range(2))
    return first, second


def test_deliveries_are_neither_made_nor_changed_by_hand(api: Api, webhooks: tuple[int, int]) -> None:
    url = f"{URL}/{webhooks[0]}/deliveries"
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        assert api.call(method, url, {"event": "message.sent"}).status == 405


def test_a_filter_holds_on_every_page(api: Api, app: Flask, webhooks: tuple[int, int]) -> None:
    url = f"{URL}/{webhooks[0]}/deliveries"
    sent, failed = Event.MESSAGE_SENT, Event.MESSAGE_FAILED
    with app.app_context():
        ids = [
            WebhookDeliveryFactory(webhook_id=webhooks[0], event=event).id
            for event in (sent, failed, sent, sent)
        ]
    first = api.get(f"{url}?event={sent}&limit=2").json
    assert [one["id"] for one in first["results"]] == [ids[3], ids[2]]
    assert (list(first), first["previous"]) == (["next", "previous", "results"], None)
    second = api.get(f"{url}?{urlsplit(first['next']).query}").json
    assert ([one["id"] for one in second["results"]], second["next"]) == ([ids[0]], None)
    assert api.get(f"{url}?event=none").json == {"event": ['"none" is not a valid choice.']}


def test_a_list_by_cursor_is_of_its_parent_alone(api: Api, app: Flask, webhooks: tuple[int, int]) -> None:
    one, other = webhooks
    with app.app_context():
        ids = {WebhookDeliveryFactory(webhook_id=one).id for _ in range(3)}
    assert {each["id"] for each in api.get(f"{URL}/{one}/deliveries").json["results"]} == ids
    assert api.get(f"{URL}/{other}/deliveries").json["results"] == []
    assert api.get(f"{URL}/{other + 1}/deliveries").status == 404
    assert api.get(f"{URL}/{one}/deliveries?webhook_id={other}").status == 400
