"""The list of the audit: who may read it, its filters, its pages."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from urllib.parse import urlencode, urlsplit

import pytest
from flask import Flask
from sqlalchemy import insert

from notifyhub.api.changes import Action
from notifyhub.audit.models import TYPES, AuditEntry
from notifyhub.database.base import table_of
from notifyhub.database.connections import transaction
from tests.audit.rows import AUDIT
from tests.support.clients import Api
from tests.support.queries import Queries

FIRST = datetime(2025, 12, 28, 16, tzinfo=UTC)
NO_CHOICE = '"{}" is not a valid choice.'


@pytest.fixture
def stored(app: Flask, api: Api) -> list[dict[str, object]]:
    """Entries of all kinds, an hour apart, the first one first; there are no others."""
    combinations = product(Action, TYPES.values(), (None, "sara", "علی"))
    rows: list[dict[str, object]] = [
        {
            "id": 1000 + n,
            "created_at": FIRST + timedelta(hours=n),
            "actor": actor,
            "token": actor and "3f9a1c07",
            "via": "api" if actor else "command",
            "request_id": actor and f"request-{n}",
            "action": action,
            "object_type": type_,
            "object_id": None if type_.endswith("_settings") else n % 5,
            "object_name": f"name {n}",
            "changes": '{"name":[null,"x"]}',
        }
        for n, (action, type_, actor) in enumerate(combinations)
    ]
    with app.app_context(), transaction() as connection:
        connection.execute(table_of(AuditEntry).delete())
        connection.execute(insert(table_of(AuditEntry)), rows)
    return rows


QUERIES = [
    {"actor": "sara"},
    {"actor": "علی", "action": "delete"},
    {"action": "rotate"},
    {"action": "rotate,issue"},
    {"type": "token"},
    {"type": "otp_settings", "action": "change"},
    {"object_id": 3},
    {"object_id": 3, "type": "user"},
    {"object_id": 3, "type": "user,webhook", "actor": "sara", "action": "create"},
    {"created_from": "2025-12-29"},
    {"created_from": "2025-12-29T03:00:00Z", "created_to": "2025-12-29", "type": "batch"},
    {"actor": "nobody"},
    {"object_id": 99},
    {},
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_list_is_filtered_and_paged(
    api: Api, stored: list[dict[str, object]], query: dict[str, object]
) -> None:
    def meant(row: dict[str, object]) -> bool:
        at = row["created_at"]
        assert isinstance(at, datetime)
        return (
            query.get("actor", row["actor"]) == row["actor"]
            and str(row["action"]) in str(query.get("action", row["action"])).split(",")
            and str(row["object_type"]) in str(query.get("type", row["object_type"])).split(",")
            and query.get("object_id", row["object_id"]) == row["object_id"]
            and ("T" not in str(query.get("created_from", "")) or at >= FIRST + timedelta(hours=11))
            and ("created_from" not in query or at.date().isoformat() >= "2025-12-29")
            and ("created_to" not in query or at.date().isoformat() <= "2025-12-29")
        )

    expected = [row["id"] for row in reversed(stored) if meant(row)]
    found: list[int] = []
    url: str | None = f"{AUDIT}?{urlencode({**query, 'limit': 50})}"
    while url:
        page = api.get(url)
        assert page.status == 200, page.json
        found += [entry["id"] for entry in page.json["results"]]
        url = page.json["next"] and f"{AUDIT}?{urlsplit(page.json['next']).query}"
    assert found == expected


def test_an_entry_is_shown_as_the_contract_has_it(api: Api, stored: list[dict[str, object]]) -> None:
    (shown,) = api.get(f"{AUDIT}?id_min=1001&id_max=1001").json["results"]
    assert shown == {
        "id": 1001,
        "at": "2025-12-28T17:00:00.000000Z",
        "actor": "sara",
        "token": "3f9a1c07",
        "via": "api",
        "request_id": "request-1",
        "action": "create",
        "object": {"type": "sms_notifier", "id": 1, "name": "name 1"},
        "changes": {"name": [None, "x"]},
    }
    assert list(shown)[:3] == ["id", "at", "actor"]
    assert stored


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("action=destroy", {"action": [NO_CHOICE.format("destroy")]}),
        ("type=otp", {"type": [NO_CHOICE.format("otp")]}),
        ("object_id=x", {"object_id": ["A valid integer is required."]}),
        ("user=sara", {"user": ["Unknown field."]}),
        ("created_from=x", {"created_from": ["Enter a valid date, or a moment with its zone."]}),
    ],
)
def test_a_wrong_parameter_is_refused(api: Api, query: str, error: dict[str, list[str]]) -> None:
    answer = api.get(f"{AUDIT}?{query}")
    assert (answer.status, answer.json) == (400, error)


def test_it_is_read_with_its_code_alone_and_never_written(
    api: Api, anonymous: Api, staff: Callable[..., Api]
) -> None:
    assert anonymous.get(AUDIT).status == 401
    assert staff(7852, 7812, 1036).get(AUDIT).status == 403
    assert staff(7842).get(AUDIT).status == 200
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        assert api.call(method, AUDIT, {}).status == 405
    assert api.get(f"{AUDIT}/1").status == 404


def test_a_page_takes_two_statements_whatever_its_size(
    api: Api, queries: Queries, stored: list[dict[str, object]]
) -> None:
    assert stored
    api.get("/api/me")
    for query in ("limit=1", "limit=1000", "actor=sara&action=change&limit=50", "object_id=1"):
        with queries as sent:
            assert api.get(f"{AUDIT}?{query}").json["results"]
        assert len(sent) == 2, sent
