"""IPPanel Edge: its HTTP API as documented in the repository ippanelcom/Edge-Document ("EDGE" below).

The token goes raw into the Authorization header. All but 200 means that nothing was sent (EDGE-fa
send/index.md). One text goes to many recipients in one send, which has one id.
"""

import re
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from marshmallow import Schema

from notifyhub.providers.base import SMS, Accepted, Credit, ProviderPattern, Report, Sent, SMSProvider
from notifyhub.providers.errors import Failure, Refused, Temporary, Uncertain
from notifyhub.providers.fields import Line, Token
from notifyhub.providers.http import (
    MAX_ANSWER_BYTES,
    MAX_LIST_BYTES,
    Answer,
    Client,
    required_text,
    whole_number,
)
from notifyhub.providers.ippanel.envelope import RULES, data_of, failure_of, meta_of, objects, refused_fields
from notifyhub.providers.ippanel.reports import reports_of
from notifyhub.providers.rejection_rules import rejection_of_all
from notifyhub.providers.sockets import TIMEOUTS, Timeouts

__all__ = ["RULES", "IPPanel"]

URL = "https://edge.ippanel.com/v1"
PATTERNS_PER_PAGE = 100  # EDGE docs/pattern: the most it allows

MAX_CALLS = 3
"""Calls for a batch, which is sent again without the recipients that were refused by name."""
LAST_CALL_SECONDS = 25.0
"""After the batch's start: no call begins later, so that the last one ends long before a lease."""
TEXT_CODES = frozenset({"invalid_text", "forbidden_text"})
"""The codes of refusals that are about the text, which all messages of a batch have in common."""

_RECIPIENT = re.compile(r"(?:params\.)?recipients\.([0-9]{1,4})")

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
    batch_size = 1000  # EDGE-fa send/webservice.md: more "may cause problems"

    def __init__(
        self, settings: Mapping[str, object], url: str | None = None, *, timeouts: Timeouts = TIMEOUTS
    ) -> None:
        token = required_text(settings, "token")
        self._line = required_text(settings, "from_number")
        self._client = Client(
            url or URL, headers={"Authorization": token}, secrets=[token], timeouts=timeouts
        )

    def send(self, sms: SMS) -> Accepted:
        return self._accepted(self._client.post("/api/send", self._request(sms)), sms.secrets)

    def batch_key(self, sms: SMS) -> Hashable | None:
        return sms.text if sms.may_share_a_call else None

    def send_batch(self, messages: Sequence[SMS]) -> list[Accepted | Failure]:
        outcomes: dict[int, Accepted | Failure] = {}
        left = list(range(len(messages)))
        end = time.monotonic() + LAST_CALL_SECONDS
        others: Accepted | Failure | None = None
        for _ in range(MAX_CALLS):
            others, refused = self._send_text(messages[0].text, [messages[place].to for place in left])
            outcomes |= {left[index]: failure for index, failure in refused.items()}
            left = [place for place in left if place not in outcomes]
            if others or not left or time.monotonic() > end:
                break
        others = others or Temporary("batch_refused", "Again and again others in the same call were refused.")
        return [outcomes.get(place, others) for place in range(len(messages))]

    def reports(self, ids: Sequence[str]) -> dict[str, Report]:
        return {one.id: report for one, report in self.reports_of([Sent(id_) for id_ in ids]).items()}

    def reports_of(self, sent: Sequence[Sent]) -> dict[Sent, Report]:
        return reports_of(self._client, sent)

    def patterns(self) -> Iterator[ProviderPattern]:
        page = last = 1
        while page <= last:
            answer = self._client.get("/api/patterns", {"page": page, "per_page": PATTERNS_PER_PAGE})
            entries = objects(data_of(self._client, answer))
            yield from map(_pattern, entries)
            if not entries:
                return
            last = whole_number(meta_of(answer).get("last_page")) or page
            page += 1

    def check(self) -> Credit | None:
        answer = self._client.get("/api/payment/credit/mine", limit=MAX_ANSWER_BYTES)
        data = data_of(self._client, answer)
        credit = data.get("credit") if isinstance(data, dict) else None
        if isinstance(credit, int | Decimal) and not isinstance(credit, bool):
            return Credit(Decimal(credit), "rial")
        raise Uncertain("not_understood", "The answer names no credit.")

    def _request(self, sms: SMS) -> dict[str, object]:
        if sms.pattern_code is None:
            return self._text_request(sms.text, [sms.to])
        return {
            "sending_type": "pattern",
            "from_number": self._line,
            "code": sms.pattern_code,
            "recipients": [sms.to],
            "params": dict(sms.params),
        }

    def _text_request(self, text: str, recipients: list[str]) -> dict[str, object]:
        return {
            "sending_type": "webservice",
            "from_number": self._line,
            "message": text,
            "params": {"recipients": recipients},  # inside params here, unlike a pattern's (EDGE)
        }

    def _accepted(self, answer: Answer, secrets: Sequence[str] = ()) -> Accepted:
        data = data_of(self._client, answer, secrets)
        ids = data.get("message_outbox_ids") if isinstance(data, dict) else None
        outbox_id = whole_number(ids[0]) if isinstance(ids, list) and ids else None
        if outbox_id is not None and outbox_id > 0:
            return Accepted(str(outbox_id))
        raise Uncertain("not_understood", "The answer says success but names no message.")

    def _send_text(
        self, text: str, recipients: list[str]
    ) -> tuple[Accepted | Failure | None, dict[int, Refused]]:
        """Send a text to some recipients; return what became of all, and by index of those refused by name.

        Then nothing was sent, and of the others there is nothing to say yet.
        """
        try:
            body = self._text_request(text, recipients)
            answer = self._client.post("/api/send", body, limit=MAX_LIST_BYTES)
            refused = self._refused_by_name(answer, len(recipients))
            return (None, refused) if refused else (self._accepted(answer), {})
        except Failure as failure:
            alone = len(recipients) == 1
            return (failure if alone else rejection_of_all(failure, of_the_text=TEXT_CODES)), {}

    def _refused_by_name(self, answer: Answer, count: int) -> dict[int, Refused]:
        if answer.status != 422:
            return {}
        refused = {}
        for name, words in refused_fields(answer).items():
            named = _RECIPIENT.fullmatch(name)
            if named and int(named[1]) < count:
                failure = failure_of(self._client, answer, {name: words})
                code = failure.code if isinstance(failure, Refused) else "invalid_recipient"
                refused[int(named[1])] = Refused(code, failure.detail)
        return refused


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
