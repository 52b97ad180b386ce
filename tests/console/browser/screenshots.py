"""Make the pictures of the documentation: `python -m tests.console.browser.screenshots FOLDER`.

The service is started in a folder of its own and filled with what a shop has; nothing of it is kept.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser

from notifyhub.app import create_app
from tests.console.browser.chromium import Look, Visit, chromium, window
from tests.console.browser.shop import Shop, open_shop, recipients
from tests.console.browser.walks import csv_of, draft_campaign
from tests.support.live import Live, live_service
from tests.webhooks.receiver import Receiver

MOST_BYTES = 150 * 1024
HEIGHT = 1000
"""Of a picture of a desk's screen: what is looked at first is on it."""
DESK_FA, DESK_EN, PHONE_FA = Look("fa", 1280, "light"), Look("en", 1280, "light"), Look("fa", 360, "dark")


def pictures(shop: Shop, check: str) -> Iterator[tuple[str, Look, str]]:
    """Give each picture's name, how it is looked at, and where."""
    pattern = f"/console/accounts/sms/{shop.account}/patterns/{shop.pattern}"
    mail_pattern = f"/console/accounts/email/{shop.mail_account}/patterns/{shop.mail_pattern}"
    for look in (DESK_FA, DESK_EN):
        yield f"overview-{look.language}", look, "/console"
        yield f"message-{look.language}", look, f"/console/messages/{shop.message}"
        yield f"check-{look.language}", look, check
        yield f"pattern-{look.language}", look, pattern
    yield "mail-pattern-fa", DESK_FA, mail_pattern
    yield "overview-phone", PHONE_FA, "/console"


def take(browser: Browser, live: Live, shop: Shop, folder: Path) -> list[str]:
    """Take all pictures; return what is wrong with them."""
    base = f"http://127.0.0.1:{live.service.port}"
    state = folder / "cookies.json"
    with window(browser, base, DESK_EN) as visit:
        visit.go("/console")
        visit.sign_in(live.key)
        check = draft_campaign(visit, "سفارش‌های آبان.csv", csv_of(recipients()), f"sms:{shop.pattern}")
        visit.context.storage_state(path=state)
    wrong = []
    try:
        for name, look, path in pictures(shop, f"{check}/check"):
            with window(browser, base, look, state) as visit:
                wrong += [
                    f"{name}: {problem}" for problem in _take_one(visit, look, path, folder / f"{name}.png")
                ]
    finally:
        state.unlink()
    return wrong


def _take_one(visit: Visit, look: Look, path: str, file: Path) -> list[str]:
    visit.prefer(language=look.language, theme=look.theme, timezone="Asia/Tehran")
    visit.go(path).wait_for_load_state("networkidle")
    if look.width > PHONE_FA.width:
        visit.page.set_viewport_size({"width": look.width, "height": HEIGHT})
    visit.page.screenshot(path=file)
    size = file.stat().st_size
    return [*visit.problems, *([f"{size} bytes"] if size > MOST_BYTES else [])]


def main() -> None:
    """Take them, and fail if one is too large or something went wrong in a page."""
    parser = argparse.ArgumentParser(prog="python -m tests.console.browser.screenshots", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or sys.exit("chromium is not installed")
    with tempfile.TemporaryDirectory() as place, Receiver() as receiver:
        service = Path(place) / "service"
        with live_service(service, "--workers", "2", NOTIFYHUB_TIMEZONE="Asia/Tehran") as live:
            app = create_app({"NOTIFYHUB_INSTANCE": str(service / "instance")})
            shop = open_shop(live, receiver, app)
            with chromium(program) as browser:
                wrong = take(browser, live, shop, folder)
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
