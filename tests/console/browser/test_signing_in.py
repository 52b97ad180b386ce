"""Signing in and out in a browser, and what its cookie is worth."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.console.browser.chromium import Visit, window
from tests.console.browser.conftest import Place

pytestmark = pytest.mark.slow


def token_of(place: Place, name: str) -> tuple[str, str]:
    """Issue a token of a new admin; return the path that revokes it, and its key."""
    user = place.live.make("users", {"name": name, "role": "admin"})
    made = place.live.make(f"users/{user['id']}/tokens", {})
    return f"users/{user['id']}/tokens/{made['id']}", made["key"]


def test_the_page_that_was_asked_for_follows_the_sign_in(visitor: Visit, place: Place) -> None:
    page = visitor.go("/console/webhooks?is_active=true")
    expect(page).to_have_title("Sign in · NotifyHub")
    visitor.sign_in(place.live.key)
    assert visitor.path == "/console/webhooks?is_active=true"


def test_a_wrong_token_is_refused_in_words_and_the_field_is_focused(visitor: Visit) -> None:
    visitor.refused.add(401)
    page = visitor.go("/console")
    visitor.sign_in("wrong")
    expect(page.locator(".field.wrong .errors")).to_have_text(
        "This token does not work. Check that you have copied all of it."
    )
    expect(page.get_by_label("API token")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("API token")).to_have_value("")


def test_no_script_sees_the_cookie_and_nothing_else_is_kept(operator: Visit) -> None:
    page = operator.go("/console")
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    (cookie,) = operator.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/console")


def test_a_copied_cookie_is_worth_nothing_after_the_sign_out(
    browser: Browser, place: Place, visitor: Visit, tmp_path: Path
) -> None:
    visitor.go("/console")
    visitor.sign_in(place.live.key)
    copy = tmp_path / "copy.json"
    visitor.context.storage_state(path=copy)
    with window(browser, place.url, state=copy) as thief:
        thief.go("/console/users")
        assert thief.path == "/console/users"
        visitor.page.get_by_role("button", name="Sign out").click()
        expect(visitor.page.get_by_role("status")).to_have_text("You have signed out.")
        thief.go("/console/users")
        assert thief.path == "/console/sign-in?next=/console/users"
    visitor.page.go_back()
    assert visitor.path.startswith("/console/sign-in")


def test_a_revoked_token_leads_to_the_sign_in_at_the_next_click_and_back(
    visitor: Visit, place: Place
) -> None:
    path, key = token_of(place, "leaver")
    page = visitor.go("/console")
    visitor.sign_in(key)
    assert place.live.call("DELETE", path)[0] == 204
    with page.expect_navigation():
        page.get_by_role("link", name="Users", exact=True).click()
    assert visitor.path == "/console/sign-in?next=/console/users"
    visitor.sign_in(place.live.key)
    assert visitor.path == "/console/users"


def test_a_part_that_refreshes_itself_leads_to_the_sign_in_once_its_token_is_revoked(
    visitor: Visit, place: Place
) -> None:
    path, key = token_of(place, "watcher")
    visitor.refused.add(401)
    visitor.page.clock.install()
    visitor.go("/console/webhooks/1")
    visitor.sign_in(key)
    assert place.live.call("DELETE", path)[0] == 204
    visitor.page.clock.fast_forward(11_000)
    visitor.page.wait_for_url("**/console/sign-in?next=/console/webhooks/1")


def test_a_form_with_the_token_of_another_session_is_refused(operator: Visit, place: Place) -> None:
    operator.refused.add(400)
    page = operator.go("/console/users/new")
    page.get_by_label("Name").fill("forged")
    page.evaluate("document.querySelector('main [name=csrf_token]').value = 'IjAi.forged'")
    page.locator("main button.primary").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This could not be understood")
    assert place.live.call("GET", "users?search=forged")[1]["count"] == 0


def test_a_form_of_another_site_comes_without_the_cookie(operator: Visit, place: Place) -> None:
    """The page is opened at another host, which sends the form that deletes a user."""
    user = place.live.make("users", {"name": "stays", "role": "user"})
    operator.go("/console")
    page = operator.context.new_page()
    target = f"{place.url}/console/users/{user['id']}/delete"
    form = f'<form method="post" action="{target}"><button>Win</button></form>'
    page.route("http://evil.example/", lambda route: route.fulfill(content_type="text/html", body=form))
    page.goto("http://evil.example/")
    page.get_by_role("button").click()
    assert page.url.startswith(f"{place.url}/console")
    assert place.live.call("GET", f"users/{user['id']}")[0] == 200
