"""A message and a campaign, from the form to what has become of them."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser.chromium import Visit
from tests.console.browser.conftest import Place
from tests.console.browser.hostile import MESSAGES
from tests.console.browser.test_keyboard import tab_to
from tests.console.browser.walks import GO_ON, csv_of, draft_campaign
from tests.support.console import MARKUP
from tests.support.service import until


def sent_id(page: Page) -> int:
    page.wait_for_url("**/console/messages/*")
    return int(page.url.rpartition("/")[2])


@pytest.mark.slow
def test_a_message_is_followed_until_it_is_delivered(operator: Visit, place: Place) -> None:
    """The provider's report comes later; the page shows it by itself."""
    place.live.melipayamak.reports = "later"
    try:
        page = operator.go("/console/send")
        page.locator("[name=to]").fill("۰۹۱۲ ۳۴۵ ۶۷۸۹")
        page.locator("[name=text]").fill("سفارش شما ارسال شد")
        expect(page.locator("#preview")).to_contain_text("+989123456789")
        page.locator(GO_ON).first.click()
        id_ = sent_id(page)
        until(lambda: _message(place, id_)["status"] == "sent", "the message is sent")
        page.reload()
        expect(page.locator("#state .badge")).to_have_text("Sent")
        (received,) = place.live.melipayamak.journal.messages("09123456789")
        assert "سفارش شما ارسال شد" in received.text
        place.live.melipayamak.advance("delivered")
    finally:
        place.live.melipayamak.reports = "at_once"
    expect(page.locator("#state .badge")).to_have_text("Delivered", timeout=90_000)


def _message(place: Place, id_: int) -> Any:
    return place.live.call("GET", f"{MESSAGES}/{id_}")[1]


def test_a_message_is_sent_by_the_keyboard_alone(visitor: Visit, place: Place) -> None:
    page = visitor.go("/console/send")
    visitor.sign_in(place.test_key)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "to":
            break
    page.keyboard.type("09121230099")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "text"
    page.keyboard.type("Sent without a mouse")
    tab_to(page, "Send", "button")
    page.keyboard.press("Enter")
    message = _message(place, sent_id(page))
    assert (message["to"], message["text"]) == ("+989121230099", "Sent without a mouse")


@pytest.mark.slow
def test_a_message_that_can_t_be_sent_keeps_its_form_and_says_why(operator: Visit) -> None:
    operator.refused.add(400)
    page = operator.go("/console/send")
    page.locator("[name=to]").fill(MARKUP)
    page.locator("[name=text]").fill(MARKUP)
    page.locator(GO_ON).first.click()
    expect(page.locator("[data-focus]")).to_be_focused()
    expect(page.locator(".field.wrong [name=to]")).to_have_value(MARKUP)
    expect(page.locator("[name=text]")).to_have_value(MARKUP)


@pytest.mark.slow
def test_a_messy_file_is_checked_row_by_row_mended_and_sent(
    visitor: Visit, place: Place, tmp_path: Path
) -> None:
    rows = [
        ["نام", "شماره موبایل"],
        ["سارا", "9121234501"],  # its zero is lost
        ["علی‌رضا", "۰۹۱۲ ۱۲۳ ۴۵۰۲"],
        ["تکراری", "+98 912 123 4501"],
        [MARKUP, "02188776655"],
        ["بی‌شماره", ""],
    ]
    page = visitor.go("/console")
    visitor.sign_in(place.test_key)
    data = csv_of(rows, "utf-8-sig")
    path = draft_campaign(visitor, "مشتری‌ها.csv", data, text="جشنواره آغاز شد")
    assert page.locator(".figure").all_inner_texts()[:1] == ["2"]
    wrong = page.locator("table").last
    expect(wrong.locator("tbody tr")).to_have_count(2)
    expect(wrong).to_contain_text("02188776655")
    with page.expect_download() as download:
        page.locator(f"a[href='{path}/rows-to-mend']").click()
    file = tmp_path / "rows.csv"
    download.value.save_as(file)
    mended = list(csv.reader(StringIO(file.read_text(encoding="utf-8-sig"))))
    assert [row[0] for row in mended] == ["نام", MARKUP.removesuffix("\u202e"), "بی‌شماره"]

    page.locator(GO_ON).click()
    page.wait_for_url(f"**{path}")
    expect(page.locator("h1")).to_have_text("مشتری‌ها.csv")
    expect(page.locator("#progress progress")).to_have_attribute("value", "2", timeout=60_000)
    with page.expect_download() as download:
        page.locator(f"a[href='{path}/report']").click()
    download.value.save_as(file)
    report = list(csv.reader(StringIO(file.read_text(encoding="utf-8-sig"))))
    assert [row[1] for row in report[1:]] == ["'+989121234501", "'+989121234502"]


@pytest.mark.slow
def test_a_file_of_windows_1256_reads_as_it_was_written(visitor: Visit, place: Place) -> None:
    page = visitor.go("/console/campaigns/new")
    visitor.sign_in(place.test_key)
    rows = [["نام", "همراه"], ["پژمان", "09121234511"]]
    draft_campaign(visitor, "list.csv", csv_of(rows, "windows-1256"), text="سلام")
    page.go_back()
    expect(page.locator("table")).to_contain_text("پژمان")


@pytest.mark.slow
def test_a_file_that_is_none_is_refused_at_its_field(operator: Visit) -> None:
    operator.refused.add(400)
    page = operator.go("/console/campaigns/new")
    file = {"name": "list.xlsx", "mimeType": "application/zip", "buffer": b"PK\x03\x04nothing"}
    page.locator("[name=file]").set_input_files(file)  # type: ignore[arg-type]
    page.locator(GO_ON).click()
    expect(page.locator(".field.wrong [name=file]")).to_be_visible()
