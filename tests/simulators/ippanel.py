"""IPPanel Edge, simulated after ippanelcom/Edge-Document; where that is silent the choice is marked [N]."""

import itertools
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.simulators.journal import Received
from tests.simulators.provider import HTML, WIRE_TROUBLES, Provider
from tests.simulators.server import Reply, Request

TOKEN = "simulated-ippanel-token-0123456789"
LINE = "+983000505"
MAX_RECIPIENTS = 1000  # [N] "more may cause problems"
MAX_ROWS = 100  # [N] of a page of reports


@dataclass
class Pattern:
    title: str
    body: str
    status: str = "active"

    @property
    def names(self) -> set[str]:
        return set(re.findall(r"%(\w+)%", self.body))


@dataclass
class Row:
    """A recipient of a send; without a `message_status` nothing is known yet, and it is not listed."""

    received: Received
    message_status: str


@dataclass
class Sent:
    """A send: `state_id` of the whole, a row for each recipient."""

    id: str
    state_id: int
    rows: list[Row]


LATER = {"no_credit_later": 8, "invalid_recipient_later": 4}  # accepted, then this state_id of the send
ROW_LATER = {"undelivered_later": "3", "blacklisted_later": "4"}  # … this message_status of one recipient

# Unmarked: documented. The bodies of those marked [N] are a choice.
REFUSALS: dict[str, Callable[[], Reply]] = {
    "bad_token": lambda: _error(401, "400-1", "اطلاعات وارد شده صحیح نمی باشد"),
    "unknown_pattern": lambda: _error(404, "404-1", "الگو یافت نشد"),
    "unapproved_pattern": lambda: _invalid(code="الگو تایید نشده است"),  # [N]
    "no_credit": lambda: _error(422, "400-2", "اعتبار کافی نیست"),  # [N]
    "line_not_allowed": lambda: _invalid(from_number="گزینه انتخاب شده from_number صحیح نمی باشد"),  # [N]
    "refusal_with_200": lambda: Reply(200, _envelope(None, "انجام نشد", "400-9", status=False)),  # [N]
    "unknown_refusal": lambda: _error(422, "400-99", "خطای ناشناخته"),  # [N]
}


class IPPanelSimulator(Provider):
    """Serves under `url`; `patterns` by code, `sent` by outbox id.

    `refuse_duplicates` turns the 40-second rule on. A text to many whose one recipient has the trouble
    `invalid_recipient` is sent to nobody, and the answer names that one.
    """

    about_one = frozenset({"invalid_recipient", *ROW_LATER})
    kinds = WIRE_TROUBLES | set(REFUSALS) | set(LATER) | about_one
    switches: ClassVar = {**Provider.switches, "refuse_duplicates": bool}

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.token = TOKEN
        self.refuse_duplicates = False
        self.credit = 6084722932.705052
        self.patterns = {
            "simulatedotp001": Pattern("otp", "Your login code is %code%"),
            "simulatedhello1": Pattern("hello", "Hello %name%, your order %order% is on its way."),
            "simulatedwait01": Pattern("waiting", "Waiting for %name%", "pending"),
            "simulatednever1": Pattern("rejected", "Never %name%", "inactive"),
        }
        self.sent: dict[str, Sent] = {}
        self._ids = itertools.count(1123594208)
        self._lock = threading.Lock()
        self._latest: dict[tuple[str, ...], float] = {}

    @property
    def url(self) -> str:
        return f"{self.server.address}/v1"

    def advance(self, state: str, id: str | None = None, recipient: str | None = None) -> None:
        status = {"sent": "1", "delivered": "2", "undelivered": "3", "blacklisted": "4"}[state]
        with self._lock:
            for sent in [self.sent[id]] if id else self.sent.values():
                sent.state_id = 6
                for row in sent.rows:
                    if recipient in {None, row.received.recipient}:
                        row.message_status = status

    def server_error(self) -> Any:
        return _envelope(None, "خطای سرور", "500-1", status=False)

    def refuse(self, kind: str) -> Reply:
        return REFUSALS[kind]()

    def route(self, request: Request) -> Reply:
        path = request.path.removeprefix("/v1")
        routes = {
            ("POST", "/api/send"): self._send,
            ("GET", "/api/report/recipients"): self._recipients,
            ("GET", "/api/report/by_bulk"): self._by_bulk,
            ("GET", "/api/patterns"): self._patterns,
            ("GET", "/api/payment/credit/mine"): self._credit,
        }
        view = routes.get((request.method, path))
        if view is None or not request.path.startswith("/v1/"):
            return Reply(404, HTML, "text/html; charset=utf-8")
        if request.headers.get("authorization") != self.token:
            return self.refuse("bad_token")
        if view == self._send:
            return self._send(request)
        return self.suffer(lambda: view(request), on="read")

    def _send(self, request: Request) -> Reply:
        body = request.body if isinstance(request.body, dict) else {}
        params = body.get("params")
        place = body if body.get("sending_type") == "pattern" else params if isinstance(params, dict) else {}
        given = place.get("recipients")
        recipients = [str(each) for each in given] if isinstance(given, list) else []
        later = self.troubles.take(*recipients, kinds=LATER)
        state_id = LATER[later.kind] if later else 6
        return self.suffer_each(lambda kinds: self._accept(body, recipients, state_id, kinds), recipients)

    def _accept(
        self,
        body: dict[str, Any],
        recipients: Sequence[str],
        state_id: int,
        kinds: Mapping[str, str],
    ) -> Reply:
        if refusal := _check(body, recipients, kinds):
            return refusal
        pattern, text = None, body.get("message", "")
        if body["sending_type"] == "pattern":
            pattern = self.patterns.get(body["code"])
            if pattern is None:
                return self.refuse("unknown_pattern")
            if pattern.status != "active":
                return self.refuse("unapproved_pattern")
            if set(body["params"]) != pattern.names:
                odd = sorted(set(body["params"]) ^ pattern.names)
                return _invalid(**{f"params.{name}": f"تکمیل گزینه {name} الزامی است" for name in odd})
            text = re.sub(r"%(\w+)%", lambda match: str(body["params"][match[1]]), pattern.body)
        if self.refuse_duplicates and self._is_duplicate(body["from_number"], recipients, text):
            return Reply(429, {})
        params = body["params"] if pattern else {}
        outbox_id = str(next(self._ids))
        at_once = self.reports == "at_once" and state_id == 6
        sent = Sent(outbox_id, state_id if at_once or state_id != 6 else 2, [])
        for recipient in recipients:
            received = Received(outbox_id, recipient, text, body.get("code"), params, body["from_number"])
            status = ROW_LATER.get(kinds.get(recipient, ""), "2" if at_once else "")
            sent.rows.append(Row(received, status))
        with self._lock:
            self.sent[outbox_id] = sent
        for row in sent.rows:
            self.journal.add(row.received)
        return Reply(200, _envelope({"message_outbox_ids": [int(outbox_id)]}, "انجام شد", "200-1"))

    def _is_duplicate(self, sender: str, recipients: Sequence[str], text: str) -> bool:
        """Whether one of the recipients was sent the text in the last 40 seconds."""
        messages = {(sender, recipient, text) for recipient in recipients}
        with self._lock:
            now = time.monotonic()
            if any(now - self._latest[message] < 40 for message in messages & self._latest.keys()):
                return True
            self._latest |= dict.fromkeys(messages, now)
            return False

    def _recipients(self, request: Request) -> Reply:
        if "bulk_id" not in request.query:
            return _invalid(bulk_id="تکمیل گزینه bulk_id الزامی است")
        sent = self.sent.get(request.query["bulk_id"])
        if sent is None:  # [N]
            return _error(404, "404-1", "یافت نشد")
        data = [
            {
                "recipient": row.received.recipient,
                "message": row.received.text,
                "is_readable": True,
                "msg_parts": "1",
                "message_status": row.message_status,
            }
            for row in sent.rows
            if row.message_status
        ]
        return Reply(200, _page(data, request, MAX_ROWS))

    def _by_bulk(self, request: Request) -> Reply:
        sent = self.sent.get(request.query.get("messages_outbox_id", ""))
        if sent is None:  # [N]
            return _error(404, "404-1", "یافت نشد")
        state = {"messages_outbox_id": sent.id, "state_id": sent.state_id, "state": "finish"}
        state["rcpts_count"] = str(len(sent.rows))
        return Reply(200, _envelope(state, "انجام شد", "200-1"))

    def _patterns(self, request: Request) -> Reply:
        entries = [
            {
                "pattern_code": code,
                "title": p.title,
                "pattern_message": p.body,
                "pattern_status": p.status,
                "delimiter": "%",
            }
            for code, p in self.patterns.items()
        ]
        return Reply(200, _page(entries, request, 100))

    def _credit(self, _: Request) -> Reply:
        return Reply(200, _envelope({"credit": self.credit, "gift": 0}, "انجام شد", "200-1"))


def _check(body: dict[str, Any], recipients: Sequence[str], kinds: Mapping[str, str]) -> Reply | None:
    """The documented validation; None if there is nothing to complain of.

    Who has the trouble `invalid_recipient` is wrong in any case ([N]: its body).
    """
    required = {"from_number": str, "params": dict}
    place, most = "params.recipients", MAX_RECIPIENTS
    if body.get("sending_type") == "pattern":
        required |= {"code": str, "recipients": list}
        place, most = "recipients", 1
    elif body.get("sending_type") == "webservice":
        required |= {"message": str}
    else:
        return _invalid(sending_type="گزینه انتخاب شده sending_type صحیح نمی باشد")
    wrong = {
        name: f"تکمیل گزینه {name} الزامی است"
        for name, kind in required.items()
        if not isinstance(body.get(name), kind) or body[name] == ""
    }
    if not wrong and not re.fullmatch(r"\+98\w{3,17}", body["from_number"]):
        wrong["from_number"] = "گزینه انتخاب شده from_number صحیح نمی باشد"
    if not 0 < len(recipients) <= most:
        wrong[place] = f"تکمیل گزینه {place} الزامی است"
    for index, recipient in enumerate(recipients):
        if kinds.get(recipient) == "invalid_recipient" or not re.fullmatch(
            r"\+989\d{9}", recipient, re.ASCII
        ):
            wrong[f"{place}.{index}"] = f"گزینه انتخاب شده {place}.{index} صحیح نمی باشد"
    if len(body.get("message", "")) > 1400:
        wrong["message"] = "گزینه پیام بیش از حد بلند است"
    return _invalid(**wrong) if wrong else None


def _envelope(data: Any, message: str, code: str, *, status: bool = True) -> dict[str, Any]:
    meta = {"status": status, "message": message, "message_parameters": [], "message_code": code}
    return {"data": data, "meta": meta if status else {**meta, "errors": {}}}


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, _envelope(None, message, code, status=False))


def _invalid(**errors: str) -> Reply:
    message = next(iter(errors.values())) + (f" (و {len(errors) - 1} خطای دیگر)" if len(errors) > 1 else "")
    reply = _error(422, "400-2", message)
    reply.body["meta"]["errors"] = {name: [text] for name, text in errors.items()}
    return reply


def _page(entries: list[Any], request: Request, most: int) -> dict[str, Any]:
    size = min(int(request.query.get("per_page", 10)), most)
    page = int(request.query.get("page", 1))
    body = _envelope(entries[(page - 1) * size : page * size], "انجام شد", "200-1")
    last = max(1, -(-len(entries) // size))
    body["meta"] |= {"current_page": page, "last_page": last, "per_page": size, "total": len(entries)}
    return body
