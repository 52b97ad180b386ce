"""Parts of pages that are asked for again: what somebody does in them stays as it is."""

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser.chromium import Visit
from tests.console.browser.conftest import Place
from tests.console.browser.hostile import HOOKS, TEXT
from tests.simulators.server import Reply
from tests.support.service import until

pytestmark = pytest.mark.slow

TURN = 11_000
ROWS = "#deliveries tbody tr"


@pytest.fixture
def hook(place: Place) -> int:
    """A webhook with one delivery, whose receiver has said hostile things."""
    events = ["pattern.status_changed"]
    made = place.live.make(HOOKS, {"url": place.receiver.url, "events": events})
    place.receiver.reply(Reply(200, TEXT.encode(), "text/plain; charset=utf-8"))
    send_test(place, made["id"])
    return int(made["id"])


def send_test(place: Place, hook: int) -> None:
    """Send a test event, and wait until its delivery is done."""
    status, answer = place.live.call("POST", f"{HOOKS}/{hook}/test", {})
    assert status < 300, answer

    def done() -> bool:
        found = place.live.call("GET", f"{HOOKS}/{hook}/deliveries")[1]["results"]
        return all(delivery["status"] == "delivered" for delivery in found)

    until(done, "the test event is delivered")


def open_page(operator: Visit, hook: int) -> Page:
    """Open the page of a webhook, whose clock goes on when it is told to."""
    operator.page.clock.install()
    page = operator.go(f"/console/webhooks/{hook}")
    expect(page.locator(ROWS)).to_have_count(1)
    return page


def test_new_rows_come_in_and_focus_scrolling_and_opened_details_stay(
    operator: Visit, place: Place, hook: int
) -> None:
    page = open_page(operator, hook)
    said = page.locator("#deliveries details", has_text="alert(1)").first
    said.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(said.locator("pre")).to_be_visible()
    name = said.get_attribute("id")
    page.set_viewport_size({"width": 1280, "height": 400})
    page.evaluate("window.scrollTo(0, 150)")
    scrolled = page.evaluate("window.scrollY")
    send_test(place, hook)
    page.clock.fast_forward(TURN)
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator(f"#{name} pre")).to_be_visible()
    expect(page.locator(f"#{name} pre")).to_contain_text(TEXT[:20])
    expect(page.locator(f"#{name} summary")).to_be_focused()
    assert page.evaluate("window.scrollY") == scrolled


def test_the_focus_stays_at_a_button_that_has_no_name_of_its_own(
    operator: Visit, place: Place, hook: int
) -> None:
    page = open_page(operator, hook)
    form = page.locator("#deliveries form").first
    action = form.get_attribute("action")
    form.locator("button").focus()
    send_test(place, hook)
    page.clock.fast_forward(TURN)
    expect(page.locator(ROWS)).to_have_count(2)
    expect(page.locator(f"#deliveries form[action='{action}'] button")).to_be_focused()


def test_what_has_not_changed_is_not_touched(operator: Visit, hook: int) -> None:
    page = open_page(operator, hook)
    page.evaluate("document.querySelector('#deliveries .table').kept = true")
    with page.expect_response(f"**/webhooks/{hook}"):
        page.clock.fast_forward(TURN)
    page.wait_for_timeout(200)
    assert page.evaluate("document.querySelector('#deliveries .table').kept") is True


def test_a_failure_is_followed_by_another_turn(operator: Visit, place: Place, hook: int) -> None:
    operator.refused.add(503)
    page = open_page(operator, hook)
    send_test(place, hook)
    page.route(f"**/webhooks/{hook}", lambda route: route.fulfill(status=503, body="not now"))
    with page.expect_response(f"**/webhooks/{hook}"):
        page.clock.fast_forward(TURN)
    expect(page.locator(ROWS)).to_have_count(1)
    page.unroute(f"**/webhooks/{hook}")
    page.clock.fast_forward(TURN)
    expect(page.locator(ROWS)).to_have_count(2)
