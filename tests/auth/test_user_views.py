"""The endpoints of users and their tokens: what they take, show and keep."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from notifyhub.api.idempotency import IdempotencyKey
from notifyhub.auth import accounts
from notifyhub.auth.models import Role, Token, User, UserPermission
from notifyhub.database.connections import orm_session
from notifyhub.extensions import db
from tests.support.clients import Api
from tests.support.databases import stored_text
from tests.support.factories import UserFactory
from tests.support.queries import Queries

USERS = "/api/users"
SMS = "/api/notifications/notifiers/sms"
BODY = {"name": "shop", "role": "staff", "permissions": [2822, 2812]}
FIELDS = ["id", "name", "role", "permissions", "is_active", "created_at", "updated_at"]
TOKEN_FIELDS = [
    *("id", "prefix", "label", "test", "created_by", "created_at", "expires_at", "last_used_at"),
]
TAKEN = {"name": ["user with this name already exists."]}


@pytest.fixture
def id_(app: Flask) -> int:
    """A user's id."""
    with app.app_context():
        return UserFactory(role=Role.STAFF, codes=(2812,)).id  # type: ignore[no-any-return]


@pytest.fixture
def tokens(id_: int) -> str:
    """The URL of a user's tokens."""
    return f"{USERS}/{id_}/tokens"


def test_a_user_is_made_read_changed_and_deleted(api: Api) -> None:
    made = api.post(USERS, BODY)
    assert made.status == 201
    assert list(made.json) == FIELDS
    assert made.json["created_at"] <= made.json["updated_at"]
    assert {**made.json, **BODY, "permissions": [2812, 2822], "is_active": True} == made.json
    one = f"{USERS}/{made.json['id']}"
    assert api.get(one).json == made.json
    assert api.get(USERS).json["results"][0] == made.json
    for method in (api.patch, api.post):
        changed = method(one, {"name": f"by {method.__name__}", "is_active": False})
        assert changed.status == 200
        assert changed.json == made.json | {
            "name": f"by {method.__name__}",
            "is_active": False,
            "updated_at": changed.json["updated_at"],
        }
        assert changed.json["updated_at"] > made.json["updated_at"]
        assert api.get(one).json == changed.json
    gone = api.delete(one)
    assert (gone.status, gone.response.data) == (204, b"")
    assert [api.get(one).status, api.patch(one, {}).status, api.delete(one).status] == [404] * 3


def test_a_new_user_has_no_token(api: Api) -> None:
    made = api.post(USERS, BODY).json
    assert api.get(f"{USERS}/{made['id']}/tokens").json["count"] == 0


WRONG: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"name": None}, {"name": ["This field may not be null."]}),
    ({"name": " "}, {"name": ["This field may not be blank."]}),
    ({"name": True}, {"name": ["Not a valid string."]}),
    ({"name": "x" * 256}, {"name": ["Ensure this field has no more than 255 characters."]}),
    ({"name": "a\nb"}, {"name": ["Line ends and control characters are not allowed."]}),
    ({"name": "taken"}, TAKEN),
    ({"role": None}, {"role": ["This field may not be null."]}),
    ({"role": "boss"}, {"role": ['"boss" is not a valid choice.']}),
    ({"role": "Admin"}, {"role": ['"Admin" is not a valid choice.']}),
    ({"permissions": None}, {"permissions": ["This field may not be null."]}),
    ({"permissions": 2812}, {"permissions": ['Expected a list of items but got type "int".']}),
    ({"permissions": [2812, 1, "x"]}, {"permissions": {"2": ["A valid integer is required."]}}),
    (
        {"permissions": [2812, 1, 2**62]},
        {
            "permissions": {
                "1": ['"1" is not a valid choice.'],
                "2": [f'"{2**62}" is not a valid choice.'],
            }
        },
    ),
    ({"permissions": [True]}, {"permissions": {"0": ["A valid integer is required."]}}),
    (
        {"permissions": [2812] * 1001},
        {"permissions": ["Ensure this field has no more than 1000 elements."]},
    ),
    ({"is_active": None}, {"is_active": ["This field may not be null."]}),
    ({"is_active": "perhaps"}, {"is_active": ["Must be a valid boolean."]}),
    ({"permission": [2812]}, {"permission": ["Unknown field."]}),
    ({"password": "x"}, {"password": ["Unknown field."]}),
]


@pytest.mark.parametrize(("change", "errors"), WRONG, ids=[str(change)[:40] for change, _ in WRONG])
def test_what_is_wrong_is_refused_by_field(
    app: Flask, api: Api, id_: int, change: dict[str, Any], errors: dict[str, Any]
) -> None:
    with app.app_context():
        UserFactory(name="taken")
    before = api.get(USERS).json
    for method, url, body in (
        ("POST", USERS, {**BODY, **change}),
        ("PATCH", f"{USERS}/{id_}", change),
        ("POST", f"{USERS}/{id_}", {"role": "user", "is_active": False, **change}),
    ):
        answer = api.call(method, url, body)
        assert (answer.status, answer.json) == (400, errors)
    assert api.get(USERS).json == before


def test_name_and_role_are_required(api: Api) -> None:
    required = ["This field is required."]
    assert api.post(USERS, {}).json == {"name": required, "role": required}


def test_what_the_service_sets_is_ignored(api: Api, id_: int) -> None:
    given = {"id": 99, "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"}
    before = api.get(f"{USERS}/{id_}").json
    assert api.patch(f"{USERS}/{id_}", given).json == before
    assert api.post(USERS, {**BODY, **given}).json["id"] != 99


def test_the_moment_of_change_moves_with_what_changes(api: Api, id_: int) -> None:
    one = f"{USERS}/{id_}"
    before = api.get(one).json
    for same in ({}, before, {"permissions": [2812, "2812"]}, {"is_active": True}, {"role": "staff"}):
        assert api.patch(one, same).json == before
    for change in ({"permissions": [2822, 2812]}, {"permissions": []}, {"role": "user"}, {"name": "b"}):
        after = api.patch(one, change).json
        assert after["updated_at"] > before["updated_at"]
        assert after == before | change | {
            "permissions": sorted(change.get("permissions", before["permissions"])),  # type: ignore[call-overload]
            "updated_at": after["updated_at"],
        }
        before = after


def test_codes_count_for_staff_alone_and_stay_with_others(
    app: Flask, api: Api, token: Callable[..., str]
) -> None:
    client = Api(api.client, token(Role.STAFF, (2812,)))
    me = client.get("/api/me").json["name"]
    one = f"{USERS}/{api.get(f'{USERS}?search={me}').json['results'][0]['id']}"
    for role, status in (("user", 403), ("staff", 200), ("user", 403)):
        assert api.patch(one, {"role": role}).json["permissions"] == [2812]
        assert client.get(SMS).status == status
    assert api.patch(one, {"permissions": [2822]}).json["permissions"] == [2822]
    assert client.get(SMS).status == 403


LISTED = [
    ("", [3, 2, 1]),
    ("search=SHOP", [2, 1]),
    ("search=shop two", [2]),
    ("role=staff", [2, 1]),
    ("role=user&is_active=false", [3]),
    ("is_active=1", [2, 1]),
    ("ordering=name", [3, 1, 2]),
    ("ordering=role,-id", [2, 1, 3]),
    ("ordering=-is_active,id", [1, 2, 3]),
    ("limit=1&offset=1", [2]),
    ("created_date=2001-01-01", []),
    ("updated_from=2001-01-01T00:00:00%2B03:30", [3, 2, 1]),
]


@pytest.mark.parametrize(("query", "shown"), LISTED)
def test_users_are_searched_filtered_and_ordered(app: Flask, api: Api, query: str, shown: list[int]) -> None:
    with app.app_context():
        first = UserFactory(name="shop one", role=Role.STAFF, codes=(2822, 1036)).id
        UserFactory(name="shop two", role=Role.STAFF)
        UserFactory(name="kiosk", role=Role.USER, is_active=False, codes=(2812,))
    answer = api.get(f"{USERS}?id_min={first}&{query}")
    assert answer.status == 200
    assert [one["id"] - first + 1 for one in answer.json["results"]] == shown
    codes = {1: [1036, 2822], 2: [], 3: [2812]}
    assert [one["permissions"] for one in answer.json["results"]] == [codes[n] for n in shown]


def test_a_page_behind_many_has_the_codes_too(app: Flask, api: Api) -> None:
    with app.app_context(), orm_session() as session:
        session.add_all([User(name=f"many-{n}", role=Role.USER) for n in range(1100)])
        session.add(User(name="last", role=Role.STAFF, permissions=[UserPermission(code=2812)]))
    for ordering in ("id", "role,id", "-name"):
        page = api.get(f"{USERS}?ordering={ordering}&offset=1000&limit=1000&search=a").json
        assert (page["count"], len(page["results"])) == (1101, 101)
        codes = {one["name"]: one["permissions"] for one in page["results"]}
        assert codes.pop("last", [2812]) == [2812]
        assert set(map(tuple, codes.values())) == {()}
    assert api.get(f"{USERS}?ordering=id&offset=1100&search=a").json["results"][0]["permissions"] == [2812]


@pytest.mark.parametrize(
    "query", ["role=boss", "is_active=x", "ordering=digest", "limit=0", "created_to=20250101", "colour=red"]
)
def test_a_wrong_parameter_is_refused(api: Api, tokens: str, query: str) -> None:
    for url in (USERS, tokens):
        answer = api.get(f"{url}?{query}")
        assert answer.status == 400
        assert list(answer.json) == [query.partition("=")[0]]


def test_a_token_is_issued_with_a_key_that_works_and_is_shown_once(
    app: Flask, api: Api, tokens: str, id_: int
) -> None:
    made = api.post(tokens, {"label": " فروشگاه ", "expires_in_days": 0.5, "test": True})
    assert made.status == 201
    assert list(made.json) == [*TOKEN_FIELDS, "key"]
    key = made.json.pop("key")
    assert made.json["prefix"] == key[:8]
    assert (made.json["label"], made.json["test"], made.json["last_used_at"]) == ("فروشگاه", True, None)
    assert made.json["created_by"] == api.get("/api/me").json["name"]
    created, expires = (datetime.fromisoformat(made.json[f"{name}_at"]) for name in ("created", "expires"))
    assert abs(expires - created - timedelta(hours=12)) < timedelta(seconds=1)
    assert Api(app.test_client(), key).get(SMS).status == 200
    me = Api(app.test_client(), key).get("/api/me").json
    assert (me["test"], me["permissions"]) == (True, [2812])
    (shown,) = api.get(tokens).json["results"]
    assert shown.pop("last_used_at") is not None
    assert shown == {name: made.json[name] for name in TOKEN_FIELDS if name != "last_used_at"}
    assert key not in stored_text(app)


def test_a_token_without_a_body_is_a_live_one_for_ever(app: Flask, api: Api, tokens: str) -> None:
    for made in (api.post(tokens), api.post(tokens, {"label": None, "expires_in_days": None})):
        assert made.status == 201
        assert (made.json["label"], made.json["test"], made.json["expires_at"]) == (None, False, None)
        assert Api(app.test_client(), made.json["key"]).get("/api/me").json["test"] is False


TOO_LONG_OR_SHORT = ["A number of days above 0, at most 36500, is expected."]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        *(
            ({"expires_in_days": days}, {"expires_in_days": TOO_LONG_OR_SHORT})
            for days in (-1e308, 1e308, 0, -1, "-0.5", 1e-12, 36_500.001, 2**62, "1e999", "nan", "-inf")
        ),
        *(
            ({"expires_in_days": days}, {"expires_in_days": ["A valid number is required."]})
            for days in (True, "", "soon", [1], {})
        ),
        ({"label": ""}, {"label": ["This field may not be blank."]}),
        ({"label": "x" * 256}, {"label": ["Ensure this field has no more than 255 characters."]}),
        ({"label": "a\tb"}, {"label": ["Line ends and control characters are not allowed."]}),
        ({"test": None}, {"test": ["This field may not be null."]}),
        ({"expires_in": 5}, {"expires_in": ["Unknown field."]}),
        ({"is_test": True}, {"is_test": ["Unknown field."]}),
    ],
)
def test_a_token_that_cannot_be_is_refused_by_field(
    api: Api, tokens: str, body: dict[str, Any], errors: dict[str, Any]
) -> None:
    answer = api.post(tokens, body)
    assert (answer.status, answer.json) == (400, errors)
    assert api.get(tokens).json["count"] == 0


def test_what_the_service_sets_of_a_token_is_ignored(api: Api, tokens: str) -> None:
    given = api.post(tokens, {"label": "a"}).json
    made = api.post(tokens, given | {"created_by": "root", "expires_at": "2030-01-01T00:00:00Z"}).json
    assert (made["label"], made["expires_at"]) == ("a", None)
    assert (made["created_by"], made["created_at"] > given["created_at"]) == (given["created_by"], True)
    assert {made[name] for name in ("id", "prefix", "key")}.isdisjoint(given.values())


@pytest.mark.parametrize(("days", "works"), [(1 / 86_400, 1), ("2", 172_800), (36_500, 36_500 * 86_400)])
def test_a_token_works_as_long_as_was_asked_for(
    app: Flask, api: Api, tokens: str, days: Any, works: int
) -> None:
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False) as clock:
        made = api.post(tokens, {"expires_in_days": days}).json
        client = Api(app.test_client(), made["key"])
        clock.shift(timedelta(seconds=works) - timedelta(microseconds=1))
        assert client.get("/api/me").status == 200
        assert api.get(tokens).json["count"] == 1
        clock.shift(timedelta(microseconds=1))
        assert client.get("/api/me").status == 401
        assert api.get(tokens).json == {"count": 0, "next": None, "previous": None, "results": []}
        assert api.delete(f"{tokens}/{made['id']}").status == 404


def test_a_revoked_token_stops_at_once_and_is_gone_from_the_list(
    app: Flask, api: Api, tokens: str, id_: int
) -> None:
    first, second = (api.post(tokens, {}).json for _ in range(2))
    one = f"{tokens}/{first['id']}"
    gone = api.delete(one)
    assert (gone.status, gone.response.data) == (204, b"")
    assert Api(app.test_client(), first["key"]).get("/api/me").json == {"detail": "Invalid token."}
    assert Api(app.test_client(), second["key"]).get("/api/me").status == 200
    assert [each["id"] for each in api.get(tokens).json["results"]] == [second["id"]]
    assert api.delete(one).status == 404
    with app.app_context():
        assert db.session.get_one(Token, first["id"]).revoked_at is not None


def test_a_token_is_revoked_at_its_own_user_only(app: Flask, api: Api, tokens: str) -> None:
    made = api.post(tokens, {}).json
    with app.app_context():
        other = UserFactory().id
    assert api.delete(f"{USERS}/{other}/tokens/{made['id']}").status == 404
    assert Api(app.test_client(), made["key"]).get("/api/me").status == 200


def test_tokens_are_searched_filtered_and_ordered(api: Api, tokens: str) -> None:
    made = [
        api.post(tokens, {"label": "New site", "expires_in_days": 2}).json,
        api.post(tokens, {"label": "old site", "test": True}).json,
        api.post(tokens, {"expires_in_days": 1}).json,
    ]
    places = {one["id"]: place for place, one in enumerate(made, 1)}
    for query, shown in (
        ("", [3, 2, 1]),
        ("search=SITE", [2, 1]),
        (f"search={made[2]['prefix']}", [3]),
        ("test=true", [2]),
        ("test=0&ordering=id", [1, 3]),
        ("ordering=expires_at", [2, 3, 1]),
        ("ordering=-expires_at", [1, 3, 2]),
        ("ordering=last_used_at", [1, 2, 3]),
        ("limit=1&offset=1", [2]),
        (f"id_max={made[0]['id']}", [1]),
        ("created_date=2001-01-01", []),
    ):
        answer = api.get(f"{tokens}?{query}").json
        assert [places[one["id"]] for one in answer["results"]] == shown, query
    assert api.get(f"{tokens}?updated_date=2001-01-01").status == 400


def test_a_deleted_user_and_all_that_is_theirs_is_gone(app: Flask, api: Api, tokens: str, id_: int) -> None:
    client = Api(app.test_client(), api.post(tokens, {}).json["key"])
    assert api.delete(f"{USERS}/{id_}").status == 204
    assert client.get("/api/me").json == {"detail": "Invalid token."}
    assert api.get(tokens).status == 404
    with app.app_context():
        for model in (UserPermission, IdempotencyKey):
            assert db.session.scalars(select(model)).all() == []
        assert [each.user_id for each in db.session.scalars(select(Token))] != [id_]


def test_a_deactivated_user_is_given_tokens_that_rest(app: Flask, api: Api, tokens: str, id_: int) -> None:
    api.patch(f"{USERS}/{id_}", {"is_active": False})
    client = Api(app.test_client(), api.post(tokens, {}).json["key"])
    assert client.get("/api/me").json == {"detail": "User inactive or deleted."}
    api.patch(f"{USERS}/{id_}", {"is_active": True})
    assert client.get("/api/me").status == 200


def test_a_key_is_never_kept_for_a_repetition(app: Flask, api: Api, tokens: str) -> None:
    """Each request makes another token, whatever Idempotency-Key it has."""
    made = [api.post(tokens, {}, headers={"Idempotency-Key": "once"}).json for _ in range(2)]
    assert made[0]["key"] != made[1]["key"]
    kept = stored_text(app)
    assert all(one["key"] not in kept for one in made)
    with app.app_context():
        assert db.session.scalars(select(IdempotencyKey)).all() == []


def test_no_key_is_in_another_answer_the_log_or_a_repr(
    app: Flask, api: Api, tokens: str, id_: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("notifyhub").propagate = True
    made = api.post(tokens, {"label": "a"}).json
    client = Api(app.test_client(), made["key"])
    client.get(USERS)
    answers = [
        *(
            api.get(url).json
            for url in (USERS, f"{USERS}/{id_}", tokens, f"{tokens}?search={made['prefix']}")
        ),
        api.patch(f"{USERS}/{id_}", {"name": "b"}).json,
    ]
    with app.app_context():
        stored = db.session.get_one(Token, made["id"])
        told = json.dumps(answers) + caplog.text + repr([stored, stored.user, accounts.OPERATOR])
    assert made["key"] not in told
    assert made["key"][8:] not in told
    assert stored.digest not in told


def test_statements_are_as_many_for_many_as_for_few(app: Flask, api: Api, queries: Queries) -> None:
    api.get("/api/me")
    most = {
        "list": 2,
        "read": 2,
        "create": 7,
        "change": 10,
        "delete": 8,
        "list tokens": 3,
        "issue": 8,
        "revoke": 7,
    }
    codes = api.get("/api/me").json["permissions"]
    for more in (0, 60):
        with app.app_context(), orm_session() as session:
            for n in range(more):
                user = User(name=f"{more}-{n}", role=Role.STAFF)
                user.permissions = [UserPermission(code=code) for code in codes]
                session.add(user)
                session.flush()
                for _ in range(3):
                    accounts.issue_token(session, user, None, test=False)
        made = api.post(USERS, BODY | {"name": f"made-{more}"}).json
        one = f"{USERS}/{made['id']}"
        keep = [api.post(f"{one}/tokens", {}).json["id"] for _ in range(more or 1)]
        sent = {}
        for name, method, url, body in (
            ("list", "GET", f"{USERS}?limit=1000", None),
            ("read", "GET", one, None),
            ("create", "POST", USERS, {"name": f"new-{more}", "role": "staff", "permissions": codes[:3]}),
            ("change", "PATCH", one, {"name": f"changed-{more}", "permissions": [1036]}),
            ("list tokens", "GET", f"{one}/tokens", None),
            ("issue", "POST", f"{one}/tokens", {}),
            ("revoke", "DELETE", f"{one}/tokens/{keep[0]}", None),
            ("delete", "DELETE", one, None),
        ):
            with queries as statements:
                assert api.call(method, url, body).status in {200, 201, 204}
            sent[name] = len(statements)
        assert {name: count for name, count in sent.items() if count > most[name]} == {}, sent
