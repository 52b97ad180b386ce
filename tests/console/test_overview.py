"""The overview: what each part says, who sees it, and what it costs."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from flask import Flask

from notifyhub.auth.models import Role
from notifyhub.console import message_counts
from notifyhub.database.base import now
from notifyhub.delivery.models import CircuitBreaker, LatestFigures
from notifyhub.extensions import db
from notifyhub.health.models import NotifierCredit
from notifyhub.jobs.models import Role as Process
from notifyhub.messages.models import Channel, MessageStatus
from notifyhub.otp.models import OTPStatus
from tests.health.conftest import seen  # noqa: F401 - a fixture
from tests.support.console import Console, Page
from tests.support.factories import EmailNotifierFactory, MessageFactory, OTPFactory, SMSNotifierFactory
from tests.support.queries import Queries

MARKUP = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202etxt'
TEHRAN = ZoneInfo("Asia/Tehran")
SEES_MESSAGES, SEES_CODES = 7812, 7822
DAY = timedelta(days=1)


def store(*objects: Any) -> None:
    db.session.add_all(objects)
    db.session.commit()


def stored_message(
    status: str = MessageStatus.DELIVERED, ago: timedelta = timedelta(), **values: Any
) -> None:
    """Store a message that was made so long ago, and taken and reported on in ten seconds."""
    created = now() - ago
    moments = {"sent_at": created, "delivered_at": created + timedelta(seconds=10)}
    if status != MessageStatus.DELIVERED:
        moments = {}
    MessageFactory(status=status, created_at=created, next_attempt_at=None, **{**moments, **values})


def stored_code(status: str, ago: timedelta = timedelta(), **values: Any) -> None:
    OTPFactory(status=status, created_at=now() - ago, **values)


def row(page: Page, table: str, first: str) -> list[str]:
    """Return the cells of the row of a table that begins with some words."""
    rows = [
        [" ".join(cell.get_text(" ").split()) for cell in line.select("th, td")]
        for line in page.soup.select(f"#{table} tbody tr")
    ]
    (found,) = (cells for cells in rows if cells[0].startswith(first))
    return found


def figures(page: Page, section: str) -> dict[str, str]:
    """Return what the cards of a section say, by their headings."""
    cards = page.soup.select(f"#{section} .card")
    return {
        str(card.h3 and card.h3.get_text()): " ".join(
            found.get_text(" ").strip() for found in card.select("span.figure, span.muted")
        )
        for card in cards
    }


def test_a_service_that_works_says_so(operator: Console, app: Flask, seen: Callable[..., Any]) -> None:  # noqa: F811
    seen(*Process)
    with app.app_context():
        SMSNotifierFactory(name="main")
    page = operator.get()
    assert page.all("#health h2") == ["Everything works"]
    assert page.soup.select("#health li") == []
    assert "1 worker is running." in page.text
    assert row(page, "accounts", "main")[1] == "Not used yet"


def test_problems_come_first_with_what_to_do(operator: Console) -> None:
    page = operator.get()
    assert page.all("#health h2") == ["Nothing is sent"]
    worker, scheduler = page.all("#health li")
    assert worker == (
        "No worker is running. Messages are accepted and wait. Start one with notifyhub worker --beat ."
    )
    assert scheduler.startswith("No scheduler is running. What is to be sent later, or again, waits.")
    sections = [str(section["id"]) for section in page.soup.select("main section[id]")]
    assert sections[0] == "health"


def test_what_was_last_seen_and_is_late_is_said_with_its_time(
    operator: Console,
    app: Flask,
    seen: Callable[..., Any],  # noqa: F811
) -> None:
    seen(*Process, ago=120)
    with app.app_context():
        MessageFactory(next_attempt_at=now() - timedelta(minutes=5))
        MessageFactory(next_attempt_at=now() - timedelta(minutes=3))
    page = operator.get()
    worker, scheduler, late = page.all("#health li")
    assert worker.startswith("No worker is running; the last one was seen 2 minutes ago")
    assert scheduler.startswith("No scheduler is running; the last one was seen 2 minutes ago")
    assert late.startswith("Messages are late: the oldest one was due 5 minutes ago")
    assert figures(page, "queues")["Messages"] == "2 the oldest for 5 minutes"
    assert figures(page, "queues")["One-time codes"] == "0 nothing waits"


def test_the_account_in_trouble_comes_first_with_its_reason(
    operator: Console,
    app: Flask,
    seen: Callable[..., Any],  # noqa: F811
) -> None:
    seen(*Process)
    moment = now()
    with app.app_context():
        fine, bad = SMSNotifierFactory(name="fine"), SMSNotifierFactory(name="bad")
        failing = EmailNotifierFactory(name="failing")
        store(
            CircuitBreaker(
                channel="sms", notifier_id=bad.id, failures=7, open_until=moment + timedelta(minutes=10)
            ),
            CircuitBreaker(channel="email", notifier_id=failing.id, failures=1),
            LatestFigures(
                channel="sms",
                notifier_id=bad.id,
                failed_at=moment - timedelta(minutes=2),
                error_code="bad_credentials",
                error_detail="کلید نامعتبر است.",
            ),
            LatestFigures(channel="sms", notifier_id=fine.id, accepted_at=moment),
            NotifierCredit(
                notifier_id=bad.id, asked_at=moment, amount=1234.5, read_at=moment - timedelta(hours=3)
            ),
        )
    page = operator.get()
    names = page.all("#accounts tbody tr td:first-child")
    assert names == ["bad SMS", "failing Email", "fine SMS"]
    _, state, *_, credit = row(page, "accounts", "bad")
    assert state.startswith("Resting until ")
    assert "7 failures in a row" in state
    assert "Last error 2 minutes ago : کلید نامعتبر است. bad_credentials" in state
    assert credit == "1,234.5 as of 3 hours ago"
    assert row(page, "accounts", "failing")[1] == "Failing 1 failure in a row"
    assert row(page, "accounts", "fine")[1] == "Works"
    assert page.all("#health h2") == ["Not everything works"]
    assert page.all("#health li")[0].startswith("The account bad rests: it has failed 7 times in a row.")


def test_messages_are_counted_by_status_beside_those_before(
    signed_in: Callable[..., Console], app: Flask
) -> None:
    noon = datetime.now(TEHRAN).replace(hour=12, minute=0, second=0, microsecond=0)
    with time_machine.travel(noon.astimezone(UTC), tick=False):
        with app.app_context():
            account = SMSNotifierFactory(name="main")
            for ago in (0.01, 1.1, 1.2, 3, 6.2, 7.1, 13.4):
                stored_message(ago=ago * DAY, notifier=account)
            stored_message(ago=0.9 * DAY, notifier=account)  # yesterday, later than now
            stored_message(ago=6.8 * DAY, notifier=account)  # of neither week by this time
            stored_message(ago=14 * DAY, notifier=account)  # the day before the two weeks
            stored_message(MessageStatus.FAILED, ago=timedelta(hours=2), notifier=account)
            stored_message(is_test=True, notifier=account)
        page = signed_in(Role.ADMIN).get()
    assert row(page, "statuses-table", "Delivered") == ["Delivered", "1", "2", "6", "2"]
    assert row(page, "statuses-table", "Failed") == ["Failed", "1", "0", "1", "0"]
    assert row(page, "statuses-table", "All") == ["All", "2", "2", "7", "2"]
    days = [line.select("td")[-1].get_text() for line in page.soup.select("#week-numbers tbody tr")]
    assert days == ["1", "0", "0", "1", "0", "3", "2"]


def test_the_rate_and_the_time_of_delivery_are_told_by_account(operator: Console, app: Flask) -> None:
    with app.app_context():
        sms, mail = SMSNotifierFactory(name="main"), EmailNotifierFactory(name="post")
        for _ in range(3):
            stored_message(notifier=sms)
        stored_message(MessageStatus.UNDELIVERED, notifier=sms, sent_at=now())
        stored_message(MessageStatus.SENT, notifier=mail, channel=Channel.EMAIL, sent_at=now())
    page = operator.get()
    assert row(page, "accounts", "main")[3:5] == ["75% 3 of 4 sent", "10 seconds 95% in 10 seconds"]
    assert row(page, "accounts", "post")[3:5] == ["1 sent no reports", "–"]


def test_the_conversion_of_codes_is_told_in_percent(operator: Console, app: Flask) -> None:
    with app.app_context():
        for status in (OTPStatus.VERIFIED, OTPStatus.VERIFIED, OTPStatus.EXPIRED):
            stored_code(status)
        stored_code(OTPStatus.EXPIRED, ago=3 * DAY)
        stored_code(OTPStatus.VERIFIED, ago=8 * DAY)
        stored_code(OTPStatus.VERIFIED, is_test=True)
    assert figures(operator.get(), "codes") == {
        "Today so far": "66.7% 2 verified of 3 asked for",
        "Yesterday by this time": "– 0 verified of 0 asked for",
        "Last 7 days": "50% 2 verified of 4 asked for",
    }


def test_a_test_token_sees_the_messages_and_codes_of_test_tokens(
    signed_in: Callable[..., Console], app: Flask
) -> None:
    with app.app_context():
        account = SMSNotifierFactory()
        stored_message(notifier=account)
        for _ in range(2):
            stored_message(MessageStatus.FAILED, is_test=True, notifier=account)
        stored_code(OTPStatus.VERIFIED, is_test=True)
    page = signed_in(Role.ADMIN, test=True).get()
    assert row(page, "statuses-table", "All")[1] == "2"
    assert figures(page, "codes")["Today so far"] == "100% 1 verified of 1 asked for"


@pytest.mark.parametrize(
    ("codes", "parts"),
    [
        ((), []),
        ((SEES_CODES,), ["codes"]),
        ((SEES_MESSAGES,), ["health", "queues", "accounts", "messages"]),
        ((SEES_MESSAGES, SEES_CODES), ["health", "queues", "accounts", "messages", "codes"]),
    ],
)
def test_only_what_the_caller_may_see_is_shown(
    signed_in: Callable[..., Console], app: Flask, codes: tuple[int, ...], parts: list[str]
) -> None:
    with app.app_context():
        stored_message(notifier=SMSNotifierFactory(name="main"))
    page = signed_in(Role.STAFF, codes).get()
    assert page.status == 200
    assert [section["id"] for section in page.soup.select("main section[data-live]")] == parts
    assert ("main" in page.text) == (SEES_MESSAGES in codes)
    assert ("This token may not use any part of the console yet." in page.text) == (not codes)


def test_a_new_installation_shows_the_first_steps(
    operator: Console, signed_in: Callable[..., Console], app: Flask
) -> None:
    page = operator.get()
    first = page.all("section.card li")[0]
    assert first == "Add an account: at a provider of SMS, or at a mail server."
    assert page.all("#codes p") == ["None was asked for in the last 7 days."]
    staff = signed_in(Role.STAFF, (SEES_MESSAGES,)).get().all("section.card li")[0]
    assert staff.startswith("An administrator adds an account")
    with app.app_context():
        SMSNotifierFactory()
    assert operator.get().all("section.card") == []


def test_words_of_strangers_are_escaped(operator: Console, app: Flask) -> None:
    with app.app_context():
        account = SMSNotifierFactory(name=MARKUP)
        store(
            CircuitBreaker(
                channel="sms", notifier_id=account.id, failures=9, open_until=now() + timedelta(minutes=1)
            ),
            LatestFigures(
                channel="sms",
                notifier_id=account.id,
                failed_at=now(),
                error_code="<b>",
                error_detail=MARKUP,
            ),
        )
    page = operator.get()
    scripts = [script.get("src", "").rpartition("/")[2] for script in page.soup.select("script")]
    assert scripts == ["console.js"]
    assert "<img" not in page.html
    isolated = [found for found in page.soup.select("main [dir]") if MARKUP in found.get_text()]
    assert len(isolated) == 3  # what it is called, twice, and what was said
    assert "<b>" in page.text


def test_the_page_takes_few_statements_however_much_there_is(
    operator: Console, app: Flask, queries: Queries
) -> None:
    def statements() -> int:
        with queries as sent:
            assert operator.get().status == 200
        return len(sent)

    with app.app_context():
        stored_message(ago=timedelta(seconds=1), notifier=SMSNotifierFactory())
    few = statements()
    with app.app_context():
        for _ in range(5):
            account = SMSNotifierFactory()
            for ago in range(10):
                stored_message(ago=ago * DAY, notifier=account)
            stored_code(OTPStatus.VERIFIED)
    assert statements() == few <= 12


def test_the_picture_can_be_read_without_being_seen(operator: Console, app: Flask) -> None:
    with app.app_context():
        account = SMSNotifierFactory()
        for _ in range(3):
            stored_message(ago=2 * DAY, notifier=account)
    page = operator.get()
    (picture,) = page.soup.select("svg[role=img]")
    named = [page.soup.find(id=id_) for id_ in str(picture["aria-labelledby"]).split()]
    title, words = (found.get_text() if found else "" for found in named)
    assert title == "Messages of the last 7 days, a bar for each day"
    assert words.startswith("Most were made on ")
    assert ": 3." in words
    assert page.soup.select("details#week-numbers summary")


def test_the_page_is_persian_from_right_to_left(signed_in: Callable[..., Console], app: Flask) -> None:
    with time_machine.travel(datetime(2026, 11, 26, 8, tzinfo=UTC)):
        with app.app_context():
            stored_message(ago=timedelta(hours=1), notifier=SMSNotifierFactory(name="اصلی"))
        operator = signed_in(Role.ADMIN)
        operator.language = "fa"
        page = operator.get()
    assert page.all("#health h2") == ["هیچ پیامی ارسال نمی‌شود"]
    labels = page.all("#messages svg[role=img] g text")
    assert labels[-2:] == ["امروز", "۵"]
    middles = [
        float(str(text["x"]).rstrip("%"))
        for text in page.soup.select("#messages svg[role=img] g text:first-of-type")
    ]
    assert middles == sorted(middles, reverse=True)


def test_live_parts_can_be_found_again(operator: Console, app: Flask) -> None:
    with app.app_context():
        stored_message(notifier=SMSNotifierFactory())
    page = operator.get()
    ids = [found.get("id") for found in page.soup.select("[id]")]
    assert len(ids) == len(set(ids))
    assert all(found.get("id") for found in page.soup.select("[data-live], [data-live] summary"))
    assert page.all("#read-at")[0].startswith("Read at ")


@pytest.mark.parametrize(
    ("moment", "begins"),
    [
        # Days of Tehran's clock begin at 20:30 UTC.
        ("2026-11-26T20:29:59", ["2026-11-26", "2026-11-25", "2026-11-20", "2026-11-13"]),
        ("2026-11-26T20:30:00", ["2026-11-27", "2026-11-26", "2026-11-21", "2026-11-14"]),
        # In 2022 the clock was put forward at midnight of March 22nd, and back at midnight of September 22nd.
        ("2022-03-22T06:00:00", ["2022-03-22", "2022-03-21", "2022-03-16", "2022-03-09"]),
        ("2022-09-22T10:00:00", ["2022-09-22", "2022-09-21", "2022-09-16", "2022-09-09"]),
    ],
)
def test_days_are_those_of_the_zone(moment: str, begins: list[str]) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    spans = message_counts.spans(at, TEHRAN)
    days: list[date] = [span.begin.astimezone(TEHRAN).date() for span in spans]
    assert [day.isoformat() for day in days] == begins
    assert all(span.begin <= span.end for span in spans)
    ends = {f"{span.end.astimezone(TEHRAN):%H:%M}" for span in spans}
    assert ends == {f"{at.astimezone(TEHRAN):%H:%M}"}
