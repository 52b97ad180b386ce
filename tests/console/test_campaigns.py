"""Campaigns: from a messy file to messages, each once."""

import csv
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO, StringIO
from typing import Any

import pytest
import time_machine
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import func, select, update

from notifyhub.auth.models import Role
from notifyhub.campaigns import retention, sending, storage
from notifyhub.campaigns.models import Campaign, CampaignBatch, CampaignStatus
from notifyhub.campaigns.recipient_files.table import Row
from notifyhub.campaigns.storage import Settings
from notifyhub.console.translation import api_words
from notifyhub.database.base import now
from notifyhub.database.connections import transaction
from notifyhub.delivery.rounds import deliver
from notifyhub.extensions import db
from notifyhub.health.models import NotifierCredit
from notifyhub.messages.models import Batch, Message
from notifyhub.notifiers.models import SMSNotifier
from notifyhub.patterns.models import PatternStatus
from tests.campaigns.recipient_files.test_reading import REFUSED
from tests.support.clients import Api
from tests.support.console import Console, Page
from tests.support.environment import slow_on_sqlite
from tests.support.factories import (
    EmailPatternFactory,
    SMSNotifierFactory,
    SMSPatternFactory,
)
from tests.support.queries import Queries
from tests.support.recipient_files import workbook

PATH = "/campaigns"
SEND, SEE, CHANGE = 7811, 7812, 7813
BAD = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e'


@pytest.fixture
def pattern(app: Flask) -> int:
    """The id of an approved SMS pattern with two placeholders."""
    with app.app_context():
        notifier = SMSNotifierFactory(name="main")
        made = SMSPatternFactory(
            notifier_id=notifier.id,
            name="order",
            body="%name% عزیز، سفارش %code% ارسال شد",
            status=PatternStatus.APPROVED,
        )
        return int(made.id)


def upload(console: Console, data: bytes, name: str = "list.csv") -> Page:
    return console.post(f"{PATH}/new", {"file": (BytesIO(data), name)}, content_type="multipart/form-data")


def drafted(console: Console, data: bytes, content: str, name: str = "list.csv", **message: Any) -> str:
    """Go through the steps to the check, with the columns as they are guessed; return the campaign's path."""
    page = upload(console, data, name)
    assert page.location is not None, page.text
    path = page.location.removeprefix("/console").removesuffix("/message")
    page = console.submit(f"{path}/message", {"content": content, **message})
    assert page.location == f"/console{path}/columns", page.errors
    page = console.submit(f"{path}/columns")
    assert page.location == f"/console{path}/check", page.errors
    return path


def confirmed(console: Console, path: str) -> Page:
    page = console.submit(f"{path}/check")
    assert page.location == f"/console{path}", page.text
    return console.follow(page)


def stored(app: Flask) -> list[Any]:
    with app.app_context():
        return list(db.session.execute(select(Message).order_by(Message.id)).scalars())


def table(page: Page) -> list[list[str]]:
    text = page.response.get_data(as_text=True)
    assert text.startswith("\ufeff")
    return list(csv.reader(StringIO(text.removeprefix("\ufeff"))))


def messy_rows(count: int) -> list[list[Any]]:
    """Return rows as people keep them: each of the count is good, and then come three that are not."""
    spellings: list[Callable[[int], Any]] = [
        lambda n: 9120000000 + n,  # a number, which has lost its zero
        lambda n: float(9120000000 + n),
        lambda n: f"0912 {n // 10000:03} {n % 10000:04}",
        lambda n: f"\u200e+98-912-{n:07}\u200f",
        lambda n: f"۰۹۱۲{n:07}".translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")),
        lambda n: f"'0912{n:07}",
        lambda n: f"0098912{n:07}\u00a0",
    ]
    rows: list[list[Any]] = [["نام", "شماره موبایل", None, "code"]]
    rows += [[f"علی‌رضا {n}", spellings[n % len(spellings)](n), None, 1000 + n] for n in range(count)]
    rows += [
        [None] * 4,
        ["تکراری", "09120000001", None, 1],
        ["ثابت", "02188776655", None, 2],
        ["بی‌کد", 9123333333],
    ]
    return rows


@slow_on_sqlite
def test_two_hundred_are_sent_from_a_messy_workbook_and_reported(
    app: Flask, signed_in: Callable[..., Console], pattern: int
) -> None:
    console = signed_in(Role.ADMIN, test=True)
    path = drafted(console, workbook([], messy_rows(200)), f"sms:{pattern}", "مشتری‌ها.xlsx")
    page = console.get(f"{path}/check")
    assert page.all(".figure") == ["200", "200", "2", "1"]
    assert page.all("main form button.primary") == ["Send 200 messages in 200 segments"]
    assert "علی‌رضا 0 عزیز، سفارش 1000 ارسال شد" in page.text
    assert "Row 203: +989120000001 is in row 3, too." in page.text
    words = [cells[0] + "|" + cells[1] for cells in _cells(page, 1)]
    assert words == ["204|شماره موبایل", "205|code"]

    page = confirmed(console, path)
    assert page.all("h1") == ["مشتری‌ها.xlsx"]
    assert [(message.recipient, message.client_metadata["row"]) for message in stored(app)][:2] == [
        ("+989120000000", "2"),
        ("+989120000001", "3"),
    ]
    ids = [message.id for message in stored(app)]
    with app.app_context():
        for message_id in ids:
            deliver(message_id)
    page = console.get(path)
    assert page.all(".counts li") == ["Sent 200"]
    (bar,) = page.soup.select("main progress")
    assert (bar["value"], bar["max"]) == ("200", "200")
    rows = table(console.get(f"{path}/report"))
    assert len(rows) == 201
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(2, 202)]
    assert rows[1][:3] == ["2", "'+989120000000", "Sent"]


def _cells(page: Page, index: int) -> list[list[str]]:
    rows = page.soup.select("main table")[index].select("tbody tr")
    return [[" ".join(cell.get_text(" ").split()) for cell in row.select("td")] for row in rows]


@pytest.mark.parametrize("times", [2, 3])
def test_a_double_click_a_reload_and_a_step_back_send_nothing_twice(
    app: Flask, operator: Console, pattern: int, times: int
) -> None:
    path = drafted(operator, workbook(messy_rows(3)), f"sms:{pattern}")
    form = operator.get(f"{path}/check").form()
    for _ in range(times):
        assert operator.post(f"{path}/check", form).location == f"/console{path}"
    assert len(stored(app)) == 3
    for step in ("check", "message"):  # who steps back sees how far it is
        assert operator.get(f"{path}/{step}").location == f"/console{path}"
    assert operator.post(f"{path}/discard").status == 302
    assert operator.get(path).status == 200


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have batches of two messages."""
    monkeypatch.setattr("notifyhub.campaigns.checking.MAX_BULK", 2)


@pytest.mark.usefixtures("small_batches")
def test_what_a_crash_has_left_is_gone_on_with_after_a_while_and_once(
    app: Flask, operator: Console, pattern: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drafted(operator, workbook(messy_rows(5)), f"sms:{pattern}")
    real = sending._send_next
    done = []

    def crash(*args: Any, **options: Any) -> bool:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(real(*args, **options))
        return done[-1]

    monkeypatch.setattr(sending, "_send_next", crash)
    with pytest.raises(KeyboardInterrupt):
        operator.submit(f"{path}/check")
    monkeypatch.setattr(sending, "_send_next", real)
    assert len(stored(app)) == 4
    assert "4 of 5 messages are accepted so far" in operator.get(path).text
    with app.app_context():
        assert sending.resume() == 0  # somebody may be at it
    with app.app_context(), time_machine.travel(now() + sending.ABANDONED_AFTER + timedelta(seconds=1)):
        assert (sending.resume(), sending.resume()) == (1, 0)
    assert [message.client_metadata["row"] for message in stored(app)] == ["2", "3", "4", "5", "6"]
    assert [batch["count"] for batch in _batches(app)] == [2, 2, 1]


def _batches(app: Flask) -> list[Any]:
    with app.app_context():
        return [dict(row) for row in db.session.execute(select(Batch.count).order_by(Batch.id)).mappings()]


@pytest.mark.usefixtures("small_batches")
def test_what_became_invalid_after_the_confirmation_stops_a_campaign_with_its_reason(
    app: Flask, operator: Console, pattern: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = drafted(operator, workbook(messy_rows(5)), f"sms:{pattern}")
    real = sending._send_next

    def withdraw(*args: Any, **options: Any) -> bool:
        more = real(*args, **options)
        with transaction() as connection:
            connection.execute(update(db.metadata.tables["sms_patterns"]).values(status="rejected"))
        return more

    monkeypatch.setattr(sending, "_send_next", withdraw)
    page = operator.follow(operator.submit(f"{path}/check"))
    assert "Stopped after 2 of 5 messages" in page.text
    assert "This pattern is not approved" in page.text
    with app.app_context(), time_machine.travel(now() + timedelta(hours=1)):
        assert sending.resume() == 0


def test_a_check_that_has_changed_meanwhile_is_shown_again(
    app: Flask, operator: Console, pattern: int
) -> None:
    path = drafted(operator, workbook(messy_rows(3)), f"sms:{pattern}")
    form = operator.get(f"{path}/check").form()
    page = operator.post(f"{path}/check", {**form, "count": "4"})
    assert page.location == f"/console{path}/check"
    assert "look at it again" in operator.follow(page).text
    assert operator.post(f"{path}/check", {"count": "x"}).location == f"/console{path}/check"
    assert stored(app) == []


def test_repeated_recipients_get_each_message_if_that_is_wanted(
    app: Flask, operator: Console, pattern: int
) -> None:
    path = drafted(operator, workbook(messy_rows(3)), f"sms:{pattern}")
    operator.submit(f"{path}/columns", {"duplicates": "each"})
    assert operator.get(f"{path}/check").all(".figure")[0] == "4"
    confirmed(operator, path)
    assert len(stored(app)) == 4


def test_the_rows_with_errors_can_be_downloaded_mended_and_sent(
    app: Flask, operator: Console, pattern: int
) -> None:
    data = b"name,mobile,code\n=1+1,+98912,1\nb,09121234567,\nc,9121234568,3\n"
    path = drafted(operator, data, f"sms:{pattern}")
    page = operator.get(f"{path}/rows-to-mend")
    assert "attachment" in page.response.headers["Content-Disposition"]
    found = table(page)
    assert [row[:3] for row in found] == [
        ["name", "mobile", "code"],
        ["'=1+1", "'+98912", "1"],
        ["b", "09121234567", ""],
    ]
    assert found[1][3].startswith("mobile: ")
    assert found[2][3] == "code: This field may not be blank."
    mended = page.response.get_data(as_text=True).replace("'+98912", "'+989121234569").replace(",,", ",2,")
    again = drafted(operator, mended.encode(), f"sms:{pattern}")
    assert operator.get(f"{again}/check").all(".figure")[:3] == ["2", "2", "0"]
    confirmed(operator, again)
    assert [message.text.split()[0] for message in stored(app)] == ["=1+1", "b"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7", "This is a PDF: save the table as .xlsx or .csv."),
        (b"", "The file is empty."),
        (b"PK\x03\x04broken", "The workbook is damaged: open it in Excel and save it again."),
    ],
)
def test_a_file_that_is_no_table_is_refused_at_its_field(operator: Console, data: bytes, words: str) -> None:
    page = upload(operator, data)
    assert (page.status, page.errors) == (400, {"file": [words]})


def test_why_a_file_is_refused_is_said_in_persian(app: Flask) -> None:
    with app.test_request_context("/console"), force_locale("fa"):
        assert [words for _, words in REFUSED if api_words(words) == words] == []


def test_no_file_at_all_is_refused_at_its_field(operator: Console) -> None:
    assert operator.post(f"{PATH}/new").errors == {"file": ["Choose a file."]}


def test_a_file_of_megabytes_is_taken(operator: Console) -> None:
    data = b"to,text\n" + b"".join(b"0912%07d,%s\n" % (number, b"x" * 600) for number in range(5000))
    token = operator.token().encode()
    body = b"\r\n".join(
        [
            *(b"--x", b'Content-Disposition: form-data; name="csrf_token"', b"", token),
            *(
                b"--x",
                b'Content-Disposition: form-data; name="file"; filename="a.csv"',
                b"",
                data,
                b"--x--",
                b"",
            ),
        ]
    )
    kind = "multipart/form-data; boundary=x"
    answer = operator.client.post(f"/console{PATH}/new", data=body, content_type=kind)
    assert answer.status_code == 302


def test_a_file_that_is_too_large_is_refused_with_a_page(operator: Console) -> None:
    body = b"x" * (10 * 1024 * 1024 + 1)
    kind = "multipart/form-data; boundary=x"
    answer = operator.client.post(f"/console{PATH}/new", data=body, content_type=kind)
    assert (answer.status_code, answer.mimetype) == (413, "text/html")


def test_a_message_that_can_t_be_sent_is_refused_at_its_fields(operator: Console, pattern: int) -> None:
    path = upload(operator, b"to\n09121234567\n").location or ""
    path = path.removeprefix("/console")
    page = operator.submit(path, {"content": "sms", "text": ""})
    assert page.status == 400
    assert page.errors["text"] == ["This field may not be blank."]
    page = operator.submit(path, {"content": "sms:999"})
    assert page.errors == {"content": ['Invalid pk "999" - object does not exist.']}
    page = operator.submit(path, {"content": "sms", "text": "x", "notifier": "email:1"})
    assert "notifier" in page.errors
    page = operator.submit(path, {"content": "pigeon", "text": "kept"})
    assert "content" in page.errors
    assert page.form()["text"].strip() == "kept"


def test_a_column_has_to_be_chosen_for_each_placeholder(operator: Console, pattern: int) -> None:
    path = (upload(operator, b"to\n09121234567\n").location or "").removeprefix("/console")
    page = operator.follow(operator.submit(path, {"content": f"sms:{pattern}"}))
    columns = path.replace("/message", "/columns")
    page = operator.submit(columns, {"recipient": "7"})
    assert page.status == 400
    assert page.errors == {name: ["Choose a column of the file."] for name in ("recipient", "arg_0", "arg_1")}
    assert operator.get(path.replace("/message", "/check")).status == 404


def test_the_credit_of_the_account_is_shown_to_those_who_may_see_the_health(
    app: Flask, operator: Console, signed_in: Callable[..., Console], pattern: int
) -> None:
    path = drafted(operator, workbook(messy_rows(2)), f"sms:{pattern}")
    with app.app_context():
        notifier_id = db.session.scalar(select(SMSNotifier.id))
        credit = NotifierCredit(notifier_id=notifier_id, asked_at=now(), read_at=now(), amount=37414)
        db.session.add(credit)
        db.session.commit()
    assert "Its credit is 37,414, in the provider's unit" in operator.get(f"{path}/check").text
    assert "credit" not in signed_in(Role.STAFF, (SEND,)).get(f"{path}/check").text


@pytest.mark.parametrize(("seen", "named"), [((), set()), ((2812,), {"texts"}), ((2822,), {"order"})])
def test_accounts_and_patterns_are_offered_to_those_alone_who_may_list_them(
    app: Flask, signed_in: Callable[..., Console], pattern: int, seen: tuple[int, ...], named: set[str]
) -> None:
    with app.app_context():
        SMSNotifierFactory(name="texts", settings={"token": "a-token-of-melipayamak", "number": "5000"})
    console = signed_in(Role.STAFF, (SEND, *seen))
    path = (upload(console, b"to\n09121234567\n").location or "").removeprefix("/console")
    options = {option.text.partition(" – ")[0] for option in console.get(path).soup.select("optgroup option")}
    assert options & {"main", "texts", "order"} == named


def test_mails_by_a_pattern_are_sent_with_the_columns_of_their_names(app: Flask, operator: Console) -> None:
    with app.app_context():
        pattern = EmailPatternFactory(subject="Order {0}", body_text="{1}: {0}").id
    data = "sep=;\r\nemail;part 1;part 0\r\nA@Example.com;Sara;17\r\nnobody;x;y\r\n".encode("utf-16")
    path = drafted(operator, data, f"email:{pattern}")
    page = operator.get(f"{path}/check")
    assert page.all("main form button.primary") == ["Send 1 email"]
    assert "Segments" not in page.all("h2")
    confirmed(operator, path)
    (message,) = stored(app)
    assert (message.recipient, message.subject, message.text) == ("A@example.com", "Order 17", "Sara: 17")


def test_a_text_of_one_s_own_goes_to_all_by_the_chosen_account(app: Flask, operator: Console) -> None:
    with app.app_context():
        notifier = SMSNotifierFactory(
            settings={"token": "a-token-of-melipayamak", "number": "50002710008883"}
        ).id
    data = "9121234567\n9121234568\n".encode("cp1256")
    path = drafted(operator, data, "sms", text="سلام", notifier=f"sms:{notifier}", name="Spring")
    confirmed(operator, path)
    assert [(one.recipient, one.text, one.client_metadata["row"]) for one in stored(app)] == [
        ("+989121234567", "سلام", "1"),
        ("+989121234568", "سلام", "2"),
    ]
    assert "Spring" in operator.get(PATH).all("tbody td a")


def test_what_waits_is_cancelled_and_what_failed_retried_after_one_question(
    app: Flask, operator: Console, pattern: int
) -> None:
    path = drafted(operator, workbook(messy_rows(4)), f"sms:{pattern}")
    confirmed(operator, path)
    with app.app_context():
        first = db.session.scalar(select(func.min(Message.id)))
        db.session.execute(
            update(Message).where(Message.id == first).values(status="failed", next_attempt_at=None)
        )
        db.session.commit()
    assert "Do you want to cancel" in operator.get(f"{path}/cancel").text
    page = operator.follow(operator.submit(f"{path}/cancel"))
    assert page.all(".notice") == ["3 messages were cancelled."]
    assert page.all(".counts li") == ["Failed 1", "Cancelled 3"]
    page = operator.follow(operator.submit(f"{path}/retry"))
    assert page.all(".notice") == ["1 message is sent anew."]
    assert page.all(".counts li") == ["Waiting 1", "Cancelled 3"]


def test_batches_of_the_api_are_listed_beside_those_of_campaigns(
    app: Flask, api: Api, operator: Console, pattern: int
) -> None:
    confirmed(operator, drafted(operator, workbook(messy_rows(2)), f"sms:{pattern}"))
    entry = {"channel": "sms", "to": "09121234567", "pattern": pattern, "args": ["a", "b"]}
    batch = api.post("/api/notifications/messages/bulk", {"messages": [entry]}).json["batch"]
    page = operator.get(f"{PATH}/batches")
    assert page.all("tbody td:nth-child(2)") == ["By the API", "list.csv"]
    page = operator.get(f"{PATH}/batches/{batch}")
    assert page.all(".counts li") == ["Waiting 1"]
    page = operator.follow(operator.submit(f"{PATH}/batches/{batch}/cancel"))
    assert page.all(".counts li") == ["Cancelled 1"]
    assert operator.get(f"{PATH}/batches/999").status == 404
    assert operator.get(f"{PATH}/batches?limit=x").status == 200


@pytest.mark.parametrize(
    ("codes", "allowed"),
    [
        ((), set[str]()),
        ((SEND,), {"new", "message", "columns", "check", "rows-to-mend"}),
        ((SEE,), {"", "list", "batches", "report"}),
        ((CHANGE,), {"cancel", "retry"}),
    ],
)
def test_a_page_is_for_those_who_may_do_what_it_is_for(
    operator: Console,
    signed_in: Callable[..., Console],
    pattern: int,
    codes: tuple[int, ...],
    allowed: set[str],
) -> None:
    draft = drafted(operator, workbook(messy_rows(2)), f"sms:{pattern}")
    sent = drafted(operator, workbook(messy_rows(2)), f"sms:{pattern}")
    confirmed(operator, sent)
    console = signed_in(Role.STAFF, codes)
    paths = {"list": PATH, "batches": f"{PATH}/batches", "new": f"{PATH}/new", "": sent}
    paths |= {name: f"{draft}/{name}" for name in ("message", "columns", "check", "rows-to-mend")}
    paths |= {name: f"{sent}/{name}" for name in ("report", "cancel", "retry")}
    assert {name for name, path in paths.items() if console.get(path).status == 200} == allowed
    assert {console.get(path).status for name, path in paths.items() if name not in allowed} <= {403}
    shown = console.get().all("nav.sections a")
    assert ("Campaigns" in shown) is (SEE in codes)
    if SEE in codes:
        assert console.get(sent).all(".actions a") == ["Report (CSV)"]
    if SEND in codes:
        assert console.submit(f"{draft}/check").location == f"/console{PATH}/new"


def test_a_test_token_changes_no_campaign_of_live_ones(
    operator: Console, signed_in: Callable[..., Console], pattern: int
) -> None:
    path = drafted(operator, workbook(messy_rows(2)), f"sms:{pattern}")
    confirmed(operator, path)
    console = signed_in(Role.ADMIN, test=True)
    assert console.get(path).all(".actions a") == ["Report (CSV)"]
    assert console.post(f"{path}/cancel").status == 404


def test_texts_of_strangers_are_escaped_everywhere(app: Flask, operator: Console) -> None:
    with app.app_context():
        notifier = SMSNotifierFactory(name=BAD)
        pattern = SMSPatternFactory(
            notifier_id=notifier.id, name=BAD, body="x %name%", status=PatternStatus.APPROVED
        ).id
    data = workbook([["mobile", BAD], ["09121234567", BAD], [BAD, BAD]])
    path = drafted(operator, data, f"sms:{pattern}", f"{BAD}.xlsx".replace('"', "'"))
    pages = [operator.get(f"{path}/{step}") for step in ("message", "columns", "check")]
    pages += [confirmed(operator, path), operator.get(PATH), operator.get(f"{PATH}/batches")]
    for page in pages:
        assert page.status == 200
        assert BAD.split(">", maxsplit=1)[0] in page.text or page.text
        assert page.soup.select("main script:not([src]), main img, [onerror]") == []


def test_pages_take_few_statements_whatever_they_show(
    app: Flask, operator: Console, queries: Queries, pattern: int
) -> None:
    for count in (2, 60):
        draft = drafted(operator, workbook(messy_rows(count)), f"sms:{pattern}")
        sent = drafted(operator, workbook(messy_rows(count)), f"sms:{pattern}")
        confirmed(operator, sent)
        paths = (PATH, f"{PATH}/batches", f"{PATH}/new", sent, f"{sent}/report")
        for path in (
            *paths,
            *(f"{draft}/{step}" for step in ("message", "columns", "check", "rows-to-mend")),
        ):
            with queries as statements:
                page = operator.get(path)
                assert (page.status, bool(page.response.get_data())) == (200, True)
            assert len(statements) <= 12, (path, statements)


def test_pages_are_in_persian_too(operator: Console, pattern: int) -> None:
    operator.language = "fa"
    path = drafted(operator, workbook(messy_rows(20)), f"sms:{pattern}")
    page = operator.get(f"{path}/check")
    assert page.all("main form button.primary") == ["ارسال ۲۰ پیامک در ۲۰ بخش"]
    assert page.all("h1") == ["بررسی"]
    page = confirmed(operator, path)
    assert page.all(".counts li") == ["در صف ۲۰"]
    rows = table(operator.get(f"{path}/report"))
    assert rows[0][:3] == ["ردیف", "گیرنده", "وضعیت"]


def _aged(app: Flask, status: CampaignStatus, age: timedelta) -> int:
    with app.app_context():
        with transaction() as connection:
            id_ = storage.create(connection, "old", "me", [Row(1, ("0912",))], Settings({"channel": "sms"}))
            values = {"status": status, "created_at": now() - age, "updated_at": now() - age}
            connection.execute(update(Campaign).where(Campaign.id == id_).values(values))
        return id_


def test_contents_are_erased_as_those_of_messages_are_and_drafts_forgotten(app: Flask) -> None:
    days = timedelta(days=1)
    kept = [
        _aged(app, CampaignStatus.SENT, 89 * days),
        _aged(app, CampaignStatus.SENDING, 91 * days),
        _aged(app, CampaignStatus.DRAFT, 6 * days),
    ]
    erased = [_aged(app, CampaignStatus.SENT, 91 * days), _aged(app, CampaignStatus.STOPPED, 91 * days)]
    forgotten = _aged(app, CampaignStatus.DRAFT, 8 * days)
    with app.app_context():
        assert (retention.erase(), retention.purge_drafts()) == (2, 1)
        rows = {row.id: row for row in db.session.execute(select(Campaign)).scalars()}
    assert {id_ for id_ in rows if rows[id_].content is not None} == set(kept)
    assert all(rows[id_].settings == {} for id_ in erased)
    assert forgotten not in rows


def test_a_campaign_whose_content_is_erased_is_still_shown(
    app: Flask, operator: Console, pattern: int
) -> None:
    path = drafted(operator, workbook(messy_rows(2)), f"sms:{pattern}")
    confirmed(operator, path)
    with app.app_context():
        db.session.execute(update(Campaign).values(content=None, settings={}))
        db.session.execute(update(Message).values(recipient="", client_metadata={}))
        db.session.commit()
    assert operator.get(path).status == 200
    assert {tuple(row[:2]) for row in table(operator.get(f"{path}/report"))[1:]} == {("", "erased")}


def test_a_draft_is_deleted_with_its_file(app: Flask, operator: Console) -> None:
    path = (upload(operator, b"to\n09121234567\n").location or "").removeprefix("/console")
    page = operator.post(path.replace("/message", "/discard"))
    assert page.location == f"/console{PATH}"
    assert operator.get(path).status == 404
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Campaign)) == 0
        assert db.session.scalar(select(func.count()).select_from(CampaignBatch)) == 0
