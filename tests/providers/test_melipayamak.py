import logging
import traceback
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifyhub.providers import melipayamak
from notifyhub.providers.base import SMS, Accepted, Credit, Report
from notifyhub.providers.errors import (
    Failure,
    NotifierTrouble,
    NotServedHere,
    RateLimited,
    Refused,
    Temporary,
    Uncertain,
)
from notifyhub.providers.http import whole_number
from notifyhub.providers.melipayamak import MeliPayamak
from tests.simulators import MeliPayamakSimulator
from tests.simulators.melipayamak import NUMBER, SUCCESS, TOKEN
from tests.simulators.server import Reply

TO = "+989121234567"
OTP = SMS(TO, "Your login code is 12345", "13420", ["12345"])
TEXT = SMS(TO, "سلام دنیا")
PUT_OFF = (Temporary, "batch_refused")
ACCEPTED = (Accepted, "")


def number(index: int) -> str:
    return f"+98912{index:07}"


def texts(count: int) -> list[SMS]:
    return [SMS(number(index), f"متن {index}\nلغو11") for index in range(count)]


def kinds_of(outcomes: list[Accepted | Failure]) -> list[tuple[type, str]]:
    return [(type(one), getattr(one, "code", "")) for one in outcomes]


def failure_of_all(backend: MeliPayamak, count: int = 2) -> tuple[type, str]:
    with pytest.raises(Failure) as caught:
        backend.send_batch(texts(count))
    return type(caught.value), caught.value.code


def failure_of(backend: MeliPayamak, sms: SMS = OTP) -> Failure:
    with pytest.raises(Failure) as caught:
        backend.send(sms)
    return caught.value


@pytest.mark.parametrize(
    ("sms", "sender"), [(OTP, ""), (TEXT, NUMBER), (SMS(TO, OTP.text, "۱۳۴۲۰", ["12345"]), "")]
)
def test_a_message_is_accepted_with_the_providers_id(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak, sms: SMS, sender: str
) -> None:
    accepted = melipayamak_client.send(sms)
    [received] = console.journal.messages()
    assert accepted == Accepted(received.id)
    assert len(received.id) == 19
    assert (received.recipient, received.text, received.sender) == ("09121234567", sms.text, sender)


@pytest.mark.parametrize(
    ("kind", "failure", "code", "detail"),
    [
        ("bad_token", NotifierTrouble, "bad_credentials", "کلید کنسول معتبر نیست"),
        ("no_credit", NotifierTrouble, "no_credit", "اعتبار کافی نمی‌باشد"),
        ("hourly_limit", NotifierTrouble, "rate_limited", "محدودیت ساعتی"),
        ("rate_limited", RateLimited, "rate_limited", "HTTP 429"),
        ("server_error", NotifierTrouble, "unavailable", "An unexpected error occured"),
        ("redirect", NotifierTrouble, "redirected", "text/html"),
        ("unapproved_pattern", NotServedHere, "unknown_pattern", "کد متن ارسالی"),
        ("pattern_mismatch", NotServedHere, "pattern_mismatch", "همخوانی ندارد"),
        ("line_not_allowed", NotServedHere, "line_not_allowed", "شماره فرستنده"),
        ("link_in_value", Refused, "forbidden_text", "لینک"),
        ("filtered_text", Refused, "forbidden_text", "فیلتر"),
        ("empty_text", Refused, "invalid_text", "خالی"),
        ("invalid_recipient", Refused, "invalid_recipient", "شماره گیرنده نامعتبر است"),
        ("blacklisted", Refused, "blacklisted", "لیست سیاه"),
        ("unknown_refusal", Refused, "refused", "خطای ناشناخته"),
        ("internal_error", Uncertain, "provider_error", "خطای داخلی"),
        ("html", Uncertain, "not_understood", "text/html, not JSON"),
        ("html_after_accepting", Uncertain, "not_understood", "text/html"),
        ("broken_json", Uncertain, "not_understood", "not JSON"),
        ("huge_answer", Uncertain, "not_understood", "too long"),
        ("half_answer", Uncertain, "connection_lost", "broke off"),
        ("reset", Uncertain, "connection_lost", "broke off"),
        ("reset_after_accepting", Uncertain, "connection_lost", "broke off"),
        ("timeout_after_accepting", Uncertain, "timeout", "did not answer in time"),
    ],
)
@pytest.mark.parametrize("refused_id", [0, None, -99])
def test_every_trouble_is_classed_with_the_providers_words(
    *,
    console: MeliPayamakSimulator,
    melipayamak_client: MeliPayamak,
    kind: str,
    failure: type[Failure],
    code: str,
    detail: str,
    refused_id: int | None,
) -> None:
    console.refused_id = refused_id
    console.troubles.add(kind)
    error = failure_of(melipayamak_client)
    assert (type(error), error.code) == (failure, code)
    assert detail in error.detail
    assert melipayamak_client.send(OTP), "the next request goes through"


@pytest.mark.parametrize(
    ("sms", "failure", "code"),
    [
        (SMS(TO, "", "99999", ["1"]), NotServedHere, "unknown_pattern"),
        (SMS(TO, "", "13422", ["1"]), NotServedHere, "unknown_pattern"),
        (SMS(TO, "", "abc", ["1"]), NotServedHere, "unknown_pattern"),
        (SMS(TO, "", "13420", ["1", "2"]), NotServedHere, "pattern_mismatch"),
        (SMS(TO, "", "13420", ["https://example.com"]), Refused, "forbidden_text"),
        (SMS("+14155550100", "a text"), NotServedHere, "recipient_not_served"),
        (SMS("+982188776655", "a text"), Refused, "invalid_recipient"),
        (SMS(TO, ""), Refused, "invalid_text"),
    ],
)
def test_what_the_provider_itself_refuses_is_classed(
    melipayamak_client: MeliPayamak, sms: SMS, failure: type[Failure], code: str
) -> None:
    error = failure_of(melipayamak_client, sms)
    assert (type(error), error.code) == (failure, code)


@pytest.mark.parametrize(("number", "text", "failure", "code"), melipayamak.RESULTS)
def test_every_documented_result_is_known_by_its_text_and_by_its_number(
    *,
    console: MeliPayamakSimulator,
    melipayamak_client: MeliPayamak,
    number: int,
    text: str,
    failure: type[Failure],
    code: str,
) -> None:
    answers = [{"recId": 0, "status": f"{text}، با پشتیبانی تماس بگیرید"}, {"recId": number, "status": text}]
    answers += [{"recId": number, "status": ""}] if number else []
    for body in answers:
        console.canned.append(Reply(200, body))
        error = failure_of(melipayamak_client)
        assert (type(error), error.code) == (failure, code), body


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(10**9, 2**63 - 1),
    st.sampled_from([SUCCESS, "", None, "ارسال موفق بود.", "anything"]),
    st.booleans(),
)
def test_a_long_positive_id_is_success_and_nothing_else_is(
    console: MeliPayamakSimulator,
    melipayamak_client: MeliPayamak,
    id: int,
    status: str | None,
    as_text: bool,
) -> None:
    console.canned.append(Reply(200, {"recId": str(id) if as_text else id, "status": status}))
    assert melipayamak_client.send(OTP) == Accepted(str(id))
    console.canned.append(Reply(200, {"recId": -id, "status": "anything"}))
    assert isinstance(failure_of(melipayamak_client), Refused)


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ({}, Uncertain),
        ([], Uncertain),
        ("ok", Uncertain),
        ({"recId": None, "status": ""}, Uncertain),
        ({"recId": None, "status": SUCCESS}, Uncertain),
        ({"recId": 0, "status": SUCCESS}, Uncertain),
        ({"recId": True, "status": SUCCESS}, Uncertain),
        ({"recId": 4.7e18, "status": SUCCESS}, Uncertain),
        ({"recId": "12x", "status": SUCCESS}, Uncertain),
        ({"recId": 0, "status": ""}, Refused),
        ({"recId": 0, "status": None}, Refused),
        ({"status": "چیز دیگر"}, Refused),
        ({"recId": 2, "status": "چیز دیگر"}, NotifierTrouble),
    ],
)
def test_an_answer_without_an_id_is_never_success(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak, body: object, failure: type[Failure]
) -> None:
    console.canned.append(Reply(200, body))
    assert type(failure_of(melipayamak_client)) is failure


def test_a_text_needs_a_number_to_come_from(console: MeliPayamakSimulator) -> None:
    error = failure_of(MeliPayamak({"token": TOKEN}, console.url), TEXT)
    assert (type(error), error.code) == (NotifierTrouble, "bad_settings")
    assert console.requests == 0


@pytest.mark.parametrize("kind", ["bad_token", "reset", "html", "timeout_after_accepting", "rate_limited"])
def test_the_token_in_the_path_never_shows(
    console: MeliPayamakSimulator,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    melipayamak_client: MeliPayamak,
) -> None:
    caplog.set_level(logging.DEBUG)
    console.troubles.add(kind)
    error = failure_of(melipayamak_client)
    shown = "".join([caplog.text, repr(error), repr(melipayamak_client), *traceback.format_exception(error)])
    assert TOKEN not in shown
    assert "urllib3" in caplog.text
    assert error.__cause__ is None
    assert error.__context__ is None


def test_no_connection_is_trouble_of_the_notifier_and_shows_no_token(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    console.stop()
    error = failure_of(melipayamak_client)
    assert (type(error), error.code) == (NotifierTrouble, "unreachable")
    assert "Connection refused" in error.detail
    assert TOKEN not in caplog.text + "".join(traceback.format_exception(error))
    console.start()
    assert melipayamak_client.send(OTP)


@pytest.mark.parametrize("token", ["a/b c%", "sesame?x=1#y", "../../x"])
def test_a_token_of_odd_characters_stays_one_part_of_the_path(
    console: MeliPayamakSimulator, token: str
) -> None:
    error = failure_of(MeliPayamak({"token": token}, console.url))
    assert (type(error), error.code) == (NotifierTrouble, "bad_credentials")


@pytest.mark.parametrize(
    ("state", "report"),
    [
        ("sent", Report("pending")),
        ("unknown", Report("pending")),
        ("delivered", Report("delivered")),
        ("undelivered", melipayamak.REPORTS[2]),
        ("blacklisted", melipayamak.REPORTS[35]),
        ("filtered", melipayamak.REPORTS[300]),
    ],
)
def test_reports_come_for_many_at_once(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak, state: str, report: Report
) -> None:
    console.reports = "on_demand"
    sent = [melipayamak_client.send(OTP).provider_message_id for _ in range(3)]
    console.advance(state, sent[1])
    pending = Report("pending")
    assert melipayamak_client.reports(sent) == dict(zip(sent, [pending, report, pending], strict=True))


def test_ids_of_another_provider_are_not_asked_for(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak
) -> None:
    assert melipayamak_client.reports(["test-1", ""]) == {}
    assert console.requests == 0


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        ({"resultsAsCode": [1, 1], "status": ""}, Uncertain),
        ({"results": [], "status": ""}, Uncertain),
        ({"status": "اعتبار کافی نمی‌باشد"}, NotifierTrouble),
    ],
)
def test_reports_that_do_not_match_are_not_guessed(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak, body: object, failure: type[Failure]
) -> None:
    console.canned.append(Reply(200, body))
    with pytest.raises(failure):
        melipayamak_client.reports(["4707203589561557161"])


@pytest.mark.parametrize("code", [None, "x", 12345, 1.5, True])
def test_an_unknown_delivery_code_is_pending(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak, code: object
) -> None:
    console.canned.append(Reply(200, {"resultsAsCode": [code], "status": ""}))
    assert melipayamak_client.reports(["47072035"]) == {"47072035": Report("pending")}


def test_the_check_tells_how_many_messages_are_left(melipayamak_client: MeliPayamak) -> None:
    assert melipayamak_client.check() == Credit(Decimal(37414), "sms")


def test_patterns_are_not_offered(melipayamak_client: MeliPayamak) -> None:
    assert not MeliPayamak.offers_patterns
    with pytest.raises(NotServedHere, match="not_offered"):
        melipayamak_client.patterns()


def test_the_check_tells_a_bad_token(console: MeliPayamakSimulator) -> None:
    with pytest.raises(NotifierTrouble, match="کلید کنسول معتبر نیست"):
        MeliPayamak({"token": "0" * 32}, console.url).check()


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_id_keeps_every_digit(number: int) -> None:
    assert whole_number(number) == whole_number(str(number)) == number


@pytest.mark.parametrize("token", [".", "..", " .. "])
def test_a_token_that_would_shorten_the_path_is_never_sent(console: MeliPayamakSimulator, token: str) -> None:
    with pytest.raises(NotifierTrouble) as refused:
        MeliPayamak({"token": token}, console.url)
    assert refused.value.code == "bad_settings"
    assert console.requests == 0


def test_texts_share_a_call_that_say_how_to_stop_them(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak
) -> None:
    first, second = texts(2)
    assert melipayamak_client.batch_key(first) == melipayamak_client.batch_key(second)
    assert melipayamak_client.batch_key(first) is not None
    for single in (
        TEXT,
        OTP,
        SMS(TO, "لغو11 نه"),
        SMS("+14155550100", first.text),
        SMS(TO, first.text, secrets=["12345"]),
    ):
        assert melipayamak_client.batch_key(single) is None
    assert MeliPayamak({"token": TOKEN}, console.url).batch_key(first) is None, "it has no line"


@pytest.mark.parametrize("count", [1, 2, MeliPayamak.batch_size])
def test_texts_go_out_in_one_call_each_with_its_own_id(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak, count: int
) -> None:
    outcomes = melipayamak_client.send_batch(texts(count))
    received = console.journal.messages()
    assert console.requests == 1
    assert outcomes == [Accepted(one.id) for one in received]
    assert len(set(outcomes)) == count
    assert [(one.recipient, one.text, one.sender) for one in received] == [
        ("0" + sms.to.removeprefix("+98"), sms.text, NUMBER) for sms in texts(count)
    ]


def test_who_is_refused_of_several_is_refused_alone(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak
) -> None:
    console.troubles.add("blacklisted", recipient="09120000001")
    console.troubles.add("invalid_recipient", recipient="09120000003")
    batch = [*texts(4), SMS("+982188776655", texts(1)[0].text)]
    assert kinds_of(melipayamak_client.send_batch(batch)) == [
        ACCEPTED,
        (Refused, "blacklisted"),
        ACCEPTED,
        (Refused, "invalid_recipient"),
        (Refused, "invalid_recipient"),
    ]
    assert console.journal.counts() == {"09120000000": 1, "09120000002": 1}


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("bad_token", (NotifierTrouble, "bad_credentials")),
        ("no_credit", (NotifierTrouble, "no_credit")),
        ("rate_limited", (RateLimited, "rate_limited")),
        ("server_error", (NotifierTrouble, "unavailable")),
        ("line_not_allowed", (NotServedHere, "line_not_allowed")),
        ("internal_error", (Uncertain, "provider_error")),
        ("html", (Uncertain, "not_understood")),
        ("half_answer", (Uncertain, "connection_lost")),
        ("timeout_after_accepting", (Uncertain, "timeout")),
        ("filtered_text", PUT_OFF),
        ("no_opt_out", PUT_OFF),
        ("too_many", (NotifierTrouble, "rate_limited")),
        ("unknown_refusal", PUT_OFF),
    ],
)
def test_a_trouble_of_the_call_is_that_of_all_and_a_refusal_that_names_nobody_puts_all_off(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak, kind: str, failure: tuple[type, str]
) -> None:
    console.troubles.add(kind)
    assert failure_of_all(melipayamak_client) == failure
    assert kinds_of(melipayamak_client.send_batch(texts(2))) == [ACCEPTED] * 2, "the next call goes through"


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        ({"recIds": [47072035, 2], "status": SUCCESS}, [ACCEPTED, (NotifierTrouble, "no_credit")]),
        ({"recIds": ["4707203589561557161", -10], "status": ""}, [ACCEPTED, (Refused, "forbidden_text")]),
        ({"recIds": [47072035, 0], "status": SUCCESS}, [ACCEPTED, (Uncertain, "not_understood")]),
        ({"recIds": [47072035, None], "status": ""}, [ACCEPTED, (Uncertain, "not_understood")]),
        ({"recIds": [0, 47072035], "status": "اعتبار کافی نیست"}, [(NotifierTrouble, "no_credit"), ACCEPTED]),
        ({"recIds": [0, 0], "status": "شماره گیرنده نامعتبر است"}, [PUT_OFF, PUT_OFF]),
        ({"recIds": [35, 18], "status": "x"}, [(Refused, "blacklisted"), (Refused, "invalid_recipient")]),
        ({"recIds": [-99, 47072035], "status": "x"}, [PUT_OFF, ACCEPTED]),
        (
            {"recIds": [47072035, 47072036], "success": [True, False], "status": SUCCESS},
            [ACCEPTED, (Uncertain, "not_understood")],
        ),
        ({"recIds": [47072035, 47072036], "success": [False], "status": SUCCESS}, [ACCEPTED, ACCEPTED]),
    ],
)
def test_each_id_or_result_code_is_that_of_its_message(
    console: MeliPayamakSimulator,
    melipayamak_client: MeliPayamak,
    body: object,
    kinds: list[tuple[type, str]],
) -> None:
    console.canned.append(Reply(200, body))
    assert kinds_of(melipayamak_client.send_batch(texts(2))) == kinds


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"recIds": [], "status": SUCCESS},
        {"recIds": [47072035], "status": SUCCESS},
        {"recIds": [47072035, 47072036, 47072037], "status": SUCCESS},
        {"recIds": "4707203589561557161", "status": SUCCESS},
        {"recId": 47072035, "status": SUCCESS},
    ],
)
def test_answers_that_can_not_be_told_apart_are_uncertain_for_all(
    console: MeliPayamakSimulator, melipayamak_client: MeliPayamak, body: object
) -> None:
    console.canned.append(Reply(200, body))
    assert failure_of_all(melipayamak_client) == (Uncertain, "not_understood")


def test_texts_need_a_number_to_come_from(console: MeliPayamakSimulator) -> None:
    backend = MeliPayamak({"token": TOKEN}, console.url)
    assert failure_of_all(backend) == (NotifierTrouble, "bad_settings")
    assert console.requests == 0
