import json
import logging
import re
import traceback
from decimal import Decimal

import pytest

from notifyhub.providers import ippanel
from notifyhub.providers.base import SMS, Accepted, Credit, ProviderPattern, Report, Sent
from notifyhub.providers.errors import (
    Failure,
    NotifierTrouble,
    NotServedHere,
    RateLimited,
    Refused,
    Temporary,
    Uncertain,
)
from notifyhub.providers.ippanel import IPPanel
from notifyhub.providers.ippanel.reports import RECIPIENT_REPORTS
from notifyhub.providers.sockets import TIMEOUTS
from tests.simulators import IPPanelSimulator
from tests.simulators.ippanel import LINE, TOKEN, Pattern
from tests.simulators.server import Reply

TO = "+989121234567"
OTP = SMS(TO, "Your login code is 12345", "simulatedotp001", ["12345"], {"code": "12345"})
TEXT = SMS(TO, "سلام دنیا")
PENDING, DELIVERED = Report("pending"), Report("delivered")


def number(index: int) -> str:
    return f"+98912{index:07}"


def texts(count: int) -> list[SMS]:
    return [SMS(number(index), TEXT.text) for index in range(count)]


def kinds_of(outcomes: list[Accepted | Failure]) -> list[tuple[type, str]]:
    return [(type(one), getattr(one, "code", "")) for one in outcomes]


ACCEPTED = (Accepted, "")
INVALID = (Refused, "invalid_recipient")
PUT_OFF = (Temporary, "batch_refused")


def failure_of(backend: IPPanel, sms: SMS = OTP) -> Failure:
    with pytest.raises(Failure) as caught:
        backend.send(sms)
    return caught.value


@pytest.mark.parametrize("sms", [OTP, TEXT])
def test_a_message_is_accepted_with_the_providers_id(
    edge: IPPanelSimulator, ippanel_client: IPPanel, sms: SMS
) -> None:
    accepted = ippanel_client.send(sms)
    [received] = edge.journal.messages()
    assert accepted == Accepted(received.id)
    assert (received.recipient, received.text, received.sender) == (TO, sms.text, LINE)


def test_a_pattern_without_placeholders_is_sent(edge: IPPanelSimulator, ippanel_client: IPPanel) -> None:
    edge.patterns["plain"] = Pattern("plain", "Welcome")
    ippanel_client.send(SMS(TO, "Welcome", "plain"))
    assert [m.text for m in edge.journal.messages()] == ["Welcome"]


@pytest.mark.parametrize(
    ("kind", "failure", "code", "detail"),
    [
        ("bad_token", NotifierTrouble, "bad_credentials", "اطلاعات وارد شده صحیح نمی باشد"),
        ("no_credit", NotifierTrouble, "no_credit", "اعتبار کافی نیست"),
        ("rate_limited", RateLimited, "rate_limited", "HTTP 429"),
        ("server_error", NotifierTrouble, "unavailable", "خطای سرور"),
        ("redirect", NotifierTrouble, "redirected", "text/html"),
        ("unknown_pattern", NotServedHere, "unknown_pattern", "الگو یافت نشد"),
        ("unapproved_pattern", NotServedHere, "pattern_not_approved", "code: الگو تایید نشده است"),
        ("line_not_allowed", NotServedHere, "line_not_allowed", "from_number"),
        ("invalid_recipient", Refused, "invalid_recipient", "recipients.0"),
        ("unknown_refusal", Refused, "refused", "خطای ناشناخته"),
        ("refusal_with_200", Refused, "refused", "انجام نشد"),
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
def test_every_trouble_is_classed_with_the_providers_words(
    *,
    edge: IPPanelSimulator,
    ippanel_client: IPPanel,
    kind: str,
    failure: type[Failure],
    code: str,
    detail: str,
) -> None:
    edge.troubles.add(kind)
    error = failure_of(ippanel_client)
    assert (type(error), error.code) == (failure, code)
    assert detail in error.detail
    assert len(edge.journal.messages()) == (
        kind.endswith("_accepting") or kind in {"half_answer", "broken_json", "huge_answer"}
    )
    assert ippanel_client.send(OTP), "the next request goes through"


@pytest.mark.parametrize(
    ("sms", "failure", "code"),
    [
        (SMS(TO, "", "nosuchpattern", [], {}), NotServedHere, "unknown_pattern"),
        (SMS(TO, "", "simulatedwait01", ["a"], {"name": "a"}), NotServedHere, "pattern_not_approved"),
        (SMS(TO, "", "simulatedotp001", [], {}), NotServedHere, "pattern_mismatch"),
        (
            SMS(TO, "", "simulatedotp001", ["1", "2"], {"code": "1", "b": "2"}),
            NotServedHere,
            "pattern_mismatch",
        ),
        (SMS("+98912", "", "simulatedotp001", ["1"], {"code": "1"}), Refused, "invalid_recipient"),
        (SMS("+98912", "a text"), Refused, "invalid_recipient"),
        (SMS(TO, "x" * 1500), Refused, "invalid_text"),
    ],
)
def test_what_the_provider_itself_refuses_is_classed(
    ippanel_client: IPPanel, sms: SMS, failure: type[Failure], code: str
) -> None:
    error = failure_of(ippanel_client, sms)
    assert (type(error), error.code) == (failure, code)


def test_the_same_text_within_forty_seconds_is_a_rate_limit(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    edge.refuse_duplicates = True
    ippanel_client.send(OTP)
    assert failure_of(ippanel_client).code == "rate_limited"


def test_a_wrong_token_never_shows(edge: IPPanelSimulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    backend = IPPanel({"token": "sesame-open-sesame-open", "from_number": LINE}, edge.url)
    error = failure_of(backend)
    assert error.code == "bad_credentials"
    shown = "".join([caplog.text, repr(error), repr(backend), *traceback.format_exception(error)])
    assert "sesame" not in shown
    assert "urllib3" in caplog.text
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"token": "", "from_number": LINE},
        {"token": "a\r\nb", "from_number": LINE},
        {"token": "کلید", "from_number": LINE},
        {"token": "a"},
        {"token": 5, "from_number": LINE},
    ],
)
def test_settings_that_cannot_be_sent_are_trouble_of_the_notifier(settings: dict[str, object]) -> None:
    with pytest.raises(NotifierTrouble, match="bad_settings"):
        IPPanel(settings)


def test_a_one_time_code_is_not_repeated_from_the_providers_words(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    sms = SMS(TO, "", "simulatedotp001", ["98765"], {"98765": "98765"}, secrets=["98765"])
    assert "98765" not in failure_of(ippanel_client, sms).detail
    assert "98765" not in repr(sms)


@pytest.mark.parametrize(
    ("state", "report"),
    [
        ("sent", Report("pending")),
        ("delivered", Report("delivered")),
        ("undelivered", RECIPIENT_REPORTS["3"]),
        ("blacklisted", RECIPIENT_REPORTS["4"]),
    ],
)
def test_a_report_tells_the_recipients_state(
    edge: IPPanelSimulator, ippanel_client: IPPanel, state: str, report: Report
) -> None:
    edge.reports = "on_demand"
    sent = ippanel_client.send(OTP).provider_message_id
    assert ippanel_client.reports([sent]) == {sent: Report("pending")}
    edge.advance(state)
    assert ippanel_client.reports([sent]) == {sent: report}


@pytest.mark.parametrize(
    ("kind", "code"), [("no_credit_later", "no_credit"), ("invalid_recipient_later", "invalid_recipient")]
)
def test_a_message_that_fails_after_it_was_accepted_is_undelivered(
    edge: IPPanelSimulator, ippanel_client: IPPanel, kind: str, code: str
) -> None:
    edge.troubles.add(kind)
    sent = ippanel_client.send(OTP).provider_message_id
    assert [(r.state, r.code) for r in ippanel_client.reports([sent]).values()] == [("undelivered", code)]


def test_an_unknown_message_is_pending(ippanel_client: IPPanel) -> None:
    assert ippanel_client.reports(["1"]) == {"1": Report("pending")}


@pytest.mark.parametrize("kind", ["server_error", "html", "reset", "half_answer"])
def test_reports_patterns_and_credit_fail_as_sends_do(
    edge: IPPanelSimulator, ippanel_client: IPPanel, kind: str
) -> None:
    sent = ippanel_client.send(OTP).provider_message_id
    for ask in (
        lambda: ippanel_client.reports([sent]),
        lambda: list(ippanel_client.patterns()),
        ippanel_client.check,
    ):
        edge.troubles.add(kind, on="read")
        with pytest.raises((NotifierTrouble, Uncertain)):
            ask()


def test_all_pages_of_patterns_are_read_with_their_status(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    edge.patterns |= {f"pattern{n:08}": Pattern(f"p{n}", f"Number {n} for %name%", "odd") for n in range(250)}
    found = {pattern.code: pattern for pattern in ippanel_client.patterns()}
    assert len(found) == 254
    assert found["simulatedotp001"] == ProviderPattern(
        "simulatedotp001", "otp", "Your login code is %code%", "approved"
    )
    assert found["simulatednever1"].status == "rejected"
    assert found["pattern00000249"].status == "pending"


def test_odd_characters_of_a_pattern_are_left_out(edge: IPPanelSimulator, ippanel_client: IPPanel) -> None:
    entry = {"pattern_code": "x", "title": "a\0b", "pattern_message": "c\ud800d", "pattern_status": "فعال"}
    edge.canned.append(Reply(200, json.dumps({"data": [entry], "meta": {"status": True}}).encode()))
    assert list(ippanel_client.patterns()) == [ProviderPattern("x", "ab", "cd", "approved")]


def test_the_check_tells_the_credit(edge: IPPanelSimulator, ippanel_client: IPPanel) -> None:
    assert ippanel_client.check() == Credit(Decimal("6084722932.705052"), "rial")
    assert not edge.journal.messages()


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"meta": {}},
        {"meta": {"status": "true"}, "data": {"message_outbox_ids": [1]}},
        {"meta": {"status": True}, "data": None},
        {"meta": {"status": True}, "data": {"message_outbox_ids": []}},
        {"meta": {"status": True}, "data": {"message_outbox_ids": [0]}},
        {"meta": {"status": True}, "data": {"message_outbox_ids": [True]}},
        {"meta": {"status": True}, "data": {"message_outbox_ids": [1.5]}},
        {"meta": {"status": True}, "data": {"message_outbox_ids": "12"}},
    ],
)
def test_a_200_without_an_id_is_uncertain(
    body: object, edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    edge.canned.append(Reply(200, body))
    assert isinstance(failure_of(ippanel_client), Uncertain)


@pytest.mark.parametrize(
    "body",
    [
        {"meta": {"status": False, "message": "x", "errors": {"recipients.0": ["bad"]}}},
        {"meta": {"status": False, "message": {"recipients.0": ["bad"]}}},
        {"meta": {"status": False}, "errors": {"recipients.0": "bad"}},
    ],
)
def test_refused_fields_are_found_wherever_they_stand(
    body: object, edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    edge.canned.append(Reply(422, body))
    error = failure_of(ippanel_client)
    assert (type(error), error.code) == (Refused, "invalid_recipient")
    assert "recipients.0: bad" in error.detail


def test_the_token_of_the_simulator_is_the_one_in_use(edge: IPPanelSimulator) -> None:
    assert re.fullmatch(r"[\x20-\x7e]{30,255}", TOKEN)
    assert edge.token == TOKEN


def test_texts_share_a_call_that_are_equal(ippanel_client: IPPanel) -> None:
    key = ippanel_client.batch_key(TEXT)
    assert key is not None
    assert ippanel_client.batch_key(SMS(number(7), TEXT.text)) == key
    assert ippanel_client.batch_key(SMS(TO, "another")) != key
    for single in (OTP, SMS(TO, TEXT.text, secrets=["12345"])):
        assert ippanel_client.batch_key(single) is None


@pytest.mark.parametrize("count", [1, 2, IPPanel.batch_size])
def test_a_text_goes_to_many_in_one_call_and_has_one_id(
    edge: IPPanelSimulator, ippanel_client: IPPanel, count: int
) -> None:
    outcomes = ippanel_client.send_batch(texts(count))
    received = edge.journal.messages()
    assert edge.requests == 1
    assert outcomes == [Accepted(received[0].id)] * count
    assert [(one.recipient, one.text) for one in received] == [(sms.to, sms.text) for sms in texts(count)]


def test_who_is_refused_by_name_is_refused_alone_and_the_rest_goes_out_in_a_further_call(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    edge.troubles.add("invalid_recipient", recipient=number(3))
    edge.troubles.add("invalid_recipient", recipient=number(0))
    outcomes = ippanel_client.send_batch(texts(5))
    assert kinds_of(outcomes) == [INVALID, ACCEPTED, ACCEPTED, INVALID, ACCEPTED]
    refused = outcomes[3]
    assert isinstance(refused, Failure)
    assert "params.recipients.3" in refused.detail
    assert "params.recipients.0" not in refused.detail
    assert (edge.requests, edge.journal.counts()) == (2, {number(index): 1 for index in (1, 2, 4)})


def test_places_are_those_of_the_further_call(edge: IPPanelSimulator, ippanel_client: IPPanel) -> None:
    edge.canned += [Reply(422, refusal("params.recipients.1")), Reply(422, refusal("recipients.1"))]
    outcomes = ippanel_client.send_batch(texts(4))
    assert kinds_of(outcomes) == [ACCEPTED, INVALID, INVALID, ACCEPTED]
    assert list(edge.journal.counts()) == [number(0), number(3)]


def test_there_are_three_calls_at_most(edge: IPPanelSimulator, ippanel_client: IPPanel) -> None:
    edge.canned += [Reply(422, refusal("params.recipients.0")) for _ in range(4)]
    outcomes = ippanel_client.send_batch(texts(5))
    assert kinds_of(outcomes) == [INVALID, INVALID, INVALID, PUT_OFF, PUT_OFF]
    assert edge.requests == 3


def test_no_call_begins_late(
    edge: IPPanelSimulator, ippanel_client: IPPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ippanel, "LAST_CALL_SECONDS", 0)
    edge.canned.append(Reply(422, refusal("params.recipients.0")))
    assert kinds_of(ippanel_client.send_batch(texts(2))) == [INVALID, PUT_OFF]
    assert edge.requests == 1
    longest = TIMEOUTS.connect + TIMEOUTS.read
    monkeypatch.undo()
    assert ippanel.LAST_CALL_SECONDS + longest <= 45


def test_all_may_be_refused_by_name(edge: IPPanelSimulator, ippanel_client: IPPanel) -> None:
    batch = [SMS("+98912", TEXT.text), SMS("+982188776655", TEXT.text)]
    assert kinds_of(ippanel_client.send_batch(batch)) == [INVALID, INVALID]
    assert edge.requests == 1


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("bad_token", (NotifierTrouble, "bad_credentials")),
        ("no_credit", (NotifierTrouble, "no_credit")),
        ("rate_limited", (RateLimited, "rate_limited")),
        ("server_error", (NotifierTrouble, "unavailable")),
        ("line_not_allowed", (NotServedHere, "line_not_allowed")),
        ("html", (Uncertain, "not_understood")),
        ("broken_json", (Uncertain, "not_understood")),
        ("reset_after_accepting", (Uncertain, "connection_lost")),
        ("timeout_after_accepting", (Uncertain, "timeout")),
        ("unknown_refusal", PUT_OFF),
        ("refusal_with_200", PUT_OFF),
    ],
)
def test_a_trouble_of_the_call_is_that_of_all_and_a_refusal_that_names_nobody_puts_all_off(
    edge: IPPanelSimulator, ippanel_client: IPPanel, kind: str, failure: tuple[type, str]
) -> None:
    edge.troubles.add(kind)
    assert kinds_of(ippanel_client.send_batch(texts(3))) == [failure] * 3
    assert edge.requests == 1
    assert kinds_of(ippanel_client.send_batch(texts(2))) == [ACCEPTED] * 2, "the next call goes through"


def test_a_trouble_of_the_further_call_is_that_of_the_rest(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    edge.canned += [Reply(422, refusal("params.recipients.0")), Reply(429, {})]
    limited = (RateLimited, "rate_limited")
    assert kinds_of(ippanel_client.send_batch(texts(3))) == [INVALID, limited, limited]


@pytest.mark.parametrize(
    ("field", "failure"),
    [
        ("message", (Refused, "invalid_text")),
        ("params.recipients", PUT_OFF),
        ("params.recipients.9", PUT_OFF),
    ],
)
def test_a_refusal_of_the_text_is_that_of_all_and_one_of_nobody_in_particular_is_not(
    edge: IPPanelSimulator, ippanel_client: IPPanel, field: str, failure: tuple[type, str]
) -> None:
    edge.canned.append(Reply(422, refusal(field)))
    assert kinds_of(ippanel_client.send_batch(texts(2))) == [failure] * 2


def test_the_last_one_that_is_left_has_its_own_refusal(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    edge.canned += [Reply(422, refusal("params.recipients.0")), Reply(422, refusal("params.recipients"))]
    assert kinds_of(ippanel_client.send_batch(texts(2))) == [INVALID, INVALID]


def refusal(field: str) -> dict[str, object]:
    return {"meta": {"status": False, "message": "x", "message_code": "400-2", "errors": {field: ["bad"]}}}


def test_each_recipient_of_a_send_has_its_own_report(edge: IPPanelSimulator, ippanel_client: IPPanel) -> None:
    edge.reports = "on_demand"
    sent = batch_sent(ippanel_client, 4)
    assert ippanel_client.reports_of(sent) == dict.fromkeys(sent, PENDING)
    for index, state in enumerate(["sent", "delivered", "blacklisted"]):
        edge.advance(state, sent[0].id, number(index))
    blacklisted = RECIPIENT_REPORTS["4"]
    before = edge.requests
    assert ippanel_client.reports_of(sent) == dict(
        zip(sent, [PENDING, DELIVERED, blacklisted, PENDING], strict=True)
    )
    assert edge.requests == before + 2, "the list, and the state of the send for whom it does not name"
    assert ippanel_client.reports_of(sent[:3]) == dict(
        zip(sent, [PENDING, DELIVERED, blacklisted], strict=False)
    )
    assert edge.requests == before + 3


def batch_sent(client: IPPanel, count: int) -> list[Sent]:
    outcomes = client.send_batch(texts(count))
    return [
        Sent(one.provider_message_id, number(index))
        for index, one in enumerate(outcomes)
        if isinstance(one, Accepted)
    ]


def test_all_pages_of_a_send_are_read_and_no_more_than_needed(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    sent = batch_sent(ippanel_client, IPPanel.batch_size)
    before = edge.requests
    assert ippanel_client.reports_of(sent) == dict.fromkeys(sent, DELIVERED)
    assert edge.requests == before + 10
    assert ippanel_client.reports_of(sent[99:101]) == dict.fromkeys(sent[99:101], DELIVERED)
    assert edge.requests == before + 12


def test_a_list_that_does_not_end_is_not_read_for_ever(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    meta = {"status": True, "last_page": 10**6}
    row = {"recipient": number(1), "message_status": "2"}
    edge.canned += [Reply(200, {"data": [row, row], "meta": meta}) for _ in range(50)]
    ippanel_client.reports_of([Sent("5", number(0))])
    assert edge.requests == 11


def test_the_state_of_a_send_fails_those_of_whom_the_operator_says_nothing(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    edge.troubles.add("no_credit_later")
    sent = batch_sent(ippanel_client, 3)
    edge.sent[sent[0].id].rows[1].message_status = "2"
    reports = ippanel_client.reports_of(sent)
    assert [reports[one].code for one in sent] == ["no_credit", None, "no_credit"]
    assert reports[sent[1]] == DELIVERED


def test_a_number_that_stands_in_a_send_twice_has_one_report(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    first, second = ippanel_client.send_batch([TEXT, TEXT])
    assert isinstance(first, Accepted)
    assert first == second
    assert edge.journal.counts() == {TO: 2}
    edge.sent[first.provider_message_id].rows[1].message_status = "3"
    one = Sent(first.provider_message_id, TO)
    assert ippanel_client.reports_of([one, one]) == {one: DELIVERED}


@pytest.mark.parametrize("spelled", ["09121234567", "989121234567", "9121234567", "+98 912 123 4567"])
def test_a_recipient_is_known_in_any_spelling(
    edge: IPPanelSimulator, ippanel_client: IPPanel, spelled: str
) -> None:
    rows = [{"recipient": to, "message_status": "2"} for to in ("+989120000000", spelled)]
    edge.canned.append(Reply(200, {"data": rows, "meta": {"status": True}}))
    assert ippanel_client.reports_of([Sent("5", TO)]) == {Sent("5", TO): DELIVERED}


def test_of_an_erased_recipient_the_report_is_known_if_it_is_the_only_one(
    edge: IPPanelSimulator, ippanel_client: IPPanel
) -> None:
    alone = Sent(ippanel_client.send(TEXT).provider_message_id)
    among = Sent(batch_sent(ippanel_client, 2)[0].id)
    assert ippanel_client.reports_of([alone, among]) == {alone: DELIVERED, among: PENDING}
