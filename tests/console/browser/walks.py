"""The ways of people through several pages, by the names of their fields."""

import csv
from io import StringIO

from tests.console.browser.chromium import Visit

GO_ON = "main form button.primary"


def csv_of(rows: list[list[str]], encoding: str = "utf-8-sig") -> bytes:
    """Return a file as a spreadsheet writes it."""
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(encoding)


def draft_campaign(visit: Visit, name: str, data: bytes, content: str = "sms", **fields: str) -> str:
    """Go from a file to the check of its rows, with the guessed columns; return the campaign's path."""
    page = visit.go("/console/campaigns/new")
    page.locator("[name=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": data})
    page.locator(GO_ON).click()
    page.wait_for_url("**/message")
    page.locator("[name=content]").select_option(content)
    for field, value in fields.items():
        page.locator(f"[name={field}]").fill(value)
    page.locator(GO_ON).click()
    page.wait_for_url("**/columns")
    page.locator(GO_ON).click()
    page.wait_for_url("**/check")
    return visit.path.removesuffix("/check")


def confirm_campaign(visit: Visit) -> None:
    """Have a campaign sent whose check is on the screen."""
    page = visit.page
    path = visit.path.removesuffix("/check")
    page.locator(GO_ON).click()
    page.wait_for_url(f"**{path}")
