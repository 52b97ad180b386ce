"""Users and tokens in the console."""

from collections.abc import Callable

import pytest

from notifyhub.auth.models import Role
from tests.support.clients import Api
from tests.support.console import MARKUP, Console
from tests.support.environment import slow_on_postgresql
from tests.support.queries import Queries

pytestmark = slow_on_postgresql


def add(api: Api, name: str = "shop", role: str = "staff", **values: object) -> int:
    return int(api.post("/api/users", {"name": name, "role": role, **values}).json["id"])


def test_a_user_is_made_with_a_token_that_is_shown_once(operator: Console, api: Api) -> None:
    made = operator.submit(
        "/users/new", {"name": "فروشگاه", "role": "staff", "permissions": ["7811", "7812"], "is_active": "y"}
    )
    page = operator.follow(made)
    assert "فروشگاه" in page.text
    assert made.location is not None
    user = made.location.removeprefix("/console")
    wrong = operator.submit(f"{user}/tokens/new", {"label": "site", "expires_in_days": "soon"})
    assert (wrong.status, set(wrong.errors)) == (400, {"expires_in_days"})
    issued = operator.submit(f"{user}/tokens/new", {"label": "site", "expires_in_days": "۳۰"})
    field = issued.soup.select_one(".copyable input")
    assert field is not None
    key = str(field["value"])
    assert Api(api.client, key).get("/api/me").json["permissions"] == [7811, 7812]
    shown = operator.get(user)
    assert key not in shown.html
    assert f"{key[:8]}…" in shown.text


def test_what_is_wrong_stands_at_its_field(operator: Console, api: Api) -> None:
    add(api, "shop")
    page = operator.submit("/users/new", {"name": "shop"})
    assert page.status == 400
    assert page.errors["name"] == ["user with this name already exists."]
    assert operator.submit("/users/new", {"name": " "}).errors["name"] == ["This field may not be blank."]


def test_a_user_is_changed_and_deleted(operator: Console, api: Api) -> None:
    id_ = add(api)
    page = operator.submit(f"/users/{id_}/edit", {"name": "store", "permissions": ["7842"]})
    assert "The user was saved." in operator.follow(page).text
    changed = api.get(f"/api/users/{id_}").json
    assert (changed["name"], changed["permissions"], changed["is_active"]) == ("store", [7842], True)
    assert "store" in operator.get(f"/users/{id_}/delete").text
    assert operator.submit(f"/users/{id_}/delete").location == "/console/users"
    assert api.get(f"/api/users/{id_}").status == 404


def test_a_permission_that_was_taken_away_meanwhile_is_not_given_back(operator: Console, api: Api) -> None:
    id_ = add(api, permissions=[7842, 7811])
    opened = operator.get(f"/users/{id_}/edit").form()
    api.patch(f"/api/users/{id_}", {"permissions": [7811], "is_active": False})
    assert operator.post(f"/users/{id_}/edit", {**opened, "name": "store"}).status == 302
    changed = api.get(f"/api/users/{id_}").json
    assert (changed["name"], changed["permissions"], changed["is_active"]) == ("store", [7811], False)


def test_an_answer_that_is_loaded_again_issues_no_second_token(operator: Console, api: Api) -> None:
    id_ = add(api)
    path = f"/users/{id_}/tokens/new"
    form = {**operator.get(path).form(), "label": "site"}
    assert operator.post(path, {**form, "expires_in_days": "soon"}).status == 400
    assert operator.post(path, form).soup.select(".copyable")
    again = operator.post(path, form)
    assert again.location == f"/console/users/{id_}"
    assert "nothing more was done" in operator.follow(again).text
    assert len(api.get(f"/api/users/{id_}/tokens").json["results"]) == 1


@pytest.mark.parametrize("days", ["۰٫۵", "0.5", " ۱۲ "])
def test_days_of_a_token_are_taken_as_people_write_them(operator: Console, api: Api, days: str) -> None:
    id_ = add(api)
    assert operator.submit(f"/users/{id_}/tokens/new", {"expires_in_days": days}).status == 200


def test_who_may_add_users_alone_is_not_led_to_what_they_may_not_see(
    signed_in: Callable[..., Console],
) -> None:
    adder = signed_in(codes=(7851,))
    page = adder.follow(adder.submit("/users/new", {"name": "shop", "role": "user"}))
    assert (page.status, "The user was made." in page.text) == (200, True)


def test_a_revoked_token_is_refused(operator: Console, api: Api) -> None:
    id_ = add(api)
    token = api.post(f"/api/users/{id_}/tokens", {"label": "till at the door"}).json
    path = f"/users/{id_}/tokens/{token['id']}/revoke"
    asked = operator.get(path).text
    assert token["key"][:8] in asked
    assert "till at the door" in asked
    page = operator.submit(path)
    assert "The token was revoked." in operator.follow(page).text
    assert Api(api.client, token["key"]).get("/api/me").status == 401


def test_the_last_admin_is_kept_with_the_apis_words(operator: Console, api: Api) -> None:
    for user in api.get("/api/users").json["results"]:
        me = operator.get("").soup.select_one(".account bdi")
        assert me is not None
        if user["name"] != me.get_text():
            api.delete(f"/api/users/{user['id']}")
    (last,) = operator.get("/users").soup.select("tbody a")
    page = operator.submit(str(last["href"]).removeprefix("/console") + "/delete")
    assert page.status == 409
    assert f"{last.get_text()} is the last active admin: make another user an admin first." in page.text
    operator.language = "fa"
    page = operator.submit(str(last["href"]).removeprefix("/console") + "/delete")
    refused = page.soup.select_one("[role=alert]")
    assert refused is not None
    assert refused.get_text() == f"{last.get_text()} تنها مدیر فعال است؛ نخست کاربر دیگری را مدیر کنید."
    assert refused["dir"] == "rtl"


def test_nobody_gives_what_they_have_not(signed_in: Callable[..., Console], api: Api) -> None:
    staff = signed_in(codes=(7851, 7852, 7853))
    page = staff.submit("/users/new", {"name": "friend", "permissions": ["2811"]})
    assert page.status == 400
    assert page.soup.select("main [role=alert]")
    assert all(user["name"] != "friend" for user in api.get("/api/users").json["results"])


def test_a_name_is_no_markup(operator: Console, api: Api) -> None:
    id_ = add(api, MARKUP)
    for path in ("/users", f"/users/{id_}", f"/users/{id_}/edit", f"/users/{id_}/delete"):
        page = operator.get(path)
        assert not page.soup.select("main script, main img"), path
    assert MARKUP in operator.get("/users").soup.get_text()


def test_the_statements_of_a_page_are_few_whatever_its_size(
    operator: Console, api: Api, queries: Queries
) -> None:
    ids = [add(api, f"shop {number}") for number in range(20)]
    for _ in range(10):
        api.post(f"/api/users/{ids[0]}/tokens", {})
    for path in ("/users", f"/users/{ids[0]}"):
        with queries as statements:
            assert operator.get(path).status == 200
        assert len(statements) <= 5


@pytest.mark.parametrize("path", ["", "/new", "/1", "/1/edit", "/1/delete", "/1/tokens/new"])
def test_pages_are_for_those_who_may(signed_in: Callable[..., Console], path: str) -> None:
    assert signed_in(Role.STAFF, (7812,)).get(f"/users{path}").status == 403
