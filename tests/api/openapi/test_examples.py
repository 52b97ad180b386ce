"""The bodies that the documentation shows: whoever tries one as it is sees it work."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from flask import Flask

from notifyhub.api.endpoint import declarations
from notifyhub.app import create_app
from notifyhub.extensions import db
from tests.simulators import melipayamak, smtp
from tests.support.clients import Api
from tests.support.databases import clear

pytestmark = pytest.mark.usefixtures("_simulated")

SMS = "/api/notifications/notifiers/sms"
EMAIL = "/api/notifications/notifiers/email"
OTP = "/api/notifications/otp"
WEBHOOKS = "/api/notifications/webhooks"

TUTORIAL: list[tuple[str, str, dict[str, Any]]] = [
    (
        "POST",
        SMS,
        {
            "name": "melipayamak_general",
            "backend": "melipayamak",
            "settings": {"token": melipayamak.TOKEN, "number": melipayamak.NUMBER},
        },
    ),
    (
        "POST",
        f"{SMS}/1/patterns",
        {"name": "otp", "code": "13420", "status": "approved", "body": "Your login code is {0}"},
    ),
    (
        "POST",
        EMAIL,
        {
            "name": "mail",
            "host": "127.0.0.1",
            "username": smtp.USERNAME,
            "password": smtp.PASSWORD,
            "from_email": "NotifyHub <info@example.com>",
        },
    ),
    (
        "POST",
        f"{EMAIL}/1/patterns",
        {
            "name": "order_sent",
            "subject": "Order {0}",
            "body_text": "{1}, order {0} is on its way.",
        },
    ),
    (
        "PATCH",
        "/api/settings/notifications",
        {"notifications_sms_notifier": 1, "notifications_email_notifier": 1},
    ),
]
"""A new installation with one object of each kind: README's tutorial, and an email pattern."""

_webhook = [("POST", WEBHOOKS, {"url": "https://example.com/", "events": ["message.sent"]})]
_code = [("POST", OTP, {"to": "09121234567"})]
PRIOR: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    f"PATCH {WEBHOOKS}/1": _webhook,
    f"POST {WEBHOOKS}/1/recover": _webhook,
    f"POST {OTP}/verify": _code,
}
"""What must be there beside, by the method and URL of what is tried."""


class Example(NamedTuple):
    """A body as the document shows it, where it is sent, and what that is to be answered with."""

    method: str
    url: str
    name: str
    body: Any
    statuses: set[int]

    @property
    def where(self) -> str:
        return f"{self.method} {self.url}"


def examples(document: dict[str, Any]) -> Iterator[Example]:
    """Give every example of every body, with its path's parameters as the document shows them."""
    for path, item in document["paths"].items():
        parameters = {each["name"]: each["example"] for each in item.get("parameters", ())}
        for method in item.keys() & {"post", "put", "patch", "delete", "get"}:
            if "requestBody" not in item[method]:
                continue
            content = item[method]["requestBody"]["content"]["application/json"]
            statuses = {int(status) for status in item[method]["responses"] if status.startswith("2")}
            assert content["examples"], f"{method} {path} shows no body"
            for name, example in content["examples"].items():
                yield Example(method.upper(), path.format(**parameters), name, example["value"], statuses)


def restart_ids(app: Flask) -> None:
    """Have ids begin with 1, as on a new installation: other tests have stored and deleted rows."""
    with app.app_context(), db.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DELETE FROM sqlite_sequence")
            return
        for name in connection.exec_driver_sql(
            "SELECT quote_ident(sequencename) FROM pg_sequences"
        ).scalars():
            connection.exec_driver_sql(f"ALTER SEQUENCE {name} RESTART")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    described = create_app({"NOTIFYHUB_INSTANCE": str(tmp_path_factory.mktemp("instance"))})
    return [*examples(described.test_client().get("/api/openapi.json").get_json())]


def test_every_body_that_is_shown_is_taken_as_it_is_on_a_new_installation(
    app: Flask, token: Callable[..., str], shown: list[Example]
) -> None:
    answers = {}
    for example in shown:
        clear(app)
        restart_ids(app)
        api = Api(app.test_client(), token())
        for method, url, body in [*TUTORIAL, *PRIOR.get(example.where, ())]:
            made = api.call(method, url, body)
            assert made.status in {200, 201}, (url, made.json)
        answer = api.call(example.method, example.url, example.body)
        if answer.status != max(example.statuses):  # 200 is for what was there before
            answers[example.where, example.name] = (answer.status, answer.json)
    assert answers == {}


def test_bodies_are_taken_one_after_another_as_the_page_shows_them(
    app: Flask, token: Callable[..., str], shown: list[Example]
) -> None:
    clear(app)
    restart_ids(app)
    api = Api(app.test_client(), token())
    for method, url, body in TUTORIAL:
        assert api.call(method, url, body).status in {200, 201}
    answers = {}
    for example in shown:
        answer = api.call(example.method, example.url, example.body)
        if answer.status not in example.statuses:
            answers[example.where, example.name] = (answer.status, answer.json)
    assert answers == {}


def test_the_table_of_what_must_be_there_names_only_what_is_shown(shown: list[Example]) -> None:
    assert PRIOR.keys() <= {example.where for example in shown}


def test_messages_are_shown_by_pattern_and_for_each_channel(shown: list[Example]) -> None:
    bodies = [example.body for example in shown if example.where == "POST /api/notifications/messages"]
    kinds = [(body["channel"], sorted(body.keys() & {"pattern", "text", "subject"})) for body in bodies]
    assert ("sms", ["pattern"]) in kinds
    assert ("sms", ["text"]) in kinds
    assert ("email", ["subject", "text"]) in kinds


def test_every_operation_with_a_body_shows_one(shown: list[Example], app: Flask) -> None:
    declared = [name for name, each in declarations(app).items() if each.body and each.documented]
    assert len({example.where for example in shown}) == len(declared)


def test_a_change_that_is_tried_leaves_credentials_as_they_are(shown: list[Example]) -> None:
    changes = [example.body for example in shown if example.url in {f"{SMS}/1", f"{EMAIL}/1"}]
    assert changes == [{"name": "melipayamak_general"}, {"name": "mail"}]


def test_a_change_that_is_tried_renames_no_user_and_leads_no_webhook_elsewhere(shown: list[Example]) -> None:
    changes = [
        example.body for example in shown if example.where in {f"PATCH {WEBHOOKS}/1", "PATCH /api/users/1"}
    ]
    assert changes == [{"is_active": True}] * 2
