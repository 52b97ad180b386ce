"""Entries are written in the transaction of their change: with it, or not at all, each of several at once."""

from itertools import pairwise
from typing import Any

from flask import Flask
from sqlalchemy import Connection, select, text

from notifyhub.api.changes import ObjectChanged
from notifyhub.audit.models import AuditEntry
from notifyhub.database.connections import autocommit
from notifyhub.extensions import db
from tests.audit.rows import entries
from tests.support.clients import Api
from tests.support.events import subscribed
from tests.support.factories import MessageFactory, SMSNotifierFactory, SMSPatternFactory
from tests.support.queries import Queries
from tests.support.threads import in_threads

SMS = "/api/notifications/notifiers/sms"
MESSAGES = "/api/notifications/messages"
NOTIFIER = {"name": "one", "backend": "melipayamak", "settings": {"token": "a-token", "number": "50002"}}


class Broken(Exception):
    """What follows the entry in its transaction fails."""


def test_an_entry_goes_with_its_change(api: Api, app: Flask) -> None:
    """A subscriber that comes after the audit's takes the transaction back."""
    with app.app_context():
        one, other = SMSNotifierFactory(name="kept"), MessageFactory()
        urls = (f"{SMS}/{one.id}", f"{MESSAGES}/{other.id}/cancel")
        db.session.remove()
    written: list[int] = []

    def fail(connection: Connection, _event: ObjectChanged) -> None:
        written.append(len(connection.execute(select(AuditEntry.id)).all()))
        raise Broken

    before = len(rows(app))
    with subscribed(ObjectChanged, fail):
        for method, url, body in (
            ("POST", SMS, NOTIFIER),
            ("PATCH", urls[0], {"name": "new"}),
            ("DELETE", urls[0], None),
            ("POST", urls[1], None),
            ("PATCH", "/api/settings/delivery", {"max_attempts": 9}),
            ("POST", "/api/users", {"name": "new", "role": "user"}),
        ):
            assert api.call(method, url, body).status == 500
    assert written == [before + 1] * 6
    assert len(rows(app)) == before
    assert [one["name"] for one in api.get(SMS).json["results"] if one["name"] in {"kept", "one"}] == ["kept"]
    assert api.get(urls[1].removesuffix("/cancel")).json["status"] == "queued"


def rows(app: Flask) -> list[Any]:
    with app.app_context():
        return list(autocommit().execute(select(AuditEntry)))


def test_of_changes_at_once_each_says_what_it_has_changed(api: Api, app: Flask) -> None:
    with app.app_context():
        id_ = SMSNotifierFactory(name="0").id
    clients = [Api(app.test_client(), api.token) for _ in range(6)]

    def work(n: int) -> None:
        for change in range(3):
            name = f"{n}-{change}"
            assert clients[n].patch(f"{SMS}/{id_}", {"name": name}).status == 200

    in_threads(work, range(6))
    pairs = [entry["changes"]["name"] for entry in entries(api, f"object_id={id_}&type=sms_notifier")]
    assert len(pairs) == 18
    assert pairs[0][0] == "0"
    assert all(before[1] == after[0] for before, after in pairwise(pairs))
    assert api.get(f"{SMS}/{id_}").json["name"] == pairs[-1][1]


def test_of_two_that_delete_or_cancel_at_once_one_is_recorded(api: Api, app: Flask) -> None:
    with app.app_context():
        id_, message = SMSNotifierFactory().id, MessageFactory().id
    for url, action, method in (
        (f"{SMS}/{id_}", "delete", "DELETE"),
        (f"{MESSAGES}/{message}/cancel", "cancel", "POST"),
    ):
        clients = [Api(app.test_client(), api.token) for _ in range(4)]
        in_threads(lambda client, method=method, url=url: client.call(method, url).status, clients)
        assert len(entries(api, f"action={action}")) == 1


def test_what_has_a_secret_that_nobody_can_read_can_be_deleted(api: Api, app: Flask) -> None:
    with app.app_context():
        id_ = SMSNotifierFactory().id
        autocommit().execute(text("UPDATE sms_notifiers SET settings = 'unreadable'"))
    assert api.delete(f"{SMS}/{id_}").status == 204
    assert entries(api)[-1]["changes"]["settings"] == ["••••", None]


def test_an_entry_is_one_statement_whatever_it_is_about(api: Api, app: Flask, queries: Queries) -> None:
    with app.app_context():
        notifier = SMSNotifierFactory()
        SMSPatternFactory.create_batch(20, notifier_id=notifier.id)
        url = f"{SMS}/{notifier.id}"
    api.get("/api/me")
    for method, body in (("PATCH", {"name": "new"}), ("PATCH", {}), ("DELETE", None), ("GET", None)):
        with queries as sent:
            api.call(method, url, body)
        written = [statement for statement in sent if "audit_entries" in statement]
        assert len(written) == (1 if (body or method == "DELETE") else 0), sent


def test_the_name_of_an_object_stays_as_it_was(api: Api) -> None:
    id_ = api.post(SMS, NOTIFIER).json["id"]
    api.patch(f"{SMS}/{id_}", {"name": "two"})
    api.delete(f"{SMS}/{id_}")
    named = [(entry["action"], entry["object"]["name"]) for entry in entries(api)]
    assert named == [("create", "one"), ("change", "two"), ("delete", "two")]
