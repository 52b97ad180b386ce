"""IPPanel Edge: its HTTP API as documented in the repository ippanelcom/Edge-Document ("EDGE" below).

The token goes raw into the Authorization header. Every answer is an envelope `{"data", "meta": {"status",
"message", "message_code", "errors"}}`; all but 200 means that nothing was sent (EDGE-fa send/index.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from marshmallow import Schema

from notifyhub.providers.base import SMS, Accepted, Credit, ProviderPattern, Report, SMSProvider
from notifyhub.providers.errors import Failure, NotifierTrouble, NotServedHere, Refused, Uncertain
from notifyhub.providers.fields import Line, Token
from notifyhub.providers.http import MAX_ANSWER_BYTES, Answer, Client, required_text, whole_number
from notifyhub.providers.rejection_rules import (
    HTTP_STATUS_RULES,
    OVERLOAD_RULES,
    PERSIAN_TEXT_RULES,
    Rejection,
    Rule,
    classify,
)
from notifyhub.providers.sockets import TIMEOUTS, Timeouts

URL = "https://edge.ippanel.com/v1"
PATTERNS_PER_PAGE = 100  # EDGE docs/pattern: the most it allows

RULES = (
    # EDGE-fa send/index.md: 429 also for the same text to the same recipient within 40 seconds, which nothing
    # in the answer tells from calls that are too fast.
    *OVERLOAD_RULES,
    Rule(NotifierTrouble, "bad_credentials", "EDGE docs/send/pattern.md: 401, 400-1", status=(401,)),
    *PERSIAN_TEXT_RULES,
    Rule(
        NotServedHere, "unknown_pattern", "EDGE-fa send/pattern.md: 404, 404-1", status=(404,), result="404-1"
    ),
    Rule(NotServedHere, "pattern_not_approved", "[N] a refused `code`", field="code"),
    Rule(NotServedHere, "line_not_allowed", "[N] a refused `from_number`", field="from_number"),
    Rule(Refused, "invalid_recipient", "[N] a refused recipient", field=r"(params\.)?recipients(\.\d+)?"),
    # Our own pattern was filled as it asks: that of the provider differs from ours.
    Rule(NotServedHere, "pattern_mismatch", "[N] a refused or missing value", field=r"params(\..+)?"),
    Rule(Refused, "invalid_text", "EDGE docs/send/webservice.md: 422 of `message`", field="message"),
    *HTTP_STATUS_RULES,
)

# EDGE docs/report, message_status: 0 sent to the operator, 1 taken by it, 2 delivered, 3 not, 4 blacklisted.
RECIPIENT_REPORTS = {
    "0": Report("pending"),
    "1": Report("pending"),
    "2": Report("delivered"),
    "3": Report("undelivered", "undelivered", "The operator could not deliver it (message_status 3)."),
    "4": Report("undelivered", "blacklisted", "The recipient is blacklisted (message_status 4)."),
}
# EDGE docs/report, state_id of a whole send; 6 means handed over, which is not delivered.
SEND_REPORTS = {
    3: ("rejected", "Rejected by monitoring (state_id 3)."),
    4: ("invalid_recipient", "The recipients are wrong (state_id 4)."),
    7: ("cancelled", "Cancelled at the provider (state_id 7)."),
    8: ("no_credit", "Insufficient credit (state_id 8)."),
    9: ("provider_error", "System error of the provider (state_id 9)."),
}
# EDGE docs/pattern: pattern_status as a word, in Persian or as an id.
PATTERN_STATUSES: Mapping[str, Literal["approved", "rejected"]] = {
    "active": "approved",
    "فعال": "approved",
    "1": "approved",
    "inactive": "rejected",
    "رد شده": "rejected",
    "2": "rejected",
}


class IPPanelSettingsSchema(Schema):
    """What IPPanel needs."""

    token = Token()
    from_number = Line(
        r"\+98[0-9]{5,12}", error="Must be +98 and 5 to 12 digits.", example="+983000505", required=True
    )


class IPPanel(SMSProvider):
    """An account at IPPanel, with its own line."""

    name = "ippanel"
    settings_schema = IPPanelSettingsSchema
    line_setting = "from_number"
    url_variable = "IPPANEL_URL"
    offers_patterns = True
    report_batch = 1  # its reports are asked for one send at a time

    def __init__(
        self, settings: Mapping[str, object], url: str | None = None, *, timeouts: Timeouts = TIMEOUTS
    ) -> None:
        token = required_text(settings, "token")
        self._line = required_text(settings, "from_number")
        self._client = Client(
            url or URL, headers={"Authorization": token}, secrets=[token], timeouts=timeouts
        )

    def send(self, sms: SMS) -> Accepted:
        answer = self._client.post("/api/send", self._request(sms))
        data = self._data(answer, sms.secrets)
        ids = data.get("message_outbox_ids") if isinstance(data, dict) else None
        outbox_id = whole_number(ids[0]) if isinstance(ids, list) and ids else None
        if outbox_id is not None and outbox_id > 0:
            return Accepted(str(outbox_id))
        raise Uncertain("not_understood", "The answer says success but names no message.")

    def reports(self, ids: Sequence[str]) -> dict[str, Report]:
        return {sent: self._recipient_report(sent) or self._send_report(sent) for sent in ids}

    def patterns(self) -> Iterator[ProviderPattern]:
        page = last = 1
        while page <= last:
            answer = self._client.get("/api/patterns", {"page": page, "per_page": PATTERNS_PER_PAGE})
            entries = _objects(self._data(answer))
            yield from map(_pattern, entries)
            if not entries:
                return
            last = whole_number(_meta(answer).get("last_page")) or page
            page += 1

    def check(self) -> Credit | None:
        data = self._data(self._client.get("/api/payment/credit/mine", limit=MAX_ANSWER_BYTES))
        credit = data.get("credit") if isinstance(data, dict) else None
        if isinstance(credit, int | Decimal) and not isinstance(credit, bool):
            return Credit(Decimal(credit), "rial")
        raise Uncertain("not_understood", "The answer names no credit.")

    def _request(self, sms: SMS) -> dict[str, object]:
        if sms.pattern_code is None:
            return {
                "sending_type": "webservice",
                "from_number": self._line,
                "message": sms.text,
                "params": {"recipients": [sms.to]},  # inside params here, unlike a pattern's (EDGE)
            }
        return {
            "sending_type": "pattern",
            "from_number": self._line,
            "code": sms.pattern_code,
            "recipients": [sms.to],
            "params": dict(sms.params),
        }

    def _recipient_report(self, outbox_id: str) -> Report | None:
        """What the operator says of the one recipient; None as long as it says nothing."""
        answer = self._client.get("/api/report/recipients", {"bulk_id": outbox_id, "page": 1, "per_page": 10})
        if _knows_nothing(answer):
            return None
        entries = _objects(self._data(answer))
        return RECIPIENT_REPORTS.get(str(entries[0].get("message_status"))) if entries else None

    def _send_report(self, outbox_id: str) -> Report:
        answer = self._client.get("/api/report/by_bulk", {"messages_outbox_id": outbox_id})
        if _knows_nothing(answer):
            return Report("pending")
        data = self._data(answer)
        state = data.get("state_id") if isinstance(data, dict) else None
        code, detail = SEND_REPORTS.get(state if type(state) is int else -1, (None, ""))
        return Report("undelivered", code, detail) if code else Report("pending")

    def _data(self, answer: Answer, secrets: Sequence[str] = ()) -> object:
        """Return the envelope's data, or raise what the refusal means."""
        if answer.status == 200:
            if answer.body is None:
                raise Uncertain("not_understood", answer.problem)
            accepted = _meta(answer).get("status")
            if accepted is True and isinstance(answer.body, dict):
                return answer.body.get("data")
            if accepted is not False:
                raise Uncertain("not_understood", "The answer is no envelope of IPPanel.")
        raise self._failure(answer, secrets)

    def _failure(self, answer: Answer, secrets: Sequence[str]) -> Failure:
        meta = _meta(answer)
        fields: dict[str, list[str]] = {}
        # Documented in meta.errors; seen in meta.message and, for the log-in, beside meta.
        top = answer.body.get("errors") if isinstance(answer.body, dict) else None
        for errors in (meta.get("errors"), meta.get("message"), top):
            if isinstance(errors, dict):
                fields |= {str(name): _texts(words) for name, words in errors.items()}
        message = meta.get("message")
        texts = [message] if isinstance(message, str) else []
        texts += [f"{name}: {word}" for name, words in fields.items() for word in words]
        words = " · ".join(dict.fromkeys(texts)) or answer.problem
        result = meta.get("message_code")
        rejection = Rejection(answer.status, words, str(result), tuple(fields), answer.retry_after)
        return classify(RULES, rejection, self._client.quote(words or f"HTTP {answer.status}", secrets))


def _meta(answer: Answer) -> dict[str, Any]:
    meta = answer.body.get("meta") if isinstance(answer.body, dict) else None
    return meta if isinstance(meta, dict) else {}


def _knows_nothing(answer: Answer) -> bool:
    """Whether IPPanel itself says that there is nothing to report yet ([N]: how it says so)."""
    return answer.status in {404, 422} and bool(_meta(answer))


def _objects(data: object) -> list[dict[str, Any]]:
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _texts(words: object) -> list[str]:
    return [str(word) for word in words] if isinstance(words, list) else [str(words)]


def _text(value: object) -> str:
    """A value as text that a database takes: without null characters and lone surrogates."""
    return "" if value is None else str(value).replace("\0", "").encode(errors="ignore").decode()


def _pattern(entry: Mapping[str, object]) -> ProviderPattern:
    code = _text(entry.get("pattern_code"))
    return ProviderPattern(
        code=code,
        name=_text(entry.get("title")) or code,
        body=_text(entry.get("pattern_message")),
        status=PATTERN_STATUSES.get(str(entry.get("pattern_status")), "pending"),
    )
