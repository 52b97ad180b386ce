"""The number of statements that each endpoint sends to the database, whatever the number of rows."""

import pytest
from flask import Flask

from tests.api.resources import COLLECTIONS, EMAIL, EMAIL_PATTERNS, SETTINGS, SMS, SMS_PATTERNS, Collection
from tests.support.clients import Api
from tests.support.queries import Queries

every_collection = pytest.mark.parametrize("collection", COLLECTIONS, ids=str)


@pytest.fixture
def warm(api: Api) -> Api:
    """A client whose token has been used within the minute."""
    api.get("/api/me")
    return api


def test_me_takes_one_statement_for_an_admin(warm: Api, queries: Queries) -> None:
    with queries as sent:
        warm.get("/api/me")
    assert len(sent) == 1


@every_collection
def test_a_list_takes_two_statements_whatever_its_size(
    warm: Api, app: Flask, queries: Queries, collection: Collection
) -> None:
    url, scope = collection.place(app)
    for more in (1, 59):
        with app.app_context():
            collection.factory.create_batch(more, **scope)
        for query in (
            "",
            "limit=1",
            "limit=1000",
            "ordering=-name,id&search=-&id_min=1&created_to=9999-12-31",
        ):
            with queries as sent:
                answer = warm.get(f"{url}?{query}")
            assert answer.json["results"]
            assert len(sent) == 2, sent


@every_collection
def test_a_list_with_nothing_to_show_takes_two_more_at_most(
    warm: Api, app: Flask, queries: Queries, collection: Collection
) -> None:
    url, scope = collection.place(app)
    for more in (0, 1, 59):
        with app.app_context():
            collection.factory.create_batch(more, **scope)
        with queries as sent:
            assert warm.get(f"{url}?offset=1000").json["results"] == []
        assert len(sent) <= 4, sent


@every_collection
def test_an_object_is_read_changed_and_deleted_with_few_statements(
    warm: Api, app: Flask, queries: Queries, collection: Collection
) -> None:
    most = {"POST": 4, "GET": 2, "PATCH": 4, "DELETE": 3}  # of changes the last one is that of the audit
    url, scope = collection.place(app)
    for more in (0, 60):
        with app.app_context():
            collection.factory.create_batch(more, **scope)
        with queries as created:
            made = warm.post(url, collection.body).json
        one = f"{url}/{made['id']}"
        sent = {"POST": len(created)}
        for method, body in (("GET", None), ("PATCH", {"name": "another"}), ("DELETE", None)):
            with queries as statements:
                assert warm.call(method, one, body).status in {200, 204}
            sent[method] = len(statements)
        assert {method: count for method, count in sent.items() if count > most[method]} == {}


@pytest.mark.parametrize("collection", [SMS_PATTERNS, EMAIL_PATTERNS], ids=str)
def test_a_notifier_is_deleted_with_all_its_patterns_at_once(
    warm: Api, app: Flask, queries: Queries, collection: Collection
) -> None:
    url, scope = collection.place(app)
    with app.app_context():
        collection.factory.create_batch(30, **scope)
    with queries as sent:
        assert warm.delete(url.removesuffix("/patterns")).status == 204
    assert len(sent) == 3, sent


def test_the_settings_are_read_with_two_statements_and_changed_with_eight_at_most(
    warm: Api, queries: Queries
) -> None:
    sms = warm.post(SMS, {"name": "a", "backend": "ippanel"}).json["id"]
    email = warm.post(EMAIL, COLLECTIONS[2].body).json["id"]
    warm.get(SETTINGS)
    with queries as sent:
        warm.get(SETTINGS)
    assert len(sent) == 2, sent
    change = {
        "notifications_sms_notifier": sms,
        "notifications_email_notifier": email,
        "notifications_otp_ttl": 60,
    }
    with queries as sent:
        assert warm.patch(SETTINGS, change).status == 200
    assert len(sent) <= 8, sent


def test_a_refused_token_takes_one_statement(app: Flask, queries: Queries) -> None:
    stranger = Api(app.test_client(), "0" * 40)
    with queries as sent:
        assert stranger.get(SMS).status == 401
    assert len(sent) == 1


def test_what_needs_no_token_takes_no_statement(anonymous: Api, queries: Queries) -> None:
    with queries as sent:
        for method, path in (("GET", "/healthz"), ("GET", "/unknown"), ("OPTIONS", SMS), ("GET", SMS)):
            anonymous.call(method, path)
    assert sent == []
