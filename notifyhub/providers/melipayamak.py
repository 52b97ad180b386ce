"""MeliPayamak's console: `<url>/<method>/<token>`, JSON both ways.

Sources: the console's own pages of its methods; "WEB" are the web service's pages
www.melipayamak.com/api/sendbybasenumber, …/sendsimplesms and …/sendsms, whose result codes and texts the
console's `status` is taken to repeat.

Several texts go out in one call, each with an id of its own, if each ends with the words by which recipients
stop them (WEB sendsimplesms).
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal

from marshmallow import Schema

from notifyhub.providers.base import SMS, Accepted, Credit, Report, SMSProvider
from notifyhub.providers.errors import Failure, NotifierTrouble, NotServedHere, Refused, Uncertain
from notifyhub.providers.fields import Line, PathToken
from notifyhub.providers.http import (
    MAX_ANSWER_BYTES,
    Answer,
    Client,
    path_segment,
    required_text,
    whole_number,
)
from notifyhub.providers.rejection_rules import (
    HTTP_STATUS_RULES,
    OVERLOAD_RULES,
    PERSIAN_TEXT_RULES,
    Rejection,
    Rule,
    classify,
    rejection_of_all,
    squeeze,
)
from notifyhub.providers.sockets import TIMEOUTS, Timeouts
from notifyhub.text.digits import ascii_digits

URL = "https://console.melipayamak.com/api"
SUCCESS = "ارسال موفق بود"
OPT_OUT = "لغو11"

RESULTS: tuple[tuple[int, str, type[Failure], str], ...] = (
    (-111, "IP درخواست کننده نامعتبر است", NotifierTrouble, "address_not_allowed"),
    (-110, "الزام استفاده از ApiKey به جای رمز عبور", NotifierTrouble, "bad_credentials"),
    (-109, "الزام تنظیم IP مجاز برای استفاده از API", NotifierTrouble, "address_not_allowed"),
    (-108, "مسدود شدن IP به دلیل تلاش ناموفق استفاده از API", NotifierTrouble, "blocked"),
    (-10, "در میان متغیرهای ارسالی، لینک وجود دارد", Refused, "forbidden_text"),
    (-7, "خطایی در شماره فرستنده رخ داده است", NotServedHere, "line_not_allowed"),
    (-6, "خطای داخلی رخ داده است", Uncertain, "provider_error"),
    # Our own pattern was filled as it asks: that of the provider differs from ours.
    (
        -5,
        "متن ارسالی باتوجه به متغیرهای مشخص شده در متن پیشفرض همخوانی ندارد",
        NotServedHere,
        "pattern_mismatch",
    ),
    (-4, "کد متن ارسالی صحیح نمی‌باشد و یا توسط مدیر سامانه تأیید نشده است", NotServedHere, "unknown_pattern"),
    (-3, "خط ارسالی در سیستم تعریف نشده است", NotServedHere, "line_not_allowed"),
    (-2, "محدودیت تعداد شماره، محدودیت هربار ارسال یک شماره موبایل می‌باشد", Refused, "invalid_recipient"),
    (-1, "دسترسی برای استفاده از این وبسرویس غیرفعال است", NotifierTrouble, "blocked"),
    (0, "نام کاربری یا رمزعبور صحیح نمی‌باشد", NotifierTrouble, "bad_credentials"),
    (1, "درخواست با موفقیت انجام شد", Uncertain, "not_understood"),  # done, but no id
    (2, "اعتبار کافی نمی‌باشد", NotifierTrouble, "no_credit"),
    # 3, 4 and 19 are limits of a day, of a volume and of an hour: slower calls do not help, a backup does.
    (3, "محدودیت در ارسال روزانه", NotifierTrouble, "rate_limited"),
    (4, "محدودیت در حجم ارسال", NotifierTrouble, "rate_limited"),
    (5, "شماره فرستنده معتبر نمی‌باشد", NotServedHere, "line_not_allowed"),
    (6, "سامانه در حال بروزرسانی می‌باشد", NotifierTrouble, "unavailable"),
    (7, "متن حاوی کلمه فیلتر شده می‌باشد", Refused, "forbidden_text"),
    (9, "ارسال از خطوط عمومی از طریق وب سرویس امکان‌پذیر نمی‌باشد", NotServedHere, "line_not_allowed"),
    (10, "کاربر موردنظر فعال نمی‌باشد", NotifierTrouble, "blocked"),
    (11, "ارسال نشده", Refused, "not_sent"),  # no reason is given
    (12, "مدارک کاربر کامل نمی‌باشد", NotifierTrouble, "blocked"),
    (14, "متن حاوی لینک می‌باشد", Refused, "forbidden_text"),
    (15, 'ارسال به بیش از 1 شماره همراه بدون درج "لغو11" ممکن نیست', Refused, "forbidden_text"),
    (16, "شماره گیرنده‌ای یافت نشد", Refused, "invalid_recipient"),
    (17, "متن پیامک خالی می‌باشد", Refused, "invalid_text"),
    (18, "شماره گیرنده نامعتبر است", Refused, "invalid_recipient"),
    (19, "از محدودیت ساعتی فراتر رفته‌اید", NotifierTrouble, "rate_limited"),
    (35, "شماره موبایل گیرنده در لیست سیاه مخابرات است", Refused, "blacklisted"),
)
"""Result code, its text, what it means: WEB."""

RULES = (
    *OVERLOAD_RULES,
    Rule(NotifierTrouble, "bad_credentials", "recorded: HTTP 400", words=("کلید کنسول معتبر نیست",)),
    # The text decides before the number, and a longer text before a shorter one that it may contain.
    *(
        Rule(failure, code, f"WEB: text of {number}", words=(text,))
        for number, text, failure, code in sorted(RESULTS, key=lambda row: -len(row[1]))
    ),
    *PERSIAN_TEXT_RULES,
    # A recId of 0 only says that there is none.
    *(
        Rule(failure, code, f"WEB: {number}", status=(200,), result=str(number))
        for number, _, failure, code in RESULTS
        if number
    ),
    *HTTP_STATUS_RULES,
)
RESULT_TEXTS = {number: text for number, text, *_ in RESULTS}

# WEB, help page of the web service "send": delivery codes. 0 at the operator, 8 reached it, 5 and 100
# unknown, 200 sent, 400 in the queue; 9 not updated yet, null reports switched off (both seen in clients):
# all still pending.
REPORTS = {
    1: Report("delivered"),
    2: Report("undelivered", "undelivered", "نرسیده به گوشی (2)"),
    3: Report("undelivered", "operator_error", "خطای مخابراتی (3)"),
    16: Report("undelivered", "operator_error", "نرسیده به مخابرات (16)"),
    35: Report("undelivered", "blacklisted", "لیست سیاه (35)"),
    300: Report("undelivered", "forbidden_text", "فیلتر شده (300)"),
    500: Report("undelivered", "rejected", "عدم پذیرش (500)"),
    -1: Report("undelivered", "not_sent", "ارسال نشده (-1)"),
}


class MelipayamakSettingsSchema(Schema):
    """What MeliPayamak needs."""

    token = PathToken()
    number = Line(r"[0-9]{5,}", error="Must be a string of more than 4 digits.", example="50002710008883")


class MeliPayamak(SMSProvider):
    """An account at MeliPayamak."""

    name = "melipayamak"
    settings_schema = MelipayamakSettingsSchema
    line_setting = "number"
    url_variable = "MELIPAYAMAK_URL"
    report_batch = 100  # WEB sendsms, clients: the most that one call takes
    batch_size = 100  # the same

    def __init__(
        self, settings: Mapping[str, object], url: str | None = None, *, timeouts: Timeouts = TIMEOUTS
    ) -> None:
        token = required_text(settings, "token")
        self._key = path_segment(token, "token")
        self._number = str(settings.get("number") or "")
        self._client = Client(url or URL, secrets=[token], timeouts=timeouts)

    def send(self, sms: SMS) -> Accepted:
        answer = self._send_pattern(sms, sms.pattern_code) if sms.pattern_code else self._send_text(sms)
        body = self._body(answer, sms.secrets)
        rec_id = whole_number(body.get("recId"))
        # An id has up to 19 digits; a result code in its place is no success.
        if rec_id and rec_id > 0 and (rec_id not in RESULT_TEXTS or _status(body) == SUCCESS):
            return Accepted(str(rec_id))
        raise self._failure(answer, sms.secrets)

    def batch_key(self, sms: SMS) -> Hashable | None:
        may = sms.may_share_a_call and self._number and sms.text.endswith(OPT_OUT) and _is_served(sms.to)
        return "send/multiple" if may else None

    def send_batch(self, messages: Sequence[SMS]) -> list[Accepted | Failure]:
        request = {
            "from": self._line(),
            "to": [_local(sms.to) for sms in messages],
            "text": [sms.text for sms in messages],
            "udh": "",
        }
        answer = self._client.post(f"/send/multiple/{self._key}", request)
        body = self._body(answer)
        ids = [whole_number(one) for one in _list(body.get("recIds"))]
        if len(ids) == len(messages):
            return [self._outcome(rec_id, _status(body)) for rec_id in _confirmed(ids, body)]
        if any(map(_is_id, ids)):
            raise Uncertain("not_understood", "The answer does not hold one id for each message.")
        raise rejection_of_all(self._failure(answer))

    def reports(self, ids: Sequence[str]) -> dict[str, Report]:
        known = [sent for sent in ids if whole_number(sent)]
        if not known:
            return {}
        answer = self._client.post(f"/receive/status/{self._key}", {"recIds": [int(sent) for sent in known]})
        codes = self._body(answer).get("resultsAsCode")
        if not isinstance(codes, list):
            raise self._failure(answer)
        if len(codes) != len(known):
            raise Uncertain("not_understood", "The answer does not hold one status for each message.")
        pending = Report("pending")
        return {
            sent: pending if (number := whole_number(code)) is None else REPORTS.get(number, pending)
            for sent, code in zip(known, codes, strict=True)
        }

    def check(self) -> Credit | None:
        answer = self._client.get(f"/receive/credit/{self._key}", limit=MAX_ANSWER_BYTES)
        body = self._body(answer)
        amount = body.get("amount")
        if isinstance(amount, int | Decimal) and not isinstance(amount, bool):
            return Credit(Decimal(amount), "sms")
        raise self._failure(answer)

    def _send_pattern(self, sms: SMS, code: str) -> Answer:
        body_id = ascii_digits(code)
        if not re.fullmatch(r"\d{1,18}", body_id):
            raise NotServedHere("unknown_pattern", "A pattern's code at MeliPayamak is a number.")
        request = {"bodyId": int(body_id), "to": _local(sms.to), "args": list(sms.args)}
        return self._client.post(f"/send/shared/{self._key}", request)

    def _send_text(self, sms: SMS) -> Answer:
        request = {"from": self._line(), "to": _local(sms.to), "text": sms.text}
        return self._client.post(f"/send/simple/{self._key}", request)

    def _line(self) -> str:
        """Return the number that texts are sent from: patterns need none."""
        if not self._number:
            words = "The notifier's settings hold no number to send texts from."
            raise NotifierTrouble("bad_settings", words)
        return self._number

    def _outcome(self, rec_id: int | None, status: str) -> Accepted | Failure:
        """Return how one of several messages ended; `status` is that of the whole call."""
        if _is_id(rec_id):
            return Accepted(str(rec_id))
        if rec_id and rec_id in RESULT_TEXTS:  # a result code of its own
            return self._failure(Answer(200, {"recId": rec_id, "status": RESULT_TEXTS[rec_id]}))
        return rejection_of_all(self._failure(Answer(200, {"recId": rec_id, "status": status})))

    def _body(self, answer: Answer, secrets: Sequence[str] = ()) -> dict[str, object]:
        """Return the object of a 200, or raise what the refusal means."""
        if answer.status != 200:
            raise self._failure(answer, secrets)
        if not isinstance(answer.body, dict):
            raise Uncertain("not_understood", answer.problem or "The answer is no object.")
        return answer.body

    def _failure(self, answer: Answer, secrets: Sequence[str] = ()) -> Failure:
        body = answer.body if isinstance(answer.body, dict) else {}
        rec_id = whole_number(body.get("recId"))
        text = _status(body)
        if answer.status == 200 and (text == SUCCESS or (not text and rec_id is None)):
            return Uncertain(
                "not_understood", "The answer says neither which message was taken nor why none was."
            )
        message = body.get("Message")  # what the vendor's server says of its own errors
        words = text or (message if isinstance(message, str) else "") or answer.problem
        words = words or (f"HTTP {answer.status}" if rec_id is None else f"recId {rec_id}")
        rejection = Rejection(answer.status, text, str(rec_id), retry_after=answer.retry_after)
        return classify(RULES, rejection, self._client.quote(words, secrets))


def _status(body: Mapping[str, object]) -> str:
    status = body.get("status")
    text = status.strip() if isinstance(status, str) else ""
    return SUCCESS if squeeze(text) == squeeze(SUCCESS) else text


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _confirmed(ids: list[int | None], body: Mapping[str, object]) -> list[int | None]:
    """Return what stands in the ids' places, without the ids that `success` denies (seen in clients)."""
    success = _list(body.get("success"))
    if len(success) != len(ids):
        return ids
    return [None if told is False and _is_id(one) else one for one, told in zip(ids, success, strict=True)]


def _is_id(rec_id: int | None) -> bool:
    """Whether a number in an id's place is one, and no result code."""
    return rec_id is not None and rec_id > 0 and rec_id not in RESULT_TEXTS


def _is_served(number: str) -> bool:
    return re.fullmatch(r"\+98\d{10}", number) is not None


def _local(number: str) -> str:
    """The national form, the only one in the vendor's samples."""
    if not _is_served(number):
        raise NotServedHere("recipient_not_served", "MeliPayamak takes Iranian numbers only.")
    return "0" + number.removeprefix("+98")
