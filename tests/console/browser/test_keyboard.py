"""The console by the keyboard alone, and its small comforts."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Error, Page, expect

from tests.console.browser.chromium import PHONE, Look, Visit
from tests.console.browser.conftest import Place

NOTE_FOCUS = """() => {
  window.focused = [];
  document.addEventListener("focusin", ({target}) => {
    const style = getComputedStyle(target), box = target.getBoundingClientRect();
    const place = [...document.querySelectorAll("*")].indexOf(target);
    window.focused.push({place, html: target.outerHTML.slice(0, 100), outline: style.outlineStyle,
      width: parseFloat(style.outlineWidth), shown: box.width > 1 && box.height > 1});
  });
}"""
REACHABLE = """() => [...document.querySelectorAll(
  "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0'], iframe")].filter(
  (each) => each.tabIndex >= 0 && !each.disabled && each.checkVisibility()).length"""


def tab_to(page: Page, name: str, role: str = "link", most: int = 60) -> None:
    """Press Tab until something has the focus."""
    wanted = page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("(element) => element === document.activeElement"):
            return
    pytest.fail(f"Tab does not come to {name!r}")


def test_a_section_is_opened_after_the_sign_in_by_the_keyboard(visitor: Visit, place: Place) -> None:
    page = visitor.go("/console")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "token":
            break
    page.keyboard.type(place.live.key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console")
    tab_to(page, "Users")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/users")
    expect(page.get_by_role("link", name="Users", exact=True)).to_have_attribute("aria-current", "page")


@pytest.mark.slow
def test_the_first_stop_skips_what_all_pages_have(operator: Visit) -> None:
    page = operator.go("/console/users")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


@pytest.mark.parametrize(
    "path",
    [
        "/console",
        *(
            pytest.param(path, marks=pytest.mark.slow)
            for path in ("/console/users/new", "/console/webhooks/1", "/console/audit")
        ),
    ],
)
def test_the_focus_comes_to_everything_in_the_order_of_reading_and_is_seen(
    operator: Visit, path: str
) -> None:
    page = operator.go(path)
    page.evaluate(NOTE_FOCUS)
    reachable = min(page.evaluate(REACHABLE), 80)
    for _ in range(2 * reachable):  # a date has several stops within it
        page.keyboard.press("Tab")
        if page.evaluate("window.focused.length") == reachable:
            break
    stops: list[dict[str, Any]] = page.evaluate("window.focused")
    assert len(stops) == reachable
    assert all(before["place"] < after["place"] for before, after in pairwise(stops))
    unseen = [stop for stop in stops if stop["outline"] == "none" or stop["width"] < 2 or not stop["shown"]]
    assert unseen == []


@pytest.mark.slow
def test_a_form_with_an_error_is_sent_by_enter_and_its_summary_has_the_focus(operator: Visit) -> None:
    operator.refused.add(400)
    page = operator.go("/console/webhooks/new")
    page.get_by_label("Address").focus()
    page.keyboard.type("ftp://wrong")
    page.keyboard.press("Enter")
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("This could not be saved.")
    field = page.get_by_label("Address")
    expect(field).to_have_value("ftp://wrong")
    described = field.get_attribute("aria-describedby") or ""
    assert "url-errors" in described.split()


@pytest.mark.slow
def test_what_deletes_asks_once_and_names_what_goes(operator: Visit, place: Place) -> None:
    user = place.live.make("users", {"name": "goes", "role": "user"})
    page = operator.go(f"/console/users/{user['id']}")
    tab_to(page, "Delete")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("goes")
    assert place.live.call("GET", f"users/{user['id']}")[0] == 200
    tab_to(page, "Delete", "button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("The user was deleted.")
    assert place.live.call("GET", f"users/{user['id']}")[0] == 404


@pytest.mark.slow
def test_a_new_token_is_copied_by_its_button_and_shown_no_more(operator: Visit, place: Place) -> None:
    operator.context.grant_permissions(["clipboard-read", "clipboard-write"])
    user = place.live.make("users", {"name": "copies", "role": "admin"})
    page = operator.go(f"/console/users/{user['id']}/tokens/new")
    page.get_by_role("button", name="Issue a token").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    key = page.evaluate("navigator.clipboard.readText()")
    assert place.live.call("GET", "me", key=key)[0] == 200
    page.get_by_role("link", name="I have copied it").click()
    page.wait_for_url(f"**/console/users/{user['id']}")
    assert key not in page.content()
    with pytest.raises(Error, match="ERR_CACHE_MISS"):  # the browser was told to keep nothing
        page.go_back()
    expect(page.locator("body")).not_to_contain_text(key)
    operator.problems.clear()


@pytest.mark.slow
def test_language_and_colours_change_without_losing_the_page(operator: Visit) -> None:
    page = operator.go("/console/audit?action=create")
    page.get_by_role("button", name="فارسی").click()
    page.wait_for_selector("html[lang=fa][dir=rtl]")
    assert operator.path == "/console/audit?action=create"
    page.get_by_role("button", name="English").click()
    page.wait_for_selector("html[lang=en][dir=ltr]")
    assert operator.path == "/console/audit?action=create"


@pytest.mark.slow
def test_chosen_colours_outdo_those_of_the_system(operator: Visit) -> None:
    light = operator.go("/console").evaluate("getComputedStyle(document.body).backgroundColor")
    operator.prefer(theme="dark")
    dark = operator.go("/console").evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    operator.page.emulate_media(color_scheme="light")
    assert operator.page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    operator.prefer(theme="auto")
    assert operator.go("/console").evaluate("getComputedStyle(document.body).backgroundColor") == light


@pytest.mark.slow
def test_the_open_section_is_seen_on_a_phone(looking: Callable[[Look], Visit]) -> None:
    page = looking(PHONE).go("/console/audit")
    expect(page.locator(".sections [aria-current]")).to_be_in_viewport(ratio=1)
    assert page.evaluate("window.scrollY") == 0
