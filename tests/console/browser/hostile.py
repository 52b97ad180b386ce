"""One object of each kind, each text of which does what it can to break a page."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.console.browser.chromium import Visit
from tests.console.browser.walks import confirm_campaign, csv_of, draft_campaign
from tests.simulators import ippanel, smtp
from tests.simulators.server import Reply
from tests.support.console import MARKUP
from tests.support.live import ENDED, Live
from tests.support.service import until
from tests.webhooks.receiver import Receiver

HALF_SPACES = "می‌خواهیم نمی‌شود کتاب‌ها"
TEXT = f"{MARKUP} {HALF_SPACES} {'W' * 70}"
"""A script, the end of attributes, a turn of direction, half-spaces, and a word that no line holds."""
ASIDE = "+989121230001"

MESSAGES = "notifications/messages"
SMS = "notifications/notifiers/sms"
EMAIL = "notifications/notifiers/email"
HOOKS = "notifications/webhooks"

REFUSED, RETRIED, UNREPORTED = "+989000000001", "+989000000002", "+989000000003"
"""The fixed numbers of messages of test tokens: contract 6.9."""


def seed(live: Live, receiver: Receiver) -> str:
    """Make them; return the key of a test token."""
    assert live.call("PATCH", "settings/delivery", {"retry_delays": [3600]})[0] == 200
    account = _accounts(live)
    _people(live)
    _webhooks(live, receiver)
    key = _test_token(live)
    _messages(live, key, account)
    return key


def _test_token(live: Live) -> str:
    user = live.make("users", {"name": "tester", "role": "admin"})
    return str(live.make(f"users/{user['id']}/tokens", {"label": TEXT, "test": True})["key"])


def _accounts(live: Live) -> int:
    settings = {"token": live.ippanel.token, "from_number": ippanel.LINE}
    account = int(live.make(SMS, {"name": TEXT, "backend": "ippanel", "settings": settings})["id"])
    for status in ("created", "pending", "approved", "rejected"):
        pattern = {"name": f"{status} {TEXT}", "code": f"code-{status}", "status": status}
        live.make(f"{SMS}/{account}/patterns", {**pattern, "body": f"{TEXT} {{0}} {{1}}"})
    login = {"username": smtp.USERNAME, "password": smtp.PASSWORD}
    mail = {"name": TEXT, "host": "127.0.0.1", "port": live.smtp.port, "from_email": "info@example.com"}
    mail_account = live.make(EMAIL, {**mail, **login})["id"]
    pattern = {"name": TEXT, "from_email": "shop@example.com", "subject": f"{TEXT} {{0}}"}
    bodies = {"body_text": f"{TEXT} {{1}}", "body_html": f"<p>{TEXT} {{0}} {{1}}</p>"}
    live.make(f"{EMAIL}/{mail_account}/patterns", {**pattern, **bodies})
    assert live.call("POST", f"{SMS}/{account}/check")[0] == 200
    return account


def _people(live: Live) -> None:
    for role in ("admin", "staff", "user"):
        user = {"name": f"{role} {TEXT}", "role": role, "permissions": [7812, 7842]}
        made = live.make("users", user)
        live.make(f"users/{made['id']}/tokens", {"label": TEXT, "expires_in_days": 30})


def _webhooks(live: Live, receiver: Receiver) -> None:
    """One that is told all, whose receiver says hostile things and refuses some."""
    events = ["message.sent", "message.delivered", "message.failed", "otp.verified", "webhook.disabled"]
    hook = live.make(HOOKS, {"url": receiver.url, "events": events})
    live.make(
        HOOKS,
        {"url": f"{receiver.server.address}/{'w' * 150}?%22%3E", "events": events[:1], "is_active": False},
    )
    receiver.reply(Reply(200, TEXT.encode(), "text/plain; charset=utf-8"), 500)
    for count in (1, 2):
        status, answer = live.call("POST", f"{HOOKS}/{hook['id']}/test", {})
        assert status < 300, answer
        receiver.wait_for(count)


def _messages(live: Live, key: str, account: int) -> None:
    """Messages in all states, at real simulators and in the sandbox."""
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    text = {"channel": "sms", "text": TEXT, "reference": TEXT}
    many = [{**text, "to": f"+98912123{number:04}"} for number in range(20)]
    assert live.call("POST", f"{MESSAGES}/bulk", {"messages": many}, key=key)[0] == 201
    ids = [_sent(live, key, **text, to=to) for to in (ASIDE, REFUSED, RETRIED, UNREPORTED)]
    ids.append(_sent(live, key, **text, to=ASIDE, send_at=later))
    cancelled = _sent(live, live.key, **text, to=ASIDE, send_at=later)
    assert live.call("POST", f"{MESSAGES}/{cancelled}/cancel")[0] == 200
    refused = _refused_with_hostile_words(live, account)
    code = live.call("POST", "notifications/otp", {"to": ASIDE, "purpose": "login"}, key=key)[1]
    guess = {"id": code["id"], "code": code["code"]}
    assert live.call("POST", "notifications/otp/verify", guess, key=key)[1]["verified"]
    for id_ in (ids[0], ids[1], ids[3], refused):
        until(lambda id_=id_: _status(live, id_) in ENDED, f"message {id_} ends")  # type: ignore[misc]
    mail = {"channel": "email", "to": "customer@example.com", "subject": TEXT, "text": TEXT}
    _sent(live, live.key, **mail, html=f"<h1>{TEXT}</h1>")  # the newest: only some of each kind are opened


def _refused_with_hostile_words(live: Live, account: int) -> int:
    """Send a message that its provider refuses; return its id."""
    live.ippanel.refuse = _hostile_refusal  # type: ignore[method-assign]
    live.ippanel.troubles.add("unknown_refusal")
    return _sent(live, live.key, channel="sms", text=TEXT, to="+989121230009", notifier=account)


def _hostile_refusal(kind: str) -> Reply:
    refusal = ippanel.REFUSALS[kind]()
    refusal.body["meta"]["message"] = TEXT
    return refusal


def campaigns(visit: Visit) -> str:
    """Make a campaign of which some is delivered, failed, waits; and a draft: return where its check is."""
    rows = [["mobile", TEXT], *([to, TEXT] for to in (ASIDE, REFUSED, RETRIED, "021", TEXT))]
    name, data = f"{'W' * 70}.csv", csv_of(rows)
    draft_campaign(visit, name, data, text=TEXT)
    confirm_campaign(visit)
    return f"{draft_campaign(visit, name, data, text=TEXT)}/check"


def _sent(live: Live, key: str, **message: Any) -> int:
    status, made = live.call("POST", MESSAGES, message, key=key)
    assert status == 201, made
    return int(made["id"])


def _status(live: Live, id_: int) -> str:
    return str(live.call("GET", f"{MESSAGES}/{id_}")[1]["status"])
