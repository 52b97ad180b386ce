"""Users and tokens where requests and commands meet."""

import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from notifyhub.auth import accounts
from notifyhub.auth.models import Role, Token, User
from notifyhub.extensions import db
from tests.support.clients import Answer, Api
from tests.support.factories import UserFactory
from tests.support.processes import Server
from tests.support.threads import in_threads

USERS = "/api/users"
MINE = (7851, 7853, 2812)


@pytest.fixture
def admins(app: Flask) -> Callable[[int], list[tuple[str, Api]]]:
    """Give a function that makes so many admins, and returns their URLs and clients."""

    def make(count: int) -> list[tuple[str, Api]]:
        made = []
        with app.app_context():
            for user in UserFactory.create_batch(count, role=Role.ADMIN):
                key = accounts.issue_token(db.session(), user, None, test=False)
                made.append((f"{USERS}/{user.id}", Api(app.test_client(), key)))
            db.session.commit()
        return made

    return make


def active_admins(app: Flask) -> int | None:
    with app.app_context():
        query = select(func.count()).where(User.role == Role.ADMIN, User.is_active)
        return db.session.scalar(query.select_from(User))


@pytest.mark.parametrize(
    ("method", "body"),
    [("DELETE", None), ("PATCH", {"role": "user"}), ("PATCH", {"is_active": False})],
)
def test_of_admins_who_give_up_together_one_stays(
    app: Flask, admins: Callable[[int], list[tuple[str, Api]]], method: str, body: object
) -> None:
    def give_up(admin: tuple[str, Api]) -> Answer:
        url, client = admin
        return client.call(method, url, body)

    for _ in range(3):
        answers = in_threads(give_up, admins(6))
        refused = [answer for answer in answers if answer.status not in {200, 204}]
        assert [answer.status for answer in refused] == [409]
        assert active_admins(app) == 1
        with app.app_context():
            for user in db.session.scalars(select(User)):
                db.session.delete(user)
            db.session.commit()


def test_of_two_admins_who_delete_each_other_one_stays(
    app: Flask, admins: Callable[[int], list[tuple[str, Api]]]
) -> None:
    (first, one), (second, other) = admins(2)
    answers = in_threads(lambda call: call[0].delete(call[1]), [(one, second), (other, first)])
    # The one who comes second is gone by then.
    assert sorted(answer.status for answer in answers) == [204, 401]
    assert active_admins(app) == 1


def test_commands_and_requests_leave_an_admin_together(
    app: Flask, admins: Callable[[int], list[tuple[str, Api]]]
) -> None:
    for _ in range(3):
        made = admins(4)
        with app.app_context():
            names = {url: db.session.get_one(User, int(url.split("/")[-1])).name for url, _ in made}

        def give_up(number: int, made: list[tuple[str, Api]] = made, names: dict[str, str] = names) -> bool:
            url, client = made[number]
            if number % 2:
                return client.patch(url, {"role": "user"}).status == 200
            result = app.test_cli_runner().invoke(args=["users", "role", names[url], "user"])
            return result.exit_code == 0

        assert Counter(in_threads(give_up, range(4))) == {True: 3, False: 1}
        assert active_admins(app) == 1
        with app.app_context():
            for user in db.session.scalars(select(User)):
                db.session.delete(user)
            db.session.commit()


def test_of_many_equal_names_one_is_created_and_one_is_given(app: Flask, api: Api) -> None:
    key = api.token
    with app.app_context():
        ids = [user.id for user in UserFactory.create_batch(4)]
    taken = {"name": ["user with this name already exists."]}

    def send(call: tuple[str, str, dict[str, str]]) -> Answer:
        return Api(app.test_client(), key).call(*call)

    created = in_threads(send, [("POST", USERS, {"name": "new", "role": "user"})] * 8)
    renamed = in_threads(send, [("PATCH", f"{USERS}/{id_}", {"name": "one"}) for id_ in ids])
    for answers, status in ((created, 201), (renamed, 200)):
        assert Counter(answer.status for answer in answers) == {status: 1, 400: len(answers) - 1}
        assert all(answer.json == taken for answer in answers if answer.status == 400)


def test_a_user_who_gets_more_meanwhile_is_given_no_token_by_who_has_less(
    app: Flask, api: Api, staff: Callable[..., Api]
) -> None:
    key = staff(*MINE).token
    for _ in range(10):
        with app.app_context():
            user = UserFactory(role=Role.STAFF, codes=(2812,)).id

        def send(promotes: bool, url: str = f"{USERS}/{user}") -> Answer:
            if promotes:
                return Api(app.test_client(), api.token).patch(url, {"role": "admin"})
            return Api(app.test_client(), key).post(f"{url}/tokens", {})

        promoted, issued = in_threads(send, [True, False])
        assert promoted.status == 200
        # Whichever came first: a token for a user who was no admin yet, or none.
        with app.app_context():
            tokens = db.session.scalars(select(Token).where(Token.user_id == user)).all()
            changed = db.session.get_one(User, user).updated_at
        if issued.status == 201:
            assert [token.created_at <= changed for token in tokens] == [True]
        else:
            assert (issued.status, tokens) == (403, [])


def test_commands_and_requests_show_each_others_changes(app: Flask, api: Api) -> None:
    def run(*args: str) -> str:
        result = app.test_cli_runner().invoke(args=list(args))
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    key = run("users", "create", "shop", "--role", "staff", "--permission", "2812")
    one = f"{USERS}/{api.get(f'{USERS}?search=shop').json['results'][0]['id']}"
    before = api.get(one).json
    (token,) = api.get(f"{one}/tokens").json["results"]
    assert (token["prefix"], before["permissions"]) == (key[:8], [2812])
    for args, values in (
        ("permit shop 2822", {"permissions": [2812, 2822]}),
        ("permit shop 2822", {}),
        ("forbid shop 2812 1036", {"permissions": [2822]}),
        ("role shop user", {"role": "user"}),
        ("role shop user", {}),
        ("deactivate shop", {"is_active": False}),
        ("activate shop", {"is_active": True}),
    ):
        run("users", *args.split())
        after = api.get(one).json
        assert after == before | values | {"updated_at": after["updated_at"]}
        assert (after["updated_at"] > before["updated_at"]) == bool(values)
        before = after
    made = api.post(f"{one}/tokens", {"label": "by hand"}).json
    listed = run("tokens", "list", "shop").splitlines()
    assert listed[1].startswith(f"{made['prefix']}\tshop\tactive\tlive\tmade ")
    assert f"by {made['created_by']}\t" in listed[1]
    run("tokens", "revoke", made["prefix"])
    assert api.get(f"{one}/tokens").json["count"] == 1
    api.delete(one)
    assert "shop" not in run("users", "list")


@pytest.mark.slow
def test_what_is_revoked_deactivated_or_deleted_stops_at_once_in_every_process(
    gunicorn: Callable[..., Server], api: Api, app: Flask
) -> None:
    server = gunicorn(workers=3)
    with app.app_context():
        users = [f"{USERS}/{user.id}" for user in UserFactory.create_batch(3, role=Role.STAFF)]

    def statuses(key: str) -> set[int]:
        headers = {"Authorization": f"Token {key}"}
        return {_status(urllib.request.Request(f"{server.url}/api/me", headers=headers)) for _ in range(15)}

    made = [api.post(f"{user}/tokens", {}).json for user in users]
    for token in made:
        assert statuses(token["key"]) == {200}  # at once, too
    assert api.delete(f"{users[0]}/tokens/{made[0]['id']}").status == 204
    assert api.patch(users[1], {"is_active": False}).status == 200
    assert api.delete(users[2]).status == 204
    for token in made:
        assert statuses(token["key"]) == {401}


def _status(request: urllib.request.Request) -> int:
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
