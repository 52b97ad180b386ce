"""MeliPayamak's console, simulated after its method pages; where they are silent the choice is marked [N]."""

import itertools
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.simulators.journal import Received
from tests.simulators.provider import HTML, WIRE_TROUBLES, Provider
from tests.simulators.server import Reply, Request

TOKEN = "0123456789abcdef0123456789abcdef"
NUMBER = "50002710008883"
SUCCESS = "ارسال موفق بود"
OPT_OUT = "لغو11"
MAX_RECIPIENTS = 100
# [N] The console is taken to repeat the texts of the web service's result codes.
TEXTS = {
    "no_credit": "اعتبار کافی نمی‌باشد",
    "unapproved_pattern": "کد متن ارسالی صحیح نمی‌باشد و یا توسط مدیر سامانه تأیید نشده است",
    "pattern_mismatch": "متن ارسالی باتوجه به متغیرهای مشخص شده در متن پیشفرض همخوانی ندارد",
    "link_in_value": "در میان متغیرهای ارسالی، لینک وجود دارد",
    "internal_error": "خطای داخلی رخ داده است با پشتیبانی تماس بگیرید",
    "line_not_allowed": "شماره فرستنده معتبر نمی‌باشد",
    "filtered_text": "متن حاوی کلمه فیلتر شده می‌باشد",
    "invalid_recipient": "شماره گیرنده نامعتبر است",
    "empty_text": "متن پیامک خالی می‌باشد",
    "hourly_limit": "از محدودیت ساعتی فراتر رفته‌اید",
    "blacklisted": "شماره موبایل گیرنده در لیست سیاه مخابرات است",
    "no_opt_out": 'ارسال به بیش از 1 شماره همراه بدون درج "لغو11" ممکن نیست',
    "too_many": "محدودیت در حجم ارسال",  # [N] for more recipients than a call takes
    "unknown_refusal": "خطای ناشناخته",
}
# [N] In a call to several the result code stands in the place of a refused recipient's recId.
CODES = {"invalid_recipient": 18, "blacklisted": 35}
STATES = {"sent": (200, "ارسال شده"), "delivered": (1, "رسیده به گوشی"), "undelivered": (2, "نرسیده به گوشی")}
STATES |= {"blacklisted": (35, "لیست سیاه"), "filtered": (300, "فیلتر شده"), "unknown": (100, "نامشخص")}


@dataclass
class Pattern:
    body: str
    approved: bool = True

    @property
    def count(self) -> int:
        return len(set(re.findall(r"\{(\d+)\}", self.body)))


class MeliPayamakSimulator(Provider):
    """Serves under `url`; `patterns` by body id, `states` (of `STATES`) by recId.

    `refused_id` is the recId of a refusal: 0, None or a negative code.
    """

    kinds = WIRE_TROUBLES | {"bad_token", *TEXTS}
    about_one = frozenset(CODES)
    switches: ClassVar = {**Provider.switches, "refused_id": (int, type(None))}

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.token = TOKEN
        self.refused_id: int | None = 0
        self.credit = 37414
        self.patterns = {
            13420: Pattern("Your login code is {0}"),
            13421: Pattern("Hello {0}, your order {1} is on its way."),
            13422: Pattern("Waiting for {0}", approved=False),
        }
        self.states: dict[str, str] = {}
        self._ids = itertools.count(4707203589561557161)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"{self.server.address}/api"

    def advance(self, state: str, id: str | None = None) -> None:
        if state not in STATES:
            raise ValueError(f"no such state: {state}")
        with self._lock:
            for rec_id in [id] if id else self.states:
                self.states[rec_id] = state

    def server_error(self) -> Any:
        return {"Message": "An unexpected error occured"}

    def refuse(self, kind: str) -> Reply:
        if kind == "bad_token":
            return Reply(400, {"status": "کلید کنسول معتبر نیست"})
        return Reply(200, {"recId": self.refused_id, "status": TEXTS[kind]})

    def route(self, request: Request) -> Reply:
        method, _, token = request.path.removeprefix("/api/").rpartition("/")
        routes = {
            ("POST", "send/shared"): self._shared,
            ("POST", "send/simple"): self._simple,
            ("POST", "send/advanced"): self._advanced,
            ("POST", "send/multiple"): self._multiple,
            ("POST", "receive/status"): self._status,
            ("GET", "receive/credit"): self._credit,
        }
        view = routes.get((request.method, method))
        if view is None or not request.path.startswith("/api/"):
            return Reply(200, HTML, "text/html; charset=utf-8")
        if token != self.token:
            return self.refuse("bad_token")
        body = request.body if isinstance(request.body, dict) else {}
        if method in {"send/advanced", "send/multiple"}:
            return view(body)
        if method.startswith("send/"):
            return self.suffer(lambda: view(body), body.get("to"))
        return self.suffer(lambda: view(body), on="read")

    def _shared(self, body: dict[str, Any]) -> Reply:
        pattern, args = self.patterns.get(body.get("bodyId", 0)), body.get("args")
        if pattern is None or not pattern.approved:
            return self.refuse("unapproved_pattern")
        if not isinstance(args, list) or len(args) != pattern.count:
            return self.refuse("pattern_mismatch")
        if any("http://" in str(arg) or "https://" in str(arg) for arg in args):
            return self.refuse("link_in_value")
        text = re.sub(r"\{(\d+)\}", lambda match: str(args[int(match[1])]), pattern.body)
        return self._accept(body, text, str(body["bodyId"]), args)

    def _simple(self, body: dict[str, Any]) -> Reply:
        if not re.fullmatch(r"\d{5,}", str(body.get("from", "")), re.ASCII):
            return self.refuse("line_not_allowed")
        if not body.get("text"):
            return self.refuse("empty_text")
        return self._accept(body, body["text"])

    def _advanced(self, body: dict[str, Any]) -> Reply:
        to = _texts(body.get("to"))
        reply = self._several(body, to, [str(body.get("text", ""))] * len(to))
        if isinstance(reply.body, dict):
            reply.body.pop("success", None)
        return reply

    def _multiple(self, body: dict[str, Any]) -> Reply:
        return self._several(body, _texts(body.get("to")), _texts(body.get("text")))

    def _several(self, body: dict[str, Any], to: Sequence[str], texts: Sequence[str]) -> Reply:
        reply = self.suffer_each(lambda kinds: self._accept_several(body, to, texts, kinds), to)
        if isinstance(reply.body, dict) and "recId" in reply.body:  # refused as a whole
            reply.body = {"recIds": [], "status": reply.body["status"]}
        return reply

    def _accept_several(
        self, body: dict[str, Any], to: Sequence[str], texts: Sequence[str], kinds: Mapping[str, str]
    ) -> Reply:
        if not to or len(to) != len(texts):  # [N]
            return self.refuse("invalid_recipient")
        if len(to) > MAX_RECIPIENTS:
            return self.refuse("too_many")
        if not re.fullmatch(r"\d{5,}", str(body.get("from", "")), re.ASCII):
            return self.refuse("line_not_allowed")
        if not all(texts):
            return self.refuse("empty_text")
        if len(to) > 1 and not all(text.endswith(OPT_OUT) for text in texts):
            return self.refuse("no_opt_out")
        ids = []
        for recipient, text in zip(to, texts, strict=True):
            valid = re.fullmatch(r"09\d{9}", recipient, re.ASCII)
            kind = kinds.get(recipient) or (None if valid else "invalid_recipient")
            ids.append(CODES[kind] if kind else self._store(recipient, text, sender=body["from"]))
        success = [rec_id not in CODES.values() for rec_id in ids]  # [C]
        return Reply(200, {"recIds": ids, "success": success, "status": SUCCESS})

    def _accept(
        self, body: dict[str, Any], text: str, pattern: str | None = None, args: list[str] | None = None
    ) -> Reply:
        if not re.fullmatch(r"09\d{9}", str(body.get("to", "")), re.ASCII):
            return self.refuse("invalid_recipient")
        rec_id = self._store(body["to"], text, pattern, args or [], sender=body.get("from", ""))
        return Reply(200, {"recId": rec_id, "status": SUCCESS})

    def _store(
        self, to: str, text: str, pattern: str | None = None, args: Sequence[str] = (), *, sender: str
    ) -> int:
        rec_id = next(self._ids)
        with self._lock:
            self.states[str(rec_id)] = "delivered" if self.reports == "at_once" else "sent"
        self.journal.add(Received(str(rec_id), to, text, pattern, args, sender))
        return rec_id

    def _status(self, body: dict[str, Any]) -> Reply:
        ids = body.get("recIds", [])
        if len(ids) > 100:
            return self.refuse("unknown_refusal")
        states = [STATES.get(self.states.get(str(rec_id), ""), (-1, "ارسال نشده")) for rec_id in ids]
        results = {"results": [text for _, text in states], "resultsAsCode": [code for code, _ in states]}
        return Reply(200, {**results, "status": ""})

    def _credit(self, _: dict[str, Any]) -> Reply:
        return Reply(200, {"amount": self.credit, "status": ""})


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
