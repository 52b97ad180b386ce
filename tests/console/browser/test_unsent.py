"""What was typed stays, whatever happens to the session, and when somebody steps back."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser.chromium import Visit
from tests.console.browser.conftest import Place
from tests.console.browser.hostile import EMAIL
from tests.console.browser.walks import GO_ON

pytestmark = pytest.mark.slow

BY_PATTERN = "/console/send?channel=email&by=pattern"
SIGN_IN = re.compile("/sign-in")
RESTORED = "What you had typed is here again."


class Someone(NamedTuple):
    """Somebody at the console, whose session can be ended; they sign in anew with the `second` token."""

    visit: Visit
    end: Callable[[], None]
    second: str

    def sign_in(self) -> None:
        self.visit.sign_in(self.second)


@pytest.fixture
def someone(visitor: Visit, place: Place) -> Iterator[Someone]:
    user = place.live.make("users", {"name": "typist", "role": "admin"})
    tokens = f"users/{user['id']}/tokens"
    first, second = (place.live.make(tokens, {}) for _ in range(2))
    visitor.go("/console")
    visitor.sign_in(first["key"])
    visitor.refused |= {400, 401}

    def end() -> None:
        assert place.live.call("DELETE", f"{tokens}/{first['id']}")[0] == 204

    yield Someone(visitor, end, second["key"])
    assert place.live.call("DELETE", f"users/{user['id']}")[0] == 204


@pytest.fixture
def mail_pattern(place: Place) -> Iterator[dict[str, Any]]:
    path = f"{EMAIL}/{place.live.email_notifier}/patterns"
    made = place.live.make(path, {"name": "for typists", "subject": "s {0}", "body_text": "b {1}"})
    yield made
    place.live.call("DELETE", f"{path}/{made['id']}")


def test_a_form_that_was_sent_after_the_sessions_end_is_there_again(someone: Someone, place: Place) -> None:
    path = f"/console/accounts/email/{place.live.email_notifier}/patterns/new"
    page = someone.visit.go(path)
    page.locator("[name=name]").fill("نوشته")
    page.locator("[name=body_text]").fill("two\nlines")
    someone.end()
    page.locator(GO_ON).click()
    page.wait_for_url(SIGN_IN)
    someone.sign_in()
    assert someone.visit.path == path
    expect(page.locator("#main > .notice")).to_contain_text(RESTORED)
    expect(page.locator("[name=name]")).to_have_value("نوشته")
    expect(page.locator("[name=body_text]")).to_have_value("two\nlines")
    page.reload()
    expect(page.locator("[name=name]")).to_have_value("")


def test_what_was_unticked_stays_unticked_and_a_secret_is_not_kept(someone: Someone, place: Place) -> None:
    page = someone.visit.go("/console/accounts/email/new")
    page.locator("[name=use_tls]").uncheck()
    page.locator("[name=password]").fill("secret-of-mine")
    someone.end()
    page.locator(GO_ON).click()
    page.wait_for_url(SIGN_IN)
    assert "secret-of-mine" not in page.evaluate("JSON.stringify(sessionStorage)")
    someone.sign_in()
    expect(page.locator("[name=use_tls]")).not_to_be_checked()
    expect(page.locator("[name=password]")).to_have_value("")


def test_another_language_leaves_what_was_typed(someone: Someone, place: Place) -> None:
    path = f"/console/accounts/email/{place.live.email_notifier}/patterns/new"
    page = someone.visit.go(path)
    page.locator("[name=subject]").fill("سفارش {0}")
    for language in ("fa", "en"):
        page.locator(".preferences button").first.click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert someone.visit.path == path
        expect(page.locator("[name=subject]")).to_have_value("سفارش {0}")


def test_nobody_else_gets_what_somebody_has_typed(someone: Someone, place: Place) -> None:
    page = someone.visit.go("/console/users/new")
    page.locator("[name=name]").fill("mine alone")
    someone.end()
    page.locator(GO_ON).click()
    page.wait_for_url(SIGN_IN)
    someone.visit.sign_in(place.live.key)
    expect(page.locator("[name=name]")).to_have_value("")
    assert page.evaluate("sessionStorage.length") == 0


def _fill_pattern(page: Page, pattern: dict[str, Any]) -> None:
    page.locator("[name=to]").fill("somebody@example.com")
    page.locator("[name=pattern]").select_option(str(pattern["id"]))
    page.locator("[name=args-value1]").fill("second")
    page.locator("[name=args-value0]").fill("first")


def _expect_pattern(page: Page) -> None:
    expect(page.locator("[name=args-value0]")).to_have_value("first")
    expect(page.locator("[name=args-value1]")).to_have_value("second")
    expect(page.locator("[name=to]")).to_have_value("somebody@example.com")


def test_the_values_of_a_pattern_outlive_the_session(someone: Someone, mail_pattern: dict[str, Any]) -> None:
    page = someone.visit.go(BY_PATTERN)
    _fill_pattern(page, mail_pattern)
    expect(page.locator("#preview")).to_contain_text("b second")
    someone.end()
    page.locator(GO_ON).click()
    page.wait_for_url(SIGN_IN)
    someone.sign_in()
    assert someone.visit.path == BY_PATTERN
    _expect_pattern(page)


def test_the_values_of_a_pattern_are_there_for_who_comes_back(
    someone: Someone, mail_pattern: dict[str, Any]
) -> None:
    page = someone.visit.go(BY_PATTERN)
    _fill_pattern(page, mail_pattern)
    page.locator(GO_ON).click()
    page.wait_for_url("**/console/messages/*")
    sent = someone.visit.path
    page.go_back()
    _expect_pattern(page)
    page.locator(GO_ON).click()  # of the same once more: nothing more is sent
    page.wait_for_url("**/console/messages/*")
    assert someone.visit.path == sent
    page.go_back()
    page.locator("[name=args-value0]").fill("other")
    someone.visit.refused.add(409)
    page.locator(GO_ON).click()
    expect(page.get_by_role("alert")).to_contain_text("This form was sent already, with other contents.")


def test_a_preview_that_finds_the_session_over_takes_nothing_away(someone: Someone) -> None:
    page = someone.visit.go("/console/send")
    someone.end()
    page.locator("[name=text]").fill("a long text")
    expect(page.locator("#preview")).to_contain_text("The session is over.")
    expect(page.locator("[name=text]")).to_have_value("a long text")
    assert someone.visit.path == "/console/send"
    page.locator(GO_ON).click()
    page.wait_for_url(SIGN_IN)
    someone.sign_in()
    expect(page.locator("[name=text]")).to_have_value("a long text")


def test_the_picture_of_a_mail_says_that_the_session_is_over(someone: Someone, place: Place) -> None:
    page = someone.visit.go(f"/console/accounts/email/{place.live.email_notifier}/patterns/new")
    someone.end()
    page.get_by_role("button", name="Preview").click()
    expect(page.frame_locator("iframe").locator("body")).to_contain_text("The session is over.")


def test_a_form_from_before_another_sign_in_can_be_sent_after_all(someone: Someone, place: Place) -> None:
    page = someone.visit.go("/console/users/new")
    page.locator("[name=name]").fill("from before")
    other = Visit(someone.visit.context, someone.visit.context.new_page(), place.url)
    other.go("/console").get_by_role("button", name="Sign out").click()
    other.page.wait_for_url(SIGN_IN)
    other.sign_in(someone.second)
    page.locator(GO_ON).click()
    expect(page.locator("main")).to_contain_text("Nothing was done.")
    page.get_by_role("link", name="Back to the form, with what you have typed").click()
    expect(page.locator("[name=name]")).to_have_value("from before")
    page.locator(GO_ON).click()
    expect(page.get_by_role("status")).to_have_text("The user was made. Now issue a token.")
