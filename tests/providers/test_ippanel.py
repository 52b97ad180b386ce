import json
import logging
import re
import traceback
from decimal import Decimal

import pytest

from notifyhub.providers import ippanel
from notifyhub.providers.base import SMS, Accepted, Credit, ProviderPattern, Report
from notifyhub.providers.errors import (
    Failure,
    NotifierTrouble,
    NotServedHere,
    RateLimited,
    Refused,
    Uncertain,
)
from notifyhub.providers.ippanel import IPPanel
from tests.simulators import IPPanelSimulator
from tests.simulators.ippanel import LINE, TOKEN, Pattern
from tests.simulators.server import Reply

TO = "+989121234567"
OTP = SMS(TO, "Your login code is 12345", "simulatedotp001", ["12345"], {"code": "12345"})
TEXT = SMS(TO, "سلام دنیا")


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
        ("undelivered", ippanel.RECIPIENT_REPORTS["3"]),
        ("blacklisted", ippanel.RECIPIENT_REPORTS["4"]),
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
