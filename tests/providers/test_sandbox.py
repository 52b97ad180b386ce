import pytest

from notifyhub.providers.base import SMS, Email, EmailProvider, Report, SMSProvider
from notifyhub.providers.errors import NotifierTrouble, Refused, Temporary
from notifyhub.providers.sandbox import Sandbox

EMAIL = Email("ali@example.com", "info@example.com", "x", "<1@example.com>", "t")


@pytest.mark.parametrize("message", [SMS("+989121234567", "x"), SMS("+989000000002", "x", attempt=3), EMAIL])
def test_messages_are_delivered(message: SMS | Email) -> None:
    sandbox = Sandbox()
    sent = sandbox.send(message).provider_message_id
    assert sandbox.reports([sent]) == {sent: Report("delivered")}


def test_the_first_number_fails_for_good() -> None:
    with pytest.raises(Refused):
        Sandbox().send(SMS("+989000000001", "x"))


@pytest.mark.parametrize("attempt", [1, 2])
def test_the_second_number_fails_twice_without_harm_to_the_notifier(attempt: int) -> None:
    with pytest.raises(Temporary) as caught:
        Sandbox().send(SMS("+989000000002", "x", attempt=attempt))
    assert not isinstance(caught.value, NotifierTrouble)


def test_the_third_number_is_never_reported_on() -> None:
    sandbox = Sandbox()
    sent = sandbox.send(SMS("+989000000003", "x")).provider_message_id
    assert sandbox.reports([sent, "4707203589561557161"]) == {}


def test_it_serves_both_channels() -> None:
    sms: SMSProvider = Sandbox({}, None)
    mail: EmailProvider = Sandbox()
    assert sms.check() is None
    assert mail.check() is None
    assert list(sms.patterns()) == []
