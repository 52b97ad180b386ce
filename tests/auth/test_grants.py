"""Who may do what to whom: nobody gives what they may not do themselves."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from notifyhub.auth import accounts
from notifyhub.auth.grants import NONE, Actor, NotGranted, Rights
from notifyhub.auth.models import Role, User, UserPermission
from notifyhub.database.connections import orm_session
from tests.support.clients import Api
from tests.support.databases import stored_rows
from tests.support.factories import UserFactory

USERS = "/api/users"
ALL = (7851, 7852, 7853, 7854)
MINE = (*ALL, 2812, 2822)
"""The codes of the member of staff who calls: `2832` and `2842` are not among them."""


class Person(NamedTuple):
    role: Role
    codes: tuple[int, ...] = ()
    is_active: bool = True


PEOPLE = {
    "admin": Person(Role.ADMIN),
    "admin away": Person(Role.ADMIN, is_active=False),
    "more": Person(Role.STAFF, (2812, 2832)),
    "equal": Person(Role.STAFF, MINE),
    "fewer": Person(Role.STAFF, (2812,)),
    "more away": Person(Role.STAFF, (2812, 2832), is_active=False),
    "fewer away": Person(Role.STAFF, (2812,), is_active=False),
    "user": Person(Role.USER),
    "user with codes": Person(Role.USER, (2812,)),
    "user with more": Person(Role.USER, (2812, 2832)),
}

GIVEN = "You can't give permission codes that you don't have: {}."
HAS = "This user has permission codes that you don't have: {}."
ADMINS = "Only an admin may make or change an admin, or an admin's tokens."

CHANGES: dict[str, dict[str, Any]] = {
    "rename": {"name": "another"},
    "give what the giver has": {"permissions": [2812, 2822, 2832]},
    "give what the giver lacks": {"permissions": [2812, 2842]},
    "leave nothing": {"permissions": []},
    "leave what the giver has": {"permissions": [2812]},
    "promote": {"role": "admin"},
    "make staff": {"role": "staff"},
    "make staff with one code": {"role": "staff", "permissions": [2812]},
    "demote": {"role": "user"},
    "deactivate": {"is_active": False},
    "activate": {"is_active": True},
    "activate with one code": {"is_active": True, "permissions": [2812]},
    "nothing": {},
}

REFUSED: dict[str, dict[str, str]] = {
    **{name: dict.fromkeys(CHANGES, ADMINS) for name in ("admin", "admin away")},
    **{
        name: {"promote": ADMINS, "give what the giver lacks": GIVEN.format(2842)}
        for name in PEOPLE
        if not name.startswith("admin")
    },
}
"""What staff may not do, and what they are told; all else they may."""
for name in ("equal", "fewer", "fewer away", "user", "user with codes"):
    REFUSED[name]["give what the giver has"] = GIVEN.format(2832)  # it goes along with what they have
REFUSED["more away"]["activate"] = GIVEN.format(2832)
REFUSED["user with more"]["make staff"] = GIVEN.format(2832)


@pytest.fixture
def person(app: Flask) -> Callable[[str], int]:
    """Give a function that stores one of PEOPLE and returns their id."""

    def make(name: str) -> int:
        role, codes, is_active = PEOPLE[name]
        with app.app_context():
            return UserFactory(role=role, codes=codes, is_active=is_active).id  # type: ignore[no-any-return]

    return make


@pytest.mark.parametrize("name", PEOPLE)
def test_staff_change_whom_and_what_they_may_and_admins_everybody(
    api: Api, staff: Callable[..., Api], person: Callable[[str], int], name: str
) -> None:
    client = staff(*MINE)
    for change, values in CHANGES.items():
        one = f"{USERS}/{person(name)}"
        before = client.get(one).json
        answer = client.patch(one, values)
        after = client.get(one).json
        if words := REFUSED[name].get(change):
            assert (answer.status, answer.json) == (403, {"detail": words}), change
            assert after == before
            answer = api.patch(one, values)
            after = api.get(one).json
        assert (answer.status, answer.json) == (200, after), change
        assert after == before | values | {"updated_at": after["updated_at"]}


TOKENS = {
    "admin": ADMINS,
    "admin away": ADMINS,
    "more": HAS.format(2832),
    "more away": HAS.format(2832),
    "user with more": HAS.format(2832),
}
"""To whom staff give no token, with the words."""


@pytest.mark.parametrize("name", PEOPLE)
def test_staff_give_tokens_to_those_who_have_no_more_than_they(
    api: Api, staff: Callable[..., Api], person: Callable[[str], int], name: str
) -> None:
    client = staff(*MINE)
    for test in (False, True):
        url = f"{USERS}/{person(name)}/tokens"
        answer = client.post(url, {"test": test})
        if words := TOKENS.get(name):
            assert (answer.status, answer.json) == (403, {"detail": words})
            assert api.get(url).json["count"] == 0
        else:
            assert (answer.status, answer.json["test"]) == (201, test)
        assert api.post(url, {"test": test}).status == 201


@pytest.mark.parametrize("name", PEOPLE)
def test_staff_revoke_the_tokens_of_all_but_admins_and_delete_them(
    app: Flask, api: Api, staff: Callable[..., Api], person: Callable[[str], int], name: str
) -> None:
    one = f"{USERS}/{person(name)}"
    token = f"{one}/tokens/{api.post(f'{one}/tokens').json['id']}"
    client = staff(*MINE)
    refused = PEOPLE[name].role == Role.ADMIN
    for url in (token, one):
        answer = client.delete(url)
        assert (answer.status, answer.json) == ((403, {"detail": ADMINS}) if refused else (204, None))
    assert api.get(one).status == (200 if refused else 404)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"role": "admin"}, ADMINS),
        ({"role": "admin", "is_active": False}, ADMINS),
        ({"role": "staff", "permissions": [2812, 2842, 2832]}, GIVEN.format("2832, 2842")),
        ({"role": "user", "permissions": [2832]}, GIVEN.format(2832)),
        ({"role": "staff", "permissions": [2832], "is_active": False}, GIVEN.format(2832)),
        ({"role": "staff", "permissions": list(MINE)}, None),
        ({"role": "staff"}, None),
        ({"role": "user", "permissions": [2812]}, None),
    ],
)
def test_staff_make_users_who_may_do_no_more_than_they(
    api: Api, staff: Callable[..., Api], body: dict[str, Any], words: str | None
) -> None:
    client = staff(*MINE)
    answer = client.post(USERS, {"name": "new", **body})
    assert (answer.status, answer.json.get("detail")) == (403 if words else 201, words)
    assert api.get(f"{USERS}?search=new").json["count"] == (0 if words else 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"role": "admin"}, ADMINS),
        ({"permissions": [*MINE, 2832]}, GIVEN.format(2832)),
        ({"permissions": [*MINE, 2832], "role": "user"}, GIVEN.format(2832)),
        ({"permissions": list(MINE)}, None),
        ({"permissions": [7853]}, None),
        ({"name": "myself"}, None),
        ({"is_active": False}, None),
        ({"role": "user"}, None),
    ],
)
def test_staff_do_not_promote_themselves(
    staff: Callable[..., Api], change: dict[str, Any], words: str | None
) -> None:
    client = staff(*MINE)
    (me,) = client.get(f"{USERS}?search={client.get('/api/me').json['name']}").json["results"]
    answer = client.patch(f"{USERS}/{me['id']}", change)
    assert (answer.status, answer.json.get("detail")) == (403 if words else 200, words)


def test_staff_do_nothing_that_their_codes_do_not_name(
    app: Flask, staff: Callable[..., Api], token: Callable[..., str], person: Callable[[str], int]
) -> None:
    one = f"{USERS}/{person('fewer')}"
    operations = {
        7851: [("POST", USERS, {"name": "a", "role": "user"})],
        7852: [("GET", USERS, None), ("GET", one, None), ("GET", f"{one}/tokens", None)],
        7853: [("PATCH", one, {}), ("POST", f"{one}/tokens", {}), ("DELETE", f"{one}/tokens/1", None)],
        7854: [("DELETE", one, None)],
    }
    plain = Api(app.test_client(), token(Role.USER, MINE))
    for code, calls in operations.items():
        others = staff(*set(MINE) - {code})
        for client in (others, plain):
            for method, url, body in calls:
                answer = client.call(method, url, body)
                words = {"detail": "You do not have permission to perform this action."}
                assert (answer.status, answer.json) == (403, words)


def test_an_admin_is_refused_before_the_body_is_judged_and_what_is_not_there_before_that(
    staff: Callable[..., Api], person: Callable[[str], int]
) -> None:
    client = staff(*MINE)
    one = f"{USERS}/{person('admin')}"
    for url in (one, f"{one}/tokens"):
        answer = client.post(url, {"role": 5, "test": 5})
        assert (answer.status, answer.json) == (403, {"detail": ADMINS})
    assert client.post(f"{USERS}/{2**40}/tokens", {"test": 5}).status == 404


@pytest.mark.parametrize("role", [Role.ADMIN, Role.STAFF])
def test_a_test_token_makes_only_test_tokens(
    app: Flask, token: Callable[..., str], person: Callable[[str], int], role: Role
) -> None:
    tester = Api(app.test_client(), token(role, MINE, test=True))
    url = f"{USERS}/{person('fewer')}/tokens"
    for body in ({}, {"test": False}):
        answer = tester.post(url, body)
        assert answer.status == 403
        assert answer.json == {"detail": "A test token makes only test tokens: set test to true."}
    made = tester.post(url, {"test": True})
    assert (made.status, made.json["test"]) == (201, True)
    # A user alone is no key: a live token for one is made by a live token.
    new = tester.post(USERS, {"name": "new", "role": "staff"})
    assert new.status == 201
    assert tester.post(f"{USERS}/{new.json['id']}/tokens", {}).status == 403


ADMIN_WORDS = "{} is the last active admin: make another user an admin first."


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("DELETE", None),
        ("PATCH", {"role": "staff"}),
        ("PATCH", {"role": "user", "name": "b"}),
        ("PATCH", {"is_active": False}),
        ("POST", {"is_active": False, "permissions": [2812]}),
    ],
)
def test_the_last_active_admin_stays_one(
    app: Flask, api: Api, person: Callable[[str], int], method: str, body: Any
) -> None:
    person("admin away")
    person("equal")
    me = api.get("/api/me").json["name"]
    (one,) = api.get(f"{USERS}?search={me}").json["results"]
    url = f"{USERS}/{one['id']}"
    answer = api.call(method, url, body)
    assert (answer.status, answer.json) == (409, {"detail": ADMIN_WORDS.format(me)})
    assert api.get(url).json == one
    assert api.patch(url, {"name": "still", "role": "admin", "is_active": True}).status == 200
    person("admin")
    assert api.call(method, url, body).status in {200, 204}


def test_an_admin_may_revoke_the_token_that_asks_for_it(app: Flask, api: Api) -> None:
    me = api.get("/api/me").json["name"]
    url = f"{USERS}/{api.get(f'{USERS}?search={me}').json['results'][0]['id']}/tokens"
    (own,) = api.get(url).json["results"]
    assert api.delete(f"{url}/{own['id']}").status == 204
    assert api.get(url).status == 401


def test_a_refused_change_leaves_nothing(
    app: Flask, staff: Callable[..., Api], person: Callable[[str], int]
) -> None:
    client = staff(*MINE)
    url = f"{USERS}/{person('admin')}"
    client.get("/api/me")
    with app.app_context():
        before = stored_rows()
    for method, path, body in (
        ("PATCH", url, {"name": "x"}),
        ("DELETE", url, None),
        ("POST", f"{url}/tokens", {}),
        ("POST", USERS, {"name": "new", "role": "admin"}),
    ):
        assert client.call(method, path, body).status == 403
    with app.app_context():
        assert stored_rows() == before


@pytest.mark.parametrize(
    ("change", "answered"),
    [
        (delete(UserPermission).where(UserPermission.code == 2812), (403, {"detail": GIVEN.format(2812)})),
        (update(User).values(role="user"), (403, {"detail": GIVEN.format(2812)})),
        (update(User).values(is_active=False), (401, {"detail": "User inactive or deleted."})),
        (delete(User), (401, {"detail": "User inactive or deleted."})),
    ],
)
def test_who_loses_rights_while_the_request_waits_grants_nothing(
    staff: Callable[..., Api], monkeypatch: pytest.MonkeyPatch, change: Any, answered: tuple[int, Any]
) -> None:
    """Rights are read again in the transaction of the change."""
    client = staff(*MINE)
    changes = accounts.changes

    def after_a_change() -> Any:
        with orm_session() as session:
            session.execute(change)
        return changes()

    monkeypatch.setattr(accounts, "changes", after_a_change)
    answer = client.post(USERS, {"name": "new", "role": "staff", "permissions": [2812]})
    assert (answer.status, answer.json) == answered


rights = st.builds(
    Rights,
    st.sampled_from([role.value for role in Role]),
    st.frozensets(st.sampled_from([1, 2, 3, 4])),
    st.booleans(),
)


@given(rights, rights | st.just(NONE), rights)
def test_nobody_gets_by_somebody_what_that_one_may_not_do(own: Rights, before: Rights, after: Rights) -> None:
    actor = Actor("a", own)
    try:
        actor.check_grants(before, after)
    except NotGranted:
        # What is refused touches admins, or gives something: the same again never does.
        assert Role.ADMIN in {before.role, after.role} or before != after
        assert not own.all
        return
    gained = after.counting - before.counting | after.codes - before.codes
    assert own.all or (gained <= own.counting and after.role != Role.ADMIN != before.role)


@given(rights, rights, st.booleans(), st.booleans())
def test_nobody_issues_a_token_that_may_do_more(
    own: Rights, theirs: Rights, by_test: bool, test: bool
) -> None:
    try:
        Actor("a", own, by_test).check_issues(theirs, test=test)
    except NotGranted:
        return
    assert test or not by_test
    assert own.all or (theirs.role != Role.ADMIN and theirs.codes <= own.counting)
