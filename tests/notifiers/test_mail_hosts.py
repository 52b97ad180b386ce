"""Hosts that email notifiers may name, over HTTP."""

import pytest
from flask import Flask

from tests.support.clients import Api
from tests.support.factories import EmailNotifierFactory

EMAIL = "/api/notifications/notifiers/email"
MAIL = {"name": "mail", "username": "", "password": "", "from_email": "info@example.com"}
REFUSED = {"host": ["NOTIFYHUB_MAIL_HOSTS does not allow this host."]}


@pytest.fixture(autouse=True)
def _allowed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "MAIL_HOSTS", ["mail.example.com", "10.0.0.0/8"])


@pytest.mark.parametrize("host", ["mail.example.com", "10.1.2.3", "leads.example.com"])
def test_a_host_that_may_be_allowed_is_taken(api: Api, host: str) -> None:
    assert api.post(EMAIL, {**MAIL, "host": host}).status == 201


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "169.254.169.254", "2852039166"])
def test_one_that_shows_that_it_is_not_is_refused(api: Api, app: Flask, host: str) -> None:
    refused = api.post(EMAIL, {**MAIL, "host": host})
    assert (refused.status, refused.json) == (400, REFUSED)
    with app.app_context():
        made = EmailNotifierFactory(name="mail").id
    refused = api.patch(f"{EMAIL}/{made}", {"host": host})
    assert (refused.status, refused.json) == (400, REFUSED)


def test_names_alone_leave_no_other_name(api: Api, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "MAIL_HOSTS", ["mail.example.com"])
    assert api.post(EMAIL, {**MAIL, "host": "leads.example.com"}).json == REFUSED


def test_without_the_variable_any_host_is_taken(
    api: Api, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "MAIL_HOSTS", [])
    assert api.post(EMAIL, {**MAIL, "host": "127.0.0.1"}).status == 201


def test_what_was_stored_before_is_refused_by_the_check(api: Api, app: Flask) -> None:
    with app.app_context():
        made = EmailNotifierFactory(name="mail", host="127.0.0.1", port=9).id
    answer = api.post(f"{EMAIL}/{made}/check", {}).json
    assert answer["ok"] is False
    assert answer["detail"] == "127.0.0.1 is not one of the hosts that NOTIFYHUB_MAIL_HOSTS allows."
