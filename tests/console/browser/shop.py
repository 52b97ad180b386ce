"""Believable data of a Persian shop: its accounts, patterns, colleagues, and two weeks of messages."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from flask import Flask
from sqlalchemy import insert

from notifyhub.extensions import db
from notifyhub.messages.models import Attempt, Message, Outcome
from notifyhub.otp.models import OTP
from notifyhub.statistics import rollup
from tests.simulators import ippanel
from tests.support.live import Live
from tests.webhooks.receiver import Receiver

SMS = "notifications/notifiers/sms"
EMAIL = "notifications/notifiers/email"
NAMES = ("سارا محمدی", "علی‌رضا کریمی", "مریم احمدی", "حسین رضایی", "زهرا موسوی", "امیرحسین قاسمی")
ENDS = (("delivered", 88), ("sent", 4), ("undelivered", 5), ("failed", 2), ("expired", 1))
BLACKLISTED = "شماره در لیست سیاه مخابرات است"
CAMPAIGN = "فروش ویژهٔ کتاب‌ها تا پایان هفته: ۲۰٪ تخفیف با کد KETAB20. لغو ۱۱"
DAYS = 14


class Shop(NamedTuple):
    """The ids of what is shown: an account with patterns, and a message that did not arrive."""

    account: int
    pattern: int
    mail_account: int
    mail_pattern: int
    message: int


def open_shop(live: Live, receiver: Receiver, app: Flask) -> Shop:
    """Make all of it; `app` is an application on the service's database."""
    live.ippanel.credit, live.melipayamak.credit = 4_850_000, 12_400
    settings = {"token": live.ippanel.token, "from_number": ippanel.LINE}
    account = live.make(SMS, {"name": "خط خدماتی", "backend": "ippanel", "settings": settings})["id"]
    _rename(live)
    pattern = _patterns(live, account)
    mail_pattern = _mail_pattern(live)
    assert live.call("PATCH", "settings/notifications", {"notifications_sms_notifier": account})[0] == 200
    for name, role in (("مینا رستگار", "admin"), ("پشتیبانی", "staff"), ("فروشگاه", "staff")):
        user = live.make("users", {"name": name, "role": role, "permissions": [7812, 7842]})
        live.make(f"users/{user['id']}/tokens", {"label": "سایت فروشگاه"})
    events = ["message.delivered", "message.failed"]
    live.make("notifications/webhooks", {"url": receiver.url.partition("?")[0], "events": events})
    with app.app_context():
        _history(account, pattern)
        message = _undelivered(account, pattern)
        while rollup.advance():
            pass
    _today(live, pattern)
    for kind, id_ in (("sms", account), ("sms", live.sms_notifier), ("email", live.email_notifier)):
        assert live.call("POST", f"notifications/notifiers/{kind}/{id_}/check")[0] == 200
    return Shop(account, pattern, live.email_notifier, mail_pattern, message)


def _rename(live: Live) -> None:
    """Give the accounts that the service has from the start the names of a shop's."""
    assert live.call("PATCH", f"{SMS}/{live.sms_notifier}", {"name": "خط پشتیبان"})[0] == 200
    assert live.call("PATCH", f"{EMAIL}/{live.email_notifier}", {"name": "ایمیل فروشگاه"})[0] == 200


def _patterns(live: Live, account: int) -> int:
    """Make some in each state; return the id of the one that orders are told by."""
    sent = "%name% عزیز، سفارش %order% شما ارسال شد. کد رهگیری: %track%\nفروشگاه کتاب باران"
    code = "کد ورود شما به کتاب باران: %code%"
    rejected = "جشنوارهٔ پاییزی: %percent% درصد تخفیف"
    made = live.make(
        f"{SMS}/{account}/patterns",
        {"name": "ارسال سفارش", "code": "x4f9k2", "status": "approved", "body": sent},
    )
    others = [("کد ورود", "p81zqa", "approved", code), ("جشنواره", "m20drt", "rejected", rejected)]
    for name, key, status, body in others:
        live.make(f"{SMS}/{account}/patterns", {"name": name, "code": key, "status": status, "body": body})
    live.ippanel.patterns["x4f9k2"] = ippanel.Pattern("ارسال سفارش", sent)
    return int(made["id"])


def _mail_pattern(live: Live) -> int:
    html = (
        '<div dir="rtl" style="font-family: Tahoma; line-height: 2"><h2>سفارش {0} در راه است</h2>'
        "<p>{1} عزیز،<br>سفارش شما به پست تحویل شد و دو تا سه روز دیگر به دستتان می‌رسد.</p>"
        "<p>کتاب باران</p></div>"
    )
    pattern = {
        "name": "order_sent",
        "from_email": "کتاب باران <info@example.com>",
        "subject": "سفارش {0} ارسال شد",
        "body_text": "{1} عزیز، سفارش {0} شما ارسال شد.",
        "body_html": html,
    }
    return int(live.make(f"{EMAIL}/{live.email_notifier}/patterns", pattern)["id"])


def _history(account: int, pattern: int) -> None:
    """Store what was sent before now: less at night and on Fridays."""
    chance = random.Random(7)
    moments = list(_moments(chance))
    db.session.execute(insert(Message), [_row(chance, at, account, pattern) for at in moments])
    db.session.execute(insert(OTP), [_code(chance, at) for at in moments[::3]])
    db.session.commit()


def _moments(chance: random.Random) -> Iterator[datetime]:
    now = datetime.now(UTC)
    for day in range(DAYS, -1, -1):
        begin = now - timedelta(days=day)
        for _ in range(chance.randint(90, 130) if begin.weekday() == 4 else chance.randint(150, 230)):
            at = begin - timedelta(minutes=chance.triangular(0, 900, 240))
            if at < now - timedelta(minutes=2):
                yield at


def _row(chance: random.Random, at: datetime, account: int, pattern: int) -> dict[str, Any]:
    (status,) = chance.choices([each[0] for each in ENDS], [each[1] for each in ENDS])
    name, order = chance.choice(NAMES), str(chance.randint(10_000, 99_999))
    taken = at + timedelta(seconds=chance.uniform(0.3, 2))
    came = status in {"sent", "delivered", "undelivered"}
    return {
        "channel": "sms",
        "status": status,
        "recipient": f"+98912{chance.randint(1_000_000, 9_999_999)}",
        "notifier_id": account,
        "notifier_name": "خط خدماتی",
        "home_notifier_id": account,
        "pattern_id": pattern,
        "pattern_name": "ارسال سفارش",
        "args": {"name": name, "order": order, "track": f"2180{order}"},
        "text": f"{name} عزیز، سفارش {order} شما ارسال شد. کد رهگیری: 2180{order}\nفروشگاه کتاب باران",
        "encoding": "ucs2",
        "segments": 2,
        "reference": f"order-{order}",
        "expires_at": at + timedelta(days=1),
        "sent_at": taken if came else None,
        "delivered_at": taken + timedelta(seconds=chance.uniform(2, 40)) if status == "delivered" else None,
        "rounds": 1,
        "is_test": False,
        "client_metadata": {},
        "reports_asked": 1,
        "created_at": at,
        "updated_at": taken,
    }


def _code(chance: random.Random, at: datetime) -> dict[str, Any]:
    return {
        "recipient": f"+98912{chance.randint(1_000_000, 9_999_999)}",
        "purpose": "login",
        "is_test": False,
        "fallback_used": False,
        "status": "verified" if chance.random() < 0.86 else "expired",
        "channel": "sms",
        "nonce": b"\0" * 8,
        "code_len": 5,
        "attempts_left": 4,
        "expires_at": at + timedelta(minutes=2),
        "resend_at": at + timedelta(minutes=1),
        "created_at": at,
        "updated_at": at + timedelta(seconds=20),
    }


def _undelivered(account: int, pattern: int) -> int:
    """Store a message that was tried twice, and then not delivered; return its id."""
    at = datetime.now(UTC) - timedelta(hours=3)
    row = _row(random.Random(3), at, account, pattern)
    row |= {"status": "undelivered", "delivered_at": None, "sent_at": at + timedelta(seconds=6), "rounds": 2}
    row |= {"error_code": "blacklisted", "error_detail": BLACKLISTED, "updated_at": at + timedelta(minutes=4)}
    message = Message(**row)
    db.session.add(message)
    db.session.flush()
    named = {"message_id": message.id, "notifier_id": account, "notifier_name": "خط خدماتی"}
    failed = {"outcome": Outcome.TEMPORARY, "error_code": "provider_error", "error_detail": "خطای سرور"}
    for number, (seconds, end) in enumerate(((0.4, failed), (5.6, {"outcome": Outcome.ACCEPTED})), 1):
        begun = at + timedelta(seconds=seconds)
        db.session.add(Attempt(round=number, started_at=begun, duration_ms=310, **named, **end))
    db.session.commit()
    return int(message.id)


def _today(live: Live, pattern: int) -> None:
    """Send a few messages for real: to be delivered, and for tomorrow."""
    message = {"channel": "sms", "pattern": pattern}
    for number, name in enumerate(NAMES):
        args = {"name": name, "order": str(48210 + number), "track": f"21804821{number}"}
        live.make("notifications/messages", {**message, "to": f"0912345670{number}", "args": args})
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    live.make(
        "notifications/messages", {"channel": "sms", "to": "09123456789", "text": CAMPAIGN, "send_at": later}
    )


def recipients() -> list[list[str]]:
    """Return the rows of a file as it is kept by hand."""
    chance = random.Random(11)
    rows = [["نام", "شماره موبایل", "شماره سفارش", "کد رهگیری"]]
    for number in range(200):
        digits = str(chance.randint(9_120_000_000, 9_129_999_999))
        spelling = (digits, f"0{digits}", f"+98 {digits[:3]} {digits[3:6]} {digits[6:]}")[number % 3]
        order = str(chance.randint(10_000, 99_999))
        rows.append([NAMES[number % len(NAMES)], spelling, order, f"2180{order}"])
    rows[5][1] = rows[5][1].translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    return [
        *rows,
        ["شهرام نوری", "02188776655", "48301", "218048301"],
        ["نگار", "", "48302", "218048302"],
        rows[7],
    ]
