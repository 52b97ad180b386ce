"""Mail addresses and phone numbers as people write them, and as they reach providers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.live import Live

MESSAGES = "notifications/messages"
NOT_MOBILE = "This is not a mobile number, and messages go to mobiles alone."


@pytest.fixture
def any_country(live: Live) -> Iterator[None]:
    assert live.call("PATCH", "settings/delivery", {"sms_countries": []})[0] == 200
    yield
    assert live.call("PATCH", "settings/delivery", {"sms_countries": ["IR"]})[0] == 200


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


def sms(**fields: Any) -> dict[str, Any]:
    return {"channel": "sms", "to": "09121230001", "text": "Hello"} | fields


def email(**fields: Any) -> dict[str, Any]:
    return {"channel": "email", "to": "a@example.com", "subject": "Hello", "text": "Hello"} | fields


@pytest.mark.parametrize(
    ("to", "rcpt"),
    [
        ("reader@نامه\u200cای.com", "reader@xn--mgba3gch31f060k.com"),
        ("user@straße.de", "user@xn--strae-oqa.de"),
        ("a@κλαρα-σωλις.ευ", "a@xn----ylba7abgd9bnh0e.xn--qxa6a"),
        ("reader@ｇmail.com", "reader@gmail.com"),
    ],
)
def test_a_mail_goes_to_the_domain_of_idna_2008(live: Live, to: str, rcpt: str) -> None:
    sent = live.send(**email(to=to))
    assert (sent["status"], sent["to"]) == ("sent", rcpt)
    assert len(live.smtp.journal.messages(rcpt)) == 1
    status, found = live.call("GET", f"{MESSAGES}?to={quote(to)}")
    assert (status, [row["id"] for row in found["results"]]) == (200, [sent["id"]])


@pytest.mark.parametrize(
    "to",
    [
        "a@example.com\u200f",
        "victim@g\u00admail.com",
        "victim@gm\u200bail.com",
        "=?utf-8?q?a=0D=0AX-Evil=3A_1?=@example.com",
        "a@i\u2764.ws",
        "a@[192.0.2.1]",
    ],
)
def test_an_address_that_can_not_be_sent_to_is_refused(live: Live, to: str) -> None:
    for field, value in (("to", to), ("reply_to", f"N <{to}>")):
        status, refused = live.call("POST", MESSAGES, email(**{field: value}))
        assert (status, list(refused)) == (400, [field])
    notifier = f"notifications/notifiers/email/{live.email_notifier}"
    assert live.call("PATCH", notifier, {"from_email": to})[0] == 400


@pytest.mark.parametrize(
    "to",
    [
        "09121230001\t",
        "09121230001\r\n",
        "tel:+989121230001",
        "'09121230001",
        "＋989121230001",
        "989121230001+",
    ],
)
def test_a_number_is_taken_as_people_and_programs_write_it(live: Live, to: str) -> None:
    status, shown = live.call("POST", f"{MESSAGES}/preview", sms(to=to))
    assert (status, shown["to"]) == (200, "+989121230001")


@pytest.mark.parametrize("to", ["912123456.0", 912123456.0, 9121234567.0, "9.12123456E+09"])
def test_a_decimal_number_is_nobodys(live: Live, to: Any) -> None:
    status, refused = live.call("POST", MESSAGES, sms(to=to))
    assert (status, list(refused)) == (400, ["to"])


@pytest.mark.parametrize("to", ["02112345678", "021 8877 6655"])
def test_a_landline_is_refused_in_words_of_its_own(live: Live, to: str) -> None:
    status, refused = live.call("POST", MESSAGES, sms(to=to))
    assert status == 400
    assert refused["to"][0].startswith("This is an Iranian landline")


@pytest.mark.usefixtures("any_country")
def test_a_plus_that_was_not_encoded_is_one(live: Live) -> None:
    sent = live.make(MESSAGES, sms(to="+447400123456", send_at=tomorrow()))
    for written in ("+447400123456", "%2B447400123456", "0044%207400%20123456"):
        found = live.call("GET", f"{MESSAGES}?to={written}")[1]["results"]
        assert [row["id"] for row in found] == [sent["id"]]
    assert live.call("POST", f"{MESSAGES}/{sent['id']}/cancel")[0] == 200


@pytest.mark.usefixtures("any_country")
@pytest.mark.parametrize("to", ["+19002345678", "+979123456789", "+449098790123", "+881612345678"])
def test_only_mobiles_are_sent_to(live: Live, to: str) -> None:
    for path, body in ((MESSAGES, sms(to=to)), ("notifications/otp", {"to": to})):
        assert live.call("POST", path, body) == (400, {"to": [NOT_MOBILE]})


def test_texts_go_to_no_country_but_those_of_the_settings(live: Live) -> None:
    words = "`sms_countries` at /api/settings/delivery does not name GB, this number's country."
    foreign = "+447400123456"
    for path, body in (
        (MESSAGES, sms(to=foreign)),
        (f"{MESSAGES}/preview", sms(to=foreign)),
        ("notifications/otp", {"to": foreign}),
    ):
        assert live.call("POST", path, body) == (400, {"to": [words]})
    assert live.call("PATCH", "settings/delivery", {"sms_countries": ["XX"]})[0] == 400
